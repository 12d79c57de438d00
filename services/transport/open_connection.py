"""What the process asks of a connection that is open, whatever protocol it speaks."""

from __future__ import annotations

from typing import Any, Protocol

from services.transport.cycle import Phase

__all__ = ["OpenConnection"]


class OpenConnection(Protocol):
    """A connection, as the limits of the process and its server see it."""

    transport: Any
    """asyncio's transport."""
    phase: Phase
    """Where it is between two requests."""
    since_s: float
    """Since when it is in its phase, on a clock that never runs back."""

    @property
    def is_idle(self) -> bool:
        """Whether it waits for the next request, or for the rest of one."""

    @property
    def is_made(self) -> bool:
        """Whether its socket is connected."""

    def check(self, now_s: float) -> None:
        """End it, if it has waited too long."""

    def shutdown(self) -> None:
        """End it once what it answers is answered."""
