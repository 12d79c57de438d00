"""Bound and count the long windows of features that a process keeps from request to request."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry

from aggregators.engine.serving.kept_memory import KEPT_MEMORY, KeptCounts, KeptMemory
from services.core.instruments import Instruments

__all__ = ["KeptWindowMetrics", "bound_kept_windows"]

MIB = 2**20


class KeptWindowMetrics(Instruments):
    """Counts kept windows.

    Args:
        registry: registers the instruments; the default is the registry of ``/metrics``.

    >>> registry = CollectorRegistry()
    >>> metrics = KeptWindowMetrics(registry)
    >>> metrics.record(KeptCounts(n_bytes=4_096, n_built=3, n_changed=1, n_crowded=0))
    >>> registry.get_sample_value("doorstep_kept_windows_built_total")
    3.0
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        super().__init__(registry)
        self._bytes = self.gauge(
            "doorstep_kept_windows_bytes",
            "Memory of the windows that are kept from request to request",
            together="livesum",
        )
        self._built = self.counter(
            "doorstep_kept_windows_built", "Windows that were begun, or begun anew"
        )
        dropped = self.counter(
            "doorstep_kept_windows_dropped",
            "Windows that were dropped: samples changed under them, or the memory was needed",
            "reason",
        )
        self._changed = dropped.labels("changed")
        self._crowded = dropped.labels("crowded")
        self._before = KeptCounts(0, 0, 0, 0)

    def record(self, counts: KeptCounts) -> None:
        """Record what the windows take, and what has become of them since the last call."""
        before, self._before = self._before, counts
        self._bytes.set(counts.n_bytes)
        self._built.inc(counts.n_built - before.n_built)
        self._changed.inc(counts.n_changed - before.n_changed)
        self._crowded.inc(counts.n_crowded - before.n_crowded)


def bound_kept_windows(
    mib: int, metrics: KeptWindowMetrics, memory: KeptMemory = KEPT_MEMORY
) -> None:
    """Let all kept windows of the process take so many MiB together, and count them.

    >>> memory = KeptMemory(0)
    >>> bound_kept_windows(64, KeptWindowMetrics(CollectorRegistry()), memory)
    >>> memory.bytes_max
    67108864
    """
    memory.bytes_max = mib * MIB
    memory.listener = metrics.record
    memory.tell()
