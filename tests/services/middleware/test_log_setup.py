"""The log of a process is JSON from its first line on, whoever writes to it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from services.bento.process import ServiceProcess, end_server, free_port, serve_command
from services.middleware.log_setup import log_line, service_of
from tests.waiting import PATIENCE_S, wait_until

ROOT = Path(__file__).parent.parent.parent.parent
STUB = "tests.services.stub:Stub"


def lines_of(text: str) -> list[dict[str, Any]]:
    """Every line, as the object that it is."""
    return [json.loads(line) for line in text.splitlines()]


def ran(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        env={**os.environ, "BENTOML_DO_NOT_TRACK": "True", **environment},
    )  # fmt: skip


def test_every_line_of_a_service_is_json_and_says_which_service(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with ServiceProcess(STUB, log=log):
        pass
    lines = lines_of(log.read_text())
    assert "Starting production" in lines[0]["message"]
    assert {line["service"] for line in lines} == {"stub"}
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    messages = [line["message"] for line in lines]
    assert len(set(messages)) == len(messages)  # nothing is there twice


def test_what_ends_a_service_at_its_start_is_json(tmp_path: Path) -> None:
    log = tmp_path / "log"
    environment = {**os.environ, "BENTOML_DO_NOT_TRACK": "True", "STUB_FAILS": "1"}
    command = serve_command(STUB, host="127.0.0.1", port=free_port())
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env=environment)
    try:
        wait_until(lambda: "told to fail" in log.read_text(), log.read_text)
    finally:
        end_server(server)
    assert any(
        "told to fail" in line.get("traceback", line["message"])
        for line in lines_of(log.read_text())
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tests.services.nowhere:Stub"], "nowhere"),
        ([STUB, "--prot", "1"], "--prot"),
        ([STUB, "--host", "0.0.0.0"], "without API keys"),
    ],
)
def test_a_service_that_cannot_start_says_why_in_json(arguments: list[str], says: str) -> None:
    done = ran(["-m", "services.bento.serve", "--host", "127.0.0.1", *arguments])
    assert (done.returncode, done.stderr) == (1, "")
    last = lines_of(done.stdout)[-1]
    assert last["level"] == "error"
    assert says in last["message"]


def test_a_port_in_use_is_a_line_and_no_traceback() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = ran(["-m", "services.bento.serve", STUB, "--host", "127.0.0.1", "--port", port])
    assert (done.returncode, done.stderr) == (1, "")
    last = lines_of(done.stdout)[-1]
    assert "Address already in use" in last["message"]
    assert "traceback" not in last


LOUD = """
    import sys, threading, warnings
    from services.bento.logs import set_up_bentoml_logs
    from services.middleware.log_setup import set_up_logs
    set_up_logs("loud")
    set_up_bentoml_logs("loud")
    warnings.warn("beware of redis://:hunter2@h")
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start(); thread.join()
    class Dropped:
        def __del__(self): raise ValueError("dropped")
    Dropped()
    from bentoml._internal import log
    log.configure_logging(); warnings.warn("second")
    log.configure_server_logging(); warnings.warn("third")
    raise RuntimeError("redis://:hunter2@h is gone")
"""


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_python_prints_by_itself_is_logged_without_passwords(form: str) -> None:
    done = ran(["-c", textwrap.dedent(LOUD)], DOORSTEP_LOG_FORMAT=form)
    assert (done.returncode, done.stderr) == (1, "")
    assert "hunter2" not in done.stdout
    found = lines_of(done.stdout) if form == "json" else []
    text = done.stdout if form == "text" else " ".join(line["message"] for line in found)
    for said in ("beware", "a thread ended", "dropped", "second", "third", "the process ended"):
        assert text.count(said) >= 1, said
    if form == "json":
        assert [line["level"] for line in found] == [
            "warning", "error", "error", "warning", "warning", "critical",
        ]  # fmt: skip
        assert "ZeroDivisionError" in found[1]["traceback"]


def test_names_of_services_are_known_before_they_are_loaded() -> None:
    targets = {
        "services.events:EventService": "events",
        "services.wall_eta:WallEtaService": "wall_eta",
        "/opt/doorstep/bento/": "bento",
        "": "doorstep",
    }
    assert {target: service_of(target) for target in targets} == targets


def test_a_line_before_the_log_has_the_form_of_the_log() -> None:
    line = json.loads(log_line("etp", "serving etp:1", {}))
    assert (line["service"], line["level"], line["message"]) == ("etp", "info", "serving etp:1")
    assert log_line("etp", "at redis://:pw@h", {"DOORSTEP_LOG_FORMAT": "text"}) == (
        "at redis://***@h"
    )
