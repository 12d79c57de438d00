"""Servers beside each other: one tiny ASGI application, one process on one core, no service.

    python -m benchmarks.servers [--runs 3] [--seconds 3] [--granian FOLDER]

What an answer costs before anything of a service runs: with the connections of this project
(``services.transport``), with uvicorn's own, with h11 instead of httptools, and with granian, where
it is installed (``uv pip install --target FOLDER granian``; the project does not need it). The
servers take turns. Processor time of the server per answer, and answers a second of 16 callers.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from benchmarks.measuring import machine, save
from benchmarks.services import cores, load
from services.bento.process import free_port

CONNECTIONS = 16
START_S = 60.0
STOP_S = 15.0
APP = "benchmarks.servers:application"
ANSWER = b"x" * 430
"""As long as an answer of the eTP."""


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Read a request, answer the same to all."""
    if scope["type"] == "lifespan":
        for what in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{what}.complete"})
        return
    while (await receive()).get("more_body", False):
        pass
    headers = [(b"content-length", b"%d" % len(ANSWER)), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


def serve_own(port: int) -> None:
    """Serve with this project's connections until the process is ended."""
    import uvicorn

    from services.transport.server import Server

    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(2048)
    config = uvicorn.Config(application, http="httptools", log_config=None, access_log=False)
    Server(config).run(sockets=[listening])


def commands(port: int, granian: str) -> dict[str, list[str]]:
    """How each server is started."""
    uvicorn = ["-m", "uvicorn", APP, "--port", str(port), "--no-access-log", "--log-level", "error"]
    found = {
        "services.transport": ["-m", "benchmarks.servers", "--serve", str(port)],
        "uvicorn, httptools": [*uvicorn, "--http", "httptools"],
        "uvicorn, h11": [*uvicorn, "--http", "h11"],
    }
    if granian:
        options = ["--interface", "asgi", "--workers", "1", "--loop", "uvloop"]
        found["granian"] = ["-m", "granian", *options, "--port", str(port), APP]
    return found


def processor_s(pid: int) -> float:
    """Seconds that a server and its workers have been on a processor."""
    server = psutil.Process(pid)
    times = [one.cpu_times() for one in (server, *server.children(recursive=True))]
    return sum(float(one.user + one.system) for one in times)


def measured(command: list[str], port: int, bodies: Path, seconds: float, granian: str) -> Any:
    """Start a server, put load on it, end it."""
    mine, others = cores()
    path = os.pathsep.join([*([granian] if granian else []), os.environ.get("PYTHONPATH", "")])
    pinned = ["taskset", "-c", ",".join(map(str, mine)), sys.executable]
    server = subprocess.Popen(
        [*pinned, *command], env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.DEVNULL
    )
    try:
        wait_for(port)
        used_s = processor_s(server.pid)
        url = f"http://127.0.0.1:{port}/predict"
        (report,) = load([url], bodies, others, connections=CONNECTIONS, seconds=seconds)
        used_s = processor_s(server.pid) - used_s
    finally:
        server.terminate()
        server.wait(STOP_S)
    share = report["seconds"] / (report["seconds"] + report["warm_up_s"])
    answers = sum(report["statuses"].values())
    return used_s * share / answers * 1e6, report["requests_per_s"]


def wait_for(port: int) -> None:
    """Wait until a server takes connections."""
    ends_s = time.monotonic() + START_S
    while time.monotonic() < ends_s:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"no server took connections within {START_S:g} s")


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--granian", default="", help="the folder that it is installed into")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        serve_own(options.serve)
        return
    found: dict[str, list[tuple[float, float]]] = {}
    at_start = machine()
    with tempfile.TemporaryDirectory() as folder:
        bodies = Path(folder) / "bodies.json"
        bodies.write_text(json.dumps([{"order": {"amount": 12.5}, "sample_id": None}]))
        for _ in range(options.runs):
            for name in commands(0, options.granian):
                port = free_port()
                command = commands(port, options.granian)[name]
                one = measured(command, port, bodies, options.seconds, options.granian)
                found.setdefault(name, []).append(one)
    result = {
        name: {
            "processor_us_per_answer": round(statistics.median(us for us, _ in runs), 1),
            "processor_us_range": [round(of(us for us, _ in runs), 1) for of in (min, max)],
            "answers_per_s": round(statistics.median(rate for _, rate in runs)),
        }
        for name, runs in found.items()
    }
    print(json.dumps(result, indent=2))
    save("servers", {"at_start": at_start, "runs": options.runs, "servers": result})


if __name__ == "__main__":
    main()
