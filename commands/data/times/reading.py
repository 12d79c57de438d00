"""Read texts and numbers as moments, or as times of a clock that is still to be named."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from commands.data.table_values import to_microseconds
from commands.data.times.patterns import TimePattern
from commands.data.times.recognition import UNITS, TimeFormat, normalised

__all__ = ["ReadTimes", "read_numbers", "read_texts"]

_OFFSET = r"^\s*\d{4}[\d/.-]*[T ]\d[\d:.]*\s*(?:Z|[+-]\d{2}(?::?\d{2})?)\s*$"
_NO_OFFSET = r"^\s*\d[\d\s:/.T-]*$"
"""Words are no times: pandas would read ``now`` as the moment of the reading."""
_DIGITS = re.compile(r"\s*-?\d+(\.\d+)?\s*")


class ReadTimes(NamedTuple):
    """The times of a column.

    Args:
        moments: in UTC, of what has an offset.
        local: of the rest, as the clock showed it.
        bad: which values are no times.
    """

    moments: pd.Series[Any]
    local: pd.Series[Any]
    bad: NDArray[np.bool_]


def read_texts(
    texts: pd.Series[Any], format_of: Callable[[], TimeFormat], *, iso: bool = True
) -> ReadTimes:
    """Return the times that texts show.

    Args:
        texts: of a column; missing stays missing.
        format_of: how the column writes what is no ISO 8601; asked only where there is such a text.
        iso: whether texts in ISO 8601 are read as such.
    """
    known = texts.dropna()
    is_number = bool(len(known)) and _DIGITS.fullmatch(known.iloc[0]) is not None
    if iso and not is_number:
        read = _read_iso(texts)
        if not read.bad.any():
            return read
    else:
        read = ReadTimes(_nothing(texts, "UTC"), _nothing(texts), texts.notna().to_numpy())
    how = format_of()
    if how.unit:
        return _with_numbers(texts, how.unit, read)
    return _with_patterns(texts, how.patterns, read)


def read_numbers(numbers: pd.Series[Any], unit: str) -> ReadTimes:
    """Return the moments that numbers of a unit since 1970 are.

    Args:
        numbers: of a column; missing stays missing.
        unit: s, ms, us or ns.
    """
    moments = _moments_of(numbers, unit)
    return ReadTimes(moments, _nothing(numbers), (numbers.notna() & moments.isna()).to_numpy())


def _read_iso(column: pd.Series[Any]) -> ReadTimes:
    texts = to_microseconds(column)
    aware = _matching(texts, _OFFSET)
    moments = pd.to_datetime(texts.where(aware), format="ISO8601", utc=True, errors="coerce")
    naive = _matching(texts, _NO_OFFSET) & ~aware
    local = _nothing(texts)
    if naive.any():
        local = pd.to_datetime(texts.where(naive), format="ISO8601", errors="coerce")
    bad = texts.notna() & moments.isna() & local.isna()
    return ReadTimes(moments, local, bad.to_numpy(np.bool_))


def _matching(texts: pd.Series[Any], pattern: str) -> pd.Series[bool]:
    found = pc.match_substring_regex(pa.array(texts, pa.string(), from_pandas=True), pattern)
    return pd.Series(pc.fill_null(found, False).to_numpy(False), texts.index)


def _with_patterns(
    column: pd.Series[Any], patterns: tuple[TimePattern, ...], read: ReadTimes
) -> ReadTimes:
    """Return the times with those that patterns read in what could not be read."""
    if not patterns:
        return read
    moments, local, bad = read
    rows = column.index[bad]
    left = normalised(pa.array(column[bad], pa.string(), from_pandas=True)).to_pandas()
    left.index = rows
    for pattern in patterns:
        given = to_microseconds(left)
        found = pd.to_datetime(given, format=pattern.text, utc=bool(pattern.zone), errors="coerce")
        found = found.dropna()
        if len(found):
            if pattern.zone:
                moments = moments.dt.as_unit("us")
                moments.loc[found.index] = found.dt.as_unit("us")
            else:
                local = local.dt.as_unit("us")
                local.loc[found.index] = found.dt.as_unit("us")
            left = left.drop(found.index)
        if not len(left):
            break
    return ReadTimes(moments, local, np.asarray(column.index.isin(left.index), np.bool_))


def _with_numbers(texts: pd.Series[Any], unit: str, read: ReadTimes) -> ReadTimes:
    numbers = pd.to_numeric(texts.where(read.bad), errors="coerce")
    found = _moments_of(numbers, unit)
    moments = found.where(read.bad, read.moments)
    return ReadTimes(moments, read.local, (texts.notna() & moments.isna()).to_numpy(np.bool_))


def _moments_of(numbers: pd.Series[Any], unit: str) -> pd.Series[Any]:
    """Return numbers since 1970 as moments; what is beyond the calendar is missing."""
    factor = UNITS[unit]
    if pd.api.types.is_integer_dtype(numbers.dtype):
        whole = numbers.to_numpy(np.int64, na_value=0)
        there = numbers.notna().to_numpy() & (np.abs(whole) < 2**62 // max(factor, 1))
        scaled = np.where(there, whole, 0)
        us = scaled * factor if factor else scaled // 1_000
    else:
        given = numbers.to_numpy(np.float64, na_value=np.nan) * (factor or 1e-3)
        there = np.abs(given) < 2.0**62
        us = np.round(np.where(there, given, 0.0)).astype(np.int64)
    moments: pd.Series[Any] = pd.Series(us.view("datetime64[us]"), numbers.index)
    found: pd.Series[Any] = moments.dt.tz_localize("UTC").where(there)
    return found


def _nothing(like: pd.Series[Any], zone: str | None = None) -> pd.Series[Any]:
    kind: Any = "datetime64[us]" if zone is None else f"datetime64[us, {zone}]"
    nothing: pd.Series[Any] = pd.Series(pd.NaT, like.index, dtype=kind)
    return nothing
