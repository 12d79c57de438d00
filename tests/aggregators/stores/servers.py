"""Real Redis servers for tests: on free ports, in temporary folders, ended by process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import wait_until

DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")


def needs_redis() -> None:
    """Skip where redis-server is not installed; fail where everything must be tested."""
    if shutil.which("redis-server") and shutil.which("redis-cli"):
        return
    message = "redis-server is not installed: sudo apt install redis-server, or brew install redis"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class RedisServer:
    """One redis-server process, durable unless told otherwise; it can be killed and started."""

    def __init__(self, folder: Path, *options: str, durable: bool = True) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._address = ("--bind", "127.0.0.1", "--port", str(self.port))
        self._options = (*(DURABLE if durable else ()), *options)
        folder.mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self) -> None:
        """Start, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["redis-server", *self._options, "--dir", str(self.folder), *self._address],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._answers, (self.folder / "log").read_text)

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self.folder / "log").read_text()
        return self.answer("PING") == "PONG"

    def answer(self, *command: str) -> str:
        """What redis-cli prints for a command."""
        done = subprocess.run(
            ["redis-cli", "-p", str(self.port), *command],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip()

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self._process.kill()
        self._process.wait()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let it hang: connections stay, nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it for good."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class RedisCluster:
    """Three primaries that share the slots."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [
            RedisServer(
                folder / str(number),
                *("--cluster-enabled", "yes", "--cluster-port", str(free_port())),
            )
            for number in range(3)
        ]
        self.url = self.nodes[0].url
        addresses = [f"127.0.0.1:{node.port}" for node in self.nodes]
        subprocess.run(
            ["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"],
            capture_output=True,
            check=True,
        )
        wait_until(
            lambda: all(
                "cluster_state:ok" in node.answer("CLUSTER", "INFO") for node in self.nodes
            ),
            "the cluster forms",
        )

    def stop(self) -> None:
        """End all nodes for good."""
        for node in self.nodes:
            node.stop()
