"""Where services listen: each on a port of its own; a port that cannot be had is one line."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from commands.console.output import UserError
from commands.console.ports import DEFAULT_PORTS, check_port
from commands.main import app
from commands.serve import serve_app
from tests.commands.running import ROOT


def test_every_service_has_a_default_port_of_its_own() -> None:
    command = get_command(serve_app)
    defaults = {
        name: next(one.default for one in sub.params if one.name == "port")
        for name, sub in command.commands.items()  # type: ignore[attr-defined]
    }
    assert defaults == DEFAULT_PORTS
    assert len({*DEFAULT_PORTS.values()}) == len(DEFAULT_PORTS)


def test_the_default_ports_are_documented() -> None:
    page = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    for name, port in DEFAULT_PORTS.items():
        assert f"| `serve {name}` | {port} |" in page


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_port_in_use_is_one_line_with_a_free_one(host: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        store = str(tmp_path / "events.db")
        options = ["--host", host, "--port", str(port), "--store", store]
        shown = CliRunner().invoke(app, ["serve", "events", *options])
    assert shown.exit_code == 1
    (line,) = shown.output.splitlines()
    assert line.startswith(f"error: port {port} of {host} is in use; ")
    if "--port" in line:
        free = int(line.rpartition(" ")[2])
        assert free > port


def test_a_free_port_is_no_problem() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "ünix.."])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(UserError, match="cannot listen on --host"):
        check_port(host, DEFAULT_PORTS["eta"])
