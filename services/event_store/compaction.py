"""Compact and repair an event store in the background.

Compaction drops events that no feature can ask for. The work runs in a thread while the service
takes events and answers requests.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from time import perf_counter

from aggregators.events import Source
from aggregators.features.base import Aggregator
from aggregators.stores import EventStore
from aggregators.times import duration_to_us, from_us, moment_to_us
from services.core.clock import utc_now
from services.core.steady_clock import SteadyClock, since_boot_s
from services.event_store.metrics import EventStoreMetrics

__all__ = ["Compactor"]

logger = logging.getLogger("doorstep.services")

_RECENT_US = 60_000_000

REPAIR_EVERY_S = 5.0
"""Seconds between repairs of appends whose writer died."""


class Compactor:
    """Compacts and repairs an event store at intervals.

    Args:
        event_store: the event store.
        features: all features that are read; events that none of them needs are dropped.
        every_s: seconds between compactions; 0: never.
        keep: how long before now features stay exact and late events are accepted.
        metrics: what is counted and timed.
        clock: gives the present moment; injected in tests.
        seconds: monotonic seconds; injected in tests.

    The clock can be wrong. So a compaction never goes beyond the latest event, and none runs within
    an hour after the clock was set. A store that was compacted until a moment in the future is
    reopened.
    """

    def __init__(
        self,
        event_store: EventStore,
        features: Iterable[Aggregator],
        *,
        every_s: float,
        keep: str,
        metrics: EventStoreMetrics,
        clock: Callable[[], datetime] = utc_now,
        seconds: Callable[[], float] = since_boot_s,
    ) -> None:
        self._event_store = event_store
        self._features = tuple(features)
        self._every_s = every_s
        self._keep = timedelta(microseconds=duration_to_us(keep, "keep"))
        self._metrics = metrics
        self._clock = clock
        self._steady = SteadyClock(clock, seconds)
        self._repair: Callable[[], int] | None = getattr(event_store, "repair", None)
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the background thread."""
        self._reopen_safely()
        if self._every_s > 0.0:
            self._run("compaction", self.compact, self._every_s)
        if self._repair is not None:
            self._run("repair", self.repair, REPAIR_EVERY_S)

    def close(self) -> None:
        """Stop after the running work. A second call does nothing."""
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def compact(self) -> None:
        """Compact the store now. A failure is counted and logged; the next interval tries again."""
        began_s = perf_counter()
        now = self._clock()
        untrusted_s = self._steady.untrusted_s()
        if untrusted_s > 0.0:
            logger.error(
                "the clock was set by %+.0f s: nothing is compacted for %.0f s",
                self._steady.jump_s,
                untrusted_s,
            )
            self._metrics.count_failure()
            return
        try:
            latest = self._latest(now)
            if latest is None:
                return
            self._reopen(latest)
            result = self._event_store.compact(self._features, latest - self._keep)
        except Exception:  # a thread that ends is a store that grows without end
            logger.exception("the compaction failed; it is tried again in %g s", self._every_s)
            self._metrics.count_failure()
            return
        self._metrics.record_compaction(
            kept=result.samples_kept,
            dropped=result.samples_dropped,
            seconds=perf_counter() - began_s,
            at_s=now.timestamp(),
        )

    def _latest(self, now: datetime) -> datetime | None:
        """Return the present moment or the latest event, whichever is earlier."""
        now_us = moment_to_us(now, "clock")
        # Within a minute it is all the same, and the search ends at the first order of now.
        latest_us = self._event_store.latest_moment_us(enough_us=now_us - _RECENT_US)
        return None if latest_us is None else from_us(min(now_us, latest_us))

    def _reopen_safely(self) -> None:
        """Reopen the store if it was compacted until a moment in the future."""
        now = self._clock()
        try:
            if any(until > now for _, until in self._closed()):
                latest = self._latest(now)
                self._reopen(now if latest is None else latest)
        except Exception:  # the next compaction tries again
            logger.exception("the store could not be looked at")
            self._metrics.count_failure()

    def _reopen(self, latest: datetime) -> None:
        for source, until in self._closed():
            if until > latest:
                logger.error(
                    "%r was compacted as of %s, by a clock that was ahead: it can be asked again"
                    " from %s on, without the samples that were dropped",
                    source.name,
                    until.isoformat(),
                    (latest - self._keep).isoformat(),
                )
                self._event_store.reopen(source, latest - self._keep)

    def _closed(self) -> list[tuple[Source, datetime]]:
        """Return the compacted sources and until when they are compacted."""
        found = [
            (one, self._event_store.compacted_until(one))
            for one in self._event_store.sources.values()
        ]
        return [(source, from_us(us)) for source, us in found if us is not None]

    def repair(self) -> None:
        """Finish appends whose writer died, if the store supports it."""
        assert self._repair is not None
        try:
            repaired = self._repair()
        except Exception:
            logger.exception("the repair failed; it is tried again in %g s", REPAIR_EVERY_S)
            self._metrics.count_failure()
            return
        self._metrics.count_repairs(repaired)

    def _run(self, name: str, work: Callable[[], None], every_s: float) -> None:
        def loop() -> None:
            while not self._ending.wait(every_s):
                work()

        thread = threading.Thread(target=loop, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)
