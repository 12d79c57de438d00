"""Pure callables which the tests hand to the package as functions of features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def spread(values: Values) -> float:
    """Largest minus smallest value."""
    return float(np.max(values) - np.min(values))


def order_matters(values: Values) -> float:
    """A value that differs for every order of the same values."""
    total = 0.0
    for position, value in enumerate(values, start=1):
        total = total * 0.5 + position * float(value)
    return total


def length_or_fail(values: Values) -> float:
    """The number of values; fails on none, which shows that it is never called without values."""
    if len(values) == 0:
        raise ZeroDivisionError("called without values")
    return float(len(values))


CALLABLES: dict[str, Callable[[Values], float]] = {
    function.__name__: function for function in (spread, order_matters, length_or_fail)
}
