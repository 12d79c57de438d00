"""Recognise columns of times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from commands.data.csv_format import CsvFormat, Dialect, dialect_of
from commands.data.csv_text import is_csv
from commands.data.missing_texts import missing_texts_of
from commands.data.times.column_times import recognised_column
from commands.data.times.patterns import DateOrder
from commands.data.times.reading import ReadTimes, read_numbers, read_texts
from commands.data.times.recognition import TimeFormat, recognise, recognise_numbers
from commands.guessing.words import is_id, spelled

__all__ = ["FoundTimes", "as_seconds", "order_of_all", "times_beside", "times_of"]

TIMES_SHARE = 0.95
"""So many of a column's values must be times before it is an event."""

CLOSE = pd.Timedelta(days=1)
"""Two events of an order are seldom further apart."""

_CALLED_TIME = re.compile(r"time|date|stamp|epoch|_(at|ts|on)$|[a-z](At|On)$|creat|deliver|plac")
"""Numbers are no times unless the column is called like one: ids are as large."""
_UNIT_OF_TIME = re.compile(
    r"_(?:s|secs?|seconds|ms|msecs?|millis|milliseconds|us|micros|ns|nanos|unix|utc)$"
)
"""Or unless its name ends with such a word: no duration lasts as long as the time since 1970."""


class FoundTimes(NamedTuple):
    """The times of a column.

    Args:
        moments: in UTC; times without an offset as if they were UTC.
        is_naive: whether some have no offset.
        is_ambiguous: whether each date can be read twice; then it is read with the day first.
        example: such a date.
    """

    moments: pd.Series[Any]
    is_naive: bool
    is_ambiguous: bool = False
    example: str = ""


def order_of_all(path: Path, encoding: str, column: str) -> DateOrder | None:
    """Return whether the day or the month stands first in a column, by all rows of a file.

    None: each date of the file can be read twice.
    """
    dialect = dialect_of(path, CsvFormat(), encoding, "") if is_csv(path) else Dialect()
    how = recognised_column(path, dialect, missing_texts_of(path), column)
    return how.order if how.order in ("day_first", "month_first") else None


def times_of(column: pd.Series[Any], order: DateOrder | None = None) -> FoundTimes | None:
    """Return the times of a column; None: it has none.

    Args:
        column: of the first rows.
        order: whether the day or the month stands first; None: the column shows it.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return FoundTimes(column.dt.tz_convert("UTC"), False)
    if pd.api.types.is_datetime64_dtype(column.dtype):
        return FoundTimes(column.dt.tz_localize("UTC"), True)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return _of_numbers(column)
    known = column.dropna()
    if not len(known) or not all(isinstance(one, str) for one in known.head(100)):
        return None
    texts = known.astype("string")
    how = recognise([pa.array(texts, pa.string(), from_pandas=True)], order)
    if how.unit or how.share < TIMES_SHARE or how.order == "mixed":
        return None
    return _found(read_texts(texts, lambda: how), how)


def _of_numbers(column: pd.Series[Any]) -> FoundTimes | None:
    known = column.dropna()
    is_bool = pd.api.types.is_bool_dtype(column.dtype)
    if is_bool or not len(known) or not _is_called_time(str(column.name)):
        return None
    how = recognise_numbers([pa.array(known)])
    if how.unit:
        return _found(read_numbers(known, how.unit), how)
    texts = known.astype("string")  # 20270325 is a day
    how = recognise([pa.array(texts, pa.string(), from_pandas=True)])
    if how.unit or how.share < TIMES_SHARE:
        return None
    return _found(read_texts(texts, lambda: how), how)


def times_beside(column: pd.Series[Any], others: Mapping[str, pd.Series[Any]]) -> FoundTimes | None:
    """Return the times of a column of numbers that stay close to other times; None: it has none.

    No id does so, unless it was made of such a time.

    Args:
        column: of the first rows.
        others: columns of times -> their moments.
    """
    is_number = pd.api.types.is_numeric_dtype(column.dtype)
    if not is_number or pd.api.types.is_bool_dtype(column.dtype) or is_id(str(column.name))[0]:
        return None
    unit = recognise_numbers([pa.array(column.dropna())]).unit
    if not unit:
        return None
    moments = read_numbers(column, unit).moments
    for other in others.values():
        apart = (moments - other).dropna().abs()
        if len(apart) and (apart < CLOSE).mean() >= TIMES_SHARE:
            return FoundTimes(moments, False)
    return None


def _is_called_time(column: str) -> bool:
    return bool(_CALLED_TIME.search(column) or _UNIT_OF_TIME.search(spelled(column)))


def _found(read: ReadTimes, how: TimeFormat) -> FoundTimes | None:
    if read.bad.mean() > 1.0 - TIMES_SHARE:
        return None
    naive = read.local.notna()
    moments = read.local.dt.tz_localize("UTC").where(naive, read.moments)
    return FoundTimes(moments, bool(naive.any()), how.order == "ambiguous", how.example)


def as_seconds(times: Mapping[str, pd.Series[Any]]) -> pd.DataFrame:
    """Return seconds since 1970 of each column, the columns in the order of their times."""
    start = pd.Timestamp("1970-01-01", tz="UTC")
    seconds = pd.DataFrame({name: (one - start).dt.total_seconds() for name, one in times.items()})
    order = seconds.sub(seconds.min(axis=1), axis=0).median().sort_values(kind="stable")
    return seconds[[*order.index]]
