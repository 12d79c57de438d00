"""Count what the log of predictions writes and loses."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry

from services.core.instruments import Instruments

__all__ = ["PredictionLogMetrics"]


class PredictionLogMetrics(Instruments):
    """Measures the log of one process.

    Args:
        registry: registers the instruments; the default is the registry of ``/metrics``.

    >>> registry = CollectorRegistry()
    >>> PredictionLogMetrics(registry).count_dropped(3)
    >>> registry.get_sample_value("doorstep_prediction_log_dropped_total")
    3.0
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        super().__init__(registry)
        self._written = self.counter("doorstep_prediction_log_rows", "Estimates written to the log")
        self._dropped = self.counter(
            "doorstep_prediction_log_dropped",
            "Estimates that were not logged, because they came quicker than they could be written",
        )
        self._failures = self.counter(
            "doorstep_prediction_log_failures",
            "Parts of the log that could not be written; their rows are tried again",
        )
        self._deleted = self.counter(
            "doorstep_prediction_log_deleted_parts",
            "Oldest parts that were deleted to keep the log within its limit",
        )
        self._bytes = self.gauge(
            "doorstep_prediction_log_bytes",
            "Size of all parts in the folder of the log",
            together="livemax",
        )

    def count_written(self, rows: int) -> None:
        """Count the rows of one part."""
        self._written.inc(rows)

    def count_dropped(self, rows: int) -> None:
        """Count lost rows."""
        self._dropped.inc(rows)

    def count_failure(self) -> None:
        """Count one failed write."""
        self._failures.inc()

    def count_deleted(self, parts: int) -> None:
        """Count deleted parts."""
        self._deleted.inc(parts)

    def set_bytes(self, size: int) -> None:
        """Set the size of the log."""
        self._bytes.set(size)
