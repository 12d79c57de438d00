"""Exchange commands and answers over one connection to one node of Redis."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Address", "Batch", "Command", "Exchange", "Link", "ReplyError", "pack"]

Address = tuple[str, int] | None
"""Host and port of a node; None stands for the server that the URL names."""

_RECEIVE_BYTES = 1 << 18
_NOTHING_YET = object()


class ReplyError(Exception):
    """Carries the error that a server answered."""

    @property
    def code(self) -> str:
        """The first word, such as NOSCRIPT."""
        return str(self).partition(" ")[0]


class Command(NamedTuple):
    """Holds a packed command, and the hash slot of its keys."""

    slot: int
    packed: bytes


def pack(*arguments: bytes) -> bytes:
    r"""Return a command in the bytes of the protocol.

    >>> pack(b"GET", b"key")
    b'*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n'
    """
    bulks = b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in arguments])
    return b"*%d\r\n%b" % (len(arguments), bulks)


@dataclass(slots=True, eq=False)
class Exchange:
    """Holds how many commands were sent at once, and their answers once they are there."""

    n: int
    answers: list[Any] | None = None
    has_errors: bool = False


@dataclass(slots=True)
class Batch:
    """Holds commands that were sent, and what is known of their answers."""

    commands: Sequence[Command]
    replicas: int
    replies: list[Any]
    sent: list[tuple[Address, Link, Exchange, Sequence[int]]] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    asked: dict[int, Address] = field(default_factory=dict)
    unknown_scripts: set[Address] = field(default_factory=set)
    reason: str | None = None


class Link:
    """Sends commands to one node and reads the answers, which may be fetched in any order."""

    def __init__(self, connection: Any, reader: Callable[..., Any]) -> None:
        self._connection = connection
        self._new_reader = reader
        self._reader: Any = None
        self._socket: Any = None
        self._buffer = bytearray(_RECEIVE_BYTES)
        self._in_flight: deque[Exchange] = deque()

    def _open(self) -> None:
        self._connection.connect()
        self._socket = self._connection._sock
        self._reader = self._new_reader(replyError=self._error, notEnoughData=_NOTHING_YET)

    def _error(self, text: str) -> ReplyError:
        self._in_flight[0].has_errors = True
        return ReplyError(text)

    def send(self, packed: bytes, n: int) -> Exchange:
        """Send n packed commands; raises OSError, or an error of the library's when connecting."""
        if self._socket is None:
            self._open()
        self._socket.sendall(packed)
        exchange = Exchange(n)
        self._in_flight.append(exchange)
        return exchange

    def receive(self, exchange: Exchange) -> list[Any]:
        """Return the answers to what was sent; raises OSError where they are lost."""
        while exchange.answers is None:
            if exchange not in self._in_flight:
                raise ConnectionError("the connection was lost")
            first = self._in_flight[0]
            first.answers = self._read(first.n)
            self._in_flight.popleft()
        return exchange.answers

    def _read(self, n: int) -> list[Any]:
        answers: list[Any] = []
        get, buffer = self._reader.gets, self._buffer
        while True:
            while len(answers) < n and (answer := get()) is not _NOTHING_YET:
                answers.append(answer)
            if len(answers) == n:
                return answers
            received = self._socket.recv_into(buffer)
            if not received:
                raise ConnectionError("the server closed the connection")
            self._reader.feed(buffer, 0, received)

    def close(self) -> None:
        """Close the connection and drop unread answers. The next ``send`` opens it again."""
        self._in_flight.clear()
        self._socket = self._reader = None
        self._connection.disconnect()
