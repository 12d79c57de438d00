"""Keep exact sums of values that come and go: of values, of squares, and of rank times value.

An accumulator is one row of an int64 array. Floats are added in fixed point, in units of 2^-80;
those that are no multiple of it, or that reach 2^80, are counted instead of added (see
:mod:`aggregators.kernels.exact.wide`). Durations are added in microseconds. Up to 2^31 values fit.
"""

from __future__ import annotations

from aggregators.kernels.exact.keys import FLOAT
from aggregators.kernels.exact.limbs import add_multiple, add_shifted, negate
from aggregators.kernels.exact.words import multiply_signed
from aggregators.kernels.numba_cache import inlined, inner
from aggregators.typing import Int64Array

__all__ = [
    "SQUARES",
    "SUM",
    "SUMS_WIDTH",
    "add",
    "add_weighted",
    "clear",
    "drop_first",
    "is_wide",
]

# What is summed, as bits of a mask.
SUM, SQUARES = 1, 2

UNIT = -80
"""The exponent of the fixed point's unit; of the squares it is twice that."""
LIMIT = 80
"""The exponent of the size that floats in fixed point do not reach."""

# Where the parts of a row start. 160 bits of a value, times 2^31 values, are 3 words; squares have
# 320 bits; ranks add 31 bits more.
S1, S2, T, N_WIDE, WORK = 0, 3, 9, 13, 14
SUMS_WIDTH = 24
"""How many words a row has; the last ones are room to compute in."""

MANTISSA_BITS = 52
EXPONENT_BIAS = 1075  # a float is its 53 bits, as an integer, times 2^(exponent field - 1075)
NO_SHIFT = -1


@inlined
def split_float(key: int, unit: int, limit: int) -> tuple[int, int]:
    """Return m and s of a float: m times 2^s units of 2^unit; s is -1 where there are none."""
    size = key if key >= 0 else ~key
    exponent = size >> MANTISSA_BITS
    mantissa = size & ((1 << MANTISSA_BITS) - 1)
    if exponent > 0:
        mantissa |= 1 << MANTISSA_BITS
    else:
        exponent = 1
    shift = exponent - EXPONENT_BIAS - unit
    if exponent - EXPONENT_BIAS + MANTISSA_BITS >= limit:
        return 0, NO_SHIFT
    if shift < 0:
        if mantissa == 0:
            return 0, 0
        if shift < -MANTISSA_BITS or mantissa & ((1 << -shift) - 1) != 0:
            return 0, NO_SHIFT
        mantissa >>= -shift
        shift = 0
    return (mantissa if key >= 0 else -mantissa), shift


@inlined
def clear(sums: Int64Array, slot: int) -> None:
    """Empty an accumulator."""
    for place in range(WORK):
        sums[slot, place] = 0


@inner
def add(sums: Int64Array, slot: int, kind: int, key: int, sign: int, moments: int) -> None:
    """Add a value, and its square if wanted, or take it away.

    Args:
        sums: the accumulators.
        slot: the row of this one.
        kind: of the key.
        key: not missing.
        sign: 1 to add, -1 to take away what has been added before.
        moments: ``SUM``, or ``SUM | SQUARES``; the same for all values of an accumulator.
    """
    m, shift = key, 0
    if kind == FLOAT:
        m, shift = split_float(key, UNIT, LIMIT)
        if shift < 0:
            sums[slot, N_WIDE] += sign
            return
    value = m * sign
    add_shifted(sums, slot, S1, S2, value, value >> 63, shift)
    if moments & SQUARES:
        low, high = multiply_signed(m, value)
        add_shifted(sums, slot, S2, T, low, high, 2 * shift)


@inner
def add_weighted(sums: Int64Array, slot: int, kind: int, key: int, weight: int) -> None:
    """Add a value times a weight, of less than 2^31 in size, to the sum of rank times value.

    A value that does not fit into fixed point is left out; :func:`add` counts it.
    """
    m, shift = key, 0
    if kind == FLOAT:
        m, shift = split_float(key, UNIT, LIMIT)
        if shift < 0:
            return
    low, high = multiply_signed(m, weight)
    add_shifted(sums, slot, T, N_WIDE, low, high, shift)


@inner
def drop_first(sums: Int64Array, slot: int) -> None:
    """Lower all ranks by one, after the value of rank 0 has been taken out of the sum."""
    negate(sums, slot, T, N_WIDE)
    add_multiple(sums, slot, T, N_WIDE, S1, S2 - S1, 1)
    negate(sums, slot, T, N_WIDE)


@inlined
def is_wide(sums: Int64Array, slot: int) -> bool:
    """Return whether some of the values do not fit into fixed point."""
    return sums[slot, N_WIDE] != 0
