"""The points at which parts are drawn: few, fixed, and evenly spread in all directions.

They are plain arithmetic, so that no version of a library changes them.

Source: Sobol's sequence with the direction numbers of Joe and Kuo, Constructing Sobol sequences
with better two-dimensional projections (SIAM J. Sci. Comput. 2008), and a random digital shift.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from estimators.core.typing import FloatArray, IntArray

__all__ = ["AXES_MAX", "normal_points", "uniform_of"]

# Of each axis after the first: the polynomial's inner coefficients, and first direction numbers.
_POLYNOMIALS = ((0, (1,)), (1, (1, 3)), (1, (1, 3, 1)), (2, (1, 1, 1)))
AXES_MAX = 1 + len(_POLYNOMIALS)
"""The most axes that there are points of."""

_SEED = 17
"""The seed of the shift: the one of sixty with the smallest error of composed quantiles."""


@lru_cache(maxsize=4)
def normal_points(n: int, axes: int) -> FloatArray:
    """Return standard normal points that fill the space evenly, shape (n, axes).

    On each axis there is one point in every n-th of the probability, in its middle.

    Args:
        n: a power of two.
        axes: at most ``AXES_MAX``.

    >>> normal_points(8, 2).shape, bool(abs(normal_points(8, 2).mean()) < 1e-12)
    ((8, 2), True)
    """
    bits = n.bit_length() - 1
    assert n == 1 << bits, "expected a power of two"
    assert axes <= AXES_MAX, "there are no points of so many axes"
    shift = np.random.default_rng(_SEED).integers(0, n, AXES_MAX)
    cells = np.column_stack([_sobol(axis, bits) ^ shift[axis] for axis in range(axes)])
    score = np.array([NormalDist().inv_cdf((cell + 0.5) / n) for cell in range(n)])
    return np.asarray(score[cells])


def uniform_of(normal: FloatArray) -> FloatArray:
    """Return the probabilities below standard normal numbers, of the same shape.

    >>> uniform_of(np.array([0.0])).tolist()
    [0.5]
    """
    flat = [0.5 * math.erfc(-one / math.sqrt(2.0)) for one in normal.ravel().tolist()]
    return np.array(flat).reshape(normal.shape)


def _sobol(axis: int, bits: int) -> IntArray:
    """Return the first 2 ** bits points on one axis, as whole numbers below that."""
    directions = _directions(axis, bits)
    points = np.zeros(1 << bits, np.int64)
    for k in range(bits):
        half = 1 << k
        points[half : 2 * half] = points[:half] ^ directions[k]
    return points


def _directions(axis: int, bits: int) -> list[int]:
    if axis == 0:
        return [1 << (bits - 1 - k) for k in range(bits)]
    coefficients, first = _POLYNOMIALS[axis - 1]
    degree = len(first)
    numbers = list(first)
    for k in range(degree, bits):
        number = numbers[k - degree] ^ (numbers[k - degree] << degree)
        for i in range(1, degree):
            if (coefficients >> (degree - 1 - i)) & 1:
                number ^= numbers[k - i] << i
        numbers.append(number)
    return [number << (bits - 1 - k) for k, number in enumerate(numbers[:bits])]
