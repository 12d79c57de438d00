"""The spread of groups (a city, an hour) relative to that of all rows, as far as it is certain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimators.core.errors import InputError
from estimators.core.typing import FloatArray, IntArray

__all__ = ["COUNT_EDGES", "HOUR_EDGES", "GroupStretch"]

HOUR_EDGES = tuple(float(hour) for hour in range(1, 24))
"""Each hour of the day is a group."""

COUNT_EDGES = (1.0, 5.0, 20.0, 100.0)
"""Groups of a count, such as the earlier orders of a store."""

OUTER_LEVEL = 0.9
"""Groups are compared by this quantile of the stretch on either side."""

MIN_ROWS = 30
"""A group with fewer rows has the factor 1."""

MIN_DAYS = 3
"""So has a group with fewer days: the errors of one day are correlated."""

SLOPE_STEP = 0.1
"""Half the width, in logarithm, over which the density at the quantile is measured."""

MIN_SPREAD = 0.05
"""No group's quantile is taken to be closer to the median, relative to the predicted spread."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupStretch:
    """Factors of the spread below and above the median, by the value of one column.

    Groups are shrunk towards all rows: a group's factor is the ratio of its quantile to that of all
    rows, to the power of the share of its difference that is not noise. The true differences are
    estimated from all groups. The noise of a group is estimated from the differences between its
    days, as the rows of one day share weather, staff and traffic. If groups differ only by chance,
    all factors are 1.

    Source: DerSimonian and Laird, Meta-analysis in clinical trials (1986), for the spread between
    groups; the groups themselves are those of Mondrian conformal prediction (Vovk et al., 2003).

    Args:
        column: of X.
        edges: ascending; a value's group is the number of edges at or below it. Missing values
            are a group of their own, the last.
        below: factor of each group below the median, shape (len(edges) + 2,).
        above: factor above it.
    """

    column: int
    edges: tuple[float, ...]
    below: FloatArray
    above: FloatArray

    def __post_init__(self) -> None:
        expected = (len(self.edges) + 2,)
        if self.below.shape != expected or self.above.shape != expected:
            raise InputError(f"expected {expected[0]} factors for {len(self.edges)} edges")

    @classmethod
    def learn(
        cls,
        column: int,
        edges: Sequence[float],
        values: FloatArray,
        stretch: FloatArray,
        day: IntArray,
    ) -> GroupStretch:
        """Return the factors of the groups of a calibration period.

        Args:
            column: of X, where the values are from.
            edges: of the groups.
            values: of the column, shape (n_rows,).
            stretch: how far outcomes were from the median, in predicted spreads, shape (n_rows,).
            day: number of the day of each row.

        >>> rng = np.random.default_rng(0)
        >>> hour = rng.integers(0, 2, 8000).astype(float)
        >>> stretch = rng.normal(size=8000) * np.where(hour == 1.0, 1.5, 1.0)
        >>> day = rng.integers(0, 20, 8000)
        >>> learned = GroupStretch.learn(0, (1.0,), hour, stretch, day)
        >>> float((learned.above[1] / learned.above[0]).round(1))
        1.5
        """
        group = _groups(values, edges)
        n_groups = len(edges) + 2
        return cls(
            column=column,
            edges=tuple(edges),
            below=_factors(-stretch, group, day, n_groups),
            above=_factors(stretch, group, day, n_groups),
        )

    def factors(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the factors below and above the median of rows, each of shape (n_rows,)."""
        group = _groups(X[:, self.column], self.edges)
        return self.below[group], self.above[group]

    def undo(self, stretch: FloatArray, X: FloatArray) -> FloatArray:
        """Return the stretch that is left when the groups' factors are taken out."""
        below, above = self.factors(X)
        return np.asarray(stretch / np.where(stretch < 0.0, below, above))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :meth:`from_json` reads it."""
        return {
            "column": self.column,
            "edges": list(self.edges),
            "below": self.below.tolist(),
            "above": self.above.tolist(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> GroupStretch:
        """Return what :meth:`to_json` wrote."""
        return cls(
            column=int(document["column"]),
            edges=tuple(document["edges"]),
            below=np.asarray(document["below"], dtype=np.float64),
            above=np.asarray(document["above"], dtype=np.float64),
        )


def _groups(values: FloatArray, edges: Sequence[float]) -> IntArray:
    # NaN is sorted behind everything: it needs to be told from what is beyond the last edge.
    group = np.searchsorted(edges, values, side="right") + np.isnan(values)
    return np.asarray(group, dtype=np.int64)


def _factors(distance: FloatArray, group: IntArray, day: IntArray, n_groups: int) -> FloatArray:
    """Return each group's factor on one side, where the distance is positive."""
    factors = np.ones(n_groups)
    everybody = float(np.quantile(distance, OUTER_LEVEL))
    if everybody <= MIN_SPREAD:
        return factors
    rows, rate_variance = _rate_variances(distance > everybody, group, day, n_groups)
    compared = np.flatnonzero(np.isfinite(rate_variance))
    # By how much the share beyond the quantile falls when the quantile grows by a factor of e.
    ends = everybody * np.exp([-SLOPE_STEP, SLOPE_STEP])
    slope = float(np.mean((distance > ends[0]) & (distance <= ends[1]))) / (2.0 * SLOPE_STEP)
    if len(compared) < 2 or slope <= 0.0:
        return factors
    variance = rate_variance[compared] / slope**2
    by_group = np.split(distance[np.argsort(group, kind="stable")], np.cumsum(rows)[:-1])
    own = np.array([np.quantile(by_group[k], OUTER_LEVEL) for k in compared])
    difference = np.log(np.maximum(own, MIN_SPREAD) / everybody)
    between = _variance_between(difference, variance)
    factors[compared] = np.exp(difference * between / (between + variance))
    return factors


def _rate_variances(
    beyond: np.ndarray[Any, np.dtype[np.bool_]], group: IntArray, day: IntArray, n_groups: int
) -> tuple[IntArray, FloatArray]:
    """Return the rows of each group and how uncertain its share of `beyond` is; infinite: unknown.

    The variance of a mean of days, not below that of independent rows.
    """
    days, day = np.unique(day, return_inverse=True)
    cell = group * len(days) + day
    shape = (n_groups, len(days))
    n = np.bincount(cell, minlength=n_groups * len(days)).reshape(shape)
    hits = np.bincount(cell, beyond, minlength=n_groups * len(days)).reshape(shape)
    rows, with_rows = n.sum(axis=1), (n > 0).sum(axis=1)
    share = hits.sum(axis=1) / np.maximum(rows, 1)
    squares = np.square(hits - share[:, np.newaxis] * n).sum(axis=1)
    variance = squares / np.maximum(rows, 1) ** 2 * with_rows / np.maximum(with_rows - 1, 1)
    least = OUTER_LEVEL * (1.0 - OUTER_LEVEL) / np.maximum(rows, 1)
    known = (rows >= MIN_ROWS) & (with_rows >= MIN_DAYS)
    return rows, np.where(known, np.maximum(variance, least), np.inf)


def _variance_between(difference: FloatArray, variance: FloatArray) -> float:
    """Return the variance of the groups' true differences, by the method of moments."""
    weight = 1.0 / variance
    excess = float(np.sum(weight * np.square(difference - np.average(difference, weights=weight))))
    excess -= len(difference) - 1
    return max(0.0, excess / float(weight.sum() - np.square(weight).sum() / weight.sum()))
