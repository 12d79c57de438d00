"""Hold a request and its answer, and the phase of a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

__all__ = ["Cycle", "Phase", "Pipe"]


class Phase(Enum):
    """Names what a connection waits for."""

    NEW = auto()
    IDLE = auto()
    HEADERS = auto()
    BODY = auto()
    ANSWER = auto()
    END = auto()


class Pipe:
    """Takes the bytes of an answer; closing it lets the client read all of them first."""

    __slots__ = ("_end", "_held", "_holds", "_transport")

    def __init__(self, transport: asyncio.Transport, end: Callable[[], None]) -> None:
        self._transport = transport
        self._end = end
        self._holds = False
        self._held = b""

    def hold(self) -> None:
        """Keep the next bytes until more follow: a head and its body then leave in one packet."""
        self._holds = True

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self._holds:
            self._holds, self._held = False, data
            return
        if self._held:
            data, self._held = self._held + data, b""
        self._transport.write(data)

    def is_closing(self) -> bool:
        """Return whether the connection is closed for sending."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close for sending."""
        self._holds = False
        if self._held:
            self.write(b"")
        self._end()


class Cycle(RequestResponseCycle):
    """Holds a complete request and its answer."""

    done_s = 0.0
    """When the request was complete, by ``time.monotonic``."""

    _is_read = False

    async def send(self, message: Any) -> None:
        """Send the head of an answer together with its body."""
        if not self.response_started and self.scope["method"] != "HEAD":  # that has no body
            pipe: Any = self.transport
            pipe.hold()
        await super().send(message)

    async def receive(self) -> Any:
        """Return the body once; then wait for the end of the connection or of the answer."""
        if not self._is_read and not self.disconnected:
            self._is_read = True
            body, self.body = bytes(self.body), bytearray()
            return {"type": "http.request", "body": body, "more_body": False}
        while not self.disconnected and not self.response_complete:
            self.message_event.clear()
            await self.message_event.wait()
        return {"type": "http.disconnect"}
