"""Round once: find the float64 nearest to a long integer, or to a quotient; ties go to even."""

from __future__ import annotations

import numpy as np

from aggregators.kernels.exact.keys import float_of_bits
from aggregators.kernels.exact.limbs import WORD_BITS
from aggregators.kernels.exact.words import (
    add_words,
    fused,
    is_below,
    leading_zeros,
    shift_left,
    shift_right,
)
from aggregators.kernels.numba_cache import inlined, inner
from aggregators.typing import Int64Array

__all__ = ["nearest_float", "nearest_quotient"]

FLOAT_BITS = 53
LOWEST_EXPONENT = -1074  # of the last bit of the least floats
INFINITY_FIELD = 2046  # one less than it is: the highest of 53 bits adds one
HALF_ULP = 2.0**-53
UNDECIDED = 2.0**-97
SAFE_POWER = 1000
"""Quotients of about 1 can be scaled by 2 to this power, up and down, and stay normal floats."""
SAFE_EXPONENT = -800
"""Quotients of floats can be scaled by 2 to this power and stay normal floats."""


@inlined
def packed(top: int, has_more: bool, exponent: int) -> float:
    """Return the float nearest to ``top * 2^exponent``, or to a little more.

    Args:
        top: 64 bits, the highest of which is set.
        has_more: whether the exact number has further bits.
        exponent: of the lowest of the 64 bits.
    """
    cut = max(WORD_BITS - FLOAT_BITS, LOWEST_EXPONENT - exponent)
    if cut > WORD_BITS:
        return 0.0
    kept = shift_right(shift_right(top, cut - 1), 1)
    if shift_right(top, cut - 1) & 1:
        # Half of a unit or more is cut off; exactly half goes to the even neighbour.
        below = shift_left(top, WORD_BITS - cut) if cut < WORD_BITS else top
        kept += has_more or kept & 1 == 1 or shift_left(below, 1) != 0
    field = exponent + cut - LOWEST_EXPONENT
    if field >= INFINITY_FIELD:
        return np.inf
    # Added, not put in: the highest of the 53 bits raises the field, and so does a carry.
    return float_of_bits((field << (FLOAT_BITS - 1)) + kept)


@inlined
def highest_word(words: Int64Array, row: int, first: int, stop: int) -> int:
    """Return the place of the highest word that is not zero, or ``first - 1``."""
    place = stop - 1
    while place >= first and words[row, place] == 0:
        place -= 1
    return place


@inner
def nearest_float(words: Int64Array, row: int, first: int, stop: int, exponent: int) -> float:
    """Return the float nearest to a long integer, not negative, times 2^exponent."""
    place = highest_word(words, row, first, stop)
    if place < first:
        return 0.0
    zeros = leading_zeros(words[row, place])
    top = shift_left(words[row, place], zeros)
    has_more = False
    if place > first:
        below = words[row, place - 1]
        if zeros > 0:
            top |= shift_right(below, WORD_BITS - zeros)
            below = shift_left(below, zeros)
        has_more = below != 0 or highest_word(words, row, first, place - 1) >= first
    return packed(top, has_more, exponent + WORD_BITS * (place - first) - zeros)


@inner
def nearest_quotient(
    words: Int64Array, row: int, first: int, stop: int, low: int, high: int, exponent: int
) -> float:
    """Return the float nearest to a quotient, times 2^exponent.

    Args:
        words: holds the dividend, a long integer that is not negative.
        row: its row.
        first: where it starts.
        stop: where it stops.
        low: the lower word of the divisor, which is less than 2^126.
        high: its upper word.
        exponent: not positive.
    """
    place = highest_word(words, row, first, stop)
    if place < first:
        return 0.0
    highest = words[row, place]
    is_small = place == first and 0 < highest < 1 << FLOAT_BITS
    if is_small and high == 0 and 0 < low < 1 << FLOAT_BITS and exponent >= SAFE_EXPONENT:
        # Both are floats: the processor's division is rounded once.
        scale = float_of_bits((exponent + 1023) << (FLOAT_BITS - 1))
        return float(highest) / float(low) * scale
    is_decided, found = float_division(words, row, first, place, low, high, exponent)
    return found if is_decided else long_division(words, row, first, place, low, high, exponent)


@inlined
def two_floats(highest: int, below: int, last: int) -> tuple[float, float, int]:
    """Return three words as a sum of two floats, and by how many bits they are moved up for it.

    The first float is 2^52 or more, the second one less than 1; bits beyond 106 are cut off.
    """
    zeros = leading_zeros(highest)
    if zeros > 0:
        highest = shift_left(highest, zeros) | shift_right(below, WORD_BITS - zeros)
        below = shift_left(below, zeros) | shift_right(last, WORD_BITS - zeros)
    upper = shift_right(highest, WORD_BITS - FLOAT_BITS)
    lower = shift_left(highest, FLOAT_BITS) | shift_right(below, WORD_BITS - FLOAT_BITS)
    return float(upper), float(shift_right(lower, WORD_BITS - FLOAT_BITS)) * HALF_ULP, zeros


@inlined
def float_division(
    words: Int64Array, row: int, first: int, place: int, low: int, high: int, exponent: int
) -> tuple[bool, float]:
    """Return whether a quotient of double floats decides how to round, and the rounded quotient.

    The quotient has a relative error below 2^-99: one of its terms is cut off at 2^-105, the others
    are rounded at 2^-102. Where it is nearer than 2^-97 to the middle of two floats, it does not
    decide.
    """
    below = words[row, place - 1] if place > first else 0
    last = words[row, place - 2] if place > first + 1 else 0
    n1, n2, shift = two_floats(words[row, place], below, last)
    if high == 0:
        high, low, divisor_shift = low, 0, WORD_BITS
    else:
        divisor_shift = 0
    d1, d2, zeros = two_floats(high, low, 0)
    power = exponent + WORD_BITS * (place - first - 1) - shift + divisor_shift + zeros
    upper = n1 / d1
    rest = fused(-upper, d1, n1) + n2 - upper * d2
    lower = rest / d1
    found = upper + lower
    error = lower - (found - upper)
    bound = found * UNDECIDED
    is_decided = found + (error - bound) == found and found + (error + bound) == found
    is_normal = -SAFE_POWER <= power <= SAFE_POWER
    scale = float_of_bits((max(min(power, SAFE_POWER), -SAFE_POWER) + 1023) << (FLOAT_BITS - 1))
    return is_decided and is_normal, found * scale


@inner
def long_division(
    words: Int64Array, row: int, first: int, place: int, low: int, high: int, exponent: int
) -> float:
    """Return the float nearest to a quotient, found bit by bit; ``place`` is the highest word."""
    bit = WORD_BITS * (place - first + 1) - leading_zeros(words[row, place])
    quotient, rest_low, rest_high = 0, 0, 0
    while quotient >= 0:  # until its highest bit is set
        bit -= 1
        next_bit = 0
        if bit >= 0:
            next_bit = shift_right(words[row, first + bit // WORD_BITS], bit % WORD_BITS) & 1
        rest_high = shift_left(rest_high, 1) | shift_right(rest_low, 63)
        rest_low = shift_left(rest_low, 1) | next_bit
        quotient = shift_left(quotient, 1)
        if is_below(high, rest_high) or (high == rest_high and not is_below(rest_low, low)):
            rest_low, carry = add_words(rest_low, ~low, 1)
            rest_high, carry = add_words(rest_high, ~high, carry)
            quotient |= 1
    has_more = rest_low != 0 or rest_high != 0
    if bit > 0 and not has_more:
        word = first + bit // WORD_BITS
        if bit % WORD_BITS > 0:
            has_more = shift_left(words[row, word], WORD_BITS - bit % WORD_BITS) != 0
        has_more = has_more or highest_word(words, row, first, word) >= first
    return packed(quotient, has_more, exponent + bit)
