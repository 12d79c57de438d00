"""Judge numbers and durations: what follows an answer too closely, what is too long to be true."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from estimators.core.typing import FloatArray

__all__ = ["FOLLOWS", "closeness", "longest_plausible_s"]

FOLLOWS = 0.95
"""No honest number has such a rank correlation with a duration that it is told before."""

ROWS_MIN = 30
"""Fewer rows show nothing."""
OUTLIER_FACTOR = 4.0
"""So many times the duration that 99% stay below."""
TAIL_FACTOR = 10.0
"""If 99% reach so many times the median, long durations belong to the table."""
OUTLIER_SHARE = 0.005
"""If more rows are longer, they are a kind of order of their own, and no damage."""
STEP_S = 600.0


def closeness(numbers: pd.Series[Any], seconds: pd.Series[Any]) -> float:
    """Return the absolute rank correlation of numbers with durations, 0.0 where it shows nothing.

    >>> seconds = pd.Series(np.arange(40.0))
    >>> closeness(seconds**2, seconds), closeness(seconds * 0.0, seconds)
    (1.0, 0.0)
    """
    known = numbers.notna() & seconds.notna()
    given, lasted = numbers[known].astype("float64"), seconds[known]
    if len(given) < ROWS_MIN or given.nunique() < 2 or lasted.nunique() < 2:
        return 0.0
    return float(abs(given.rank().corr(lasted.rank())))


def longest_plausible_s(durations_s: FloatArray) -> float:
    """Return the bound above which a few durations are damaged records, infinite if none is.

    A car that was on the way for a day since nobody ended the ride is a damaged record. Orders
    that are placed days before are none: they are many.

    Args:
        durations_s: seconds; what is not positive is left out.

    >>> longest_plausible_s(np.array([600.0] * 999 + [86_000.0]))
    2400.0
    """
    positive = durations_s[durations_s > 0.0]
    if len(positive) < ROWS_MIN:
        return math.inf
    middle_s, late_s = np.quantile(positive, [0.5, 0.99])
    if late_s > TAIL_FACTOR * middle_s:
        return math.inf
    bound_s = STEP_S * math.ceil(OUTLIER_FACTOR * float(late_s) / STEP_S)
    share = float((positive > bound_s).mean())
    return bound_s if 0.0 < share <= OUTLIER_SHARE else math.inf
