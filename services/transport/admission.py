"""When a request may begin: as fast as they are finished, or not at all.

A service computes on its event loop. Were every request begun at once when it arrives, all of them
would progress together, each as slowly as all: beyond the capacity no answer is in time, and the
loop comes to new connections and health checks once in seconds. So requests wait here for their
turn, in the order of their arrival, and one that has waited too long is refused: soon where some
have been waiting all the time, later in a burst that will pass (after Nichols and Jacobson,
Controlling Queue Delay, 2012).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Gate", "QueuedRequest"]

AT_ONCE = 8
"""Requests that may be under way however busy the loop is: some of them wait for others."""

QUICK_TURN_S = 0.002
"""A turn of the loop that takes less leaves room: what is under way waits, it does not compute."""

BURST_S = 0.3
"""So long a queue may last, and requests wait in it, before it is no burst but overload."""

_POLL_AGAIN_S = 0.001


@dataclass(slots=True, eq=False)
class QueuedRequest:
    """One request that waits for its turn.

    Args:
        begin: begins it; called once, or never.
        refuse: refuses it; called once, or never.
        arrived_s: when it was complete, by the gate's clock.
        is_wanted: whether anybody waits for its answer still.
    """

    begin: Callable[[], object]
    refuse: Callable[[], object]
    arrived_s: float
    is_wanted: Callable[[], bool] = lambda: True


class Gate:
    """Begins requests, one in a turn of the loop, so that each turn is short.

    More than a few are under way at once only while that costs the loop nothing: turns are quick,
    and no thread has a queue.

    Args:
        loop: whose turns are counted.
        max_wait_s: longest wait while more is asked than can be answered.
        burst_s: longest wait, and longest time, until that is known.
        queued: number of tasks that wait for a thread.
        clock: seconds that never run back; injected in tests.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        max_wait_s: float,
        burst_s: float = BURST_S,
        queued: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = loop
        self._max_wait_s = max_wait_s
        self._burst_s = burst_s
        self._queued = queued
        self._clock = clock
        self._waiting: deque[QueuedRequest] = deque()
        self._due_s = 0.0
        self._since_s = clock()
        self._turns = False
        self.in_flight = 0
        """Requests that have begun and not ended."""

    def __len__(self) -> int:
        """Return how many requests wait."""
        return len(self._waiting)

    def offer(self, request: QueuedRequest) -> None:
        """Let a request begin, now or when its turn comes, or refuse it."""
        if not self._turns and not self._waiting and self.in_flight < AT_ONCE:
            self._begin(request)
        else:
            if not self._waiting:
                self._since_s = self._clock()
            self._waiting.append(request)
        if not self._turns:
            self._turns = True
            self._due_s = self._clock()
            self._loop.call_soon(self._turn)

    def ended(self) -> None:
        """Note that a request which had begun has ended."""
        self.in_flight -= 1

    def _turn(self) -> None:
        now_s = self._clock()
        is_quick = now_s - self._due_s < QUICK_TURN_S
        self._refuse_old(now_s)
        if not self._waiting:
            self._turns = False
            return
        has_begun = False
        if self.in_flight < AT_ONCE or (is_quick and not self._queued()):
            self._begin(self._waiting.popleft())
            has_begun = True
        # What has just begun runs before this is called again. Where nothing may begin, the loop
        # shall not spin.
        if has_begun:
            self._due_s = now_s
            self._loop.call_soon(self._turn)
        else:
            self._due_s = now_s + _POLL_AGAIN_S
            self._loop.call_later(_POLL_AGAIN_S, self._turn)

    def _begin(self, request: QueuedRequest) -> None:
        if request.is_wanted():
            self.in_flight += 1
            request.begin()

    def _refuse_old(self, now_s: float) -> None:
        waiting, most_s = self._waiting, self._max_wait_s
        if now_s - self._since_s <= self._burst_s:
            most_s = max(most_s, self._burst_s)
        while waiting and now_s - waiting[0].arrived_s > most_s:
            old = waiting.popleft()
            if old.is_wanted():
                old.refuse()
