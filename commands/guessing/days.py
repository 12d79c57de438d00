"""Join columns of days with columns of times of day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from commands.data.times.day_and_time import joined
from commands.guessing.event_names import candidates
from commands.guessing.times import TIMES_SHARE, FoundTimes, times_of
from commands.guessing.words import is_outcome, spelled

__all__ = ["OfDays", "times_of_days"]

NOON_H = 12
MANY_TIMES = 100
MANY_SHARE = 0.3
"""A column with so many different times, or so many in its rows, has times of events.

The hours at which stores open are fewer.
"""

_TIME_OF_DAY = r"\s*\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:[AaPp]\.?[Mm]\.?)?\s*"


class OfDays(NamedTuple):
    """The times of a column of times of day.

    Args:
        date: column of the days.
        found: the times; those before the first event are of the next day.
    """

    date: str
    found: FoundTimes


def times_of_days(table: pd.DataFrame, times: Mapping[str, pd.Series[Any]]) -> dict[str, OfDays]:
    """Return column -> times of each column of times of day, if there is a column of days.

    Args:
        table: the rows.
        times: columns of times; some of them may be days.
    """
    dates = [column for column, moments in times.items() if _are_days(moments)]
    clocks = [one for one in table.columns if one not in times and _is_clock(table, one)]
    if not dates or not clocks:
        return {}
    pairs = {}
    for clock in clocks:
        date = max(dates, key=lambda one: len(_words(one) & _words(clock)))
        texts = joined(_array(table[date]), _array(table[clock])).to_pandas()
        found = times_of(pd.Series(texts, index=table.index))
        if found is not None:
            pairs[clock] = OfDays(date, found)
    first = max(pairs, key=lambda one: candidates(one).get("activated", 0.0), default="")
    for clock, (date, found) in pairs.items():
        moments = found.moments
        is_next_day = moments < pairs[first].found.moments
        shifted = moments.where(~is_next_day, moments + pd.Timedelta(days=1))
        pairs[clock] = OfDays(date, found._replace(moments=shifted))
    return pairs


def _are_days(moments: pd.Series[Any]) -> bool:
    known = moments.dropna()
    return bool(len(known)) and bool((known == known.dt.normalize()).all())


def _is_clock(table: pd.DataFrame, column: str) -> bool:
    known = table[column].dropna()
    if not len(known) or not isinstance(known.iloc[0], str) or is_outcome(column):
        return False
    texts = known.astype("string")
    if texts.str.fullmatch(_TIME_OF_DAY).mean() < TIMES_SHARE:
        return False
    # Without such a name, times that never reach noon are durations.
    hours = texts.str.extract(r"(\d+):", expand=False).dropna().astype("int64")
    is_late = bool(hours.max() >= NOON_H)
    is_varied = known.nunique() >= min(MANY_TIMES, MANY_SHARE * len(known))
    return (is_late and is_varied) or bool(candidates(column)) or "time" in _words(column)


def _words(column: str) -> set[str]:
    return {*spelled(column).split("_")}


def _array(column: pd.Series[Any]) -> pa.Array:
    return pa.array(column, from_pandas=True)
