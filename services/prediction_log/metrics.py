"""What the log of predictions counts."""

from __future__ import annotations

from functools import lru_cache

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge

__all__ = ["PredictionLogMetrics", "prediction_log_metrics"]


class PredictionLogMetrics:
    """Counters of the log of one process.

    Args:
        registry: where they are registered; the default is what ``/metrics`` shows.

    >>> registry = CollectorRegistry()
    >>> PredictionLogMetrics(registry).count_dropped(3)
    >>> registry.get_sample_value("doorstep_prediction_log_dropped_total")
    3.0
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._written = Counter(
            "doorstep_prediction_log_rows", "Estimates written to the log", registry=registry
        )
        self._dropped = Counter(
            "doorstep_prediction_log_dropped",
            "Estimates that were not logged, because they came quicker than they could be written",
            registry=registry,
        )
        self._failures = Counter(
            "doorstep_prediction_log_failures",
            "Parts of the log that could not be written; their rows are tried again",
            registry=registry,
        )
        self._deleted = Counter(
            "doorstep_prediction_log_deleted_parts",
            "Oldest parts that were deleted to keep the log within its limit",
            registry=registry,
        )
        self._bytes = Gauge(
            "doorstep_prediction_log_bytes",
            "Size of all parts in the folder of the log",
            registry=registry,
            multiprocess_mode="livemax",
        )

    def count_written(self, rows: int) -> None:
        """Count the rows of one part."""
        self._written.inc(rows)

    def count_dropped(self, rows: int) -> None:
        """Count rows that are lost."""
        self._dropped.inc(rows)

    def count_failure(self) -> None:
        """Count one part that could not be written."""
        self._failures.inc()

    def count_deleted(self, parts: int) -> None:
        """Count parts that were deleted."""
        self._deleted.inc(parts)

    def set_bytes(self, size: int) -> None:
        """Say how large the log is."""
        self._bytes.set(size)


@lru_cache(maxsize=1)
def prediction_log_metrics() -> PredictionLogMetrics:
    """Return the metrics of this process, made once: the registry refuses a name twice."""
    return PredictionLogMetrics()
