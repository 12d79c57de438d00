"""Read columns without the encodings, units and kinds of missing value of their library."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["decimals_as_floats", "plain_frame", "unencoded"]


def plain_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose Arrow columns hold plain values, the same table if all do already.

    Dictionaries and run-end encodings are decoded. NaN becomes missing (Arrow distinguishes them,
    pandas and this library do not). Moments are in UTC, whatever zone they are shown in.

    >>> table = pa.table({"id": pa.array([1.0, float("nan")])})
    >>> frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    >>> int(frame["id"].isna().sum()), int(plain_frame(frame)["id"].isna().sum())
    (0, 1)
    """
    changed = {}
    for name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, pd.ArrowDtype):
            plain = _plain(column)
            if plain is not column:
                changed[name] = plain
    return frame.assign(**changed) if changed else frame


def _plain(column: pd.Series[Any]) -> pd.Series[Any]:
    given = pa.chunked_array(pa.array(column))
    plain = _unfolded(given)
    kind = plain.type
    if pa.types.is_floating(kind):
        is_nan = pc.is_nan(plain)
        if pc.any(is_nan).as_py():
            plain = pc.if_else(is_nan, None, plain)
    elif pa.types.is_timestamp(kind) and kind.tz not in (None, "UTC"):
        plain = plain.cast(pa.timestamp(kind.unit, "UTC"))
    if plain is given:
        return column
    array = pd.arrays.ArrowExtensionArray(plain)
    return pd.Series(array, index=column.index, name=column.name)


def _unfolded(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values without dictionary or run-end encoding."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return values.cast(kind.value_type)
    if pa.types.is_run_end_encoded(kind):
        return pa.chunked_array([pc.run_end_decode(one) for one in values.chunks], kind.value_type)
    return values


def unencoded(table: pa.Table) -> pa.Table:
    """Return an Arrow table without dictionary or run-end encoding, decimals as floats."""
    columns = {}
    for name in table.column_names:
        column = _unfolded(table[name])
        is_decimal = pa.types.is_decimal(column.type)
        columns[name] = pa.array(decimals_as_floats(column)) if is_decimal else column
    return pa.table(columns)


def decimals_as_floats(values: pa.Array | pa.ChunkedArray) -> Any:
    """Return decimal numbers as the nearest floats, missing as NaN, shape (n,).

    The conversion goes through the digits: Arrow's own multiplies by a power of ten and may miss
    the last bit.

    >>> from decimal import Decimal
    >>> decimals_as_floats(pa.array([Decimal("1.10"), None], pa.decimal128(10, 2))).tolist()
    [1.1, nan]
    """
    try:
        numbers = values.cast(pa.string()).cast(pa.float64())
    except pa.ArrowInvalid:  # no digits for scales beyond what the type usually has
        given = values.to_pylist()
        return np.array([np.nan if one is None else float(one) for one in given], np.float64)
    return numbers.to_numpy(zero_copy_only=False)
