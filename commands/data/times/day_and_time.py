"""Join columns of days and of times of day."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["days_of", "joined"]

_MIDNIGHT = r"(?i)[ T](0?0:00(:00(\.0+)?)?|12:00(:00)? ?am)$"
"""Programs write a day as its midnight."""


def joined(days: pa.Array | str, times: pa.Array) -> pa.Array:
    """Return texts of days with times of day, null where one of them is missing.

    Args:
        days: dates, times at midnight, or texts; one text stands for all rows.
        times: texts (8:15, 08:15:30, 0815, 8:15 PM), or times of any day.

    >>> joined(pa.array(["5/11/2027", "2027-11-05 00:00:00"]), pa.array(["8:15 PM", "0815"]))[1]
    <pyarrow.StringScalar: '2027-11-05 08:15'>
    """
    before = pa.scalar(days) if isinstance(days, str) else _days(days)
    return pc.binary_join_element_wise(before, _clock(times), " ")


def days_of(moments: pd.Series[pd.Timestamp], zone: str) -> pa.Array:
    """Return the days on which a clock showed moments, as texts."""
    days = moments.dt.tz_convert(zone).dt.strftime("%Y-%m-%d")
    return pa.array(days, pa.string(), from_pandas=True)


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _days(column: pa.Array) -> pa.Array:
    column = _plain(column)
    if pa.types.is_temporal(column.type):
        return pc.strftime(column, format="%Y-%m-%d")
    texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    return pc.replace_substring_regex(texts, _MIDNIGHT, "")


def _clock(column: pa.Array) -> pa.Array:
    column = _plain(column)
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column, format="%H:%M:%S")
    texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    texts = pc.replace_substring_regex(texts, r"^0 days ", "")
    return pc.replace_substring_regex(texts, r"^(\d{1,2})(\d\d)$", r"\1:\2")
