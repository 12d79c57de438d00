"""From three predicted quantiles to a whole distribution that is right as often as it says.

Conformalised quantile regression, asymmetric and on a logarithmic scale: on a period after the
training period, see how far outside (or inside) its predicted quantiles each outcome fell, and let
the quantiles of that stretch every later prediction.

Source: Romano, Patterson, Candes: Conformalized Quantile Regression (NeurIPS 2019), with the
stretch measured relative to the predicted spread of either side (Kivaranovic et al., 2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from estimators.distribution import Distribution
from estimators.errors import InputError
from estimators.typing import FloatArray

__all__ = ["GRID_LEVELS", "ConformalGrid"]

GRID_LEVELS = (0.01, 0.025, *(round(0.05 * i, 2) for i in range(1, 20)), 0.975, 0.99)
"""The levels of every estimate: each twentieth, and two more towards either end."""

MIN_ROWS = 100
"""Fewer outcomes do not tell where the outermost levels are."""

FLOOR_S = 1.0
"""Durations are taken to last at least a second, so that they have a logarithm."""

MIN_SPREAD = 0.05
"""The anchors are held at least 5% apart: crossing or equal quantiles have no scale."""


class ConformalGrid:
    """Stretches predicted anchors (levels 0.1, 0.5, 0.9) to a calibrated distribution.

    The stretch of an outcome is 0 at the predicted median, 1 at the upper and -1 at the lower
    anchor, linear in the logarithm between and beyond. The grid holds the quantiles of the stretch
    on the calibration period, so its levels hold there by construction.

    Args:
        stretch: at ``GRID_LEVELS``, non-decreasing.
        longest_s: no estimate exceeds it: a spread that was predicted too wide, far out in a
            tail, would else be stretched beyond everything that has ever happened.

    >>> rng = np.random.default_rng(0)
    >>> anchors = np.tile([500.0, 1000.0, 2000.0], (4000, 1))
    >>> outcome = 1000.0 * np.exp(rng.normal(size=4000))
    >>> grid = ConformalGrid.fit(anchors[:2000], outcome[:2000])
    >>> low, high = grid.distribution(anchors[2000:]).interval(0.8)
    >>> bool(0.77 < np.mean((low <= outcome[2000:]) & (outcome[2000:] <= high)) < 0.83)
    True
    """

    def __init__(self, stretch: FloatArray, longest_s: float = np.inf) -> None:
        self.stretch = np.asarray(stretch, dtype=np.float64)
        self.longest_s = float(longest_s)
        if self.stretch.shape != (len(GRID_LEVELS),) or bool(np.any(np.diff(self.stretch) < 0)):
            raise InputError(f"expected {len(GRID_LEVELS)} non-decreasing numbers of stretch")

    @classmethod
    def fit(
        cls, anchors_s: FloatArray, target_s: FloatArray, *, longest_s: float = np.inf
    ) -> ConformalGrid:
        """Learn from what happened after the anchors had been trained.

        Args:
            anchors_s: predicted seconds, shape (n_rows, 3).
            target_s: what happened, shape (n_rows,).
            longest_s: the longest duration that is known.

        Raises:
            InputError: fewer than ``MIN_ROWS`` rows.
        """
        if len(target_s) < MIN_ROWS:
            raise InputError(f"{len(target_s)} rows to calibrate on; expected at least {MIN_ROWS}")
        centre, below, above = _log_anchors(anchors_s)
        distance = np.log(np.maximum(target_s, FLOOR_S)) - centre
        stretch = distance / np.where(distance >= 0.0, above, below)
        # Positions q (n + 1), the exact levels of order statistics ("weibull" to numpy).
        return cls(np.quantile(stretch, GRID_LEVELS, method="weibull"), longest_s)

    def distribution(self, anchors_s: FloatArray) -> Distribution:
        """Return calibrated distributions for predicted anchors, shape (n_rows, 3)."""
        centre, below, above = _log_anchors(anchors_s)
        scale = np.where(self.stretch >= 0.0, above[:, np.newaxis], below[:, np.newaxis])
        values = np.exp(centre[:, np.newaxis] + self.stretch * scale)
        # Rounding alone could let neighbours cross by one bit.
        ascending = np.maximum.accumulate(values, axis=1)
        return Distribution(GRID_LEVELS, np.minimum(ascending, self.longest_s))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :meth:`from_json` reads it."""
        return {
            "levels": list(GRID_LEVELS),
            "stretch": self.stretch.tolist(),
            "longest_s": self.longest_s if np.isfinite(self.longest_s) else None,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ConformalGrid:
        """Return the grid that :meth:`to_json` wrote."""
        if tuple(document["levels"]) != GRID_LEVELS:
            raise InputError("a grid of other levels than this version's")
        longest_s = document["longest_s"]
        return cls(
            np.asarray(document["stretch"], dtype=np.float64),
            np.inf if longest_s is None else longest_s,
        )


def _log_anchors(anchors_s: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the logarithm of the median and its distances to the lower and upper anchor."""
    if anchors_s.ndim != 2 or anchors_s.shape[1] != 3:
        raise InputError(f"anchors have shape {anchors_s.shape}; expected (n_rows, 3)")
    low, centre, high = np.log(np.maximum(anchors_s, FLOOR_S)).T
    return centre, np.maximum(centre - low, MIN_SPREAD), np.maximum(high - centre, MIN_SPREAD)
