"""Turn a table into events as a live system sends them: late, repeated, corrected, retracted.

After a replay a store knows exactly the table. The order of arrival is as hard as the bound on
lateness allows. Used by :func:`aggregators.check_equivalence`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aggregators.events import Event, Source
from aggregators.stores.bulk import events_of_table
from aggregators.typing import Int64Array, Key, Native

__all__ = ["Replay", "replay"]

REPEATED_SHARE = 0.1
"""The part of all deliveries that arrives a second time."""
CORRECTED_SHARE = 0.05
"""The part of the events of which a wrong version was recorded first."""
RETRACTED_SHARE = 0.05
"""The part of the samples with an event that never happened, and its retraction."""
OVERTAKEN_SHARE = 0.25
"""Of wrong versions, the part that arrives after the right one, which was recorded later."""

_BATCH = 5_000
_SECOND_US = 1_000_000
_SPREAD_US = 600 * _SECOND_US  # of wrong times, where the order of arrival has no bound


@dataclass(frozen=True)
class Replay:
    """Holds events in the order of their arrival.

    Attributes:
        events: the deliveries, repeated ones included.
        arrival_us: when each arrives, ascending, microseconds UTC; shape (n_deliveries,).
        lateness_us: everything that is true of a moment has arrived so long after it; None where
            events arrive in any order.
        true_events: events of the tables.
        repeated: deliveries of what was delivered before.
        corrected: events of which a wrong version was delivered, too.
        retracted: events that never happened, each with its retraction.
    """

    events: list[Event]
    arrival_us: Int64Array
    lateness_us: int | None
    true_events: int
    repeated: int
    corrected: int
    retracted: int


def replay(
    tables: Mapping[Source, Native], *, lateness_us: int | None, rng: np.random.Generator
) -> Replay:
    """Return the events of tables of samples in an order in which they may arrive.

    Each arrives at its time plus a random lateness within the bound. A tenth arrives twice. Of
    some, a wrong version (another time, other keys and numbers) was recorded and delivered first.
    Some never happened and are retracted. Corrections and retractions arrive within the bound,
    counted from the earlier one of the wrong and the right time: what a store says of a moment is
    right when the bound is over.

    Args:
        tables: each source's samples.
        lateness_us: the bound in microseconds, 0 for none late; None for any order.
        rng: decides everything random.

    >>> import pandas as pd
    >>> orders = Source("orders", sample_id="id", events=("ready",))
    >>> ready = pd.to_datetime(["2026-01-01 12:00", "2026-01-01 12:01"], utc=True)
    >>> table = pd.DataFrame({"id": [1, 2], "ready": ready})
    >>> sent = replay({orders: table}, lateness_us=0, rng=np.random.default_rng(0))
    >>> sent.true_events, [event.sample_id for event in sent.events][:2]
    (2, [1, 2])
    """
    deliveries = _Deliveries(lateness_us, rng)
    for source, table in tables.items():
        wrong = _WrongValues()
        truth = [event for batch in events_of_table(source, table, _BATCH) for event in batch]
        for event in truth:
            wrong.learn(source, event)
        for event, draw in zip(truth, rng.random(len(truth)), strict=True):
            if draw < CORRECTED_SHARE:
                deliveries.add_corrected(source, event, wrong)
            else:
                deliveries.add(event)
        for sample in _samples(truth):
            deliveries.add_retracted(source, sample, wrong)
    return deliveries.in_order()


def _samples(events: list[Event]) -> Iterator[list[Event]]:
    """Yield the events of each sample together."""
    sample: list[Event] = []
    for event in events:
        if sample and sample[0].sample_id != event.sample_id:
            yield sample
            sample = []
        sample.append(event)
    if sample:
        yield sample


class _WrongValues:
    """Makes values that are wrong, and like the others of their column wherever possible."""

    def __init__(self) -> None:
        self._keys: dict[str, list[Key]] = {}
        self._place: dict[tuple[str, Key], int] = {}

    def learn(self, source: Source, event: Event) -> None:
        """Remember the keys that an event carries."""
        for dimension in source.dimensions:
            key = event.data.get(dimension)
            if key is not None and (dimension, key) not in self._place:
                keys = self._keys.setdefault(dimension, [])
                self._place[dimension, key] = len(keys)
                keys.append(key)

    def of(self, event: Event, rng: np.random.Generator) -> dict[str, Any]:
        """Return wrong data for an event; a part of the columns is right."""
        return {
            column: self._other(column, value, rng) if rng.random() < 0.7 else value
            for column, value in event.data.items()
        }

    def _other(self, column: str, value: Any, rng: np.random.Generator) -> Any:
        if column not in self._keys:
            return 2.0 * value + 1.0
        keys = self._keys[column]
        if len(keys) > 1:
            step = int(rng.integers(1, len(keys)))
            return keys[(self._place[column, value] + step) % len(keys)]
        return value + 1 if isinstance(value, int) else f"not {value}"


class _Deliveries:
    """Collects the deliveries and when they arrive."""

    def __init__(self, lateness_us: int | None, rng: np.random.Generator) -> None:
        self._lateness_us = lateness_us
        self._spread_us = _SPREAD_US if lateness_us is None else lateness_us
        self._rng = rng
        self._events: list[Event] = []
        self._arrival_us: list[int] = []
        self._true = self._corrected = self._retracted = 0

    def add(self, event: Event) -> None:
        """Deliver a true event once, some time within the bound."""
        self._true += 1
        self._deliver(event, self._between(event.time_us, event.time_us + self._spread_us))

    def add_corrected(self, source: Source, event: Event, wrong: _WrongValues) -> None:
        """Deliver a wrong version of an event as well, recorded before the right one."""
        self._true += 1
        self._corrected += 1
        time_us = event.time_us
        wrong_us = self._between(time_us - self._spread_us // 2, time_us + self._spread_us // 2)
        recorded_us = max(time_us, wrong_us)
        identity = (source.name, event.sample_id, event.event)
        wrong_event = Event(*identity, wrong_us, wrong.of(event, self._rng), recorded_us)
        right = Event(*identity, time_us, event.data, recorded_us + _SECOND_US)
        self._deliver_both(wrong_event, right, wrong_us, time_us)

    def add_retracted(self, source: Source, sample: list[Event], wrong: _WrongValues) -> None:
        """Deliver an event that never happened, and its retraction, for some samples."""
        absent = [name for name in source.events if name not in {e.event for e in sample}]
        if not absent or self._rng.random() >= RETRACTED_SHARE:
            return
        self._retracted += 1
        true = sample[int(self._rng.integers(len(sample)))]
        time_us = self._between(true.time_us, true.time_us + 2 * self._spread_us)
        identity = (source.name, true.sample_id, absent[int(self._rng.integers(len(absent)))])
        # It carries columns that their own event carries as well: that event wins at any moment.
        columns = {
            column: value
            for event in sample
            for column, value in event.data.items()
            if source.known_from_event(column) == event.event
        }
        data = wrong.of(Event(*identity, time_us, columns), self._rng)
        phantom = Event(*identity, time_us, data, time_us)
        taken_back = Event(*identity, time_us, {}, time_us + _SECOND_US, retracted=True)
        self._deliver_both(phantom, taken_back, time_us, time_us)

    def _deliver_both(self, wrong: Event, right: Event, wrong_us: int, right_us: int) -> None:
        """Deliver a wrong and a right version; the right one in time for both moments."""
        earliest_us = min(wrong_us, right_us)
        right_at = self._between(right_us, max(right_us, earliest_us + self._spread_us))
        if self._rng.random() < OVERTAKEN_SHARE:
            wrong_at = self._between(right_at, right_at + self._spread_us)
        else:
            wrong_at = self._between(earliest_us, right_at)
        self._deliver(wrong, wrong_at)
        self._deliver(right, right_at)

    def _deliver(self, event: Event, arrival_us: int) -> None:
        self._events.append(event)
        self._arrival_us.append(arrival_us)

    def _between(self, low: int, high: int) -> int:
        return int(self._rng.integers(low, high + 1))

    def in_order(self) -> Replay:
        """Return all deliveries, a part of them repeated, in the order of arrival."""
        n = len(self._events)
        again = self._rng.permutation(n)[: round(REPEATED_SHARE * n)]
        arrival_us = np.array(self._arrival_us, np.int64)
        later_us = arrival_us[again] + self._rng.integers(0, self._spread_us + 1, len(again))
        arrival_us = np.concatenate([arrival_us, later_us])
        source_of = np.concatenate([np.arange(n), again])
        if self._lateness_us is None:
            arrival_us = self._rng.permutation(len(arrival_us))
        order = np.argsort(arrival_us, kind="stable")
        return Replay(
            events=[self._events[i] for i in source_of[order].tolist()],
            arrival_us=arrival_us[order],
            lateness_us=self._lateness_us,
            true_events=self._true,
            repeated=len(again),
            corrected=self._corrected,
            retracted=self._retracted,
        )
