"""Declare the protocol of an open connection, as the limits of the process use it."""

from __future__ import annotations

from typing import Any, Protocol

from services.transport.cycle import Phase

__all__ = ["OpenConnection"]


class OpenConnection(Protocol):
    """Declare what the limits of the process and its server need of a connection."""

    transport: Any
    """asyncio's transport."""
    phase: Phase
    """The phase of the connection."""
    since_s: float
    """When the phase began, by a monotonic clock."""

    @property
    def is_idle(self) -> bool:
        """Whether the connection waits for a request, or for the rest of one."""

    @property
    def is_made(self) -> bool:
        """Whether the socket is connected."""

    def check(self, now_s: float) -> None:
        """Close the connection if it has waited too long."""

    def shutdown(self) -> None:
        """Close the connection after the running answers."""
