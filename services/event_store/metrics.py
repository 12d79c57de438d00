"""Count and time the background work on an event store."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry

from services.core.instruments import Instruments

__all__ = ["EventStoreMetrics"]


class EventStoreMetrics(Instruments):
    """Measures the last compaction, and counts failures and repairs.

    Args:
        registry: registers the instruments; the default is the registry of ``/metrics``.

    >>> registry = CollectorRegistry()
    >>> EventStoreMetrics(registry).record_compaction(
    ...     kept=10, dropped=2, seconds=0.5, at_s=1.7e9
    ... )
    >>> registry.get_sample_value("doorstep_compaction_samples_dropped_total")
    2.0
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        super().__init__(registry)
        self._at_s = self.gauge(
            "doorstep_compaction_timestamp_seconds",
            "End of the last compaction",
            together="livemax",
        )
        self._seconds = self.gauge(
            "doorstep_compaction_seconds", "Duration of the last compaction", together="livemax"
        )
        self._kept = self.gauge(
            "doorstep_compaction_samples_kept", "Samples that the last one kept", together="livemax"
        )
        self._dropped = self.counter(
            "doorstep_compaction_samples_dropped", "Samples that were dropped"
        )
        self._failures = self.counter(
            "doorstep_store_maintenance_failures", "Failed background work"
        )
        self._repairs = self.counter("doorstep_store_repairs", "Appends finished for dead writers")

    def record_compaction(self, *, kept: int, dropped: int, seconds: float, at_s: float) -> None:
        """Record the result of a compaction; ``at_s``: its time, seconds since 1970."""
        self._at_s.set(at_s)
        self._seconds.set(seconds)
        self._kept.set(kept)
        self._dropped.inc(dropped)

    def count_failure(self) -> None:
        """Count failed background work; it is retried later."""
        self._failures.inc()

    def count_repairs(self, appends: int) -> None:
        """Count finished appends of dead writers."""
        self._repairs.inc(appends)
