"""Create the counters, gauges and histograms of a process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self, TypeAlias

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from services.core.metrics_files import reserve_metrics_files

__all__ = ["Instruments"]

Together: TypeAlias = Literal["all", "livesum", "livemax"]
"""How a gauge combines worker processes: each alone, or the sum or maximum of the live ones."""

reserve_metrics_files()


class Instruments:
    """Base class of metrics.

    A subclass creates its instruments in ``__init__`` and has a method for each event to count.
    Labels are few and fixed: nothing that a caller sends becomes a label.

    Args:
        registry: registers the instruments; the default is the registry of ``/metrics``.

    >>> class Doors(Instruments):
    ...     def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
    ...         super().__init__(registry)
    ...         self.opened = self.counter("doors_opened", "Doors that were opened", "which")
    >>> registry = CollectorRegistry()
    >>> Doors(registry).opened.labels("front").inc()
    >>> registry.get_sample_value("doors_opened_total", {"which": "front"})
    1.0
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry

    @classmethod
    def of_process(cls) -> Self:
        """Return the instruments of this process, created once: a registry refuses duplicates."""
        if cls not in _OF_PROCESS:
            _OF_PROCESS[cls] = cls()
        made = _OF_PROCESS[cls]
        assert isinstance(made, cls)
        return made

    def counter(self, name: str, words: str, *labels: str) -> Counter:
        """Return a counter; ``/metrics`` appends ``_total`` to its name."""
        return Counter(name, words, labelnames=labels, registry=self._registry)

    def gauge(self, name: str, words: str, *, together: Together = "all") -> Gauge:
        """Return a gauge."""
        return Gauge(name, words, registry=self._registry, multiprocess_mode=together)

    def histogram(self, name: str, words: str, *labels: str, buckets: Sequence[float]) -> Histogram:
        """Return a histogram with these upper bounds."""
        return Histogram(name, words, labelnames=labels, buckets=buckets, registry=self._registry)


_OF_PROCESS: dict[type[Instruments], Instruments] = {}
