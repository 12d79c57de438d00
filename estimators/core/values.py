"""Values of tables and requests as plain values, codes and numbers; needs only numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from estimators.core.typing import FloatArray, IntArray

__all__ = ["Value", "codes", "numbers_of", "plain_value"]

Value: TypeAlias = int | str


def plain_value(value: Any) -> Value | None:
    """Return a category's value as plain int or str, None where it is missing.

    >>> (
    ...     plain_value(np.int64(7)),
    ...     plain_value("BCN"),
    ...     plain_value(7.0),
    ...     plain_value(float("nan")),
    ... )
    (7, 'BCN', 7, None)
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return int(value)  # a column of integers with gaps arrives as floats
    return None


def codes(column: Sequence[Any], known: Mapping[Value, int], *, missing: int) -> IntArray:
    """Return the code of each value of a column, shape (n_rows,).

    >>> codes(["BCN", None, "elsewhere"], {"BCN": 4}, missing=-1).tolist()
    [4, -1, -1]
    """
    plain = [plain_value(value) for value in column]
    found = [missing if value is None else known.get(value, missing) for value in plain]
    return np.array(found, dtype=np.int64)


def numbers_of(column: Sequence[Any]) -> FloatArray:
    """Return a column as numbers, NaN where it holds none.

    >>> numbers_of([1, None, 2.5]).tolist(), numbers_of(["far", 3]).tolist()
    ([1.0, nan, 2.5], [nan, 3.0])
    """
    try:
        return np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.array([_number(one) for one in column], dtype=np.float64)


def _number(value: Any) -> float:
    try:
        return float(value) if isinstance(value, int | float | np.number) else np.nan
    except OverflowError:
        return np.nan
