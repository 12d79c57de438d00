"""Situations: bins of the one or two values of a request that explain most of a duration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from estimators.core.sampling import evenly_spaced
from estimators.core.typing import FloatArray, IntArray
from estimators.core.values import Value, codes, numbers_of, plain_value

__all__ = ["HAPPENED", "SITUATION_ROWS_MIN", "Split", "best_splits"]

SPLITS_MAX = 2
"""The most values of the request that make the situations."""

BINS = 8
"""The most bins of a number, beside that of missing ones."""

CATEGORIES_MAX = 40
"""A category with more values (stores, couriers) makes no situations."""

GAIN_MIN = 0.01
"""A value of the request makes situations if these reduce the variance by at least this share."""

SITUATION_ROWS_MIN = 100
"""A situation with fewer rows has the centre and quantiles of the wider one."""

CHOOSING_ROWS_MAX = 50_000
"""The most rows, evenly chosen, that determine which values make the situations."""


HAPPENED = "happened"
"""The name of a split by which events have happened."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Bins of one value of the request; what is missing or unknown has the bin 0.

    Args:
        name: of the number or category.
        edges: of a number: ascending; a value that is equal to an edge lies below it.
        values: of a category: each has a bin of its own.
        of: of ``HAPPENED``: names of numbers. The category is which of them are there, a text of as
            many 0 and 1: the progress of an order.

    >>> distance_m = {"distance_m": [None, 100.0, 500.0, 2_000]}
    >>> Split(name="distance_m", edges=(500.0, 900.0)).place(distance_m, 4).tolist()
    [0, 1, 1, 3]
    >>> vehicle = Split(name="vehicle", values=("bike", "car"))
    >>> vehicle.place({"vehicle": ["car", "sledge"]}, 2).tolist(), vehicle.place({}, 1).tolist()
    ([2, 0], [0])
    >>> stage = Split(
    ...     name=HAPPENED, values=("00", "10"), of=("since_accepted_s", "since_ready_s")
    ... )
    >>> stage.place(
    ...     {"since_accepted_s": [None, 8.0], "since_ready_s": [None, None]}, 2
    ... ).tolist()
    [1, 2]
    """

    name: str
    edges: tuple[float, ...] = ()
    values: tuple[Value, ...] = ()
    of: tuple[str, ...] = ()

    @property
    def places(self) -> int:
        """How many bins there are."""
        return len(self.values) + 1 if self.values else len(self.edges) + 2

    def place(self, columns: Mapping[str, Sequence[Any]], n_rows: int) -> IntArray:
        """Return the bin of each row, shape (n_rows,)."""
        if self.of:
            return codes(happened(columns, self.of, n_rows), self._codes, missing=-1) + 1
        if self.name not in columns:
            return np.zeros(n_rows, dtype=np.int64)
        if self.values:
            return codes(columns[self.name], self._codes, missing=-1) + 1
        known = numbers_of(columns[self.name])
        bins = np.searchsorted(np.array(self.edges), known, side="left") + 1
        return np.where(np.isnan(known), 0, bins).astype(np.int64)

    @cached_property
    def _codes(self) -> dict[Value, int]:
        return {value: i for i, value in enumerate(self.values)}


def happened(columns: Mapping[str, Sequence[Any]], of: Sequence[str], n_rows: int) -> list[str]:
    """Return which of some numbers each row has, as a text of 0 and 1."""
    absent = np.zeros(n_rows, dtype=bool)
    there = [~np.isnan(numbers_of(columns[name])) if name in columns else absent for name in of]
    bits = np.column_stack(there).astype(np.int64)
    patterns, which = np.unique(bits, axis=0, return_inverse=True)
    words = ["".join(map(str, pattern)) for pattern in patterns.tolist()]
    return [words[i] for i in which.ravel().tolist()]


def best_splits(
    columns: Mapping[str, Sequence[Any]],
    values: FloatArray,
    *,
    numbers: Sequence[str],
    categories: Sequence[str],
    elapsed: Sequence[str] = (),
) -> tuple[Split, ...]:
    """Return the splits that together leave the least variance, chosen one after the other.

    Args:
        columns: of requests by name, each of shape (n_rows,).
        values: whose variance it is, shape (n_rows,).
        numbers: names of columns of numbers; those that are not among the columns are left out.
        categories: names of columns of categories.
        elapsed: names of the numbers whose absence means that an event has not happened.

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
    some = evenly_spaced(len(values), CHOOSING_ROWS_MAX)
    values = values[some]
    names = [name for name in (*numbers, *categories) if name in columns]
    taken = {name: [columns[name][i] for i in some.tolist()] for name in names}
    splits = [
        _of_category(name, taken[name]) if name in categories else _of_number(name, taken[name])
        for name in names
    ]
    of = tuple(name for name in elapsed if name in taken)
    if of:
        splits.append(_of_category(HAPPENED, happened(taken, of, len(some)), of))
    candidates = [(split, split.place(taken, len(some))) for split in splits if split is not None]
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


def _of_category(name: str, column: Sequence[Any], of: tuple[str, ...] = ()) -> Split | None:
    """Return a bin per value; None if there are too many, or no two."""
    seen = {value for value in map(plain_value, column) if value is not None}
    if not 2 <= len(seen) <= CATEGORIES_MAX:
        return None
    ordered = sorted(seen, key=lambda one: (str(type(one)), one))
    return Split(name=name, values=tuple(ordered), of=of)


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
