"""Counters, gauges and histograms of a process: how the metrics of all rooms are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self, TypeAlias

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["Instruments"]

Together: TypeAlias = Literal["all", "livesum", "livemax"]
"""What a gauge shows of several worker processes: each, or the sum or the greatest of those that
live."""


class Instruments:
    """Base of what counts and times.

    A subclass makes its instruments in ``__init__`` and gives a method to each thing that can
    happen. Labels are few and fixed: nothing that a caller sends becomes one.

    Args:
        registry: where they are registered; the default is what ``/metrics`` shows.

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
        """Return those of this process, made once: the registry refuses a name twice."""
        if cls not in _OF_PROCESS:
            _OF_PROCESS[cls] = cls()
        made = _OF_PROCESS[cls]
        assert isinstance(made, cls)
        return made

    def counter(self, name: str, words: str, *labels: str) -> Counter:
        """Return a counter; its name is shown with ``_total`` behind it."""
        return Counter(name, words, labelnames=labels, registry=self._registry)

    def gauge(self, name: str, words: str, *, together: Together = "all") -> Gauge:
        """Return a gauge."""
        return Gauge(name, words, registry=self._registry, multiprocess_mode=together)

    def histogram(self, name: str, words: str, *labels: str, buckets: Sequence[float]) -> Histogram:
        """Return a histogram with these upper bounds."""
        return Histogram(name, words, labelnames=labels, buckets=buckets, registry=self._registry)


_OF_PROCESS: dict[type[Instruments], Instruments] = {}
