"""Read sample ids: all integers or all strings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aggregators.errors import SampleIdError
from aggregators.kernels.time_order import time_order
from aggregators.tables.text_order import equally_long_order
from aggregators.tables.values import shown
from aggregators.typing import Int64Array
from aggregators.value_checks import is_unicode

SPAN_MAX = 2**61
"""Integers whose differences fit into an integer of 64 bits are smaller."""

__all__ = ["as_index", "integers_or_strings", "ordered_ids", "plain_ids"]


def ordered_ids(column: pd.Series[Any], what: str) -> tuple[pa.Array, Int64Array | None]:
    """Return the ids in ascending order, and that order; None where they stand so already."""
    ids = plain_ids(column, what)
    if _is_ascending(ids):
        return ids, None
    order = _id_order(ids)
    ordered = ids.take(pa.array(order))
    repeated = pc.equal(ordered[:-1], ordered[1:]).to_numpy(zero_copy_only=False)
    if repeated.any():
        place = int(np.argmax(repeated))
        rows = column.index[np.sort(order[place : place + 2])].tolist()
        raise SampleIdError(
            f"{what}: sample id {ordered[place].as_py()!r} stands in rows {rows[0]!r} and"
            f" {rows[1]!r} (duplicate); expected one row per sample"
        )
    return ordered, order


def _is_ascending(ids: pa.Array) -> bool:
    if pa.types.is_integer(ids.type):
        numbers = ids.to_numpy()
        return bool(np.all(numbers[:-1] < numbers[1:]))
    return len(ids) == 0 or pc.all(pc.less(ids[:-1], ids[1:])).as_py() is not False


def _id_order(ids: pa.Array) -> Int64Array:
    """Return the rows in the order of ids."""
    if pa.types.is_integer(ids.type):
        numbers = ids.to_numpy()
        if numbers.min() > -SPAN_MAX and numbers.max() < SPAN_MAX:
            return time_order(numbers).astype(np.int64)
    elif (order := equally_long_order(ids)) is not None:
        return order
    # Strings are compared as UTF-8 bytes, which is the order of their code points.
    found: Int64Array = pc.array_sort_indices(ids).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def as_index(ids: pa.Array) -> pd.Index[Any]:
    """Return ids, or the values of a dimension, as a pandas index."""
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
    array, reason = integers_or_strings(column)
    if array is None:
        raise SampleIdError(f"{what}: {reason}; expected all integers or all strings")
    return array


def integers_or_strings(column: pd.Series[Any]) -> tuple[pa.Array | None, str]:
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
            f"row {row!r} holds {shown(value)}, which is no integer of 64 bits with a sign (make"
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
        value = float(values[place])
        why = "which is no integer"
        if value == np.floor(value):
            why = "and floats from 2**53 on are not exact (make the column integers or strings)"
        return None, f"row {column.index[place]!r} holds {value!r}, {why}"
    return array.cast(pa.int64()), ""


def _first_line(column: pd.Series[Any], error: Exception) -> str:
    kinds = {type(value).__name__: row for row, value in column.dropna().items()}
    if len(kinds) > 1:
        found = ", ".join(f"{kind} (row {row!r})" for kind, row in sorted(kinds.items()))
        return f"its values are of mixed types: {found}"
    if isinstance(error, UnicodeEncodeError):
        for row, value in column.dropna().items():
            if isinstance(value, str) and not is_unicode(value):
                return f"row {row!r} holds {shown(value)}, which is no valid Unicode"
    return str(error).splitlines()[0]
