"""Let many events take effect at once, column by column instead of event by event.

A log that is opened has millions of events, and nearly all of them are the only version of their
event and agree with their sample's other events. These are written into the arrays of the samples
together. All events of the other samples go through :meth:`SampleState.apply`, one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregators.events import FACT_MARK
from aggregators.stores.records import CheckedEvent, Record, is_same
from aggregators.stores.samples import UNRECORDED, SampleState
from aggregators.typing import Float64Array, Int64Array, SampleId

__all__ = ["EventColumns", "apply_columns"]


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Holds checked events of one source, one array per field, each of shape (n_events,).

    Attributes:
        source: the name of their source.
        ids: the samples.
        events: the numbers of the events.
        times_us: when each happened, microseconds.
        recorded_us: when each was recorded, microseconds.
        retracted: whether each is a retraction.
        data: by the place of an event, what it carries; events that carry nothing are left out.
    """

    source: str
    ids: Sequence[SampleId]
    events: Int64Array
    times_us: Int64Array
    recorded_us: Int64Array
    retracted: NDArray[np.bool_]
    data: Mapping[int, Mapping[str, Any]]

    def event(self, place: int) -> CheckedEvent:
        """Return one of the events."""
        record = Record(
            self.times_us.item(place),
            self.recorded_us.item(place),
            self.retracted.item(place),
            self.data.get(place, {}),
        )
        return CheckedEvent(self.source, self.ids[place], self.events.item(place), record)


@dataclass(slots=True)
class _Values:
    """Holds what events carry of one column: the places of the events, and the values."""

    places: list[int]
    values: list[Any]


def apply_columns(state: SampleState, given: EventColumns) -> None:
    """Let events take effect, with the result of :meth:`SampleState.apply` for each in turn.

    Args:
        state: the samples; no group of them has been read yet.
        given: events of the same source.
    """
    assert not state.groups, "indexes follow events that come one by one"
    rows = _rows_of(state, given.ids)
    columns, carried = _by_column(state, given)
    apart = np.ones(len(rows), np.bool_)
    if state.has_bits:
        apart = _in_other_versions(state, rows, given)
        for name, held in columns.items():
            apart[held.places] |= _contradicts(state, rows, name, held)
        if apart.any():  # with every other event of the same samples
            of_sample = np.zeros(len(state), np.bool_)
            of_sample[rows[apart]] = True
            apart = of_sample[rows]
    plain = ~apart
    place = given.events[plain], rows[plain]
    state.times[place] = given.times_us[plain]
    state.recorded[place] = given.recorded_us[plain]
    state.carried[place] = carried[plain]
    for name, held in columns.items():
        _set_values(state, rows, plain, name, held)
    for number in np.flatnonzero(apart).tolist():
        state.apply(given.event(number))


def _rows_of(state: SampleState, ids: Sequence[SampleId]) -> Int64Array:
    """Return the rows of samples; those of new samples follow the others."""
    rows = state.rows
    new = list(dict.fromkeys(sample_id for sample_id in ids if sample_id not in rows))
    if new:
        state.add_samples(new)
    return np.fromiter(map(rows.__getitem__, ids), np.int64, len(ids))


def _by_column(state: SampleState, given: EventColumns) -> tuple[dict[str, _Values], Int64Array]:
    """Return the values of each column, and for each event the bits of what it carries."""
    # Most events carry the same few sets of columns: what is done per set is not done per event.
    places_of: dict[tuple[str, ...], list[int]] = {}
    for place, data in given.data.items():
        places_of.setdefault(tuple(data), []).append(place)
    carried = np.zeros(len(given.ids), np.int64)
    columns: dict[str, _Values] = {}
    for names, places in places_of.items():
        if state.has_bits:
            carried[places] = sum(state.bits[name] for name in names)
        values = zip(*(given.data[place].values() for place in places), strict=True)
        for name, of_column in zip(names, values, strict=True):
            held = columns.setdefault(name, _Values([], []))
            held.places += places
            held.values += of_column
    return columns, carried


def _in_other_versions(
    state: SampleState, rows: Int64Array, given: EventColumns
) -> NDArray[np.bool_]:
    """Return which events are retracted, not the first of their identity, or of such samples."""
    apart: NDArray[np.bool_] = given.retracted | (state.recorded[given.events, rows] != UNRECORDED)
    identities = rows * len(state.source.events) + given.events
    order = np.argsort(identities, kind="stable")
    ordered = identities[order]
    apart[order[1:]] |= ordered[1:] == ordered[:-1]
    if state.irregular:
        irregular = np.zeros(len(state), np.bool_)
        irregular[list(state.irregular)] = True
        apart |= irregular[rows]
    return apart


def _contradicts(state: SampleState, rows: Int64Array, name: str, held: _Values) -> list[bool]:
    """Return which values are missing, or differ from another value of the same sample."""
    of_values = rows[held.places]
    known = _known_values(state, name)
    if isinstance(known, np.ndarray):
        stored = [None if value != value else value for value in known[of_values].tolist()]
    else:
        stored = [known[row] for row in of_values.tolist()]
    met: dict[int, Any] = {}
    return [
        value is None
        or ((first := met.setdefault(row, value)) is not value and not is_same(name, first, value))
        or (old is not None and not is_same(name, old, value))
        for row, value, old in zip(of_values.tolist(), held.values, stored, strict=True)
    ]


def _known_values(state: SampleState, name: str) -> list[Any] | Float64Array:
    if name in state.keys:
        return state.keys[name]
    if name[0] == FACT_MARK:
        return state.facts[name[1:]]
    column: Float64Array = state.columns[state.source.attributes.index(name)]
    return column


def _set_values(
    state: SampleState, rows: Int64Array, plain: NDArray[np.bool_], name: str, held: _Values
) -> None:
    chosen = plain[held.places]
    of_values = rows[held.places][chosen]
    values = held.values
    if not chosen.all():
        values = [
            value for value, is_plain in zip(values, chosen.tolist(), strict=True) if is_plain
        ]
    if not values:
        return
    known = _known_values(state, name)
    if isinstance(known, np.ndarray):
        known[of_values] = values
        return
    for row, value in zip(of_values.tolist(), values, strict=True):
        if known[row] is None:
            known[row] = intern(value) if type(value) is str else value
    if name[0] != FACT_MARK:
        state.key_kinds.setdefault(name, type(values[0]))
