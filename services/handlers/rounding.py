"""Round estimates for answers: to eighths of a second, as times and as columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from estimators.core.distribution import Distribution
from estimators.core.typing import FloatArray

__all__ = ["STEP_S", "add_seconds", "quantiles", "round_probabilities", "round_to_eighths"]


STEP_S = 0.125
"""Seconds in answers are multiples of it: exact in binary, in decimals and in sums."""

_CHANCE_DIGITS = 4


def round_to_eighths(seconds: FloatArray) -> FloatArray:
    """Return seconds rounded to eighths; NaN stays NaN.

    >>> round_to_eighths(np.array([0.1, 1234.56])).tolist()
    [0.125, 1234.5]
    """
    return np.asarray(np.round(seconds / STEP_S) * STEP_S)


def round_probabilities(probabilities: FloatArray) -> FloatArray:
    """Return probabilities rounded to four digits.

    >>> round_probabilities(np.array([1 / 3])).tolist()
    [0.3333]
    """
    return np.asarray(np.round(probabilities, _CHANCE_DIGITS))


def quantiles(distribution: Distribution, levels: Sequence[float]) -> dict[str, list[float]]:
    """Return the seconds of every row at each level, as columns.

    >>> quantiles(Distribution([0.1, 0.9], [[10.0, 20.0]]), [0.5])
    {'0.5': [15.0]}
    """
    return {
        repr(level): round_to_eighths(distribution.quantile(level)).tolist() for level in levels
    }


def add_seconds(moment: datetime, seconds: float) -> datetime:
    """Return the moment so many seconds later.

    >>> from datetime import UTC
    >>> add_seconds(datetime(2026, 3, 2, 12, tzinfo=UTC), 90.5).isoformat()
    '2026-03-02T12:01:30.500000+00:00'
    """
    return moment + timedelta(seconds=seconds)
