"""Look up how long ago the events of orders were, where the request does not say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregators.events import Source
from aggregators.stores import EventStore
from aggregators.times import NEVER
from aggregators.typing import SampleId
from estimators.core.stages import LIFE, elapsed_columns, elapsed_name, happened_by
from estimators.core.typing import FloatArray, IntArray
from services.core.limits import STALE_ORDER_S

__all__ = ["NOT_GIVEN", "ElapsedLookup", "happened_us", "known_columns", "order_source"]


NOT_GIVEN: Any = object()
"""Stands in a column where a row does not say a value; None says that there is none."""


def order_source(sources: Sequence[Source]) -> Source | None:
    """Return the source whose samples have the events of an order; None if there is none."""
    return next((one for one in sources if set(LIFE) & set(one.events)), None)


def happened_us(
    event_store: EventStore, source: Source, sample_ids: Sequence[SampleId]
) -> list[dict[str, int] | None]:
    """Return when the events of samples were, as far as the store has them, in one round trip.

    Args:
        event_store: has the events.
        source: of the samples.
        sample_ids: which.

    Returns:
        For each sample microseconds UTC by event, also of events that are yet to come as seen
        from some ``as_of``; None where the store has no event of it.
    """
    found: list[dict[str, int] | None] = []
    for sample in event_store.samples(source, sample_ids):
        if sample is None:
            found.append(None)
            continue
        times = zip(source.events, sample.times[:, 0].tolist(), strict=True)
        found.append({event: time_us for event, time_us in times if time_us != NEVER})
    return found


def known_columns(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns in which missing values are unknown.

    >>> known_columns({"since_ready_s": [1.0, NOT_GIVEN]})
    {'since_ready_s': [1.0, None]}
    """
    return {
        name: [None if value is NOT_GIVEN else value for value in column]
        if not isinstance(column, np.ndarray) and NOT_GIVEN in column
        else column
        for name, column in columns.items()
    }


class ElapsedLookup:
    """Adds the missing elapsed facts of orders from their events before ``as_of``.

    Args:
        names: the elapsed facts that are wanted.
        source: of the orders.
    """

    def __init__(self, names: Sequence[str], source: Source) -> None:
        self._names = tuple(names)
        self._source = source
        event_of = {elapsed_name(event): i for i, event in enumerate(source.events)}
        self._known = [name for name in names if name in event_of]
        self._events = np.array([event_of[name] for name in self._known], np.int64)

    def into(
        self,
        order: dict[str, Any],
        event_store: EventStore,
        sample_id: SampleId | None,
        as_of_us: int,
    ) -> list[str]:
        """Add the missing elapsed facts of one order; return notes on unknown ones.

        An order without an id does not exist yet: nothing has happened to it.

        Raises:
            StoreError: the store cannot be read.
        """
        absent = [name for name in self._names if name not in order]
        if not absent or sample_id is None:
            return []
        (sample,) = event_store.samples(self._source, (sample_id,))
        if sample is None:
            return [_unknown(sample_id)]
        times_us = sample.times[self._events, 0]
        past = happened_by(times_us, as_of_us)
        ages_s = np.where(past, (as_of_us - np.where(past, times_us, as_of_us)) / 1e6, np.nan)
        for name, age_s in zip(self._known, ages_s.tolist(), strict=True):
            if name not in order:
                order[name] = age_s
        return _stale(ages_s[~np.isnan(ages_s)].min(initial=np.inf))

    def into_columns(
        self,
        columns: dict[str, Any],
        event_store: EventStore,
        sample_ids: Sequence[SampleId | None],
        as_of_us: IntArray,
    ) -> dict[int, list[str]]:
        """Add the missing elapsed facts of many orders; see :meth:`into`.

        A column that is absent, or a value that is ``NOT_GIVEN``, was not said.

        Returns:
            Notes by row.
        """
        not_given = {name: _not_given(columns.get(name), len(sample_ids)) for name in self._names}
        wanted = np.logical_or.reduce(list(not_given.values()))
        rows = [i for i in np.flatnonzero(wanted).tolist() if sample_ids[i] is not None]
        notes: dict[int, list[str]] = {}
        facts: Mapping[str, FloatArray] = {}
        if rows:
            ids = list(dict.fromkeys(one for i in rows if (one := sample_ids[i]) is not None))
            known = dict(zip(ids, happened_us(event_store, self._source, ids), strict=True))
            lives = [known[one] for i in rows if (one := sample_ids[i]) is not None]
            notes = {
                i: [_unknown(sample_ids[i])]
                for i, life in zip(rows, lives, strict=True)
                if life is None
            }
            facts = _elapsed_of(lives, as_of_us[rows])
            for i, least_s in zip(rows, _least(facts, self._known), strict=True):
                if stale := _stale(least_s):
                    notes.setdefault(i, []).extend(stale)
        for name, mask in not_given.items():
            if mask.any():
                columns[name] = _filled(columns.get(name), mask, rows, facts.get(name))
        return notes


def _elapsed_of(
    lives: Sequence[Mapping[str, int] | None], as_of_us: IntArray
) -> dict[str, FloatArray]:
    event_us = {
        event: np.array([NEVER if life is None else life.get(event, NEVER) for life in lives])
        for event in LIFE
    }
    return elapsed_columns(event_us, as_of_us)


def _not_given(column: Sequence[Any] | None, n_rows: int) -> NDArray[np.bool_]:
    if column is None:
        return np.ones(n_rows, np.bool_)
    if isinstance(column, np.ndarray):
        return np.zeros(n_rows, np.bool_)
    return np.array([value is NOT_GIVEN for value in column], np.bool_)


def _filled(
    column: Sequence[Any] | None,
    not_given: NDArray[np.bool_],
    rows: Sequence[int],
    found: FloatArray | None,
) -> FloatArray:
    """Return a column with its missing values filled from the store, NaN where it has none."""
    values = np.full(len(not_given), np.nan)
    if found is not None:
        values[rows] = found
    if column is not None:
        known_columns = [np.nan if v is None or v is NOT_GIVEN else v for v in column]
        values = np.where(not_given, values, np.array(known_columns, np.float64))
    return values


def _least(facts: Mapping[str, FloatArray], names: Sequence[str]) -> list[float]:
    """Return the age of the last event of each order, infinity where there was none."""
    ages_s = np.array([facts[name] for name in names if name in facts])
    least_s = np.where(np.isnan(ages_s), np.inf, ages_s).min(axis=0, initial=np.inf)
    return [float(one) for one in least_s]


def _stale(least_s: float) -> list[str]:
    """Return the note on an order without an event for too long."""
    if not STALE_ORDER_S < least_s < np.inf:
        return []
    return [
        f"the order is stale: nothing has happened to it for {least_s / 86_400.0:.1f} days; what"
        " ended it was not recorded"
    ]


def _unknown(sample_id: object) -> str:
    return f"no event of {sample_id!r} has arrived: nothing is known to have happened"
