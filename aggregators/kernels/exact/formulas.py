"""Compute sum, variance and slope from long integers, exactly, and round them once.

The long integers stand in one row: S1, the sum of the values; S2, of their squares; T, of rank
times value. ``work`` is where a row has room to compute in.
"""

from __future__ import annotations

from aggregators.kernels.exact.limbs import (
    add_multiple,
    copy_positive,
    make_positive,
    negate,
    set_to_zero,
)
from aggregators.kernels.exact.quotient import nearest_float, nearest_quotient
from aggregators.kernels.exact.words import multiply_add, multiply_signed
from aggregators.kernels.numba_cache import inner
from aggregators.typing import Int64Array

__all__ = ["slope", "total", "variance"]


@inner
def total(words: Int64Array, row: int, s1: int, n_words: int, work: int, exponent: int) -> float:
    """Return S1, in units of 2^exponent."""
    is_negative = copy_positive(words, row, s1, s1 + n_words, work)
    size = nearest_float(words, row, work, work + n_words, exponent)
    return -size if is_negative else size


@inner
def variance(
    words: Int64Array,
    row: int,
    s1: int,
    n_s1: int,
    s2: int,
    n_s2: int,
    work: int,
    n: int,
    per_unit: int,
    exponent: int,
) -> float:
    """Return (n S2 - S1^2) / n^2, in units of 2^exponent / per_unit.

    Args:
        words: the long integers.
        row: their row.
        s1: where S1 starts.
        n_s1: how many words it has.
        s2: where S2 starts.
        n_s2: how many words it has; as many, and those of S1, are free from ``work`` on.
        work: where the row has room.
        n: how many values there are, less than 2^31.
        per_unit: at most 10^12.
        exponent: not positive.
    """
    stop = work + n_s2
    set_to_zero(words, row, work, stop)
    copy_positive(words, row, s1, s1 + n_s1, stop)
    for i in range(n_s1):
        if words[row, stop + i] != 0:
            add_multiple(words, row, work + i, stop, stop, n_s1, words[row, stop + i])
    negate(words, row, work, stop)
    add_multiple(words, row, work, stop, s2, n_s2, n)
    low, high = multiply_signed(n * n, per_unit)
    return nearest_quotient(words, row, work, stop, low, high, exponent)


@inner
def slope(
    words: Int64Array,
    row: int,
    s1: int,
    n_s1: int,
    t: int,
    n_t: int,
    work: int,
    n: int,
    per_unit: int,
    exponent: int,
) -> float:
    """Return (2 T - (n - 1) S1) / (n (n^2 - 1) / 6), in units of 2^exponent / per_unit.

    Args:
        words: the long integers.
        row: their row.
        s1: where S1 starts.
        n_s1: how many words it has.
        t: where T starts.
        n_t: how many words it has; as many are free from ``work`` on.
        work: where the row has room.
        n: how many values there are, from 2 to less than 2^31.
        per_unit: at most 10^6.
        exponent: not positive.
    """
    stop = work + n_t
    set_to_zero(words, row, work, stop)
    add_multiple(words, row, work, stop, s1, n_s1, n - 1)
    negate(words, row, work, stop)
    add_multiple(words, row, work, stop, t, n_t, 2)
    is_negative = make_positive(words, row, work, stop)
    # One of n - 1, n, n + 1 is a multiple of 3, and one is even.
    first, second = n * (n - 1) // 2, n + 1
    if first % 3 == 0:
        first //= 3
    else:
        second //= 3
    low, high = multiply_signed(first, second)
    low, carry = multiply_add(low, per_unit, 0, 0)
    size = nearest_quotient(words, row, work, stop, low, high * per_unit + carry, exponent)
    return -size if is_negative else size
