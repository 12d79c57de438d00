"""The effect of one input's values on the estimates, in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimators.core.typing import FloatArray, IntArray
from estimators.monitoring.statistics import MISSING

__all__ = ["InputEffect"]


@dataclass(frozen=True, kw_only=True)
class InputEffect:
    """Mean contributions of one input to the median, by its value.

    Args:
        rows: that were explained.
        mean_s: over all of them.
        mean_abs_s: mean absolute contribution: how much the input matters.
        by_place_s: mean over the rows of each bin of a number or value of a category, in the order
            of the input's statistics; one that no row was in has those of its neighbours.
        missing_s: mean over the rows in which it was missing; where there was none, ``mean_s``.

    >>> effect = InputEffect.of(np.array([0, 0, 1, -1]), np.array([-10.0, -20.0, 60.0, 0.0]), 2)
    >>> effect.by_place_s, effect.mean_s, effect.missing_s
    ((-15.0, 60.0), 7.5, 0.0)
    >>> effect.moved_s(np.array([1, 1]))  # were all values like those of the second bin
    52.5
    """

    rows: int
    mean_s: float
    mean_abs_s: float
    by_place_s: tuple[float, ...]
    missing_s: float

    @classmethod
    def of(cls, places: IntArray, contribution_s: FloatArray, n_places: int) -> InputEffect:
        """Return the effect of explained rows.

        Args:
            places: the bin of each row's value, -1 where it is missing, shape (n_rows,).
            contribution_s: what it added to each row's estimate, shape (n_rows,).
            n_places: how many bins there are.
        """
        mean_s = float(contribution_s.mean())
        known = places != MISSING
        counts = np.bincount(places[known], minlength=n_places)
        sums_s = np.bincount(places[known], weights=contribution_s[known], minlength=n_places)
        seen = np.flatnonzero(counts)
        by_place_s = np.full(n_places, mean_s)
        if len(seen):
            by_place_s = np.interp(np.arange(n_places), seen, sums_s[seen] / counts[seen])
        missing = contribution_s[~known]
        return cls(
            rows=len(places),
            mean_s=mean_s,
            mean_abs_s=float(np.abs(contribution_s).mean()),
            by_place_s=tuple(by_place_s.tolist()),
            missing_s=float(missing.mean()) if len(missing) else mean_s,
        )

    def moved_s(self, places: IntArray) -> float:
        """Return by how much values at these places alone would move the mean estimate.

        Args:
            places: as for :meth:`of`, of later rows; at least one.
        """
        table = np.array([*self.by_place_s, self.missing_s])  # -1 finds the last
        return float(table[places].mean()) - self.mean_s

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        return {
            "rows": self.rows,
            "mean_s": self.mean_s,
            "mean_abs_s": self.mean_abs_s,
            "by_place_s": list(self.by_place_s),
            "missing_s": self.missing_s,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> InputEffect:
        """Return the effect that :meth:`to_json` wrote."""
        return cls(**{**document, "by_place_s": tuple(document["by_place_s"])})
