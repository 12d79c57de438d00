"""Measure ways and doors by distance and hour, and how far a duration follows the hour."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from simulator.moments.moment import Moment, jackknifed
from simulator.world.arrays import BoolArray, FloatArray, IntArray

__all__ = ["hour_sd", "ways_of"]

WAYS = (
    ("picked_up", "courier_at_customer", "distance_m"),
    ("courier_assigned", "courier_at_store", "distance_to_store_m"),
    ("picked_up", "delivered", "distance_m"),
)
"""Start, end and distance of a way; the first of them that a table has is measured."""
WAY_BOUNDS_S = (20.0, 7_200.0)
LEAST_M = 100.0
"""Shorter ways are mostly unlocking and walking."""
DOOR = ("courier_at_customer", "delivered")
DOOR_BOUNDS_S = (5.0, 3_600.0)
HOURS = 24


def ways_of(orders: pd.DataFrame, day: IntArray, hour: IntArray) -> Iterator[tuple[str, Moment]]:
    """Yield the moments of ways and doors that a table has.

    Args:
        orders: events as datetimes, distances in metres.
        day: of each order, by the clock of its place.
        hour: local hour of each order, 0 to 23.
    """
    has = set(orders.columns)
    way = next((one for one in WAYS if set(one) <= has), None)
    if way is not None:
        yield from _way_moments(orders, way, day, hour)
    if set(DOOR) <= has:
        seconds = _seconds(orders, *DOOR)
        kept = (seconds >= DOOR_BOUNDS_S[0]) & (seconds <= DOOR_BOUNDS_S[1])
        if kept.any():
            door_s, days = seconds[kept], _numbered(day[kept])
            yield "door_median_s", jackknifed(lambda some: float(np.median(door_s[some])), days)
            yield "door_log_sd", _sd(np.log(door_s), days)


def _way_moments(
    orders: pd.DataFrame, way: tuple[str, str, str], day: IntArray, hour: IntArray
) -> Iterator[tuple[str, Moment]]:
    start, end, distance = way
    seconds = _seconds(orders, start, end)
    metres = orders[distance].to_numpy(np.float64, na_value=np.nan)
    kept = (seconds >= WAY_BOUNDS_S[0]) & (seconds <= WAY_BOUNDS_S[1]) & (metres >= LEAST_M)
    if kept.sum() < 3:
        return
    days, pace = _numbered(day[kept]), seconds[kept] / metres[kept] * 1_000.0
    yield "way_pace_s_per_km", jackknifed(lambda some: float(np.median(pace[some])), days)
    residual = _without_distance(np.log(seconds[kept]), np.log(metres[kept]))
    yield "way_log_sd", _sd(residual, days)
    yield "way_hour_sd", hour_sd(residual, hour[kept], days)


def hour_sd(residual: FloatArray, hour: IntArray, cluster: IntArray) -> Moment:
    """Return the standard deviation between local hours of the mean of a logarithm.

    By the number of rows of each hour; what means of few rows differ by chance is taken out.

    Args:
        residual: logarithms, without what else explains them.
        hour: local hour of each, 0 to 23.
        cluster: rows that depend on each other, for the standard error.
    """

    def spread(kept: BoolArray) -> float:
        value, at = residual[kept], hour[kept]
        n = np.bincount(at, minlength=HOURS).astype(np.float64)
        mean = np.bincount(at, value, minlength=HOURS) / np.maximum(n, 1.0)
        groups, total = int((n > 0).sum()), float(n.sum())
        if total <= groups:
            return float("nan")
        within = float(((value - mean[at]) ** 2).sum()) / (total - groups)
        between = float((n * (mean - value.mean()) ** 2).sum()) - (groups - 1) * within
        return float(np.sqrt(max(between / total, 0.0)))

    return jackknifed(spread, cluster)


def _sd(value: FloatArray, cluster: IntArray) -> Moment:
    return jackknifed(lambda kept: float(value[kept].std(ddof=1)), cluster)


def _without_distance(log_s: FloatArray, log_m: FloatArray) -> FloatArray:
    """Return the residuals of a line of the logarithms."""
    centred = log_m - float(log_m.mean())
    slope = float((centred * log_s).sum() / max(float((centred**2).sum()), 1e-12))
    return np.asarray(log_s - float(log_s.mean()) - slope * centred)


def _seconds(orders: pd.DataFrame, start: str, end: str) -> FloatArray:
    seconds = (orders[end] - orders[start]).dt.total_seconds()
    return np.asarray(seconds, dtype=np.float64)


def _numbered(day: IntArray) -> IntArray:
    return np.unique(day, return_inverse=True)[1].astype(np.int64)
