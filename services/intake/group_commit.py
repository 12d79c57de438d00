"""Write the events of all waiting requests together, in one thread: a group commit.

While a write runs, requests queue; the next write takes all of them. So a store that needs a
millisecond for the disk takes hundreds of single events in that time, and no request waits for more
than two writes. The queue is bounded: when it is full, requests are refused with 503.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TypeAlias

from aggregators.events import Event
from aggregators.stores import EventStore
from services.core.errors import ServiceError, Unavailable
from services.core.limits import MAX_EVENTS_PER_WRITE, MAX_WAITING_EVENTS
from services.intake.append import WriteOutcome, append_group
from services.intake.metrics import IntakeMetrics

__all__ = ["GroupCommitWriter"]

logger = logging.getLogger("doorstep.services")

Outcome: TypeAlias = WriteOutcome | ServiceError


@dataclass(frozen=True, slots=True)
class _PendingWrite:
    """Hold the events of one request and the future of their outcome."""

    events: Sequence[Event]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[WriteOutcome]


class GroupCommitWriter:
    """Writes events to an event store in a background thread.

    Args:
        event_store: takes the events.
        metrics: count and time the writes.
        max_waiting: maximum number of events that wait for the running write.

    >>> from prometheus_client import CollectorRegistry
    >>> from aggregators import MemoryEventStore, Source
    >>> source = Source("orders", sample_id="order_id", events=("ready",))
    >>> event_store = MemoryEventStore(sources=[source])
    >>> writer = GroupCommitWriter(event_store, IntakeMetrics(CollectorRegistry()))
    >>> asyncio.run(
    ...     writer.write([Event("orders", "o-1", "ready", 1_767_225_600_000_000)])
    ... ).applied
    1
    >>> writer.close()
    """

    def __init__(
        self,
        event_store: EventStore,
        metrics: IntakeMetrics,
        *,
        max_waiting: int = MAX_WAITING_EVENTS,
    ) -> None:
        self._event_store = event_store
        self._metrics = metrics
        self._max_waiting = max_waiting
        self._waiting: deque[_PendingWrite] = deque()
        self._n_waiting = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="event-writer", daemon=True)
        self._thread.start()

    async def write(self, events: Sequence[Event]) -> WriteOutcome:
        """Append events together with those of other requests; return when the store has them.

        Raises:
            Unavailable: too many events are waiting, or the store is unavailable. None of these
                events is acknowledged.
        """
        loop = asyncio.get_running_loop()
        waiting = _PendingWrite(events, loop, loop.create_future())
        with self._changed:
            if self._closed:
                raise Unavailable("the service is ending; send the events to another, or later")
            if self._n_waiting and self._n_waiting + len(events) > self._max_waiting:
                raise Unavailable(
                    f"{self._n_waiting} events are waiting for the store; nothing of this batch is"
                    " acknowledged, send it again"
                )
            self._waiting.append(waiting)
            self._n_waiting += len(events)
            self._changed.notify()
        return await waiting.future

    def close(self) -> None:
        """Write the waiting events, then end the thread. A second call does nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            began_s = perf_counter()
            outcomes: Sequence[Outcome]
            try:
                outcomes = append_group(self._event_store, [waiting.events for waiting in group])
            except Exception:  # a mistake of ours must not end the thread that all wait for
                logger.exception("a write of %d requests failed", len(group))
                unexpected = ServiceError("unexpected; the log has it")
                outcomes = [unexpected] * len(group)
            n_events = sum(len(waiting.events) for waiting in group)
            self._metrics.count_write(perf_counter() - began_s, len(group), n_events)
            _tell(group, outcomes)

    def _next_group(self) -> list[_PendingWrite]:
        """Return the requests of the next write; none when the writer is closed."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            group: list[_PendingWrite] = []
            n_events = 0
            while self._waiting:
                size = len(self._waiting[0].events)
                if group and n_events + size > MAX_EVENTS_PER_WRITE:
                    break
                n_events += size
                group.append(self._waiting.popleft())
            self._n_waiting -= n_events
            self._metrics.set_waiting(self._n_waiting)
            return group


def _tell(group: list[_PendingWrite], outcomes: Sequence[Outcome]) -> None:
    """Set the result of each request, with one call per event loop."""
    by_loop: dict[
        asyncio.AbstractEventLoop, list[tuple[asyncio.Future[WriteOutcome], Outcome]]
    ] = {}
    for waiting, outcome in zip(group, outcomes, strict=True):
        by_loop.setdefault(waiting.loop, []).append((waiting.future, outcome))
    for loop, pairs in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits any more
            loop.call_soon_threadsafe(_settle, pairs)


def _settle(pairs: list[tuple[asyncio.Future[WriteOutcome], Outcome]]) -> None:
    for future, outcome in pairs:
        if future.done():  # the request ran out of time
            continue
        if isinstance(outcome, ServiceError):
            # One error object for several requests would collect all their tracebacks.
            future.set_exception(type(outcome)(outcome.reason, field=outcome.field))
        else:
            future.set_result(outcome)
