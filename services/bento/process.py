"""Run a service in a subprocess, on a free port of this machine, until a block ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import httpx
import psutil  # type: ignore[import-untyped]

from services.core.errors import ServiceError

__all__ = ["ServiceProcess", "ServiceStartError", "end_server", "free_port", "serve_command"]

START_TIMEOUT_S = 90.0
"""Longest wait for a service to become ready: libraries load slowly on a busy machine."""
STOP_TIMEOUT_S = 15.0
"""Longest wait for a service to end before it is killed."""
_LOG_LINES = 20


class ServiceStartError(ServiceError):
    """Raised when a service did not become ready; the reason has the last lines of its log."""


def free_port() -> int:
    """Return a free TCP port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve_command(target: str, *, host: str, port: int) -> list[str]:
    """Return the command that serves a BentoML service with this Python."""
    options = ["--host", host, "--port", str(port)]
    return [sys.executable, "-m", "services.bento.serve", target, *options]


def end_server(process: subprocess.Popen[bytes], workers: Sequence[psutil.Process] = ()) -> None:
    """Terminate a server and its workers; kill them after a timeout.

    Workers have their own sessions, so they survive a server that is killed.

    Args:
        process: the server.
        workers: workers seen before, for a server that has already ended.
    """
    family = {*workers}
    with contextlib.suppress(psutil.NoSuchProcess):
        family |= {*psutil.Process(process.pid).children(recursive=True)}
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _gone, alive = psutil.wait_procs(family, timeout=0)
    for worker in alive:
        with contextlib.suppress(psutil.NoSuchProcess):  # compares start times: no stranger is hit
            worker.kill()
    psutil.wait_procs(alive, timeout=STOP_TIMEOUT_S)


class ServiceProcess:
    """Runs a service until the block ends.

    Args:
        target: import path of the service.
        log: file for the output of the service.
        settings: environment variables in addition to those of this process.
        ready_path: the path that answers 200 once the service is ready.
        start_timeout_s: longest wait until the service is ready.
        clock: seconds that never run back; injected in tests.

    Raises:
        ServiceStartError: on entering, if the service ends or is not ready in time.
    """

    def __init__(
        self,
        target: str = "services.etp:EtpService",
        *,
        log: Path,
        settings: Mapping[str, str] | None = None,
        ready_path: str = "/readyz",
        start_timeout_s: float = START_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._target = target
        self._log = log
        self._settings = dict(settings or {})
        self._ready_path = ready_path
        self._start_timeout_s = start_timeout_s
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._workers: list[psutil.Process] = []
        self.url = ""

    def __enter__(self) -> ServiceProcess:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        environment = {**os.environ, "BENTOML_DO_NOT_TRACK": "True", **self._settings}
        with self._log.open("ab") as log:
            # A session of its own, so that an interrupt from the keyboard reaches this process,
            # which then ends the service.
            self._process = subprocess.Popen(
                serve_command(self._target, host="127.0.0.1", port=port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the server; its workers are its children."""
        assert self._process is not None, "the service was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the server is running."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Terminate the service; kill it after a timeout. A second call does nothing."""
        process, self._process = self._process, None
        if process is not None:
            end_server(process, self._workers)

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline_s = self._clock() + self._start_timeout_s
        with httpx.Client(base_url=self.url, timeout=2.0, trust_env=False) as client:
            while self._clock() < deadline_s:
                if self._process.poll() is not None:
                    raise self._failed(f"ended with exit code {self._process.returncode}")
                with contextlib.suppress(httpx.HTTPError):
                    if client.get(self._ready_path).status_code == httpx.codes.OK:
                        self._workers = psutil.Process(self.pid).children(recursive=True)
                        return
                time.sleep(0.1)
        raise self._failed(f"was not ready within {self._start_timeout_s:.0f} s")

    def _failed(self, what: str) -> ServiceStartError:
        lines = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return ServiceStartError(
            "\n".join([f"the service {self._target} {what}; its log:", *lines])
        )
