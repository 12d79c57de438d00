"""Floats and keys at their limits, and the exact values that keys stand for."""

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


def same(a: float, b: float) -> bool:
    """Whether two floats have the same bits; all NaN are one."""
    return struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))
