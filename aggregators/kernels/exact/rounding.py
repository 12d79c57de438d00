"""Round what an accumulator holds: each function is the float64 nearest to the exact value.

An accumulator with values that do not fit into fixed point cannot be rounded; see
:mod:`aggregators.kernels.exact.wide`.
"""

from __future__ import annotations

import numpy as np

from aggregators.kernels.exact.accumulators import N_WIDE, S1, S2, UNIT, WORK, T
from aggregators.kernels.exact.formulas import slope, total, variance
from aggregators.kernels.exact.keys import FLOAT, MOMENT
from aggregators.kernels.exact.limbs import make_positive
from aggregators.kernels.exact.quotient import nearest_quotient
from aggregators.kernels.exact.words import add_wide, multiply_signed
from aggregators.kernels.numba_cache import inlined, inner
from aggregators.typing import Int64Array

__all__ = ["nearest_seconds", "rounded_mean", "rounded_sum", "rounded_trend", "rounded_variance"]

US_PER_S = 1_000_000


@inner
def rounded_sum(sums: Int64Array, slot: int, kind: int, n: int, as_of: int) -> float:
    """Return the sum of the n values, in seconds if they are times; 0.0 where there are none."""
    if n == 0:
        return 0.0
    if kind == FLOAT:
        return total(sums, slot, S1, S2 - S1, WORK, UNIT)
    low, high = sums[slot, S1], sums[slot, S1 + 1]
    if kind == MOMENT:
        more_low, more_high = multiply_signed(n, as_of)
        low, high = add_wide(low, high, more_low, more_high)
    return nearest_seconds(sums, slot, WORK, low, high)


@inner
def nearest_seconds(words: Int64Array, row: int, work: int, low: int, high: int) -> float:
    """Return the seconds of microseconds in two words; the row has room from ``work`` on."""
    words[row, work], words[row, work + 1] = low, high
    is_negative = make_positive(words, row, work, work + 2)
    size = nearest_quotient(words, row, work, work + 2, US_PER_S, 0, 0)
    return -size if is_negative else size


@inlined
def rounded_mean(sums: Int64Array, slot: int, kind: int, n: int, as_of: int) -> float:
    """Return the rounded sum, divided by n; NaN where there are no values."""
    return rounded_sum(sums, slot, kind, n, as_of) / n if n > 0 else np.nan


@inner
def rounded_variance(sums: Int64Array, slot: int, kind: int, n: int) -> float:
    """Return the variance of the n values as a population; NaN where there are none."""
    if n == 0:
        return np.nan
    per_unit, exponent = (1, 2 * UNIT) if kind == FLOAT else (US_PER_S * US_PER_S, 0)
    return variance(sums, slot, S1, S2 - S1, S2, T - S2, WORK, n, per_unit, exponent)


@inner
def rounded_trend(sums: Int64Array, slot: int, kind: int, n: int) -> float:
    """Return the least-squares slope per rank of the n values; NaN below two values."""
    if n < 2:
        return np.nan
    per_unit, exponent = (1, UNIT) if kind == FLOAT else (US_PER_S, 0)
    return slope(sums, slot, S1, S2 - S1, T, N_WIDE - T, WORK, n, per_unit, exponent)
