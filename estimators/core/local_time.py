"""Local hour and weekday of one or many moments; needs only numpy and zoneinfo."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from estimators.core.typing import FloatArray, IntArray

__all__ = ["local_time", "local_times"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
# Offsets from UTC change at full quarters of an hour, so one look-up serves a whole quarter.
_QUARTER_US = _HOUR_US // 4
_FIRST_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


@lru_cache(maxsize=1_000_000)
def _offset_us(zone: str, quarter: int) -> int:
    """Return how far a timezone is ahead of UTC in a quarter of an hour since 1970."""
    moment = _EPOCH + timedelta(microseconds=quarter * _QUARTER_US)
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return offset // timedelta(microseconds=1)


def local_time(zone: str, as_of_us: int) -> list[float]:
    """Return the local hour of the day (0 to 24) and weekday (Monday is 0).

    >>> local_time("Europe/Madrid", 1_767_268_800_000_000)  # 2026-01-01 12:00 UTC, a Thursday
    [13.0, 3.0]
    """
    if not zone:
        return [math.nan, math.nan]
    local_us = as_of_us + _offset_us(zone, as_of_us // _QUARTER_US)
    return [
        local_us % _DAY_US / _HOUR_US,
        float((local_us // _DAY_US + _FIRST_WEEKDAY) % 7),
    ]


def local_times(zones: Sequence[str], index: IntArray, as_of_us: IntArray) -> list[FloatArray]:
    """Return hours and weekdays of many rows; `index` says which of `zones` is a row's."""
    quarters, row_quarter = np.unique(as_of_us // _QUARTER_US, return_inverse=True)
    offset_us = np.zeros(len(as_of_us), dtype=np.int64)
    known = np.zeros(len(as_of_us), dtype=bool)
    for i, zone in enumerate(zones):
        rows = index == i
        if not zone:
            continue
        table = np.zeros(len(quarters), dtype=np.int64)
        used = np.unique(row_quarter[rows])
        table[used] = [_offset_us(zone, int(quarters[k])) for k in used]
        offset_us[rows] = table[row_quarter[rows]]
        known |= rows
    local_us = as_of_us + offset_us
    hour = (local_us % _DAY_US) / _HOUR_US
    weekday = ((local_us // _DAY_US + _FIRST_WEEKDAY) % 7).astype(np.float64)
    return [np.where(known, hour, np.nan), np.where(known, weekday, np.nan)]
