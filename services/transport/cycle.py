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

    __slots__ = ("_end", "_transport")

    def __init__(self, transport: asyncio.Transport, end: Callable[[], None]) -> None:
        self._transport = transport
        self._end = end

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._transport.write(data)

    def is_closing(self) -> bool:
        """Return whether the connection is closed for sending."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close for sending."""
        self._end()


class Cycle(RequestResponseCycle):
    """Holds a complete request and its answer."""

    done_s = 0.0
    """When the request was complete, by ``time.monotonic``."""

    _is_read = False

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
