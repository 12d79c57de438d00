"""Add up times exactly: keys that are whole microseconds.

The sums are written into row 0 of ``words``, where :mod:`aggregators.kernels.exact.float_parts`
has them. For variance and slope, which stay the same when all values are shifted, the first key is
taken from all keys: what remains is short enough for a word.
"""

from __future__ import annotations

from aggregators.kernels.exact.float_parts import S1, SECOND
from aggregators.kernels.exact.limbs import WORD_BITS
from aggregators.kernels.exact.words import add_wide, leading_zeros, multiply_signed
from aggregators.kernels.numba_cache import inlined, inner
from aggregators.typing import Int64Array

__all__ = ["SHORT_WORDS", "add_up_times", "spread"]

HALF_BITS = 32
SUM_BITS = 62
"""Keys of which the largest, times n, has no more bits have short sums."""
SHORT_WORDS = 2
"""How many words n times the sum of squares has then, and the sum of rank times key."""


@inlined
def _is_short(sizes: int, n: int) -> bool:
    return 2 * WORD_BITS - leading_zeros(sizes) - leading_zeros(n) <= SUM_BITS


@inner
def add_up_times(keys: Int64Array, n: int) -> tuple[int, int]:
    """Return the two words of the sum; it is added up in halves of 32 bits."""
    upper, lower = 0, 0
    for i in range(n):
        upper += keys[i] >> HALF_BITS
        lower += keys[i] & ((1 << HALF_BITS) - 1)
    low, high = multiply_signed(upper, 1 << HALF_BITS)
    return add_wide(low, high, lower, 0)


@inner
def spread(keys: Int64Array, n: int, words: Int64Array, ranked: bool) -> bool:
    """Write S1 and the second sum, of shifted keys; return whether they are close enough.

    The second sum is that of the squares, or with ``ranked`` of rank times key.
    """
    first = keys[0]
    total, sizes, low, high = 0, 0, 0, 0
    for i in range(n):
        key = keys[i] - first
        total += key
        sizes |= key ^ (key >> 63)
        more_low, more_high = multiply_signed(key, i if ranked else key)
        low, high = add_wide(low, high, more_low, more_high)
    words[0, S1], words[0, S1 + 1] = total, total >> 63
    words[0, SECOND], words[0, SECOND + 1] = low, high
    return _is_short(sizes, n)
