"""Convert values of Arrow columns and text to pandas without loss."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["fact_of", "number_reader", "to_microseconds", "to_number", "to_series"]

_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_FRACTION = r"(\.\d{6})\d+"
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


def number_reader(decimal: str, thousands: str) -> Callable[[str], float]:
    """Return the function that reads numbers with these marks; NaN where a text is no number.

    >>> read = number_reader(",", ".")
    >>> read("1.234,50"), read("-7"), read("1.23")
    (1234.5, -7.0, nan)
    """
    if (decimal, thousands) == (".", ""):
        return to_number
    # French files have one of three spaces.
    mark = "[ \u00a0\u202f]" if thousands == " " else re.escape(thousands)
    groups = rf"\d{{1,3}}(?:{mark}\d{{3}})+|" if thousands else ""
    number = re.compile(
        rf"([+-]?(?:{groups}\d+|(?={re.escape(decimal)})))(?:{re.escape(decimal)}(\d*))?"
        r"([eE][+-]?\d+)?"
    )

    def read(text: str) -> float:
        found = number.fullmatch(text.strip())
        if found is None:
            return np.nan
        whole, fraction, exponent = found.groups(default="")
        whole = re.sub(mark, "", whole) if thousands else whole
        return to_number(f"{whole}.{fraction}{exponent}")

    return read


def to_microseconds(times: pd.Series[Any]) -> pd.Series[Any]:
    """Return texts of times without what is below a microsecond.

    What is below it is cut off everywhere; here it would also make pandas count nanoseconds, which
    end in the year 2262, for the whole column.

    >>> to_microseconds(pd.Series(["12:00:00.123456789Z", "9999-12-31"])).tolist()
    ['12:00:00.123456Z', '9999-12-31']
    """
    texts = pa.array(times, pa.string(), from_pandas=True)
    if not pc.any(pc.match_substring_regex(texts, r"\.\d{7}")).as_py():
        return times
    cut: pd.Series[Any] = pc.replace_substring_regex(texts, _FRACTION, r"\1").to_pandas()
    cut.index = times.index
    return cut
