"""The simulation's clock: milliseconds since the start, and bins of a quarter of an hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from simulator.world.arrays import FloatArray, IntArray
from simulator.world.scenario import Scenario

__all__ = ["BINS_PER_DAY", "BIN_S", "TAIL_BINS", "LocalTime", "days_of_bins", "local_time"]

BIN_S = 900
BINS_PER_DAY = 86_400 // BIN_S
TAIL_BINS = 48
"""Bins after the last order can be placed: what is on its way is still delivered."""


@dataclass(frozen=True, kw_only=True)
class LocalTime:
    """Local time and calendar of a city in each bin; arrays of shape (n_bins,).

    ``hour`` runs from 0 to 24 with fractions, ``weekday`` from Monday (0), ``day`` and ``shift``
    (half days, the second from 17:00 on) count from the start.
    """

    hour: FloatArray
    weekday: IntArray
    day: IntArray
    shift: IntArray

    def __len__(self) -> int:
        return len(self.hour)


def local_time(scenario: Scenario, timezone: str) -> LocalTime:
    """Return the local time of every bin, clock changes included."""
    zone = ZoneInfo(timezone)
    n_bins = scenario.days * BINS_PER_DAY + TAIL_BINS
    first_day = scenario.start.astimezone(zone).toordinal()
    moments = [
        (scenario.start + timedelta(seconds=BIN_S * i)).astimezone(zone) for i in range(n_bins)
    ]
    hour = np.array([_hour(moment) for moment in moments])
    day = np.array([moment.toordinal() - first_day for moment in moments], dtype=np.int64)
    return LocalTime(
        hour=hour,
        weekday=np.array([moment.weekday() for moment in moments], dtype=np.int64),
        day=day,
        shift=day * 2 + (hour >= 17.0),
    )


def days_of_bins(first_bin: int, n_bins: int) -> FloatArray:
    """Return when bins begin, in days since the start; shape (n_bins,)."""
    return np.asarray((first_bin + np.arange(n_bins)) / BINS_PER_DAY)


def _hour(moment: datetime) -> float:
    return moment.hour + moment.minute / 60.0 + moment.second / 3_600.0
