"""Judge numbers and durations: what follows an answer too closely, what is too long to be true."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from estimators.core.typing import BoolArray, FloatArray

__all__ = ["FOLLOWS", "closeness", "kind_of_rows", "longest_plausible_s", "usual_until_s"]

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
LONG_SHARE = 0.01
"""From so many rows on, long durations are worth a line."""
STEP_S = 600.0
FENCE = 2.0
"""A duration is unusual if it is beyond the upper quartile by so many times the distance of the
quartiles, in logarithms: 4 of 10,000 of a log-normal distribution are."""
KINDS_MAX = 20
KIND_OF_MOST = 0.5
"""A value explains rows if it has this part of them, and so many times its share of all rows."""
KIND_FACTOR = 3.0


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


def usual_until_s(durations_s: FloatArray) -> float:
    """Return the bound above which many durations are unusually long, infinite if not many are.

    Orders that are placed for the next day are many and unusual beside those for now.

    Args:
        durations_s: seconds; what is not positive is left out.

    >>> usual_until_s(np.array([600.0, 900.0, 1_200.0] * 30 + [86_000.0] * 9))
    4800.0
    """
    positive = durations_s[durations_s > 0.0]
    if len(positive) < ROWS_MIN:
        return math.inf
    low_s, high_s = np.quantile(positive, [0.25, 0.75])
    bound_s = STEP_S * math.ceil(float(high_s * (high_s / low_s) ** FENCE) / STEP_S)
    return bound_s if (positive > bound_s).mean() > LONG_SHARE else math.inf


def kind_of_rows(
    table: pd.DataFrame, columns: Iterable[str], rows: BoolArray
) -> tuple[str, Any, int] | None:
    """Return the column and the value that most of some rows have and few others, and how many.

    Args:
        table: all rows.
        columns: of few values, such as dimensions.
        rows: those that a value is looked for of.

    >>> table = pd.DataFrame({"is_asap": ["yes"] * 90 + ["no"] * 10})
    >>> kind_of_rows(table, ["is_asap"], np.arange(100) > 91)
    ('is_asap', 'no', 8)
    """
    for column in columns:
        counts = table[column].value_counts()
        if not 2 <= len(counts) <= KINDS_MAX or not rows.any():
            continue
        within = table.loc[rows, column].value_counts()
        if within.empty:
            continue
        value, n = within.index[0], int(within.iloc[0])
        share = n / int(rows.sum())
        if share >= KIND_OF_MOST and share >= KIND_FACTOR * counts[value] / len(table):
            return column, value, n
    return None
