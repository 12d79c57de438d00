"""Compute sum, variance and slope of a list of keys: the float64 nearest to the exact value.

Nearly all lists are added up in two words per sum. Floats that cannot be cut into two parts go into
an accumulator, and where one does not fit there, all go into long integers.

``words`` is room to compute in, shape (1, ``WORDS_WIDTH``).
"""

from __future__ import annotations

import numpy as np

from aggregators.kernels.exact import float_parts, time_sums
from aggregators.kernels.exact.accumulators import SQUARES, SUM, add, add_weighted, clear, is_wide
from aggregators.kernels.exact.float_parts import S1, S1_WORDS, SECOND, SECOND_WORDS, WORK
from aggregators.kernels.exact.formulas import slope, total, variance
from aggregators.kernels.exact.keys import FLOAT, MOMENT, float_of_key
from aggregators.kernels.exact.rounding import (
    US_PER_S,
    nearest_seconds,
    rounded_sum,
    rounded_trend,
    rounded_variance,
)
from aggregators.kernels.exact.wide import WIDE_WIDTH, wide_sum, wide_trend, wide_variance
from aggregators.kernels.exact.words import add_wide, multiply_signed
from aggregators.kernels.numba_cache import inner
from aggregators.typing import Int64Array

__all__ = ["WORDS_WIDTH", "window_sum", "window_trend", "window_variance"]

WORDS_WIDTH = WIDE_WIDTH


@inner
def window_sum(kind: int, keys: Int64Array, n: int, as_of: int, words: Int64Array) -> float:
    """Return the sum of the values, in seconds if they are times; 0.0 where there are none."""
    if n == 0:
        return 0.0
    if kind != FLOAT:
        low, high = time_sums.add_up_times(keys, n)
        if kind == MOMENT:
            more_low, more_high = multiply_signed(n, as_of)
            low, high = add_wide(low, high, more_low, more_high)
        return nearest_seconds(words, 0, WORK, low, high)
    field = float_parts.largest_field(keys, n)
    if n <= 2 and field <= float_parts.FIELD_MAX:  # the processor rounds a sum of two floats once
        return float_of_key(keys[0]) + (float_of_key(keys[1]) if n == 2 else 0.0)
    can_be_cut = float_parts.can_be_cut(field, n)
    if can_be_cut and n <= float_parts.FEW:
        result = float_parts.add_few(keys, n, field)
        if result == result:
            return result
    if can_be_cut and float_parts.add_up(keys, n, field, words):
        return total(words, 0, S1, S1_WORDS, WORK, field - float_parts.UNIT_OF_FIELD)
    fill(FLOAT, keys, n, SUM, words)
    return wide_sum(keys, n, words) if is_wide(words, 0) else rounded_sum(words, 0, FLOAT, n, 0)


@inner
def window_variance(kind: int, keys: Int64Array, n: int, words: Int64Array) -> float:
    """Return the variance of the values as a population; NaN where there are none."""
    if n == 0:
        return np.nan
    if kind != FLOAT:
        if time_sums.spread(keys, n, words, False):
            n_words, per_unit = time_sums.SHORT_WORDS, US_PER_S * US_PER_S
            return variance(words, 0, S1, S1_WORDS, SECOND, n_words, WORK, n, per_unit, 0)
        fill(kind, keys, n, SUM | SQUARES, words)
        return rounded_variance(words, 0, kind, n)
    field = float_parts.largest_field(keys, n)
    if float_parts.can_be_cut(field, n) and float_parts.add_squared(keys, n, field, words):
        float_parts.add_up(keys, n, field, words)
        exponent = 2 * (field - float_parts.UNIT_OF_FIELD)
        return variance(words, 0, S1, S1_WORDS, SECOND, SECOND_WORDS, WORK, n, 1, exponent)
    fill(FLOAT, keys, n, SUM | SQUARES, words)
    return wide_variance(keys, n, words) if is_wide(words, 0) else rounded_variance(words, 0, 0, n)


@inner
def window_trend(kind: int, keys: Int64Array, n: int, words: Int64Array) -> float:
    """Return the least-squares slope per rank of the values; NaN below two values."""
    if n < 2:
        return np.nan
    if kind != FLOAT:
        if time_sums.spread(keys, n, words, True):
            n_words = time_sums.SHORT_WORDS
            return slope(words, 0, S1, S1_WORDS, SECOND, n_words, WORK, n, US_PER_S, 0)
        fill_ranked(kind, keys, n, words)
        return rounded_trend(words, 0, kind, n)
    field = float_parts.largest_field(keys, n)
    if float_parts.can_be_cut(field, n) and float_parts.add_ranked(keys, n, field, words):
        float_parts.add_up(keys, n, field, words)
        exponent = field - float_parts.UNIT_OF_FIELD
        return slope(words, 0, S1, S1_WORDS, SECOND, SECOND_WORDS, WORK, n, 1, exponent)
    fill_ranked(FLOAT, keys, n, words)
    return wide_trend(keys, n, words) if is_wide(words, 0) else rounded_trend(words, 0, FLOAT, n)


@inner
def fill(kind: int, keys: Int64Array, n: int, moments: int, words: Int64Array) -> None:
    """Let row 0 be the accumulator of these keys."""
    clear(words, 0)
    for i in range(n):
        add(words, 0, kind, keys[i], 1, moments)


@inner
def fill_ranked(kind: int, keys: Int64Array, n: int, words: Int64Array) -> None:
    """Let row 0 be the accumulator of these keys, with their ranks."""
    fill(kind, keys, n, SUM, words)
    for i in range(n):
        add_weighted(words, 0, kind, keys[i], i)
