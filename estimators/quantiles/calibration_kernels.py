"""Kernels that stretch predicted quantiles row by row, for calibration and for predictions."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from aggregators.kernels.argument_types import BOOL, FLOAT, FLOATS, FLOATS_2D, INTS, struct
from aggregators.kernels.numba_cache import compiled, inlined
from estimators.core.typing import FloatArray, IntArray

__all__ = ["GroupFactors", "Spread", "profile_at", "spreads", "stretched"]


class Spread(NamedTuple):
    """The rule for the distances of the outer anchors from the middle one.

    Args:
        is_log: whether seconds are compared by their ratio.
        floor_s: the least seconds on that scale.
        least: the least distance between anchors.
        typical_below: typical distance below the median; NaN: distances are as predicted.
        typical_above: typical distance above it.
        share_min: the least distance, as a share of the typical one.
        spread_exponent: power of the ratio to the typical distance.
    """

    is_log: bool
    floor_s: float
    least: float
    typical_below: float
    typical_above: float
    share_min: float
    spread_exponent: float


class GroupFactors(NamedTuple):
    """What distances are multiplied by, group after group; see ``GroupStretch``.

    Args:
        columns: of X, shape (n,).
        edges: of all, one after the other.
        edge_bounds: where the edges of each start and end, shape (n + 1,).
        below: factors below the median: of each group, two more than edges.
        above: factors above it.
    """

    columns: IntArray
    edges: FloatArray
    edge_bounds: IntArray
    below: FloatArray
    above: FloatArray


_SPREAD = struct(Spread, BOOL, FLOAT, FLOAT, FLOAT, FLOAT, FLOAT, FLOAT)
_GROUPS = struct(GroupFactors, INTS, FLOATS, INTS, FLOATS, FLOATS)


@inlined
def to_scale(seconds: float, spread: Spread) -> float:
    """Return seconds on the scale on which they are compared."""
    return math.log(max(seconds, spread.floor_s)) if spread.is_log else seconds


@inlined
def shrunk_distance(distance: float, typical: float, spread: Spread) -> float:
    """Return a predicted distance, shrunk towards the typical one."""
    if math.isnan(typical):
        return distance
    return typical * max(distance / typical, spread.share_min) ** spread.spread_exponent


@inlined
def anchor_distances(
    low: float, centre: float, high: float, spread: Spread
) -> tuple[float, float, float]:
    """Return the median on the scale and the distances of the outer anchors from it."""
    middle = to_scale(centre, spread)
    below = max(middle - to_scale(low, spread), spread.least)
    above = max(to_scale(high, spread) - middle, spread.least)
    return (
        middle,
        shrunk_distance(below, spread.typical_below, spread),
        shrunk_distance(above, spread.typical_above, spread),
    )


@inlined
def last_up_to(ascending: FloatArray, value: float) -> int:
    """Return how many ascending numbers are at most a value; none of them is NaN.

    ``np.searchsorted`` compiles to the same, but a service that loads the compiled kernel would
    load numba's arrays of numpy and scipy with it: 20 MB.
    """
    low, high = 0, len(ascending)
    while low < high:
        middle = (low + high) // 2
        if ascending[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low


@compiled(FLOATS_2D, _SPREAD, FLOATS_2D, is_for_training=True)
def spreads(anchors_s: FloatArray, spread: Spread, result: FloatArray) -> None:
    """Write the median on the scale and the distances of the outer anchors, shape (n_rows, 3)."""
    for row in range(len(anchors_s)):
        low, centre, high = anchors_s[row, 0], anchors_s[row, 1], anchors_s[row, 2]
        result[row, 0], result[row, 1], result[row, 2] = anchor_distances(low, centre, high, spread)


@compiled(FLOATS_2D, FLOATS_2D, _SPREAD, _GROUPS, FLOATS, FLOAT, FLOAT, FLOATS_2D)
def stretched(
    anchors_s: FloatArray,
    X: FloatArray,
    spread: Spread,
    groups: GroupFactors,
    stretch: FloatArray,
    shortest_s: float,
    longest_s: float,
    result: FloatArray,
) -> None:
    """Write calibrated quantiles.

    Args:
        anchors_s: predicted seconds, shape (n_rows, 3).
        X: the rows; without groups it is not looked at.
        spread: how far the outer anchors are taken to be from the middle one.
        groups: what the distances are multiplied by.
        stretch: of each level.
        shortest_s: no quantile is below it.
        longest_s: no quantile exceeds it.
        result: seconds, shape (n_rows, n_levels).
    """
    for row in range(len(anchors_s)):
        low, centre, high = anchors_s[row, 0], anchors_s[row, 1], anchors_s[row, 2]
        middle, below, above = anchor_distances(low, centre, high, spread)
        for g in range(len(groups.columns)):
            first, last = groups.edge_bounds[g], groups.edge_bounds[g + 1]
            value = X[row, groups.columns[g]]
            group = last - first + 1  # what is missing is a group of its own, the last
            if not math.isnan(value):
                group = last_up_to(groups.edges[first:last], value)
            place = first + 2 * g + group
            below *= groups.below[place]
            above *= groups.above[place]
        highest = -np.inf
        for level in range(len(stretch)):
            one = stretch[level]
            seconds = middle + one * (above if one >= 0.0 else below)
            if spread.is_log:
                seconds = math.exp(seconds)
            # Rounding alone could let neighbours cross by one bit.
            highest = max(highest, seconds)
            result[row, level] = min(max(highest, shortest_s), longest_s)


@compiled(FLOATS, FLOAT, FLOATS, FLOATS, FLOATS)
def profile_at(
    local_hour: FloatArray,
    starts_at_h: float,
    hours: FloatArray,
    excess_s: FloatArray,
    result: FloatArray,
) -> None:
    """Write the seconds of a profile at local hours; see ``DayProfile``."""
    n = len(hours)
    for row in range(len(local_hour)):
        hour = (local_hour[row] - starts_at_h) % 24.0
        if n == 0 or math.isnan(hour):
            result[row] = 0.0
            continue
        above = last_up_to(hours, hour)
        if above == 0 or above == n:
            result[row] = excess_s[0 if above == 0 else n - 1]
            continue
        slope = (excess_s[above] - excess_s[above - 1]) / (hours[above] - hours[above - 1])
        result[row] = slope * (hour - hours[above - 1]) + excess_s[above - 1]
