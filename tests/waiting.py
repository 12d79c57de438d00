"""How long tests wait: until something holds, within a bound that no busy machine reaches.

No test measures time. What takes a while is waited for, and the bound is there only so that a test
whose condition never holds ends, with a sentence. A test that wants a wait to run out gives that
wait a bound of its own, which is tiny, and leaves nothing else to chance.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["PATIENCE_S", "until", "wait_until"]

PATIENCE_S = 300.0
"""Longest wait for anything: a start, an answer, an end. Minutes, however busy the machine is."""
PAUSE_S = 0.02


def wait_until(
    holds: Callable[[], object],
    what: str | Callable[[], str] = "what was waited for",
    *,
    pause_s: float = PAUSE_S,
) -> None:
    """Wait until something holds.

    Args:
        holds: asked again and again; anything true ends the wait.
        what: what is waited for, for the message; a function where only then it can be told.
        pause_s: between two questions.

    Raises:
        AssertionError: it does not hold for minutes.
    """
    ends_s = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > ends_s:
            raise AssertionError(_message(what))
        time.sleep(pause_s)


async def until(
    holds: Callable[[], object], what: str = "what was waited for", *, pause_s: float = PAUSE_S
) -> None:
    """Wait until something holds, and let the event loop go on meanwhile.

    Raises:
        AssertionError: it does not hold for minutes.
    """
    ends_s = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > ends_s:
            raise AssertionError(_message(what))
        await asyncio.sleep(pause_s)


def _message(what: str | Callable[[], str]) -> str:
    told = what if isinstance(what, str) else what()
    return f"not within {PATIENCE_S:.0f} s: {told}"
