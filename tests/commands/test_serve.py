"""`doorstep serve events` as a process: it becomes the service, with the settings it was given."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import pytest

from commands.consume import consume
from commands.serve import serve_etp, serve_events
from services.client import EventClient
from services.process import end_server, free_port
from services.settings import EtpSettings, EventSettings
from tests.commands.running import ROOT, doorstep

PATIENCE_S = 90.0


def test_the_event_service_serves_what_it_is_told_to(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "commands", "serve", "events", "--port", str(port)]
    command += [
        "--store",
        str(tmp_path / "events.db"),
        "--catalog",
        "tests.services.building:CATALOG",
    ]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "NO_COLOR": "1"}, stdout=log, stderr=log
        )
    try:
        with EventClient(f"http://127.0.0.1:{port}") as client:
            deadline_s = time.monotonic() + PATIENCE_S
            while not client.is_ready():
                assert server.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline_s, (tmp_path / "log").read_text()
                time.sleep(0.05)
            answer = client.features({"city": "BCN"}, sample_id=None)
        assert (answer.catalog.name, answer.catalog.version) == ("small", "4.5.6")
    finally:
        end_server(server)
    assert (tmp_path / "events.db").is_file()
    assert "serving 3 features of small 4.5.6" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--store", "/nowhere/events.db"), "there is no folder"),
        (("--catalog", "aggregators.catalog:NOTHING"), "cannot be imported"),
        (("--catalog", "aggregators.catalog:ORDERS"), "expected a Catalog"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(options: tuple[str, ...], reason: str) -> None:
    done = doorstep("serve", "events", *options)
    assert done.returncode == 1
    assert reason in done.stderr


def test_options_have_the_defaults_of_the_settings() -> None:
    events = inspect.signature(serve_events).parameters
    for item in fields(EventSettings):
        assert events[item.name].default == item.default
    etp = inspect.signature(serve_etp).parameters
    for item in fields(EtpSettings):
        assert etp[item.name].default == item.default
    consumer = inspect.signature(consume).parameters
    assert consumer["max_clock_skew_s"].default == EventSettings.max_clock_skew_s
    assert consumer["catalog"].default == EventSettings.catalog
