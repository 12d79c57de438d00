"""Compute the named functions, compiled: pure functions of the selected values in their order.

Sums are numpy's pairwise sums, quantiles use its linear interpolation, variances its two passes.
The results are those of ``np.sum``, ``np.mean``, ``np.var``, ``np.std``, ``np.median`` and
``np.quantile`` to the last bit, and the loops are vectorised all the same.
"""

from __future__ import annotations

import numpy as np

from aggregators.functions import CODES
from aggregators.kernels.numba_cache import inlined, inner
from aggregators.typing import Float64Array, Int64Array

__all__ = ["MAX_SPLITS", "STACK_SIZE", "apply_function", "needs_order"]

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

PAIRWISE_BLOCK = 128
MAX_SPLITS = 64
STACK_SIZE = 3 * MAX_SPLITS
INSERTION_SORT_LIMIT = 10


@inlined
def needs_order(code: int) -> bool:
    """Return whether the function works on a copy that it may put into order."""
    return code in (MEDIAN, QUANTILE, N_UNIQUE)


@inlined
def apply_function(
    code: int,
    argument: float,
    values: Float64Array,
    n: int,
    scratch: Float64Array,
    stack: Int64Array,
    partial_sums: Float64Array,
) -> float:
    """Return the function of ``values[:n]``.

    ``scratch`` is as long; for the functions that need an order it holds a copy of the values,
    which they rearrange. ``stack`` and ``partial_sums`` are room for sums and sorting, of
    ``STACK_SIZE`` and ``MAX_SPLITS`` elements.
    """
    if code == COUNT:
        return float(n)
    if code == SUM:
        return pairwise_sum(values, 0, n, stack, partial_sums) if n > 0 else 0.0
    if n == 0:
        return np.nan
    if code == MEAN:
        return pairwise_sum(values, 0, n, stack, partial_sums) / n
    if code == STD:
        return np.sqrt(variance(values, n, scratch, stack, partial_sums))
    if code == VAR:
        return variance(values, n, scratch, stack, partial_sums)
    if code == MIN:
        return minimum(values, n)
    if code == MAX:
        return maximum(values, n)
    if code == FIRST:
        return values[0]
    if code == LAST:
        return values[n - 1]
    if code == MEDIAN:
        return median(scratch, n)
    if code == QUANTILE:
        return linear_quantile(scratch, n, argument)
    if code == N_UNIQUE:
        return n_unique(scratch, n, stack)
    if code == TREND:
        return trend(values, n, stack, partial_sums)
    if code == MEAN_ABS_CHANGE and n > 1:
        for i in range(n - 1):
            scratch[i] = abs(values[i + 1] - values[i])
        return pairwise_sum(scratch, 0, n - 1, stack, partial_sums) / (n - 1)
    return np.nan


@inlined
def pairwise_sum(
    a: Float64Array, start: int, n: int, stack: Int64Array, partial_sums: Float64Array
) -> float:
    """Return the sum of ``a[start:start + n]`` as numpy adds: pairwise, in blocks of 128."""
    if n < 8:
        small = -0.0
        for i in range(start, start + n):
            small += a[i]
        return small
    if n <= PAIRWISE_BLOCK:
        return block_sum(a, start, n)
    return split_sum(a, start, n, stack, partial_sums)


@inner
def split_sum(
    a: Float64Array, start: int, n: int, stack: Int64Array, partial_sums: Float64Array
) -> float:
    """Return the sum of more than 128 values: halves of halves, as numpy splits them.

    Numpy recurses; this walks the same tree with a stack, as numba's cache cannot hold recursion.
    """
    depth = 0
    stack[0], stack[1], stack[2] = start, n, 0
    while True:
        first, size = stack[depth], stack[depth + 1]
        half = size // 2
        half -= half % 8
        if size > PAIRWISE_BLOCK:
            depth += 3
            stack[depth], stack[depth + 1], stack[depth + 2] = first, half, 0
            continue
        total = block_sum(a, first, size)
        depth -= 3
        while depth >= 0 and stack[depth + 2] == 1:  # its left half has been added up before
            total += partial_sums[depth // 3]
            depth -= 3
        if depth < 0:
            return total
        partial_sums[depth // 3] = total
        stack[depth + 2] = 1
        first, size = stack[depth], stack[depth + 1]
        half = size // 2
        half -= half % 8
        depth += 3
        stack[depth], stack[depth + 1], stack[depth + 2] = first + half, size - half, 0


@inner
def block_sum(a: Float64Array, start: int, n: int) -> float:
    """Return the sum of 8 to 128 values with eight running sums."""
    r0, r1, r2, r3 = a[start], a[start + 1], a[start + 2], a[start + 3]
    r4, r5, r6, r7 = a[start + 4], a[start + 5], a[start + 6], a[start + 7]
    whole = n - n % 8
    for i in range(start + 8, start + whole, 8):
        r0 += a[i]
        r1 += a[i + 1]
        r2 += a[i + 2]
        r3 += a[i + 3]
        r4 += a[i + 4]
        r5 += a[i + 5]
        r6 += a[i + 6]
        r7 += a[i + 7]
    result = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for i in range(start + whole, start + n):
        result += a[i]
    return result


@inlined
def variance(
    values: Float64Array,
    n: int,
    squares: Float64Array,
    stack: Int64Array,
    partial_sums: Float64Array,
) -> float:
    """Return the population variance: the mean of the squared distances from the mean."""
    mean = pairwise_sum(values, 0, n, stack, partial_sums) / n
    for i in range(n):
        distance = values[i] - mean
        squares[i] = distance * distance
    return pairwise_sum(squares, 0, n, stack, partial_sums) / n


@inlined
def minimum(values: Float64Array, n: int) -> float:
    """Return the least value."""
    result = values[0]
    for i in range(1, n):
        result = min(result, values[i])
    return result


@inlined
def maximum(values: Float64Array, n: int) -> float:
    """Return the greatest value."""
    result = values[0]
    for i in range(1, n):
        result = max(result, values[i])
    return result


@inlined
def trend(values: Float64Array, n: int, stack: Int64Array, partial_sums: Float64Array) -> float:
    """Return the least-squares slope per sample over positions 0 to n - 1; NaN below two values."""
    if n < 2:
        return np.nan
    centre = (n - 1) / 2.0
    mean = pairwise_sum(values, 0, n, stack, partial_sums) / n
    covariance = 0.0
    for i in range(n):
        covariance += (i - centre) * (values[i] - mean)
    return covariance / (n * (n * float(n) - 1.0) / 12.0)


@inner
def median(ordered: Float64Array, n: int) -> float:
    """Return the middle value, or the mean of the two middle ones."""
    middle = n // 2
    if n % 2 == 1:
        return kth_smallest(ordered, n, middle)
    below = kth_smallest(ordered, n, middle - 1)
    return (below + next_smallest(ordered, n, middle - 1)) / 2.0


@inner
def linear_quantile(ordered: Float64Array, n: int, q: float) -> float:
    """Return the q-quantile, linearly interpolated from the nearer of its two neighbours."""
    position = q * (n - 1)
    index = int(np.floor(position))
    if index >= n - 1:
        return maximum(ordered, n)
    below = kth_smallest(ordered, n, index)
    above = next_smallest(ordered, n, index)
    fraction = position - index
    if fraction >= 0.5:
        return above - (above - below) * (1.0 - fraction)
    return below + (above - below) * fraction


@inner
def n_unique(ordered: Float64Array, n: int, stack: Int64Array) -> float:
    """Return how many different values there are."""
    sort(ordered, n, stack)
    result = 1
    for i in range(1, n):
        result += ordered[i] != ordered[i - 1]
    return float(result)


@inner
def sort(a: Float64Array, n: int, stack: Int64Array) -> None:
    """Sort ``a[:n]`` in place: quicksort, the larger part later, so that the stack stays short."""
    depth = 0
    left, right = 0, n - 1
    while True:
        while right - left > INSERTION_SORT_LIMIT:
            low, high = split(a, left, right)
            if low - left > right - high:
                stack[depth], stack[depth + 1] = left, low - 1
                left = high
            else:
                stack[depth], stack[depth + 1] = high, right
                right = low - 1
            depth += 2
        insertion_sort(a, left, right)
        if depth == 0:
            return
        depth -= 2
        left, right = stack[depth], stack[depth + 1]


@inlined
def insertion_sort(a: Float64Array, left: int, right: int) -> None:
    """Sort ``a[left:right + 1]`` in place."""
    for i in range(left + 1, right + 1):
        value = a[i]
        j = i - 1
        while j >= left and a[j] > value:
            a[j + 1] = a[j]
            j -= 1
        a[j + 1] = value


@inner
def kth_smallest(a: Float64Array, n: int, k: int) -> float:
    """Return what stands at position k of the sorted ``a[:n]``; what follows it is not smaller.

    Hoare's quickselect.
    """
    left, right = 0, n - 1
    while right - left > INSERTION_SORT_LIMIT:
        low, high = split(a, left, right)
        if k < low:
            right = low - 1
        elif k >= high:
            left = high
        else:
            return a[k]
    insertion_sort(a, left, right)
    return a[k]


@inlined
def next_smallest(a: Float64Array, n: int, k: int) -> float:
    """Return what stands at position k + 1, once position k is in its place."""
    result = a[k + 1]
    for i in range(k + 2, n):
        result = min(result, a[i])
    return result


@inlined
def split(a: Float64Array, left: int, right: int) -> tuple[int, int]:
    """Rearrange ``a[left:right + 1]`` around a pivot; return where it starts and ends.

    Before ``low`` all is less than the pivot, from ``low`` to ``high`` (exclusive) equal, then not
    less. Lomuto's partition, without a branch that depends on a value: those would be mispredicted
    every other time.
    """
    pivot = median_of_three(a[left], a[(left + right) // 2], a[right])
    low = left
    for i in range(left, right + 1):
        value = a[i]
        a[i] = a[low]
        a[low] = value
        low += value < pivot
    high = low
    if low > left:
        return low, high
    for i in range(low, right + 1):
        value = a[i]
        a[i] = a[high]
        a[high] = value
        high += value <= pivot
    return low, high


@inlined
def median_of_three(a: float, b: float, c: float) -> float:
    """Return the middle one of three values."""
    return max(min(a, b), min(max(a, b), c))
