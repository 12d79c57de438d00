"""Keep the samples of one source as growing arrays, indexed by group, always in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import intern
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregators.events import FACT_MARK, Source
from aggregators.stores.groups import FoundGroups, Group, IdOrder, rows_by_group, with_capacity
from aggregators.stores.reading import GroupIndex, Sample, SourceReading
from aggregators.stores.records import (
    APPLIED,
    CheckedEvent,
    Record,
    check_id_kind,
    check_key_kind,
    is_same,
    outcome,
    record_names,
    value_of,
)
from aggregators.stores.watches import Watches
from aggregators.times import NEVER
from aggregators.typing import Float64Array, Int32Array, Int64Array, Key, SampleId

__all__ = ["UNRECORDED", "SampleState"]

UNRECORDED = np.iinfo(np.int64).min
"""In place of ``recorded_at``: there is no such event."""

_FIRST_CAPACITY = 64
_MAX_BITS = 62


class SampleState:
    """Holds all samples of one source: event times, columns, and the groups that were read.

    Nearly all samples are regular: no event of them was retracted, and their events agree on every
    column. The records of a regular sample follow from the arrays. Those of others are kept apart.

    Attributes:
        times: event times in microseconds, shape (n_events, capacity).
        recorded: when each was recorded, UNRECORDED where there is no event, of the same shape.
        carried: which columns each event carried, one bit per column, of the same shape.
        columns: attribute columns, shape (n_attributes, capacity).
        keys: the dimensions' values.
        facts: the facts' values.
        watches: of those who keep results that follow from the samples.
        bits: of each column.
        has_bits: whether there is a bit for every column; otherwise no sample is regular.
        groups: the indexes, by dimension and event.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.id_kind: type | None = None
        self.key_kinds: dict[str, type] = {}
        self._events = {name: i for i, name in enumerate(source.events)}
        self._columns = {name: i for i, name in enumerate(source.attributes)}
        names = record_names(source)
        self.bits = {name: 1 << i for i, name in enumerate(names)}
        self.has_bits = len(names) <= _MAX_BITS
        known = {name: source.known_from_event(name.removeprefix(FACT_MARK)) for name in names}
        self._known_from = {name: self._events[event] for name, event in known.items()}
        self.watches = Watches()
        self._clear()

    def _clear(self) -> None:
        source = self.source
        self.rows: dict[SampleId, int] = {}
        self.ids: list[SampleId] = []
        self._id_order = IdOrder()
        self.times: Int64Array = np.empty((len(source.events), 0), np.int64)
        self.recorded: Int64Array = self.times.copy()
        self.carried: Int64Array = self.times.copy()
        self.columns: Float64Array = np.empty((len(source.attributes), 0))
        self.keys: dict[str, list[Key]] = {name: [] for name in source.dimensions}
        self.facts: dict[str, list[Any]] = {name: [] for name in source.facts}
        self.irregular: dict[int, dict[int, Record]] = {}
        self.reserve(_FIRST_CAPACITY)
        self.forget_groups()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def is_empty(self) -> bool:
        """Whether there is no sample."""
        return not self.ids

    # --- taking events ---------------------------------------------------------------------

    def apply(self, event: CheckedEvent) -> int:
        """Apply an event; return APPLIED, DUPLICATE or SUPERSEDED."""
        _, sample_id, number, new = event
        row = self.rows.get(sample_id)
        is_new = row is None
        if row is None:
            row = len(self.ids)
            self.add_samples([sample_id])
        is_first = row not in self.irregular and self.recorded.item(number, row) == UNRECORDED
        if is_first and self._is_regular(row, new, is_new=is_new):
            self._take(row, number, new, is_new=is_new)
            return APPLIED
        old = self.record(row, number)
        result = outcome(old, new)
        if result == APPLIED:
            self._merge(row, number, new, old)
        return result

    def _is_regular(self, row: int, record: Record, *, is_new: bool) -> bool:
        if record.retracted or not self.has_bits:
            return False
        for column, value in () if is_new else record.data.items():
            known = self.value(row, column)
            if known is not None and not is_same(column, known, value):
                return False
        return True

    def _take(self, row: int, event: int, record: Record, *, is_new: bool) -> None:
        """Apply the first version of an event of a sample that stays regular."""
        if self.watches.groups:
            self.watches.note(row, self.keys, self.times, self.columns)
        carried = 0
        for column, value in record.data.items():
            carried |= self.bits[column]
            self._set_column(row, column, value, is_new=is_new)
        self.carried[event, row] = carried
        self.recorded[event, row] = record.recorded_us
        self._set_time(row, event, record.time_us)

    def _merge(self, row: int, event: int, new: Record, old: Record | None) -> None:
        """Apply a version of an event, whatever the sample's other events hold."""
        if self.watches.groups:
            self.watches.note(row, self.keys, self.times, self.columns)
        records = self.irregular.get(row)
        if records is None:
            records = self.irregular[row] = self.records_of(row)
        records[event] = new
        columns = new.data.keys() if old is None else new.data.keys() | old.data.keys()
        for column in columns:
            self._set_column(row, column, value_of(records, column, self._known_from[column]))
        self._set_time(row, event, NEVER if new.retracted else new.time_us)

    def add_samples(self, ids: Sequence[SampleId]) -> None:
        """Add samples of which there is nothing yet; they get the next rows."""
        first, n = len(self.ids), len(self.ids) + len(ids)
        if n > self.times.shape[1]:
            self.reserve(max(n, 2 * first))
        self.id_kind = self.id_kind or type(ids[0])
        self.rows.update(zip(ids, range(first, n), strict=True))
        self.ids += ids
        for values in (*self.keys.values(), *self.facts.values()):
            values += [None] * len(ids)

    def reserve(self, capacity: int) -> None:
        """Make room for so many samples."""
        capacity = max(capacity, _FIRST_CAPACITY)
        self.times = with_capacity(self.times, capacity, NEVER, len(self.ids))
        self.recorded = with_capacity(self.recorded, capacity, UNRECORDED, len(self.ids))
        self.carried = with_capacity(self.carried, capacity, 0, len(self.ids))
        self.columns = with_capacity(self.columns, capacity, np.nan, len(self.ids))

    def _set_time(self, row: int, event: int, time_us: int) -> None:
        old_us = self.times.item(event, row)
        if old_us == time_us:
            return
        indexes = self._indexes_of_event[event]
        if old_us != NEVER:
            for dimension, groups in indexes:
                self._leave(dimension, groups, row)
            self._forget_open_rows(row, event, old_us)
        self.times[event, row] = time_us
        if time_us != NEVER and indexes:
            times = self.times[event]
            for dimension, groups in indexes:
                self._join(dimension, times, groups, row)

    def _forget_open_rows(self, row: int, event: int, old_us: int) -> None:
        for indexes in self._indexes_of_event:
            for dimension, groups in indexes:
                group = groups.get(self.keys[dimension][row])
                if group is not None:
                    group.forget_open_rows(event, old_us)

    def _set_column(self, row: int, column: str, value: Any, *, is_new: bool = False) -> None:
        place = self._columns.get(column)
        if place is not None:
            self.columns[place, row] = np.nan if value is None else value
            return
        if column[0] == FACT_MARK:
            self.facts[column[1:]][row] = intern(value) if type(value) is str else value
            return
        values = self.keys[column]
        if values[row] == value:
            return
        met = []
        if not is_new and (indexes := self._indexes_of_dimension[column]):
            times = self.times[:, row].tolist()
            met = [(event, groups) for event, groups in indexes if times[event] != NEVER]
        for _, groups in met:
            self._leave(column, groups, row)
        if self.watches.groups:
            self.watches.note_key(row, column, values[row], value)
        # Every event brings a text of its own for the same store; one of them is enough.
        values[row] = intern(value) if type(value) is str else value
        if value is not None:
            self.key_kinds.setdefault(column, type(value))
        for event, groups in met:
            self._join(column, self.times[event], groups, row)

    # --- what is known ---------------------------------------------------------------------

    def record_of(self, sample_id: SampleId, event: int) -> Record | None:
        """Return the last recorded version of a sample's event, None where there is none."""
        row = self.rows.get(sample_id)
        return None if row is None else self.record(row, event)

    def record(self, row: int, event: int) -> Record | None:
        """Return the last recorded version of an event, None where there is none."""
        records = self.irregular.get(row)
        if records is not None:
            return records.get(event)
        recorded_us = self.recorded.item(event, row)
        if recorded_us == UNRECORDED:
            return None
        carried = self.carried.item(event, row)
        bits = self.bits.items() if carried else ()
        data = {c: self.value(row, c) for c, bit in bits if carried & bit}
        return Record(self.times.item(event, row), recorded_us, False, data)

    def records_of(self, row: int) -> dict[int, Record]:
        """Return all events of a sample in their last recorded version."""
        records = self.irregular.get(row)
        if records is not None:
            return records
        found = ((event, self.record(row, event)) for event in range(len(self.times)))
        return {event: record for event, record in found if record is not None}

    def value(self, row: int, column: str) -> Any:
        """Return a sample's dimension, attribute or marked fact, None where it is missing."""
        if column in self.keys:
            return self.keys[column][row]
        if column[0] == FACT_MARK:
            return self.facts[column[1:]][row]
        value = self.columns.item(self._columns[column], row)
        return None if value != value else value

    def sample(self, sample_id: SampleId) -> Sample | None:
        """Return one sample, or None where there is no event of it."""
        row = self.rows.get(sample_id)
        if row is None:
            return None
        keys = {name: values[row] for name, values in self.keys.items()}
        facts = {name: values[row] for name, values in self.facts.items()}
        here = slice(row, row + 1)
        return Sample(self.times[:, here].copy(), self.columns[:, here].copy(), keys, facts)

    def versions(self, sample_ids: Sequence[SampleId]) -> tuple[object, ...]:
        """Return what is equal as long as none of these samples changes; for comparisons only."""
        rows = [self.rows.get(sample_id, -1) for sample_id in sample_ids]
        known = [row for row in rows if row >= 0]
        # An event of a regular sample sets its `recorded`; those of others stand in `irregular`.
        irregular = [
            (event, record.precedence())
            for row in known
            if row in self.irregular
            for event, record in self.irregular[row].items()
        ]
        return self, rows, self.recorded[:, known].tobytes(), irregular

    # --- groups ----------------------------------------------------------------------------

    def _join(self, dimension: str, times: Int64Array, groups: dict[Key, Group], row: int) -> None:
        key = self.keys[dimension][row]
        if key is None:
            return
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group()
        group.insert(row, times, self.ids)

    def _leave(self, dimension: str, groups: dict[Key, Group], row: int) -> None:
        key = self.keys[dimension][row]
        if key is not None:
            groups[key].remove(row)

    def reading(
        self,
        indexes: Sequence[GroupIndex],
        keys: Mapping[str, Sequence[Key]],
        own: Sequence[SampleId | None],
        earliest_us: int,
    ) -> SourceReading:
        """Return the groups of the keys, for each index; see :meth:`EventStore.read`."""
        # Indexes that differ in their closing events alone have the same groups.
        found: dict[tuple[str, str], FoundGroups] = {}
        rows = []
        for index in indexes:
            name = index.dimension, index.event
            groups = found.get(name)
            if groups is None:
                groups = found[name] = self._found_groups(index, keys[index.dimension])
            closing = tuple(self._events[event] for event in index.closing)
            rows.append(groups.rows(closing, self.times, earliest_us, is_bounded=index.is_bounded))
        own_rows = np.array([self._own_row(sample_id) for sample_id in own], np.int64)
        return SourceReading(
            self.times, self.columns, rows, own_rows, self.ids, self.keys, keys, self.watches
        )

    def _found_groups(self, index: GroupIndex, keys: Sequence[Key]) -> FoundGroups:
        event = self._events[index.event]
        groups = self.groups.get((index.dimension, event))
        if groups is None:
            groups = self._build_groups(index.dimension, event)
        found = [groups.get(key) for key in keys]
        if None in found:
            kind = self.key_kinds.get(index.dimension)
            for key, group in zip(keys, found, strict=True):
                if group is None and key is not None and type(key) is not kind:
                    check_key_kind(self, index.dimension, key)
        return FoundGroups(found)

    def _own_row(self, sample_id: SampleId | None) -> int:
        if sample_id is None:
            return -1
        row = self.rows.get(sample_id, -1)
        if row == -1:
            check_id_kind(self, self.source.name, sample_id)
        return row

    def forget_groups(self) -> None:
        """Drop the indexes; the next reading that needs one builds it again."""
        self.watches.lose_all()
        self.groups: dict[tuple[str, int], dict[Key, Group]] = {}
        self._indexes_of_event: list[list[tuple[str, dict[Key, Group]]]] = [
            [] for _ in self.source.events
        ]
        self._indexes_of_dimension: dict[str, list[tuple[int, dict[Key, Group]]]] = {
            dimension: [] for dimension in self.source.dimensions
        }

    def _build_groups(self, dimension: str, event: int) -> dict[Key, Group]:
        """Index all samples by a dimension and an event; from now on it is kept up to date."""
        keys, rows, offsets = self.rows_by_group(dimension, event)
        groups = {
            key: Group(rows[offsets[number] : offsets[number + 1]].copy())
            for number, key in enumerate(keys)
        }
        self.groups[dimension, event] = groups
        self._indexes_of_event[event].append((dimension, groups))
        self._indexes_of_dimension[dimension].append((event, groups))
        return groups

    def rows_by_group(self, dimension: str, event: int) -> tuple[list[Key], Int32Array, Int64Array]:
        """Return a dimension's values, the rows by (value, event time, sample id), and the bounds.

        Only rows to which the event has happened, at whatever time; shape (n_values + 1,) bounds.
        """
        by_id = self._id_order.of(self.ids, self.id_kind)
        return rows_by_group(self.keys[dimension], self.times[event, : len(by_id)], by_id)

    # --- forgetting ------------------------------------------------------------------------

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Drop all samples but these.

        Args:
            kept: for each sample, shape (n_samples,).
        """
        rows = np.flatnonzero(kept)
        kept_rows = rows.tolist()
        ids = [self.ids[row] for row in kept_rows]
        keys = {name: [values[row] for row in kept_rows] for name, values in self.keys.items()}
        facts = {name: [values[row] for row in kept_rows] for name, values in self.facts.items()}
        # Indexing would give another layout than the kernels read.
        integers = [np.take(array, rows, 1) for array in (self.times, self.recorded, self.carried)]
        columns = np.take(self.columns, rows, 1)
        irregular = {
            new: self.irregular[old] for new, old in enumerate(kept_rows) if old in self.irregular
        }
        self._clear()
        self.ids, self.keys, self.facts, self.irregular = ids, keys, facts, irregular
        self.rows = {sample_id: row for row, sample_id in enumerate(ids)}
        if ids:
            self.times, self.recorded, self.carried = integers
            self.columns = columns
