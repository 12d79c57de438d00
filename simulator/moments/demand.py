"""Measure when orders come: the busiest hour, and good and bad days."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulator.moments.moment import Moment, jackknifed
from simulator.world.arrays import BoolArray, FloatArray, IntArray

__all__ = ["day_variation", "local_hours", "peak_hour_share"]

HOURS = 24


def local_hours(
    placed: pd.Series[pd.Timestamp], zone_of: pd.Series[str]
) -> tuple[IntArray, IntArray]:
    """Return day (of the proleptic calendar) and hour of each moment by the clock of its place."""
    day = np.zeros(len(placed), dtype=np.int64)
    hour = np.zeros(len(placed), dtype=np.int64)
    for zone, rows in zone_of.groupby(zone_of).indices.items():
        local = placed.iloc[rows].dt.tz_convert(str(zone)).dt
        day[rows] = local.normalize().dt.tz_localize(None).to_numpy("datetime64[D]").astype("int64")
        hour[rows] = local.hour.to_numpy()
    return day, hour


def peak_hour_share(city: IntArray, day: IntArray, hour: IntArray) -> Moment:
    """Return the share of a city's orders in its busiest local hour, mean over orders."""
    shape = (int(city.max()) + 1, HOURS)
    days = np.unique(day, return_inverse=True)[1].astype(np.int64)
    counts = np.zeros((int(days.max()) + 1, *shape))
    np.add.at(counts, (days, city, hour), 1.0)

    def share(kept: BoolArray) -> float:
        by_hour = counts[kept].sum(axis=0)
        return float(by_hour.max(axis=1).sum() / max(by_hour.sum(), 1.0))

    return jackknifed(share, np.arange(len(counts)))


def day_variation(city: IntArray, day: IntArray) -> Moment:
    """Return the coefficient of variation of a city's orders between days, mean over orders.

    The first and the last day of each city may be cut off, so they do not count. What whole numbers
    vary by chance alone (Poisson) is taken out.
    """
    counts = [_full_days(day[city == one]) for one in range(int(city.max()) + 1)]
    counts = [one for one in counts if len(one) >= 3]
    if not counts:
        return Moment(float("nan"), float("nan"))
    longest = max(map(len, counts))
    table = np.full((longest, len(counts)), np.nan)
    for i, one in enumerate(counts):
        table[: len(one), i] = one

    def variation(kept: BoolArray) -> float:
        some = table[kept]
        mean = np.nanmean(some, axis=0)
        excess = np.maximum(np.nanvar(some, axis=0, ddof=1) - mean, 0.0)
        return float((np.sqrt(excess)).sum() / mean.sum())

    return jackknifed(variation, np.arange(longest))


def _full_days(day: IntArray) -> FloatArray:
    """Return the orders of each day between the first and the last, days without orders too."""
    if not len(day):
        return np.zeros(0)
    return np.bincount(day - day.min()).astype(np.float64)[1:-1]
