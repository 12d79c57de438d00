"""How a service in processes of its own ends: with its server, and with an answer for everybody."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from services.bento.process import ServiceProcess
from services.transport.parent_watch import tie_to_parent
from tests.waiting import PATIENCE_S, wait_until

STUB = "tests.services.stub:Stub"


def connected(service: ServiceProcess) -> socket.socket:
    host, port = service.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


def asked(service: ServiceProcess, until: Path) -> socket.socket:
    """A connection that waits for an answer until a file is there."""
    connection = connected(service)
    body = f'{{"until": "{until}"}}'
    about = f"content-type: application/json\r\ncontent-length: {len(body)}"
    head = f"POST /wait HTTP/1.1\r\nhost: 127.0.0.1\r\n{about}\r\n\r\n"
    connection.sendall((head + body).encode())
    return connection


def in_flight(service: ServiceProcess) -> int:
    with connected(service) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
        text = read_all(connection).decode()
    lines = [line for line in text.splitlines() if line.startswith("doorstep_requests_under_way")]
    return int(sum(float(line.rpartition(" ")[2]) for line in lines))


def read_all(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def test_a_worker_ends_with_a_server_that_was_killed(tmp_path: Path) -> None:
    with ServiceProcess(STUB, log=tmp_path / "log") as service:
        workers = psutil.Process(service.pid).children(recursive=True)
        assert workers
        os.kill(service.pid, signal.SIGKILL)
        _gone, alive = psutil.wait_procs(workers, timeout=PATIENCE_S)
        assert not alive
        with pytest.raises(ConnectionError):
            connected(service)


def test_a_service_that_is_told_to_end_answers_what_it_was_asked(tmp_path: Path) -> None:
    go = tmp_path / "go"
    with ServiceProcess(STUB, log=tmp_path / "log") as service:
        idle = connected(service)
        connections = [asked(service, go) for _ in range(16)]
        wait_until(lambda: in_flight(service) == 16)
        os.kill(service.pid, signal.SIGTERM)
        assert idle.recv(1) == b""  # the end has begun
        with pytest.raises(ConnectionError):
            connected(service)
        go.touch()
        for connection in connections:
            answer = read_all(connection)
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"connection: close" in answer
            connection.close()
        idle.close()


def test_a_process_ends_with_its_parent_where_the_system_does_not_tell(tmp_path: Path) -> None:
    child = """
        import pathlib, sys, time
        from services.transport import parent_watch as parent
        parent.sys = type("Elsewhere", (), {"platform": "darwin"})
        parent.tie_to_parent()
        pathlib.Path(sys.argv[1]).write_text(str(parent.os.getpid()))
        time.sleep(600)
    """
    starter = """
        import subprocess, sys, time
        subprocess.Popen([sys.executable, "-c", sys.argv[2], sys.argv[1]])
        time.sleep(600)
    """
    pid_file = tmp_path / "pid"
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(starter), str(pid_file), textwrap.dedent(child)]
    )
    wait_until(lambda: pid_file.exists() and pid_file.read_text())
    process = psutil.Process(int(pid_file.read_text()))
    parent.kill()
    parent.wait()
    assert not psutil.wait_procs([process], timeout=PATIENCE_S)[1]


def test_a_process_without_that_parent_ends_at_once_and_certainly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.transport.parent_watch._tied", [])
    monkeypatch.setattr("services.transport.parent_watch.sys.platform", "elsewhere")
    signals: list[int] = []
    waits_s: list[float] = []
    tie_to_parent(-1, end=signals.append, sleep=waits_s.append)
    wait_until(lambda: len(signals) == 2)
    assert signals == [signal.SIGTERM, signal.SIGKILL]
    assert waits_s == [60.0]
