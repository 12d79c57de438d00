"""Stands before a service and lets it fail in a way of choice, while the service itself runs on."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

from tests.waiting import PATIENCE_S

Fault = Literal["refuse", "reset", "hang", "garbage", "error", "nonsense", "trickle"]
FAULTS: tuple[Fault, ...] = (
    "refuse", "reset", "hang", "garbage", "error", "nonsense", "trickle"
)  # fmt: skip

_ANSWERS: dict[str, bytes] = {
    "garbage": b"\x16\x03\x01\x02 this is no HTTP\r\n\r\n",
    "error": b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 5\r\n\r\nsorry",
    "nonsense": b'HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{"rows": null}'[:-1],
    "trickle": b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n",
}


class FaultyProxy:
    """Hands connections on to a service, unless a fault is on.

    Args:
        url: of the service; may be changed to that of another process.
    """

    def __init__(self, url: str) -> None:
        self.url_behind = url
        self._fault: Fault | None = None
        self._changing = threading.Lock()
        self._open: set[socket.socket] = set()
        self._ends = threading.Event()
        self._listening = self._listen(0)
        self._port: int = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ends.set()
        self._deafen()
        self._drop()

    @contextmanager
    def fault(self, fault: Fault) -> Iterator[None]:
        """Let the service fail while the block lasts, on connections that are open, too."""
        self._fault = fault
        if fault == "refuse":
            self._deafen()
        self._drop()
        try:
            yield
        finally:
            self._fault = None
            self._drop()
            if fault == "refuse":
                self._listening = self._listen(self._port)

    def _listen(self, port: int) -> socket.socket:
        listening = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()
        return listening

    def _deafen(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _drop(self) -> None:
        """End all connections that are open."""
        with self._changing:
            dropped, self._open = self._open, set()
        for one in dropped:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                accepted, _address = listening.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(accepted)
            with self._changing:
                self._open.add(accepted)
            fault = self._fault
            if fault is not None:
                self._misbehave(accepted, fault)
                return
            address = urlsplit(self.url_behind)
            behind = socket.create_connection((address.hostname, address.port), PATIENCE_S)
            behind.settimeout(None)
            stack.enter_context(behind)
            with self._changing:
                self._open.add(behind)
            back = threading.Thread(target=_pump, args=(behind, accepted), daemon=True)
            back.start()
            _pump(accepted, behind)
            back.join()

    def _misbehave(self, accepted: socket.socket, fault: Fault) -> None:
        if fault == "reset":
            return
        accepted.recv(1)
        if fault == "hang":
            self._ends.wait(PATIENCE_S)
        accepted.sendall(_ANSWERS.get(fault, b""))
        while fault == "trickle" and not self._ends.wait(0.01):
            accepted.sendall(b" ")
        if fault in ("error", "nonsense"):  # or closing would reset what is still on its way
            accepted.shutdown(socket.SHUT_WR)
            while accepted.recv(65_536):
                pass


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Hand on what comes until one side ends, then end both."""
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
