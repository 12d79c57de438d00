"""Convert values of Arrow columns and text to pandas without loss."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

__all__ = ["MISSING_TEXTS", "fact_of", "to_microseconds", "to_number", "to_series"]

MISSING_TEXTS = ("NULL", "null", "None", "NA", "NaN", "nan", "NaT")
"""Texts of CSV files that stand for no time and no number, beside the empty one."""

_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_FRACTION = re.compile(r"(\.\d{6})\d+")
_DIGITS = 18
"""An integer of so many characters has 64 bits, whatever they are."""


def to_series(column: pa.Array) -> pd.Series[Any]:
    """Return an Arrow column as pandas keeps it; whole numbers with gaps stay whole."""
    if pa.types.is_integer(column.type):
        missing = column.is_null().to_numpy(zero_copy_only=False)
        values = column.fill_null(0).to_numpy(zero_copy_only=False)
        return pd.Series(pd.array(values, dtype="Int64")).mask(missing)
    series: pd.Series[Any] = column.to_pandas()
    return series


def fact_of(text: str) -> str | int | float:
    """Return a fact that reads like a JSON number as that; 007 does not."""
    if _JSON_NUMBER.fullmatch(text) is None:
        return text
    number = float(text)
    if not np.isfinite(number):
        return text
    return int(text) if text.removeprefix("-").isdigit() and len(text) <= _DIGITS else number


def to_number(text: str) -> float:
    """Return a text as the nearest float, NaN where it is no number."""
    try:
        return np.nan if "_" in text else float(text)
    except ValueError:
        return np.nan


def to_microseconds(times: pd.Series[Any]) -> pd.Series[Any]:
    """Return texts of times without what is below a microsecond.

    What is below it is cut off everywhere; here it would also make pandas count nanoseconds, which
    end in the year 2262, for the whole column.

    >>> to_microseconds(pd.Series(["12:00:00.123456789Z", "9999-12-31"])).tolist()
    ['12:00:00.123456Z', '9999-12-31']
    """
    return times.str.replace(_FRACTION, r"\1", regex=True)
