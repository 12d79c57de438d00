"""Admit requests at the rate at which they are finished, and shed the rest.

A service computes on its event loop. If every request began on arrival, all of them would progress
together, each as slowly as all: beyond the capacity no answer would be in time, and the loop would
serve new connections and health checks only every few seconds. So requests wait in a queue, in the
order of their arrival, and a request that waits too long is refused. The limit is short if the
queue has not been empty for some time, and longer in a burst (after Nichols and Jacobson,
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
"""Requests in flight that are always admitted: some of them wait for other services."""

QUICK_TURN_S = 0.002
"""An iteration of the loop that takes less is idle: requests in flight wait and do not compute."""

BURST_S = 0.3
"""Longest time for which a queue counts as a burst; a longer one is overload."""

_POLL_AGAIN_S = 0.001


@dataclass(slots=True, eq=False)
class QueuedRequest:
    """Holds one request that waits for admission.

    Args:
        begin: begins the request; called at most once.
        refuse: refuses the request; called at most once.
        arrived_s: when the request was complete, by the gate's clock.
        is_wanted: returns whether the caller still waits for the answer.
    """

    begin: Callable[[], object]
    refuse: Callable[[], object]
    arrived_s: float
    is_wanted: Callable[[], bool] = lambda: True


class Gate:
    """Begins at most one request per iteration of the loop, so that iterations stay short.

    More than a few requests are in flight only while the loop is idle: iterations are quick, and
    no thread pool has a queue.

    Args:
        loop: the event loop.
        max_wait_s: longest wait under overload.
        burst_s: longest wait in a burst, and its longest duration.
        queued: returns the number of tasks that wait for a thread.
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
        """Return the number of waiting requests."""
        return len(self._waiting)

    def offer(self, request: QueuedRequest) -> None:
        """Begin a request now, queue it, or refuse it."""
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
        """Record that an admitted request has ended."""
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
