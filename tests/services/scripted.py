"""A server that misbehaves as it is told: what a client meets in bad times, over real sockets."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.waiting import PATIENCE_S

Script = Callable[["Connection"], None]


class Connection:
    """One connection of the server, with what its script needs."""

    def __init__(self, socket_: socket.socket, number: int, ends: threading.Event) -> None:
        self._socket = socket_
        self.number = number
        self._ends = ends

    def read_request(self) -> bytes:
        """Read until the body is there; empty where the client closed the connection."""
        data = b""
        while True:
            part = self._socket.recv(65_536)
            if not part:
                return b""
            data += part
            head, end, body = data.partition(b"\r\n\r\n")
            if end:
                lengths = [
                    int(line.partition(b":")[2])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                ]
                if len(body) >= sum(lengths):
                    return data

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def answer(self, body: bytes, *, length: int | None = None, status: str = "200 OK") -> None:
        """Answer JSON; ``length`` announces another length than that of the body."""
        size = len(body) if length is None else length
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n"
        self.send(head.encode() + b"\r\n" + body)

    def reset(self) -> None:
        """Close with a reset instead of an end, as a crash does."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def hang(self) -> None:
        """Do nothing until the server ends."""
        self._ends.wait(PATIENCE_S)

    def trickle(self, data: bytes) -> None:
        """Send the same again and again, slowly, until the server ends."""
        while not self._ends.wait(0.01):
            self.send(data)


class ScriptedServer:
    """Runs a script for every connection while the block lasts."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._ends = threading.Event()
        self._threads: list[threading.Thread] = []
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._threads.append(threading.Thread(target=self._accept, daemon=True))

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ends.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _accept(self) -> None:
        while True:
            try:
                accepted, _address = self._listening.accept()
            except OSError:  # the listening socket was closed
                return
            accepted.settimeout(PATIENCE_S)
            connection = Connection(accepted, self.connections, self._ends)
            self.connections += 1
            thread = threading.Thread(target=self._run, args=(accepted, connection), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, accepted: socket.socket, connection: Connection) -> None:
        with contextlib.suppress(OSError):  # the client may leave before the script is through
            self._script(connection)
        with contextlib.suppress(OSError):
            accepted.close()
