"""Read a table of samples as arrays: checked, in the order of sample ids, one row per sample."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aggregators.errors import ColumnError, SampleIdError
from aggregators.events import Source, is_unicode
from aggregators.kernels.layout import Layout
from aggregators.tables.columns import decimals_as_floats
from aggregators.tables.frames import to_pandas
from aggregators.times import column_to_us
from aggregators.typing import Float64Array, Int32Array, Int64Array, Native

__all__ = ["MAX_SAMPLES", "Groups", "SampleTable", "attribute_values", "group_codes", "plain_ids"]

Number = TypeVar("Number", np.int64, np.float64)

MAX_SAMPLES = 2**31 - 1
"""The most samples of one source that are handled together; rows are numbered with 32 bits."""

SHOWN_MAX = 80
"""So many characters of a value an error shows at most."""


@dataclass(frozen=True)
class Groups:
    """Holds a dimension's values as codes: -1 where missing, else an index into ``values``."""

    codes: Int32Array
    values: pd.Index[Any]


@dataclass
class SampleTable:
    """Holds the events, columns and dimensions of a source's samples, in the order of their ids.

    Attributes:
        data: the caller's table.
        layout: which events and columns have been read, and where they stand.
        ids: sample ids, ascending (integers by value, strings by code point).
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
    ids: pd.Index[Any]
    order: Int64Array | None
    times: Int64Array
    columns: Float64Array
    groups: dict[str, Groups]
    n_times: int = 0
    n_columns: int = 0

    def __len__(self) -> int:
        return len(self.ids)

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
        ids, order = _ordered_ids(frame[source.sample_id], f"column {source.sample_id!r}")
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
            times = column_to_us(frame[event], f"column {event!r}")
            _put(times, self.order, self.times[self.n_times])
            self.n_times += 1
        for column in columns:
            column_rows[column] = self.n_columns
            values = attribute_values(frame[column], f"column {column!r}")
            _put(values, self.order, self.columns[self.n_columns])
            self.n_columns += 1
        for dimension in dimensions:
            found = group_codes(frame[dimension], f"column {dimension!r}")
            codes = found.codes if self.order is None else found.codes[self.order]
            self.groups[dimension] = Groups(codes, found.values)
        self.layout = Layout(event_rows, column_rows)


def _with_room(table: NDArray[Number], n_used: int, n_more: int) -> NDArray[Number]:
    if n_used + n_more <= len(table):
        return table
    larger = np.empty((2 * n_used + n_more, table.shape[1]), table.dtype)
    larger[:n_used] = table[:n_used]
    return larger


def _put(values: Any, order: Int64Array | None, out: Any) -> None:
    if order is None:
        out[:] = values
    else:
        np.take(values, order, out=out)


def _inverse(order: Int64Array) -> Int64Array:
    result = np.empty(len(order), np.int64)
    result[order] = np.arange(len(order))
    return result


def _ordered_ids(column: pd.Series[Any], what: str) -> tuple[pd.Index[Any], Int64Array | None]:
    """Return the ids in ascending order, and that order; None where they stand so already."""
    ids = plain_ids(column, what)
    if len(ids) == 0 or pc.all(pc.less(ids[:-1], ids[1:])).as_py() is not False:
        return _as_index(ids), None
    # Strings are compared as UTF-8 bytes, which is the order of their code points.
    order = pc.array_sort_indices(ids).to_numpy(zero_copy_only=False).astype(np.int64)
    ordered = ids.take(pa.array(order))
    repeated = pc.equal(ordered[:-1], ordered[1:]).to_numpy(zero_copy_only=False)
    if repeated.any():
        place = int(np.argmax(repeated))
        rows = column.index[np.sort(order[place : place + 2])].tolist()
        raise SampleIdError(
            f"{what}: sample id {ordered[place].as_py()!r} stands in rows {rows[0]!r} and"
            f" {rows[1]!r} (duplicate); expected one row per sample"
        )
    return _as_index(ordered), order


def _as_index(ids: pa.Array) -> pd.Index[Any]:
    if pa.types.is_integer(ids.type):
        numbers: pd.Index[Any] = pd.Index(ids.to_numpy(zero_copy_only=False))
        return numbers
    texts: pd.Index[Any] = pd.Index(ids.to_pandas())
    return texts


def plain_ids(column: pd.Series[Any], what: str, *, optional: bool = False) -> pa.Array:
    """Return sample ids as an Arrow array of int64 or strings, or raise :class:`SampleIdError`."""
    missing = column.isna().to_numpy()
    if missing.any() and not optional:
        row = column.index[int(np.argmax(missing))]
        raise SampleIdError(f"{what}, row {row!r}: the sample id is missing; expected an id")
    array, reason = _integers_or_strings(column)
    if array is None:
        raise SampleIdError(f"{what}: {reason}; expected all integers or all strings")
    return array


def _integers_or_strings(column: pd.Series[Any]) -> tuple[pa.Array | None, str]:
    """Return an Arrow array of int64 or strings, or None and what is wrong."""
    try:
        array = pa.array(column, from_pandas=True)
    except OverflowError:
        return None, _no_integer(column, column)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError) as error:
        return None, _first_line(column, error)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        return array.cast(pa.string()), ""
    if pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return array, ""
    if pa.types.is_floating(array.type):
        return _whole_numbers(column, array)
    if pa.types.is_integer(array.type) or pa.types.is_decimal(array.type):
        try:
            return array.cast(pa.int64()), ""
        except pa.ArrowInvalid:
            return None, _no_integer(column, array.to_pylist())
    return None, f"its values are of type {array.type}"


def _no_integer(column: pd.Series[Any], values: Iterable[Any]) -> str:
    """Return which value is the first that a signed 64-bit integer does not hold."""
    for row, value in zip(column.index, values, strict=True):
        if pd.isna(value) or (value == int(value) and -(2**63) <= value < 2**63):
            continue
        return (
            f"row {row!r} holds {_shown(value)}, which is no integer of 64 bits with a sign (make"
            " the column strings)"
        )
    raise AssertionError("all values are integers of 64 bits")


def _whole_numbers(column: pd.Series[Any], array: pa.Array) -> tuple[pa.Array | None, str]:
    """Return floats as integers if all are whole: integers with gaps arrive as floats."""
    values = array.to_numpy(zero_copy_only=False)
    given = ~np.isnan(values)
    wrong = given & ((values != np.floor(values)) | (np.abs(values) >= 2**53))
    if wrong.any():
        place = int(np.argmax(wrong))
        return None, f"row {column.index[place]!r} holds {values[place]!r}, which is no integer"
    return array.cast(pa.int64()), ""


def _first_line(column: pd.Series[Any], error: Exception) -> str:
    kinds = {type(value).__name__: row for row, value in column.dropna().items()}
    if len(kinds) > 1:
        found = ", ".join(f"{kind} (row {row!r})" for kind, row in sorted(kinds.items()))
        return f"its values are of mixed types: {found}"
    if isinstance(error, UnicodeEncodeError):
        for row, value in column.dropna().items():
            if isinstance(value, str) and not is_unicode(value):
                return f"row {row!r} holds {_shown(value)}, which is no valid Unicode"
    return str(error).splitlines()[0]


def group_codes(column: pd.Series[Any], what: str) -> Groups:
    """Return a dimension's values as codes, or raise :class:`ColumnError`."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iu" and dtype != np.uint64:
        codes, values = pd.factorize(column.to_numpy())
        return Groups(codes.astype(np.int32), pd.Index(values.astype(np.int64)))
    array, reason = _integers_or_strings(column)
    if array is None:
        raise ColumnError(
            f"{what}: {reason}; expected integers or strings (missing values are allowed)"
        )
    encoded = array.dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return Groups(codes.astype(np.int32), _as_index(encoded.dictionary))


def attribute_values(column: pd.Series[Any], what: str) -> Float64Array:
    """Return a column of numbers as float64, missing as NaN, or raise :class:`ColumnError`."""
    column = _unboxed(column)
    if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_numeric_dtype(column.dtype):
        kind = column.dtype.kind
        if kind not in "biuf":
            raise ColumnError(f"{what} is of type {column.dtype}; expected real numbers")
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    elif column.dtype == object:
        values = _numbers_of_objects(column, what)
    elif column.isna().all():
        values = np.full(len(column), np.nan)
    else:
        row = column.first_valid_index()
        raise ColumnError(
            f"{what} is of type {column.dtype} (row {row!r} holds {column[row]!r}); expected"
            " numbers, e.g. pandas.to_numeric(column)"
        )
    infinite = np.isinf(values)
    if infinite.any():
        row = column.index[int(np.argmax(infinite))]
        raise ColumnError(
            f"{what}, row {row!r}: {values[np.argmax(infinite)]} is infinite; expected finite"
            " numbers, with NaN where they are missing"
        )
    return values + 0.0  # -0.0 becomes 0.0: equal windows are equal to the bit


def _unboxed(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return categories and decimals as the numbers that they stand for."""
    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return column.astype(object).infer_objects()
    if isinstance(dtype, pd.ArrowDtype) and pa.types.is_decimal(dtype.pyarrow_dtype):
        return pd.Series(decimals_as_floats(pa.chunked_array(pa.array(column))), column.index)
    return column


def _numbers_of_objects(column: pd.Series[Any], what: str) -> Float64Array:
    return np.array([_number(value, row, what) for row, value in column.items()], np.float64)


def _number(value: Any, row: Any, what: str) -> float:
    if value is None or value is pd.NA or value is pd.NaT:
        return np.nan
    is_number = hasattr(value, "__float__") and not isinstance(value, str | bytes | complex)
    try:
        if is_number:
            return float(value)
    except (TypeError, ValueError, ArithmeticError):  # a signalling NaN, an array
        pass
    raise ColumnError(
        f"{what}, row {row!r}: {_shown(value)} ({type(value).__name__}) is no number that a 64-bit"
        " float holds; expected numbers, with NaN where they are missing"
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."
