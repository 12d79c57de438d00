"""Situations: bins of the one or two values of a request that tell most about a duration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from estimators.sampling import evenly
from estimators.typing import FloatArray, IntArray
from estimators.values import Value, codes, numbers_of, plain_value

__all__ = ["SITUATION_ROWS_MIN", "Split", "best_splits"]

SPLITS_MAX = 2
"""So many values of the request make the situations."""

BINS = 8
"""The most bins of a number, beside that of missing ones."""

CATEGORIES_MAX = 40
"""A category with more values (stores, couriers) makes no situations."""

GAIN_MIN = 0.01
"""A value of the request makes situations if these leave so much less of the variance."""

SITUATION_ROWS_MIN = 100
"""A situation with fewer rows has the centre and quantiles of the wider one."""

CHOOSING_ROWS_MAX = 50_000
"""The most rows, evenly taken, that decide which values make the situations."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Bins of one value of the request; what is missing or unknown has the bin 0.

    Args:
        name: of the number or category.
        edges: of a number: ascending; a value that is equal to an edge lies below it.
        values: of a category: each has a bin of its own.

    >>> Split(name="distance_m", edges=(500.0, 900.0)).place(
    ...     [None, 100.0, 500.0, 2_000]
    ... ).tolist()
    [0, 1, 1, 3]
    >>> Split(name="vehicle", values=("bike", "car")).place(["car", "sledge"]).tolist()
    [2, 0]
    """

    name: str
    edges: tuple[float, ...] = ()
    values: tuple[Value, ...] = ()

    @property
    def places(self) -> int:
        """How many bins there are."""
        return len(self.values) + 1 if self.values else len(self.edges) + 2

    def place(self, column: Sequence[Any]) -> IntArray:
        """Return the bin of each value, shape (n_rows,)."""
        if self.values:
            return codes(column, self._codes, missing=-1) + 1
        known = numbers_of(column)
        bins = np.searchsorted(np.array(self.edges), known, side="left") + 1
        return np.where(np.isnan(known), 0, bins).astype(np.int64)

    @cached_property
    def _codes(self) -> dict[Value, int]:
        return {value: i for i, value in enumerate(self.values)}


def best_splits(
    columns: Mapping[str, Sequence[Any]],
    values: FloatArray,
    *,
    numbers: Sequence[str],
    categories: Sequence[str],
) -> tuple[Split, ...]:
    """Return those that together leave the least variance, chosen one after the other.

    Args:
        columns: of requests by name, each of shape (n_rows,).
        values: whose variance it is, shape (n_rows,).
        numbers: names of columns of numbers; those that are not among the columns are left out.
        categories: names of columns of categories.

    >>> rng = np.random.default_rng(0)
    >>> distance_m, amount = rng.random(1000), rng.random(1000)
    >>> splits = best_splits(
    ...     {"amount": amount, "distance_m": distance_m},
    ...     600.0 * distance_m,
    ...     numbers=["amount", "distance_m"],
    ...     categories=[],
    ... )
    >>> [split.name for split in splits]
    ['distance_m']
    """
    some = evenly(len(values), CHOOSING_ROWS_MAX)
    values = values[some]
    candidates = []
    for name in (*numbers, *categories):
        if name in columns:
            column = [columns[name][i] for i in some.tolist()]
            split = _of_category(name, column) if name in categories else _of_number(name, column)
            if split is not None:
                candidates.append((split, split.place(column)))
    chosen: list[Split] = []
    group = np.zeros(len(some), dtype=np.int64)
    total = left = float(values.var())
    while candidates and len(chosen) < SPLITS_MAX:
        lefts = [_variance_within(values, group * s.places + place) for s, place in candidates]
        best = int(np.argmin(lefts))
        if left - lefts[best] <= GAIN_MIN * total:
            break
        split, place = candidates.pop(best)
        chosen.append(split)
        group, left = group * split.places + place, lefts[best]
    return tuple(chosen)


def _of_category(name: str, column: Sequence[Any]) -> Split | None:
    """Return a bin per value; None if there are too many, or no two."""
    seen = {value for value in map(plain_value, column) if value is not None}
    if not 2 <= len(seen) <= CATEGORIES_MAX:
        return None
    return Split(name=name, values=tuple(sorted(seen, key=lambda one: (str(type(one)), one))))


def _of_number(name: str, column: Sequence[Any]) -> Split | None:
    """Return bins of about as many rows each; None if no number is known."""
    known = numbers_of(column)
    known = known[~np.isnan(known)]
    if not len(known):
        return None
    quantiles = np.quantile(known, np.arange(1, BINS) / BINS, method="inverted_cdf")
    return Split(name=name, edges=tuple(np.unique(quantiles[quantiles < known.max()]).tolist()))


def _variance_within(values: FloatArray, group: IntArray) -> float:
    """Return the variance that is left within groups; one of few rows explains nothing."""
    n = np.bincount(group).astype(np.float64)
    deviation = values - values.mean()
    sums = np.bincount(group, weights=deviation)
    explained = np.where(n >= SITUATION_ROWS_MIN, sums**2 / np.maximum(n, 1.0), 0.0)
    return float((np.square(deviation).sum() - explained.sum()) / len(values))
