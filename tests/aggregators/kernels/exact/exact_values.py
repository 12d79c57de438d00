"""What sums, variances and slopes must be: fractions, rounded once by Python."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from aggregators.kernels.exact.keys import FLOAT, MOMENT, key_of_float
from aggregators.typing import Int64Array

LEAST = 5e-324
LARGEST = 1.7976931348623157e308
# At the limits of the fixed point: its unit, half of it, what no longer fits, and neighbours.
EDGES = [
    *(0.0, -0.0, 0.1, 1.0, 1 / 3, 2.5, LEAST, -LEAST, LARGEST, -LARGEST, 2.2250738585072014e-308),
    *(2.0**-80, -(2.0**-80), 3 * 2.0**-81, 2.0**-81, 2.0**-28, math.nextafter(2.0**-28, 0)),
    *(2.0**80, -(2.0**80), math.nextafter(2.0**80, 0), math.nextafter(2.0**80, math.inf)),
    *(2.0**53, 2.0**53 - 1, 2.0**53 + 2, 2.0**-53, 1 + 2.0**-52, 1 - 2.0**-53),
]
LONGEST_US = 18_000 * 366 * 86_400 * 1_000_000


def nearest(exact: Fraction) -> float:
    """The float64 nearest to a fraction: Python rounds correctly, and has no infinity for it."""
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def values_of(kind: int, keys: Sequence[int], as_of: int = 0) -> list[Fraction]:
    """The exact values of keys, in seconds where they are times."""
    if kind == FLOAT:
        return [Fraction(float_of(key)) for key in keys]
    added = as_of if kind == MOMENT else 0
    return [Fraction(int(key) + added, 10**6) for key in keys]


def float_of(key: int) -> float:
    """The float of a key, by its bytes."""
    bits = key if key >= 0 else (1 << 63) | ~key
    (value,) = struct.unpack(">d", int(bits).to_bytes(8, "big"))
    return float(value)


def keys_of(values: Sequence[float]) -> Int64Array:
    """The keys of floats."""
    return np.array([key_of_float(value) for value in values], np.int64)


def exact_sum(values: Sequence[Fraction]) -> float:
    """The rounded sum."""
    return nearest(sum(values, Fraction(0)))


def exact_mean(values: Sequence[Fraction]) -> float:
    """The rounded sum, divided by n."""
    return exact_sum(values) / len(values) if values else math.nan


def exact_variance(values: Sequence[Fraction]) -> float:
    """The rounded variance: the mean of squared distances from the exact mean."""
    if not values:
        return math.nan
    mean = sum(values, Fraction(0)) / len(values)
    squares = [(value - mean) ** 2 for value in values]
    return nearest(sum(squares, Fraction(0)) / len(values))


def exact_trend(values: Sequence[Fraction]) -> float:
    """The rounded slope: covariance with the rank, divided by the variance of the rank."""
    if len(values) < 2:
        return math.nan
    centre = Fraction(len(values) - 1, 2)
    above = sum(((i - centre) * value for i, value in enumerate(values)), Fraction(0))
    below = sum(((i - centre) ** 2 for i in range(len(values))), Fraction(0))
    return nearest(above / below)


def same(a: float, b: float) -> bool:
    """Whether two floats have the same bits; all NaN are one."""
    return struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))
