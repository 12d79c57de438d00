"""Detect that the clock of this machine was set."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

__all__ = ["SteadyClock", "since_boot_s"]

MAX_JUMP_S = 60.0
"""A wall clock that differs by more than this from a monotonic clock was set."""

CALM_S = 3_600.0
"""How long a clock is not trusted after it was set: a wrong setting is usually reverted."""


def since_boot_s() -> float:
    """Return monotonic seconds that include the time of sleep where the system supports it."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)  # Linux alone has it
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class SteadyClock:
    """Compares the wall clock with a monotonic clock at each call.

    Args:
        clock: gives the present moment; injected in tests.
        seconds: monotonic seconds; injected in tests.

    >>> from datetime import UTC, timedelta
    >>> noon, passed = datetime(2026, 1, 1, tzinfo=UTC), [0.0]
    >>> ahead = timedelta(0)
    >>> steady = SteadyClock(
    ...     lambda: noon + timedelta(seconds=passed[0]) + ahead, lambda: passed[0]
    ... )
    >>> passed[0], steady.untrusted_s()
    (0.0, 0.0)
    >>> ahead = timedelta(days=10)
    >>> steady.untrusted_s()
    3600.0
    """

    def __init__(
        self, clock: Callable[[], datetime], seconds: Callable[[], float] = since_boot_s
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._ahead_s = self._difference_s()
        self._trusted_from_s = 0.0
        self.jump_s = 0.0
        """By how much the clock was set last; negative: back."""

    def untrusted_s(self) -> float:
        """Return for how many seconds the clock is not trusted; 0: it is trusted now."""
        ahead_s = self._difference_s()
        jump_s = ahead_s - self._ahead_s
        now_s = self._seconds()
        if abs(jump_s) > MAX_JUMP_S:
            self.jump_s, self._trusted_from_s = jump_s, now_s + CALM_S
        self._ahead_s = ahead_s  # clocks drift; only what happens at once is a jump
        return max(0.0, self._trusted_from_s - now_s)

    def _difference_s(self) -> float:
        return self._clock().timestamp() - self._seconds()
