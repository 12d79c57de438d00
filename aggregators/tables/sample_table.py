"""Read a table of samples as arrays: checked, in the order of sample ids, one row per sample."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from aggregators.errors import ColumnError
from aggregators.events import Source
from aggregators.kernels.layout import Layout
from aggregators.tables.attribute_values import attribute_values
from aggregators.tables.frames import to_pandas
from aggregators.tables.groups import Groups, group_codes, without_missing
from aggregators.tables.ids import as_index, ordered_ids
from aggregators.times import column_to_us
from aggregators.typing import Float64Array, Int64Array, Native

__all__ = ["MAX_SAMPLES", "SampleTable"]

Number = TypeVar("Number", np.int64, np.float64)

MAX_SAMPLES = 2**31 - 1
"""The most samples of one source that are handled together; rows are numbered with 32 bits."""


@dataclass
class SampleTable:
    """Holds the events, columns and dimensions of a source's samples, in the order of their ids.

    Attributes:
        data: the caller's table.
        layout: which events and columns have been read, and where they stand.
        arrow_ids: sample ids, ascending (integers by value, strings by code point).
        order: the caller's rows in the order of ids; None where they stand so already.
        times: event times in microseconds, shape (n_events, n_samples).
        columns: attribute columns, shape (n_columns, n_samples).
        groups: each dimension's codes.
        n_times: how many rows of ``times`` are written; the others are spare.
        n_columns: how many rows of ``columns`` are written.
    """

    source: Source
    data: Native
    layout: Layout
    arrow_ids: pa.Array
    order: Int64Array | None
    times: Int64Array
    columns: Float64Array
    groups: dict[str, Groups]
    n_times: int = 0
    n_columns: int = 0
    _compared: dict[tuple[int, int], bool] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.arrow_ids)

    @cached_property
    def ids(self) -> pd.Index[Any]:
        """The sample ids, ascending."""
        return as_index(self.arrow_ids)

    @cached_property
    def row_of(self) -> Int64Array:
        """For each row of the caller's table, its row here."""
        return np.arange(len(self)) if self.order is None else _inverse(self.order)

    @classmethod
    def read(
        cls, source: Source, data: Native, layout: Layout, dimensions: list[str], spare: int = 0
    ) -> SampleTable:
        """Read what a layout needs from a table.

        Args:
            source: names the columns.
            data: the table.
            layout: the events and attribute columns to read.
            dimensions: the dimensions to read.
            spare: room for so many more rows of ``times`` and ``columns``.

        Raises:
            DataError: a column is missing, or its values cannot be taken.
        """
        what = f"table of source {source.name!r}"
        names = [source.sample_id, *layout.events, *layout.columns, *dimensions]
        frame = to_pandas(data, names, what)
        if len(frame) > MAX_SAMPLES:
            raise ColumnError(f"{what} has {len(frame):,} rows; the most is {MAX_SAMPLES:,}")
        ids, order = ordered_ids(frame[source.sample_id], f"column {source.sample_id!r}")
        # Rows that are never written cost no memory: spare ones are free until they are used.
        times = np.empty((len(layout.events) + spare, len(frame)), np.int64)
        columns = np.empty((len(layout.columns) + spare, len(frame)), np.float64)
        table = cls(source, data, Layout({}, {}), ids, order, times, columns, {})
        table._take(frame, layout.events, layout.columns, dimensions)
        return table

    def read_more(
        self, events: Iterable[str], columns: Iterable[str], dimensions: Iterable[str]
    ) -> None:
        """Read what the table has not been read for yet.

        Raises:
            DataError: a column is missing, or its values cannot be taken.
        """
        events = [name for name in events if name not in self.layout.events]
        columns = [name for name in columns if name not in self.layout.columns]
        dimensions = [name for name in dimensions if name not in self.groups]
        names = [*events, *columns, *dimensions]
        if not names:
            return
        what = f"table of source {self.source.name!r}"
        frame = to_pandas(self.data, names, what)
        if len(frame) != len(self):
            raise ColumnError(
                f"{what} has {len(frame):,} rows; it had {len(self):,} when it was prepared:"
                " prepare it again"
            )
        self.make_room(len(events), len(columns))
        self._take(frame, events, columns, dimensions)

    def never_later(self, first: int, second: int) -> bool:
        """Return whether in no sample the first of two rows of ``times`` is later than the second.

        An event that has not happened has the time NEVER, and nothing is later than NEVER.
        """
        if (first, second) not in self._compared:
            found = first == second or bool(np.all(self.times[first] <= self.times[second]))
            self._compared[first, second] = found
        return self._compared[first, second]

    def make_room(self, n_times: int, n_columns: int) -> None:
        """Make sure that so many more rows of ``times`` and ``columns`` can be written."""
        self.times = _with_room(self.times, self.n_times, n_times)
        self.columns = _with_room(self.columns, self.n_columns, n_columns)

    def _take(
        self,
        frame: pd.DataFrame,
        events: Iterable[str],
        columns: Iterable[str],
        dimensions: Iterable[str],
    ) -> None:
        """Write columns of the caller's table into spare rows."""
        event_rows, column_rows = dict(self.layout.events), dict(self.layout.columns)
        for event in events:
            event_rows[event] = self.n_times
            self._put_times(frame[event], f"column {event!r}", self.times[self.n_times])
            self.n_times += 1
        for column in columns:
            column_rows[column] = self.n_columns
            values = attribute_values(frame[column], f"column {column!r}")
            self._put(values, self.columns[self.n_columns])
            self.n_columns += 1
        for dimension in dimensions:
            found = group_codes(frame[dimension], f"column {dimension!r}")
            if self.source.missing:
                found = without_missing(found, self.source.is_missing)
            codes = found.codes if self.order is None else found.codes[self.order]
            self.groups[dimension] = Groups(codes, found.values)
        self.layout = Layout(event_rows, column_rows)

    def _put_times(self, column: pd.Series[Any], what: str, row: Int64Array) -> None:
        if self.order is None:
            column_to_us(column, what, out=row)
        else:
            self._put(column_to_us(column, what), row)

    def _put(self, values: NDArray[Number], row: NDArray[Number]) -> None:
        """Write a column in the order of ids."""
        if self.order is None:
            row[:] = values
        else:
            np.take(values, self.order, out=row, mode="clip")  # other modes take twice the time


def _with_room(table: NDArray[Number], n_used: int, n_more: int) -> NDArray[Number]:
    if n_used + n_more <= len(table):
        return table
    larger = np.empty((2 * n_used + n_more, table.shape[1]), table.dtype)
    larger[:n_used] = table[:n_used]
    return larger


def _inverse(order: Int64Array) -> Int64Array:
    result = np.empty(len(order), np.int64)
    result[order] = np.arange(len(order))
    return result
