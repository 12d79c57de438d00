"""Compute with long integers: neighbouring words of a row, the lowest first, in two's complement.

A long integer is given by its row and by where it starts and stops: ``words[row, first:stop]``.
Each is wide enough for what is added to it.
"""

from __future__ import annotations

from aggregators.kernels.exact.words import add_words, multiply_add, shift_wide
from aggregators.kernels.numba_cache import inlined, inner
from aggregators.typing import Int64Array

__all__ = ["add_multiple", "add_shifted", "copy_positive", "make_positive", "negate", "set_to_zero"]

WORD_BITS = 64


@inlined
def add_shifted(
    words: Int64Array, row: int, first: int, stop: int, low: int, high: int, shift: int
) -> None:
    """Add a signed number of two words, times 2^shift."""
    word, above, top = shift_wide(low, high, shift % WORD_BITS)
    sign = top >> 63
    carry = 0
    for place in range(first + shift // WORD_BITS, stop):
        words[row, place], carry = add_words(words[row, place], word, carry)
        word, above, top = above, top, sign


@inner
def add_multiple(
    words: Int64Array, row: int, first: int, stop: int, other: int, n: int, factor: int
) -> None:
    """Add another long integer of n words, from ``other`` on, times an unsigned factor."""
    sign = words[row, other + n - 1] >> 63
    carry = 0
    for i in range(stop - first):
        word = words[row, other + i] if i < n else sign
        words[row, first + i], carry = multiply_add(word, factor, words[row, first + i], carry)


@inlined
def set_to_zero(words: Int64Array, row: int, first: int, stop: int) -> None:
    """Set a long integer to zero."""
    for place in range(first, stop):
        words[row, place] = 0


@inlined
def negate(words: Int64Array, row: int, first: int, stop: int) -> None:
    """Change the sign of a long integer."""
    carry = 1
    for place in range(first, stop):
        words[row, place], carry = add_words(~words[row, place], 0, carry)


@inlined
def make_positive(words: Int64Array, row: int, first: int, stop: int) -> bool:
    """Replace a long integer by its size; return whether it was negative."""
    if words[row, stop - 1] >= 0:
        return False
    negate(words, row, first, stop)
    return True


@inlined
def copy_positive(words: Int64Array, row: int, first: int, stop: int, to: int) -> bool:
    """Write the size of a long integer from ``to`` on; return whether it is negative."""
    for place in range(first, stop):
        words[row, to + place - first] = words[row, place]
    return make_positive(words, row, to, to + stop - first)
