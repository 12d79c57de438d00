"""The samples of one source as growing arrays, indexed by group, always in order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aggregators.errors import ColumnError, DataError, QueryError, SampleIdError
from aggregators.events import Event, Source, check_sample_id
from aggregators.stores.base import Sample, SourceReading
from aggregators.times import NEVER, moment_to_us
from aggregators.typing import Float64Array, Int32Array, Int64Array, Key, SampleId

__all__ = ["APPLIED", "DUPLICATE", "SUPERSEDED", "CheckedEvent", "SampleState", "check_event"]

APPLIED, DUPLICATE, SUPERSEDED = range(3)
_FIRST_CAPACITY = 64


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one event of a sample: its last recorded version."""

    time_us: int
    recorded_us: int
    retracted: bool
    data: Mapping[str, Any]

    def precedence(self) -> tuple[int, bool, int, str]:
        """Order the versions of an event: later recorded wins, in any order of arrival.

        Versions recorded at the same moment are ordered by their content, so that the outcome does
        not depend on which one came first.
        """
        content = json.dumps(dict(self.data), sort_keys=True)
        return self.recorded_us, self.retracted, self.time_us, content


@dataclass(frozen=True, slots=True)
class CheckedEvent:
    """An event whose names and types are those of its source."""

    source: str
    sample_id: SampleId
    event: int
    record: Record


def check_event(
    event: Event, source: Source, state: SampleState | None, kinds: dict[str, type]
) -> CheckedEvent:
    """Return the event as stores keep it, or raise :class:`DataError`.

    Args:
        event: what arrived.
        source: its source.
        state: the samples there are, for the type of their ids.
        kinds: the types of ids and keys seen in this call, where there are none yet; extended here.
    """
    if event.event not in source.events:
        source.check_event(event.event)
    sample_id = check_sample_id(event.sample_id, f"sample id of event {event.event!r}")
    known = state.id_kind if state is not None and state.id_kind else None
    expected = kinds.setdefault(source.name, known or type(sample_id))
    if type(sample_id) is not expected:
        raise SampleIdError(
            f"sample id {sample_id!r} of event {event.event!r} is of type"
            f" {type(sample_id).__name__}; source {source.name!r} has {expected.__name__} ids:"
            " expected all integers or all strings"
        )
    what = f"time of event {event.event!r} of {sample_id!r}"
    time_us = moment_to_us(event.time, what)
    recorded_us = time_us
    if event.recorded_at is not None:
        recorded_us = moment_to_us(event.recorded_at, f"recorded_at: {what}")
    data = event.checked_data(source) if event.data else {}
    for column in data.keys() & set(source.dimensions):
        known = None if state is None else state.key_kinds.get(column)
        expected = kinds.setdefault(f"{source.name}.{column}", known or type(data[column]))
        if type(data[column]) is not expected:
            raise ColumnError(
                f"dimension {column!r} of event {event.event!r} of {sample_id!r} is"
                f" {data[column]!r}; its values have been of type {expected.__name__}: expected all"
                " integers or all strings"
            )
    if not isinstance(event.retracted, bool | np.bool_):
        what = f"retracted of event {event.event!r} of {sample_id!r}"
        raise DataError(f"{what} is {event.retracted!r}; expected True or False")
    record = Record(time_us, recorded_us, bool(event.retracted), data)
    return CheckedEvent(source.name, sample_id, source.events.index(event.event), record)


def _outcome(old: Record | None, new: Record) -> int:
    if old is None:
        return APPLIED
    if old == new:
        return DUPLICATE
    return SUPERSEDED if new.precedence() < old.precedence() else APPLIED


class Group:
    """The rows of one value of a dimension, in the order of (event time, sample id)."""

    __slots__ = ("_rows", "n")

    def __init__(self, rows: Int32Array | None = None) -> None:
        self._rows = np.empty(4, np.int32) if rows is None else rows
        self.n = 0 if rows is None else len(rows)

    @property
    def rows(self) -> Int32Array:
        """The rows, a view that is valid until the next change."""
        return self._rows[: self.n]

    def insert(self, place: int, row: int) -> None:
        """Put a row at a place."""
        if self.n == len(self._rows):
            grown = np.empty(2 * self.n + 4, np.int32)
            grown[: self.n] = self._rows
            self._rows = grown
        if place < self.n:
            self._rows[place + 1 : self.n + 1] = self._rows[place : self.n]
        self._rows[place] = row
        self.n += 1

    def remove(self, row: int) -> None:
        """Take a row out."""
        place = int(np.flatnonzero(self.rows == row)[0])
        self._rows[place : self.n - 1] = self._rows[place + 1 : self.n]
        self.n -= 1


_NO_GROUP = (np.empty(0, np.int32), np.zeros(2, np.int64))


class SampleState:
    """All samples of one source: event times, columns, and the groups that requests have read."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.id_kind: type | None = None
        self.rows: dict[SampleId, int] = {}
        self.ids: list[SampleId] = []
        self.times: Int64Array = np.full((len(source.events), _FIRST_CAPACITY), NEVER)
        self.columns: Float64Array = np.full((len(source.attributes), _FIRST_CAPACITY), np.nan)
        self.keys: dict[str, list[Key]] = {name: [] for name in source.dimensions}
        self.key_kinds: dict[str, type] = {}
        # None stands for the records that follow from the arrays: those of a table's rows.
        self.records: list[dict[int, Record] | None] = []
        self._events = {name: i for i, name in enumerate(source.events)}
        self._columns = {name: i for i, name in enumerate(source.attributes)}
        self._known_from = {
            column: self._events[source.known_from_event(column)] for column in source.columns
        }
        self._groups: dict[tuple[str, str], dict[Key, Group]] = {}

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def is_empty(self) -> bool:
        """Whether there is no sample."""
        return not self.ids

    def apply(self, event: CheckedEvent) -> int:
        """Let an event take effect; return APPLIED, DUPLICATE or SUPERSEDED."""
        row = self.rows.get(event.sample_id)
        if row is None:
            row = self._new_row(event.sample_id)
        records = self.records_of(row)
        old = records.get(event.event)
        new = event.record
        outcome = _outcome(old, new)
        if outcome != APPLIED:
            return outcome
        records[event.event] = new
        self._set_time(row, event.event, NEVER if new.retracted else new.time_us)
        columns = new.data.keys() if old is None else new.data.keys() | old.data.keys()
        for column in columns:
            self._set_column(row, column, self._value(records, column))
        return APPLIED

    def outcome(self, event: CheckedEvent) -> int:
        """Return what :meth:`apply` would return, and change nothing."""
        row = self.rows.get(event.sample_id)
        if row is None:
            return APPLIED
        return _outcome(self.records_of(row).get(event.event), event.record)

    def _new_row(self, sample_id: SampleId) -> int:
        row = len(self.ids)
        if row == self.times.shape[1]:
            self.reserve(2 * row)
        if self.id_kind is None:
            self.id_kind = type(sample_id)
        self.rows[sample_id] = row
        self.ids.append(sample_id)
        self.records.append({})
        for values in self.keys.values():
            values.append(None)
        return row

    def reserve(self, capacity: int) -> None:
        """Make room for so many samples."""
        capacity = max(capacity, _FIRST_CAPACITY)
        n = len(self.ids)
        times = np.full((len(self.times), capacity), NEVER)
        columns = np.full((len(self.columns), capacity), np.nan)
        times[:, :n] = self.times[:, :n]
        columns[:, :n] = self.columns[:, :n]
        self.times, self.columns = times, columns

    def _set_time(self, row: int, event: int, time_us: int) -> None:
        old = int(self.times[event, row])
        if old == time_us:
            return
        for dimension, name in self._groups:
            if self._events[name] == event and old != NEVER:
                self._leave(dimension, name, row)
        self.times[event, row] = time_us
        for dimension, name in self._groups:
            if self._events[name] == event and time_us != NEVER:
                self._join(dimension, name, row)

    def _set_column(self, row: int, column: str, value: Any) -> None:
        if column in self._columns:
            # Adding 0.0 turns -0.0 into 0.0: equal windows are equal to the bit.
            self.columns[self._columns[column], row] = np.nan if value is None else value + 0.0
            return
        values = self.keys[column]
        if values[row] == value:
            return
        met = [
            (dimension, name)
            for dimension, name in self._groups
            if dimension == column and self.times[self._events[name], row] != NEVER
        ]
        for dimension, name in met:
            self._leave(dimension, name, row)
        values[row] = value
        if value is not None:
            self.key_kinds.setdefault(column, type(value))
        for dimension, name in met:
            self._join(dimension, name, row)

    def _value(self, records: Mapping[int, Record], column: str) -> Any:
        """Return a column's value: that of the event from which it is known, if it carries one.

        What a later event says does not reach back to moments at which it was not known; among
        other events the last recorded one counts.
        """
        known_from = self._known_from[column]
        best: tuple[bool, int, int] | None = None
        value = None
        for event, record in records.items():
            if record.retracted or column not in record.data:
                continue
            rank = (event == known_from, record.recorded_us, event)
            if best is None or rank > best:
                best, value = rank, record.data[column]
        return value

    def records_of(self, row: int) -> dict[int, Record]:
        """Return a sample's events; those of a row that came by table are made when first asked."""
        records = self.records[row]
        if records is None:
            records = self._records_of_arrays(row)
            self.records[row] = records
        return records

    def _records_of_arrays(self, row: int) -> dict[int, Record]:
        met = [e for e in range(len(self.times)) if self.times[e, row] != NEVER]
        data: dict[int, dict[str, Any]] = {event: {} for event in met}
        for column in self.source.columns:
            value = self.value(row, column)
            if value is not None and met:
                carrier = self._known_from[column]
                data[carrier if carrier in data else met[0]][column] = value
        return {
            event: Record(int(self.times[event, row]), int(self.times[event, row]), False, values)
            for event, values in data.items()
        }

    def value(self, row: int, column: str) -> Any:
        """Return a sample's dimension or attribute, None where it is missing."""
        if column in self.keys:
            return self.keys[column][row]
        value = float(self.columns[self._columns[column], row])
        return None if value != value else value

    def _join(self, dimension: str, name: str, row: int) -> None:
        key = self.keys[dimension][row]
        if key is None:
            return
        groups = self._groups[dimension, name]
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group()
        group.insert(self._place(group, self.times[self._events[name]], row), row)

    def _leave(self, dimension: str, name: str, row: int) -> None:
        key = self.keys[dimension][row]
        if key is not None:
            self._groups[dimension, name][key].remove(row)

    def _place(self, group: Group, times: Int64Array, row: int) -> int:
        """Return where a row belongs in the order of (event time, sample id)."""
        rows, ids = group.rows, self.ids
        time, sample_id = int(times[row]), ids[row]
        low, high = 0, len(rows)
        if high and int(times[rows[-1]]) < time:
            return high
        while low < high:
            middle = (low + high) // 2
            other = rows[middle]
            other_time = int(times[other])
            earlier = other_time < time
            if earlier or (other_time == time and ids[other] < sample_id):
                low = middle + 1
            else:
                high = middle
        return low

    def reading(
        self, pairs: Sequence[tuple[str, str]], keys: Mapping[str, Key], own: SampleId | None
    ) -> SourceReading:
        """Return the groups of the keys, one per pair; the arrays are those of the store."""
        rows = []
        for pair in pairs:
            groups = self._groups.get(pair)
            if groups is None:
                groups = self._build_groups(*pair)
            key = keys[pair[0]]
            group = None if key is None else groups.get(key)
            if group is None:
                self._check_key(pair[0], key)
                rows.append(_NO_GROUP)
            else:
                rows.append((group.rows, np.array((0, group.n), np.int64)))
        own_row = -1 if own is None else self.rows.get(own, -1)
        if own_row == -1 and own is not None and self.id_kind not in (None, type(own)):
            raise QueryError(
                f"sample_id is {own!r}; source {self.source.name!r} has {self.id_kind} ids"
            )
        return SourceReading(self.times, self.columns, rows, own_row, self.ids)

    def _check_key(self, dimension: str, key: Key) -> None:
        """Integers never equal strings: 7 for "7" would silently give empty values."""
        kind = self.key_kinds.get(dimension)
        if key is not None and kind is not None and type(key) is not kind:
            raise QueryError(
                f"key {dimension!r} is {key!r} ({type(key).__name__}); the store's values are of"
                f" type {kind.__name__}"
            )

    def forget_groups(self) -> None:
        """Drop the indexes; the next reading that needs one builds it anew."""
        self._groups.clear()

    def _build_groups(self, dimension: str, name: str) -> dict[Key, Group]:
        """Index all samples by a dimension and an event; from now on it is kept up to date."""
        from aggregators.kernels import group_rows  # numba, which declaring does not need

        n = len(self.ids)
        times = self.times[self._events[name], :n]
        ids = np.array(self.ids, np.int64 if self.id_kind is int else object)
        by_id = np.argsort(ids, kind="stable").astype(np.int32)
        by_id = by_id[times[by_id] != NEVER]
        ordered = by_id[np.argsort(times[by_id], kind="stable")]
        numbers: dict[Key, int] = {None: -1}
        codes = np.array(
            [numbers.setdefault(key, len(numbers) - 1) for key in self.keys[dimension]], np.int32
        )
        rows, offsets = group_rows(codes, ordered, len(numbers) - 1)
        del numbers[None]
        groups = {
            key: Group(rows[offsets[number] : offsets[number + 1]].copy())
            for key, number in numbers.items()
        }
        self._groups[dimension, name] = groups
        return groups

    def sample(self, sample_id: SampleId) -> Sample | None:
        """Return one sample, or None where there is no event of it."""
        row = self.rows.get(sample_id)
        if row is None:
            return None
        keys = {name: values[row] for name, values in self.keys.items()}
        here = slice(row, row + 1)
        return Sample(self.times[:, here].copy(), self.columns[:, here].copy(), keys)
