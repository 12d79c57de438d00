"""Define a moment: a number of a table, with its sampling error by the grouped jackknife."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulator.world.arrays import BoolArray, IntArray

__all__ = ["GROUPS", "Moment", "jackknifed"]

GROUPS = 20
"""Parts of the table that are left out, one after the other."""
LEAST_ROWS = 2
"""Fewer have no spread."""


@dataclass(frozen=True)
class Moment:
    """A number of a table and its standard error; NaN where the table is too small for it.

    >>> print(Moment(0.2431, 0.0212))
    0.243 +- 0.021
    """

    value: float
    error: float

    def __str__(self) -> str:
        decimals = 0 if abs(self.value) >= 100.0 else 3
        return f"{self.value:,.{decimals}f} +- {self.error:,.{decimals}f}"


def jackknifed(of: Callable[[BoolArray], float], cluster: IntArray) -> Moment:
    """Return a statistic of all rows and its standard error.

    Rows of one cluster (a store, a day) depend on each other, so whole clusters are left out, in at
    most ``GROUPS`` groups (Efron and Stein, The Jackknife Estimate of Variance, 1981). Of fewer
    than ``LEAST_ROWS`` rows the statistic is NaN, of a single cluster the error.

    Args:
        of: returns the statistic of the rows that are kept.
        cluster: of each row, from 0 on.

    >>> value = np.array([1.0, 3.0, 5.0, 7.0])
    >>> jackknifed(lambda kept: float(value[kept].mean()), np.arange(4))
    Moment(value=4.0, error=1.2909944487358056)
    """

    def statistic(kept: BoolArray) -> float:
        return of(kept) if kept.sum() >= LEAST_ROWS else math.nan

    whole = statistic(np.ones(len(cluster), dtype=np.bool_))
    n = min(GROUPS, int(cluster.max(initial=-1)) + 1)
    if n < 2 or math.isnan(whole):
        return Moment(whole, math.nan)
    # Clusters that stand together may be alike: neighbours are put into different groups.
    without = np.array([statistic(cluster % n != group) for group in range(n)])
    return Moment(whole, math.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
