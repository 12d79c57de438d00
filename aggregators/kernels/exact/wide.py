"""Add floats of any size exactly: long integers with as many words as float64 needs.

For the few windows that hold values beyond the fixed point of the accumulators. They are computed
from the list of their keys. Infinite values (of ratios that overflow) add up as floats do.
"""

from __future__ import annotations

import numpy as np

from aggregators.kernels.exact.accumulators import MANTISSA_BITS, split_float
from aggregators.kernels.exact.formulas import slope, total, variance
from aggregators.kernels.exact.limbs import add_shifted, set_to_zero
from aggregators.kernels.exact.words import multiply_signed
from aggregators.kernels.numba_cache import inlined, inner
from aggregators.typing import Int64Array

__all__ = ["WIDE_WIDTH", "wide_sum", "wide_trend", "wide_variance"]

UNIT = -1074
"""The exponent of the least float; of the squares it is twice that."""
LIMIT = 1024

# Where the parts of a row start: a float has 2,098 bits in these units, its square twice as many.
S1, SECOND, WORK = 0, 34, 102
SUMS_WORDS, SQUARES_WORDS = SECOND - S1, WORK - SECOND
WIDE_WIDTH = WORK + SQUARES_WORDS + SUMS_WORDS
"""How many words the only row of the room to compute in has."""

INFINITY = 2047 << MANTISSA_BITS
"""The key of infinity."""


@inlined
def infinite_sum(keys: Int64Array, n: int) -> float:
    """Return the sum of the infinite values: an infinity, NaN for both, 0.0 where none is there."""
    result = 0.0
    for i in range(n):
        if keys[i] >= INFINITY:
            result = np.inf if result >= 0.0 else np.nan
        elif ~keys[i] >= INFINITY:
            result = -np.inf if result <= 0.0 else np.nan
    return result


@inner
def wide_sum(keys: Int64Array, n: int, words: Int64Array) -> float:
    """Return the sum of the floats ``keys[:n]``; 0.0 where there are none.

    ``words`` is room to compute in, shape (1, ``WIDE_WIDTH``).
    """
    infinite = infinite_sum(keys, n)
    if infinite != 0.0:
        return infinite
    set_to_zero(words, 0, S1, SECOND)
    for i in range(n):
        m, shift = split_float(keys[i], UNIT, LIMIT)
        add_shifted(words, 0, S1, SECOND, m, m >> 63, shift)
    return total(words, 0, S1, SUMS_WORDS, WORK, UNIT)


@inner
def wide_variance(keys: Int64Array, n: int, words: Int64Array) -> float:
    """Return the variance of the floats ``keys[:n]`` as a population; NaN where there are none."""
    if n == 0 or infinite_sum(keys, n) != 0.0:
        return np.nan
    set_to_zero(words, 0, S1, WORK)
    for i in range(n):
        m, shift = split_float(keys[i], UNIT, LIMIT)
        add_shifted(words, 0, S1, SECOND, m, m >> 63, shift)
        low, high = multiply_signed(m, m)
        add_shifted(words, 0, SECOND, WORK, low, high, 2 * shift)
    return variance(words, 0, S1, SUMS_WORDS, SECOND, SQUARES_WORDS, WORK, n, 1, 2 * UNIT)


@inner
def wide_trend(keys: Int64Array, n: int, words: Int64Array) -> float:
    """Return the least-squares slope per rank of the floats ``keys[:n]``; NaN below two values."""
    if n < 2 or infinite_sum(keys, n) != 0.0:
        return np.nan
    set_to_zero(words, 0, S1, WORK)
    for i in range(n):
        m, shift = split_float(keys[i], UNIT, LIMIT)
        add_shifted(words, 0, S1, SECOND, m, m >> 63, shift)
        low, high = multiply_signed(m, i)
        add_shifted(words, 0, SECOND, WORK, low, high, shift)
    return slope(words, 0, S1, SUMS_WORDS, SECOND, SUMS_WORDS, WORK, n, 1, UNIT)
