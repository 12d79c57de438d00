"""Count and time the intake of events.

Labels are the declared names of sources and events; nothing that a caller sends becomes a label.
"""

from __future__ import annotations

import logging
import math
from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Iterable, Mapping

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram

from aggregators.events import Event, Source
from services.core.instruments import Instruments
from services.core.limits import MAX_TEXT_CHARACTERS
from services.intake.append import WriteOutcome

__all__ = ["IntakeMetrics"]

logger = logging.getLogger("doorstep.services")

UNKNOWN = "unknown"

MAX_NAMED = 100
"""Maximum number of ignored names that are logged: senders choose them."""

_EFFECTS = ("applied", "duplicates", "superseded")
_IGNORED = {
    "data": "events of %r carry the field %r, which the source does not declare: it is ignored",
    "attribute": "events of %r carry the attribute %r, which nothing here uses: it is ignored",
}

# Below zero is what is ahead of this machine's clock; then from the network's delay to days.
_LATENESS_S = (0.0, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 21_600.0, 86_400.0)
_WRITE_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)


class IntakeMetrics(Instruments):
    """Measures the intake of one process.

    Args:
        registry: registers the instruments; the default is the registry of ``/metrics``.

    >>> registry = CollectorRegistry()
    >>> metrics = IntakeMetrics(registry)
    >>> metrics.count_events([Event("orders", "o-1", "ready", 1_000_000)], arrival_us=3_000_000)
    >>> labels = {"source": "orders", "event": "ready"}
    >>> registry.get_sample_value("doorstep_event_lateness_seconds_sum", labels)
    2.0
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        super().__init__(registry)
        names = ("source", "event")
        self._events = self.counter(
            "doorstep_events", "Events received, by what became of them", *names, "outcome"
        )
        self._lateness_s = self.histogram(
            "doorstep_event_lateness_seconds",
            "Arrival of accepted events after the time at which they happened",
            *names,
            buckets=_LATENESS_S,
        )
        self._effects = self.counter(
            "doorstep_event_effects",
            "Accepted events that changed the store, were known already, or had been corrected",
            "effect",
        )
        self._ignored = self.counter(
            "doorstep_event_fields_ignored",
            "Data that the source does not declare, and attributes of others, left out of events",
            "source",
            "part",
        )
        self._named: set[tuple[str, str, str]] = set()
        self._write_s = self.histogram(
            "doorstep_event_write_seconds", "Time of one write to the store", buckets=_WRITE_S
        )
        self._written = self.counter("doorstep_event_write_events", "Events that were written")
        self._requests = self.counter(
            "doorstep_event_write_requests",
            "Requests whose events were written; several share a write when they wait",
        )
        self._waiting = self.gauge(
            "doorstep_events_waiting", "Events that wait for the running write", together="livesum"
        )
        self._by_label: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self._by_effect: dict[str, Counter] = {}

    def count_events(self, events: Iterable[Event], *, arrival_us: int) -> None:
        """Count accepted events, and observe their delay."""
        lateness_s: dict[tuple[str, str], list[float]] = {}
        for event in events:
            # Those of messages have plain times; asking for time_us would check them once more.
            time_us = event.time if isinstance(event.time, int) else event.time_us
            late_s = (arrival_us - time_us) / 1e6
            lateness_s.setdefault((event.source, event.event), []).append(late_s)
        for name, values in lateness_s.items():
            if name not in self._by_label:
                self._by_label[name] = (
                    self._events.labels(*name, "accepted"),
                    self._lateness_s.labels(*name),
                )
            counter, histogram = self._by_label[name]
            counter.inc(len(values))
            if len(values) == 1:
                histogram.observe(values[0])
            else:
                _observe_all(histogram, values)

    def count_refused(self, source: str, event: str, sources: Mapping[str, Source]) -> None:
        """Count one refused event; undeclared names count as unknown."""
        known = sources.get(source)
        if known is None:
            source = event = UNKNOWN
        elif event not in known.events:
            event = UNKNOWN
        self._events.labels(source, event, "refused").inc()

    def count_ignored(self, ignored: Mapping[tuple[str, str, str], int]) -> None:
        """Count ignored fields of valid events; the first names are logged, each once.

        Args:
            ignored: how often, by a declared source, ``data`` or ``attribute``, and the name.
        """
        for field, n in ignored.items():
            source, part, name = field
            self._ignored.labels(source, part).inc(n)
            shown = source, part, name[:MAX_TEXT_CHARACTERS]
            if shown not in self._named and len(self._named) < MAX_NAMED:
                self._named.add(shown)
                logger.warning(_IGNORED[part], source, shown[-1])

    def count_effects(self, written: WriteOutcome) -> None:
        """Count the outcomes of accepted events."""
        if not self._by_effect:  # looking up a label costs more than counting
            self._by_effect = {effect: self._effects.labels(effect) for effect in _EFFECTS}
        for effect, counter in self._by_effect.items():
            if n := getattr(written, effect):
                counter.inc(n)

    def count_write(self, seconds: float, n_requests: int, n_events: int) -> None:
        """Count one write to the store."""
        self._write_s.observe(seconds)
        self._requests.inc(n_requests)
        self._written.inc(n_events)

    def set_waiting(self, n_events: int) -> None:
        """Set the number of events that wait for the running write."""
        self._waiting.set(n_events)


def _observe_all(histogram: Histogram, values: list[float]) -> None:
    """Observe many values with one step per bucket: a batch of events has few lateness buckets.

    The library has no such call; one ``observe`` per event would cost more than decoding it.
    """
    counts = Counts(bisect_left(_LATENESS_S, value) for value in values)
    for bucket, n in counts.items():
        histogram._buckets[bucket].inc(n)
    histogram._sum.inc(math.fsum(values))
