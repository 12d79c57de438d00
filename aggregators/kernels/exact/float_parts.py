"""Add up floats exactly as fast as floats add up: each is cut into two integers of 46 bits.

To add a large constant to a float rounds it to the last bit of the sum, whose bits then hold the
upper part as an integer; the same with the rest gives the lower part. Integers add up exactly in
any order, so the loops are vectorised. A value with bits below both parts cannot be cut: it is a
2^39th of the largest one, or less.

The parts are in units of the largest float of the list, see :data:`UNIT_OF_FIELD`. The sums are
written into row 0 of ``words``: S1 and, behind it, the sum of squares or of rank times value.
"""

from __future__ import annotations

import numpy as np

from aggregators.kernels.exact.accumulators import MANTISSA_BITS
from aggregators.kernels.exact.keys import bits_of_float, float_of_bits, float_of_key
from aggregators.kernels.exact.limbs import add_shifted, set_to_zero
from aggregators.kernels.exact.words import add_wide, multiply_signed
from aggregators.kernels.numba_cache import inlined, inner
from aggregators.typing import Int64Array

__all__ = [
    "FEW",
    "S1",
    "S1_WORDS",
    "SECOND",
    "SECOND_WORDS",
    "UNIT_OF_FIELD",
    "WORK",
    "add_few",
    "add_ranked",
    "add_squared",
    "add_up",
    "can_be_cut",
    "largest_field",
]

PART_BITS = 46
FEW = 256
"""The parts of so many floats usually have sums that are floats themselves."""
BLOCK = 1 << 16
"""So many parts add up in a word."""
N_MAX = 1 << 22
"""So many values add up in the words of the row."""

S1, SECOND, WORK = 0, 2, 6
S1_WORDS, SECOND_WORDS = SECOND - S1, WORK - SECOND

# The exponent fields of the largest float for which constants and units are normal floats.
FIELD_MIN, FIELD_MAX = 128, 2000
UNIT_OF_FIELD = 1021 + 2 * PART_BITS
"""The unit of the lower part is 2^(exponent field of the largest float - UNIT_OF_FIELD)."""
EXPONENT_BIAS = 1023


@inlined
def largest_field(keys: Int64Array, n: int) -> int:
    """Return the exponent field of the largest float in size."""
    result = 0
    for i in range(n):
        result = max(result, keys[i] ^ (keys[i] >> 63))
    return result >> MANTISSA_BITS


@inlined
def can_be_cut(field: int, n: int) -> bool:
    """Return whether so many floats, of which the largest has this field, may be cut."""
    return FIELD_MIN <= field <= FIELD_MAX and n <= N_MAX


@inlined
def _rounder(field: int) -> float:
    """Return the constant that rounds: 1.5 times a power of two, so that signs do not matter."""
    return float_of_bits((field << MANTISSA_BITS) | (1 << (MANTISSA_BITS - 1)))


@inlined
def _rounders(field: int) -> tuple[float, float]:
    upper_field = field + 2 + MANTISSA_BITS - PART_BITS
    return _rounder(upper_field), _rounder(upper_field - PART_BITS)


@inlined
def _cut(x: float, upper_rounder: float, lower_rounder: float) -> tuple[int, int, bool]:
    """Return the two parts of a float, and whether it has bits below them."""
    rounded = x + upper_rounder
    rest = x - (rounded - upper_rounder)
    rounded_rest = rest + lower_rounder
    upper = bits_of_float(rounded) - bits_of_float(upper_rounder)
    lower = bits_of_float(rounded_rest) - bits_of_float(lower_rounder)
    return upper, lower, rounded_rest - lower_rounder != rest


@inlined
def _add_parts(
    keys: Int64Array, n: int, upper_rounder: float, lower_rounder: float
) -> tuple[int, int, int]:
    """Return the sums of the upper and of the lower parts, and how many floats have more bits."""
    upper, lower, n_uncut = 0, 0, 0
    for i in range(n):
        above, below, has_more = _cut(float_of_key(keys[i]), upper_rounder, lower_rounder)
        upper += above
        lower += below
        n_uncut += has_more
    return upper, lower, n_uncut


@inner
def add_few(keys: Int64Array, n: int, field: int) -> float:
    """Return the sum, rounded once, if both parts have sums that are floats; else NaN.

    The processor rounds the sum of the two floats.
    """
    upper_rounder, lower_rounder = _rounders(field)
    upper, lower, n_uncut = _add_parts(keys, n, upper_rounder, lower_rounder)
    size = (upper ^ (upper >> 63)) | (lower ^ (lower >> 63))
    if n_uncut > 0 or size >> MANTISSA_BITS != 0:
        return np.nan
    unit_field = field - UNIT_OF_FIELD + EXPONENT_BIAS
    unit = float_of_bits(unit_field << MANTISSA_BITS)
    upper_unit = float_of_bits((unit_field + PART_BITS) << MANTISSA_BITS)
    return float(upper) * upper_unit + float(lower) * unit


@inner
def add_up(keys: Int64Array, n: int, field: int, words: Int64Array) -> bool:
    """Write S1; return whether all floats could be cut."""
    upper_rounder, lower_rounder = _rounders(field)
    low, high, n_uncut = 0, 0, 0
    for start in range(0, n, BLOCK):
        # A loop from 0 on is vectorised: no index can be negative.
        size = min(BLOCK, n - start)
        block = keys[start : start + size]
        upper, lower, n_more = _add_parts(block, size, upper_rounder, lower_rounder)
        part_low, part_high = multiply_signed(upper, 1 << PART_BITS)
        low, high = add_wide(low, high, part_low, part_high)
        low, high = add_wide(low, high, lower, lower >> 63)
        n_uncut += n_more
    words[0, S1], words[0, S1 + 1] = low, high
    return n_uncut == 0


@inner
def add_squared(keys: Int64Array, n: int, field: int, words: Int64Array) -> bool:
    """Write the sum of squares; return whether all floats could be cut."""
    upper_rounder, lower_rounder = _rounders(field)
    uu_low, uu_high, ul_low, ul_high, ll_low, ll_high, n_uncut = 0, 0, 0, 0, 0, 0, 0
    for i in range(n):
        upper, lower, has_more = _cut(float_of_key(keys[i]), upper_rounder, lower_rounder)
        n_uncut += has_more
        low, high = multiply_signed(upper, upper)
        uu_low, uu_high = add_wide(uu_low, uu_high, low, high)
        low, high = multiply_signed(upper, lower)
        ul_low, ul_high = add_wide(ul_low, ul_high, low, high)
        low, high = multiply_signed(lower, lower)
        ll_low, ll_high = add_wide(ll_low, ll_high, low, high)
    set_to_zero(words, 0, SECOND, WORK)
    add_shifted(words, 0, SECOND, WORK, uu_low, uu_high, 2 * PART_BITS)
    add_shifted(words, 0, SECOND, WORK, ul_low, ul_high, PART_BITS + 1)
    add_shifted(words, 0, SECOND, WORK, ll_low, ll_high, 0)
    return n_uncut == 0


@inner
def add_ranked(keys: Int64Array, n: int, field: int, words: Int64Array) -> bool:
    """Write the sum of rank times value; return whether all floats could be cut."""
    upper_rounder, lower_rounder = _rounders(field)
    u_low, u_high, l_low, l_high, n_uncut = 0, 0, 0, 0, 0
    for i in range(n):
        upper, lower, has_more = _cut(float_of_key(keys[i]), upper_rounder, lower_rounder)
        n_uncut += has_more
        low, high = multiply_signed(upper, i)
        u_low, u_high = add_wide(u_low, u_high, low, high)
        low, high = multiply_signed(lower, i)
        l_low, l_high = add_wide(l_low, l_high, low, high)
    set_to_zero(words, 0, SECOND, WORK)
    add_shifted(words, 0, SECOND, WORK, u_low, u_high, PART_BITS)
    add_shifted(words, 0, SECOND, WORK, l_low, l_high, 0)
    return n_uncut == 0
