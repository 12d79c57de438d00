"""The part of a shift between predictions and later outcomes that is expected to stay.

Cities drift: what predictions lacked last week is partly gone next week, also because the final
model has learned from that week. The shifts of blocks of time show how much of their mean lasts.
"""

from __future__ import annotations

import numpy as np

from estimators.core.typing import FloatArray, IntArray

__all__ = ["BLOCKS", "lasting_share", "middle_moved", "time_blocks"]

BLOCKS = 5
"""Blocks of as many rows into which each calibration period is cut."""


def time_blocks(fold: IntArray, as_of_us: IntArray) -> IntArray:
    """Return the number of the block of each row, shape (n_rows,).

    Args:
        fold: number of the calibration period of each row, from 0.
        as_of_us: when each row was asked.

    >>> time_blocks(np.array([0, 0, 0, 0, 0, 1]), np.array([5, 4, 3, 2, 1, 9])).tolist()
    [4, 3, 2, 1, 0, 5]
    """
    blocks = np.empty(len(fold), dtype=np.int64)
    for one in np.unique(fold):
        rows = np.flatnonzero(fold == one)
        rank = np.empty(len(rows), dtype=np.int64)
        rank[np.argsort(as_of_us[rows], kind="stable")] = np.arange(len(rows))
        blocks[rows] = one * BLOCKS + rank * BLOCKS // len(rows)
    return blocks


def lasting_share(shifts: FloatArray) -> float:
    """Return the share of the mean shift that is taken to last, 0 to 1.

    The square of the mean shift, relative to itself plus the variance between blocks: 1 if all
    blocks are shifted alike, 0 if they only scatter. Thompson's factor has the variance of the mean
    in its place. That trusts neighbouring blocks too much, whose shifts are correlated.

    Args:
        shifts: of blocks of time, shape (n_blocks,).

    Source: Thompson: Some shrinkage techniques for estimating the mean (JASA, 1968).

    >>> lasting_share(np.array([2.0, 2.0, 2.0])), lasting_share(np.array([-1.0, 1.0]))
    (1.0, 0.0)
    >>> round(lasting_share(np.array([1.0, 3.0, 2.0])), 2)
    0.8
    """
    if len(shifts) < 2:
        return 0.0
    squared = float(np.mean(shifts)) ** 2
    total = squared + float(np.var(shifts, ddof=1))
    return squared / total if total > 0.0 else 0.0


def middle_moved(stretch: FloatArray, places: tuple[int, int, int], share: float) -> FloatArray:
    """Return a stretch whose middle is moved by a share of what it was moved by.

    The levels between the outer two follow in proportion, so that none cross. The outer two and all
    beyond them stay, and so does the coverage of their range.

    Args:
        stretch: of all levels, non-decreasing.
        places: of the lower level that stays, of the median, whose stretch is 0 if it is not moved,
            and of the upper level that stays.
        share: 0 to 1.

    >>> middle_moved(np.array([-2.0, -1.0, 0.0, 0.4, 1.2, 2.0]), (1, 3, 4), 0.5).round(
    ...     2
    ... ).tolist()
    [-2.0, -1.0, -0.14, 0.2, 1.2, 2.0]
    """
    low, middle, high = places
    lower, centre, upper = stretch[low], stretch[middle], stretch[high]
    moved = float(np.clip(share * centre, lower, upper))
    found = stretch.copy()
    if centre > lower:
        inside = (stretch[low:middle] - lower) / (centre - lower)
        found[low:middle] = lower + inside * (moved - lower)
    if upper > centre:
        inside = (stretch[middle + 1 : high + 1] - centre) / (upper - centre)
        found[middle + 1 : high + 1] = moved + inside * (upper - moved)
    found[middle] = moved
    # Rounding alone could let neighbours cross by one bit.
    return np.asarray(np.maximum.accumulate(found))
