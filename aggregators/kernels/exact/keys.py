"""Turn values into keys and back: a key is an int64 that sorts like the value.

An attribute has one kind of keys. A duration is exact in microseconds; of an elapsed time the key
is minus the moment from which it runs, so that it stays the same while ``as_of`` advances.
"""

from __future__ import annotations

import numpy as np

from aggregators.kernels.numba_cache import inlined

__all__ = [
    "FLOAT",
    "MICROSECONDS",
    "MISSING",
    "MOMENT",
    "US_PER_S",
    "bits_of_float",
    "float_of_bits",
    "float_of_key",
    "key_of_float",
    "value_of",
]

# The kinds of keys.
FLOAT, MICROSECONDS, MOMENT = range(3)

MISSING = np.iinfo(np.int64).min
"""The key of a value that is missing, or not known yet."""

US_PER_S = 1e6
BELOW_SIGN = np.iinfo(np.int64).max  # all bits but the sign


@inlined
def bits_of_float(x: float) -> int:
    """Return a float's 64 bits."""
    return int(np.float64(x).view(np.int64))


@inlined
def float_of_bits(bits: int) -> float:
    """Return the float of 64 bits."""
    return float(np.int64(bits).view(np.float64))


@inlined
def _in_order(bits: int) -> int:
    """Return a float's bits as a key, or the other way round: negative floats in turned order."""
    return bits if bits >= 0 else bits ^ BELOW_SIGN


@inlined
def key_of_float(x: float) -> int:
    """Return the key of a float: NaN is missing, and -0.0 is 0.0."""
    if x != x:
        return MISSING
    return _in_order(bits_of_float(x + 0.0))


@inlined
def float_of_key(key: int) -> float:
    """Return the float of a key that is not missing."""
    return float_of_bits(_in_order(key))


@inlined
def value_of(kind: int, key: int, as_of: int) -> float:
    """Return the value of a key that is not missing; of durations and elapsed times in seconds."""
    if kind == FLOAT:
        return float_of_key(key)
    if kind == MICROSECONDS:
        return key / US_PER_S
    return (as_of + key) / US_PER_S
