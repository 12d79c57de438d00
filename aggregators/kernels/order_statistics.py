"""Find order statistics of keys: quickselect and sorting, in place."""

from __future__ import annotations

import numpy as np

from aggregators.kernels.exact.keys import value_of
from aggregators.kernels.numba_cache import inlined, inner
from aggregators.typing import Int64Array

__all__ = ["interpolated", "linear_quantile", "maximum", "median", "minimum", "n_unique"]

INSERTION_SORT_LIMIT = 10


@inlined
def minimum(keys: Int64Array, n: int) -> int:
    """Return the least key."""
    result = keys[0]
    for i in range(1, n):
        result = min(result, keys[i])
    return result


@inlined
def maximum(keys: Int64Array, n: int) -> int:
    """Return the greatest key."""
    result = keys[0]
    for i in range(1, n):
        result = max(result, keys[i])
    return result


@inner
def median(kind: int, ordered: Int64Array, n: int, as_of: int) -> float:
    """Return the middle value, or the mean of the two middle ones."""
    middle = n // 2
    if n % 2 == 1:
        return value_of(kind, kth_smallest(ordered, n, middle), as_of)
    below = value_of(kind, kth_smallest(ordered, n, middle - 1), as_of)
    return (below + value_of(kind, next_smallest(ordered, n, middle - 1), as_of)) / 2.0


@inner
def linear_quantile(kind: int, ordered: Int64Array, n: int, as_of: int, q: float) -> float:
    """Return the q-quantile, linearly interpolated from the nearer of its two neighbours."""
    position = q * (n - 1)
    index = int(np.floor(position))
    if index >= n - 1:
        return value_of(kind, maximum(ordered, n), as_of)
    below = value_of(kind, kth_smallest(ordered, n, index), as_of)
    above = value_of(kind, next_smallest(ordered, n, index), as_of)
    return interpolated(below, above, position - index)


@inlined
def interpolated(below: float, above: float, fraction: float) -> float:
    """Return what lies between two neighbours, from the nearer of them, as numpy does."""
    if fraction >= 0.5:
        return above - (above - below) * (1.0 - fraction)
    return below + (above - below) * fraction


@inner
def n_unique(ordered: Int64Array, n: int, stack: Int64Array) -> float:
    """Return how many different values there are."""
    sort(ordered, n, stack)
    result = 1
    for i in range(1, n):
        result += ordered[i] != ordered[i - 1]
    return float(result)


@inner
def sort(a: Int64Array, n: int, stack: Int64Array) -> None:
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
def insertion_sort(a: Int64Array, left: int, right: int) -> None:
    """Sort ``a[left:right + 1]`` in place."""
    for i in range(left + 1, right + 1):
        value = a[i]
        j = i - 1
        while j >= left and a[j] > value:
            a[j + 1] = a[j]
            j -= 1
        a[j + 1] = value


@inner
def kth_smallest(a: Int64Array, n: int, k: int) -> int:
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
def next_smallest(a: Int64Array, n: int, k: int) -> int:
    """Return what stands at position k + 1, once position k is in its place."""
    result = a[k + 1]
    for i in range(k + 2, n):
        result = min(result, a[i])
    return result


@inlined
def split(a: Int64Array, left: int, right: int) -> tuple[int, int]:
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
def median_of_three(a: int, b: int, c: int) -> int:
    """Return the middle one of three values."""
    return max(min(a, b), min(max(a, b), c))
