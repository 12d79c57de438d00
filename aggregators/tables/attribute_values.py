"""Read columns of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from aggregators.errors import ColumnError
from aggregators.tables.columns import decimals_as_floats
from aggregators.tables.values import shown
from aggregators.typing import Float64Array

__all__ = ["attribute_values"]


def attribute_values(column: pd.Series[Any], what: str) -> Float64Array:
    """Return a column of numbers as float64, missing as NaN, or raise :class:`ColumnError`."""
    column = _unboxed(column)
    values: Float64Array
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        values = column.to_numpy().astype(np.float64, copy=False)  # none is missing but by NaN
    elif pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_numeric_dtype(column.dtype):
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
        f"{what}, row {row!r}: {shown(value)} ({type(value).__name__}) is no number that a 64-bit"
        " float holds; expected numbers, with NaN where they are missing"
    )
