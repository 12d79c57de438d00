"""Read dimensions: each value becomes a number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aggregators.errors import ColumnError
from aggregators.kernels.ordering_kernels import number_integers
from aggregators.tables.ids import as_index, integers_or_strings
from aggregators.typing import Int32Array, Int64Array

__all__ = ["Groups", "group_codes", "without_missing"]


DENSE_VALUES_MIN = 65_536
"""Integers of a smaller range are numbered by a table of the range."""

DENSE_SHARE = 4
"""Likewise of a range of up to this many times as many as there are rows."""


@dataclass(frozen=True)
class Groups:
    """Holds a dimension's values as codes: -1 where missing, else an index into ``values``."""

    codes: Int32Array
    values: pd.Index[Any]


def group_codes(column: pd.Series[Any], what: str) -> Groups:
    """Return a dimension's values as codes, or raise :class:`ColumnError`."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iu" and dtype != np.uint64:
        return _number_integers(column.to_numpy().astype(np.int64, copy=False))
    if isinstance(dtype, pd.CategoricalDtype):
        found = _number_categories(column.array)
        if found is not None:
            return found
    array, reason = integers_or_strings(column)
    if array is None:
        raise ColumnError(
            f"{what}: {reason}; expected integers or strings (missing values are allowed)"
        )
    if pa.types.is_integer(array.type) and array.null_count == 0:
        return _number_integers(array.to_numpy())
    encoded = array.dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return Groups(codes.astype(np.int32), as_index(encoded.dictionary))


def without_missing(groups: Groups, is_missing: Callable[[object], bool]) -> Groups:
    """Return groups whose missing values are missing.

    Args:
        groups: as :func:`group_codes` gives them.
        is_missing: whether a value is a text that stands for none.
    """
    if pd.api.types.is_numeric_dtype(groups.values.dtype):
        return groups
    there = np.array([not is_missing(value) for value in groups.values], np.bool_)
    if there.all():
        return groups
    codes = np.append(np.where(there, np.cumsum(there) - 1, -1), -1).astype(np.int32)
    return Groups(codes[groups.codes], groups.values[there])


def _number_integers(values: Int64Array) -> Groups:
    """Number integers, none of them missing, in the order in which they appear."""
    codes = np.empty(len(values), np.int32)
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    if high - low >= max(DENSE_VALUES_MIN, DENSE_SHARE * len(values)):
        found, distinct = pd.factorize(values)
        return Groups(found.astype(np.int32), pd.Index(distinct))
    numbers = np.full(high - low + 1, -1, np.int32)
    n_values = number_integers(values, low, numbers, codes)
    dense = np.flatnonzero(numbers >= 0)
    distinct = np.empty(n_values, np.int64)
    distinct[numbers[dense]] = dense + low
    return Groups(codes, pd.Index(distinct))


def _number_categories(given: Any) -> Groups | None:
    """Number the categories that a column uses; None if one of them can be no key."""
    categories, reason = integers_or_strings(pd.Series(given.categories))
    if categories is None or reason:
        return None
    used = _number_integers(given.codes.astype(np.int64))
    places = used.values.to_numpy()
    codes = used.codes
    if (places < 0).any():  # missing is a category of its own there, the number -1
        missing = int(np.argmin(places))
        codes = np.where(codes == missing, -1, codes - (codes > missing)).astype(np.int32)
        places = np.delete(places, missing)
    return Groups(codes, as_index(categories.take(pa.array(places))))
