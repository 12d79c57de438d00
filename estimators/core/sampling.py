"""Chooses some of many rows, where more would cost more than they add."""

from __future__ import annotations

import numpy as np

from estimators.core.typing import IntArray

__all__ = ["evenly_spaced"]


def evenly_spaced(n_rows: int, most: int) -> IntArray:
    """Return the numbers of at most this many rows, evenly chosen, with the first and the last.

    >>> evenly_spaced(3, 10).tolist(), evenly_spaced(101, 3).tolist()
    ([0, 1, 2], [0, 50, 100])
    """
    if n_rows <= most:
        return np.arange(n_rows)
    return np.linspace(0, n_rows - 1, most).round().astype(np.int64)
