"""Plausible bounds of numbers, from the range that training saw.

Ordinary orders exceed the range of the training every day: a list of stores contains one that is
farther away than any ordered from, candidates include couriers who were never sent, a city grows. A
wrong unit is not near that range but far outside. So the *plausible* range is that of the training,
widened on the scale of the number.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from estimators.core.stages import is_elapsed
from estimators.monitoring.statistics import NumberStatistics

__all__ = ["InputBounds", "bounds_of"]

MISSING_SHARE_MAX = 0.01
"""A number that training missed more often stays missing, because the model has learned that case.
So do elapsed facts, whose absence means that the event has not happened.
"""

WIDENED = 3.0
"""The factor by which an amount, distance, count or time may exceed the largest value of the
training, or fall below the smallest. Seconds for minutes are 60 times as large.
"""

UNIT = 1_000.0
"""The factor of kilometres for metres, or of seconds for milliseconds."""


class InputBounds(NamedTuple):
    """The bounds of a number, and its replacements beyond them.

    Args:
        least, most: the plausible range; numbers in it are kept.
        low, high: the range of the training; an implausible number is replaced by one of them.
        fill_value: what it is taken as where it is missing; NaN: it is left missing.
    """

    least: float
    most: float
    low: float
    high: float
    fill_value: float


def bounds_of(name: str, statistics: object) -> InputBounds:
    """Return the bounds of an input.

    Numbers that are never negative are widened by ``WIDENED`` in either direction, on the scale of
    their ratios; but a thousandth of the largest number stays implausible if training saw none so
    small. Where there are negative ones (degrees, coordinates), the scale is that of differences,
    and the span is continued by its own length. How long ago an event was begins at 0 s.

    Args:
        name: of the input.
        statistics: of its values in training. Anything but those of a number with values, such as
            None: no bounds.

    >>> import numpy as np
    >>> seen = NumberStatistics.of(np.array([150.0, 1_800.0, 6_000.0]))
    >>> bounds_of("distance_m", seen)
    InputBounds(least=50.0, most=18000.0, low=150.0, high=6000.0, fill_value=1800.0)
    >>> bounds_of("temperature_c", NumberStatistics.of(np.array([-4.0, 20.0, 26.0])))[:2]
    (-34.0, 56.0)
    """
    if not isinstance(statistics, NumberStatistics) or math.isnan(statistics.min):
        return InputBounds(-math.inf, math.inf, -math.inf, math.inf, math.nan)
    left_missing = is_elapsed(name) or statistics.missing_share > MISSING_SHARE_MAX
    fill_value = math.nan if left_missing else statistics.median
    # Every event was once a moment ago, whether or not training saw an order at that moment.
    low, high = 0.0 if is_elapsed(name) else statistics.min, statistics.max
    if low < 0.0:
        span = high - low
        return InputBounds(low - span, high + span, low, high, fill_value)
    least = min(low, max(low / WIDENED, math.nextafter(high / UNIT, math.inf)))
    return InputBounds(least, high * WIDENED, low, high, fill_value)
