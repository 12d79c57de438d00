"""Count how often a range that a customer had seen changed."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry

from services.core.instruments import Instruments

__all__ = ["DisplayMetrics"]


class DisplayMetrics(Instruments):
    """Counts ranges: seen for the first time, kept, or changed.

    >>> registry = CollectorRegistry()
    >>> DisplayMetrics(registry).count(ranges=50, seen=20, changed=3)
    >>> registry.get_sample_value("doorstep_displayed_ranges_total", {"outcome": "kept"})
    17.0
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        super().__init__(registry)
        ranges = self.counter(
            "doorstep_displayed_ranges",
            "Ranges shown: first (the session had not seen the store), kept, changed",
            "outcome",
        )
        self._first, self._kept, self._changed = (
            ranges.labels(outcome) for outcome in ("first", "kept", "changed")
        )

    def count(self, *, ranges: int, seen: int, changed: int) -> None:
        """Count the ranges of one answer, of which some had been seen, and some of those changed.

        The rate of jumps is ``changed / (kept + changed)``.
        """
        self._first.inc(ranges - seen)
        self._kept.inc(seen - changed)
        self._changed.inc(changed)
