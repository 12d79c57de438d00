"""Compute the named functions, compiled: pure functions of the selected values in their order.

The values come as keys, see :mod:`aggregators.kernels.exact.keys`. Sum, variance and slope are the
float64 nearest to the exact value, whatever the order of the values. Quantiles are numpy's.
"""

from __future__ import annotations

import numpy as np

from aggregators.functions import CODES
from aggregators.kernels.exact.keys import value_of
from aggregators.kernels.exact.window_sums import window_sum, window_trend, window_variance
from aggregators.kernels.numba_cache import inlined, inner
from aggregators.kernels.order_statistics import (
    linear_quantile,
    maximum,
    median,
    minimum,
    n_unique,
)
from aggregators.kernels.pairwise_sum import pairwise_sum
from aggregators.typing import Float64Array, Int64Array

__all__ = ["apply_function", "needs_order"]

COUNT = CODES["count"]
SUM = CODES["sum"]
MEAN = CODES["mean"]
STD = CODES["std"]
VAR = CODES["var"]
MIN = CODES["min"]
MAX = CODES["max"]
MEDIAN = CODES["median"]
FIRST = CODES["first"]
LAST = CODES["last"]
N_UNIQUE = CODES["n_unique"]
TREND = CODES["trend"]
QUANTILE = CODES["quantile"]
MEAN_ABS_CHANGE = CODES["mean_abs_change"]


@inlined
def needs_order(code: int) -> bool:
    """Return whether the function works on a copy that it puts into order."""
    return code in (MEDIAN, QUANTILE, N_UNIQUE)


@inlined
def apply_function(
    code: int,
    argument: float,
    kind: int,
    keys: Int64Array,
    n: int,
    as_of: int,
    scratch: Int64Array,
    floats: Float64Array,
    words: Int64Array,
    stack: Int64Array,
    partial_sums: Float64Array,
) -> float:
    """Return the function of the values of ``keys[:n]``, in seconds if they are times.

    Args:
        code: the function.
        argument: its argument.
        kind: of the keys.
        keys: none is missing; they stay as they are.
        n: how many there are.
        as_of: the moment to which elapsed times run.
        scratch: room to compute in, as long as ``keys``.
        floats: the same memory, as floats.
        words: room for exact sums, shape (1, ``WORDS_WIDTH``).
        stack: room for sorting and sums, of ``STACK_SIZE`` elements.
        partial_sums: room for sums, of ``MAX_SPLITS`` elements.
    """
    if code == COUNT:
        return float(n)
    if code == SUM:
        return window_sum(kind, keys, n, as_of, words)
    if n == 0:
        return np.nan
    if code == MEAN:
        return window_sum(kind, keys, n, as_of, words) / n
    if code == STD:
        return np.sqrt(window_variance(kind, keys, n, words))
    if code == VAR:
        return window_variance(kind, keys, n, words)
    if code == TREND:
        return window_trend(kind, keys, n, words)
    if code == MIN:
        return value_of(kind, minimum(keys, n), as_of)
    if code == MAX:
        return value_of(kind, maximum(keys, n), as_of)
    if code == FIRST:
        return value_of(kind, keys[0], as_of)
    if code == LAST:
        return value_of(kind, keys[n - 1], as_of)
    if code == MEAN_ABS_CHANGE:
        return mean_abs_change(kind, keys, n, as_of, floats, stack, partial_sums)
    if needs_order(code):
        for i in range(n):
            scratch[i] = keys[i]
        return order_statistic(code, argument, kind, scratch, n, as_of, stack)
    return np.nan


@inlined
def order_statistic(
    code: int,
    argument: float,
    kind: int,
    ordered: Int64Array,
    n: int,
    as_of: int,
    stack: Int64Array,
) -> float:
    """Return a function of values that it rearranges."""
    if code == MEDIAN:
        return median(kind, ordered, n, as_of)
    if code == QUANTILE:
        return linear_quantile(kind, ordered, n, as_of, argument)
    return n_unique(ordered, n, stack)


@inner
def mean_abs_change(
    kind: int,
    keys: Int64Array,
    n: int,
    as_of: int,
    floats: Float64Array,
    stack: Int64Array,
    partial_sums: Float64Array,
) -> float:
    """Return tsfresh's calculator to the bit: numpy's pairwise mean of the steps' sizes."""
    if n < 2:
        return np.nan
    before = value_of(kind, keys[0], as_of)
    for i in range(1, n):
        value = value_of(kind, keys[i], as_of)
        floats[i - 1] = abs(value - before)
        before = value
    return pairwise_sum(floats, 0, n - 1, stack, partial_sums) / (n - 1)
