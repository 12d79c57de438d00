"""The lowest bit of every set of leaves, compiled and in Python."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from estimators.quantiles.lowest_bit import lowest_bit

_jit: Any = njit  # numba's own annotations do not know what it makes of a function


def _lowest(bits: Any) -> int:
    return lowest_bit(bits)


compiled = _jit(_lowest)


def test_every_position_below_anything() -> None:
    rng = np.random.default_rng(1)
    for position in range(64):
        for above in (0, *rng.integers(0, 2**63, 20).tolist()):
            bits: Any = np.uint64(1 << position | (above << position + 1) % 2**64)
            assert lowest_bit(bits) == position
            assert compiled(bits) == position
