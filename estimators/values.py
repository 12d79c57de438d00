"""What tables and requests hold, as plain Python values; numpy only."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

__all__ = ["Value", "plain_value"]

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
