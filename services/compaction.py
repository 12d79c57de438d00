"""Background work on an event store: dropping what no feature can ask for, and repairs.

It runs in a thread of its own while events are taken and questions answered.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from time import perf_counter

from aggregators.base import Aggregator
from aggregators.stores import EventStore
from aggregators.times import duration_to_us
from services.clock import utc_now
from services.store_metrics import StoreMetrics

__all__ = ["Compactor"]

logger = logging.getLogger("doorstep.services")

REPAIR_EVERY_S = 5.0
"""How often a store that can repair what a dead writer left is told to."""


class Compactor:
    """Compacts a store now and then, and keeps it repaired.

    Args:
        store: the event store.
        features: everything that will be asked of it; what none of these needs is dropped.
        every_s: seconds between compactions; 0: never.
        keep: how long before the present features stay exact, and late events are expected.
        metrics: what is counted and timed.
        clock: gives the present moment; injected in tests.
    """

    def __init__(
        self,
        store: EventStore,
        features: Iterable[Aggregator],
        *,
        every_s: float,
        keep: str,
        metrics: StoreMetrics,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._features = tuple(features)
        self._every_s = every_s
        self._keep = timedelta(microseconds=duration_to_us(keep, "keep"))
        self._metrics = metrics
        self._clock = clock
        self._repair: Callable[[], int] | None = getattr(store, "repair", None)
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to work in the background."""
        if self._every_s > 0.0:
            self._run("compaction", self.compact, self._every_s)
        if self._repair is not None:
            self._run("repair", self.repair, REPAIR_EVERY_S)

    def close(self) -> None:
        """End the work, after what is running. A second call does nothing."""
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def compact(self) -> None:
        """Compact the store now; a failure is counted and logged, and tried again later."""
        began_s = perf_counter()
        now = self._clock()
        try:
            result = self._store.compact(self._features, now - self._keep)
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

    def repair(self) -> None:
        """Finish what a writer that died left half done, where the store has such a thing."""
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
