"""The squared error of the logarithm, minimised by trees whose sum is in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from estimators.core.typing import FloatArray

if TYPE_CHECKING:
    import lightgbm as lgb

__all__ = ["SHORTEST_S", "LogLoss"]

SHORTEST_S = 1.0
"""Durations are taken to last at least a second, so that they have a logarithm."""

FLOOR_SHARE = 0.02
"""The least prediction, as a share of the typical duration, at which the loss is looked at."""


class LogLoss:
    """An objective for LightGBM: half the square of the ratio's logarithm.

    The predictions are seconds and not logarithms: so contributions of columns still add up to
    seconds, and the compiled trees need no exponential. A tree takes a Gauss-Newton step: the
    gradient is that of the loss, the second derivative leaves out the curvature of the logarithm,
    which may be negative. Both are multiplied by the square of the typical duration, so that a
    typical row weighs 1, as in other losses, beside the smoothing of categories.

    Args:
        target_s: the durations of the rows, of at least ``SHORTEST_S``, shape (n_rows,).

    >>> loss = LogLoss(np.array([100.0, 200.0, 400.0]))
    >>> gradient, curvature = loss.derivatives(np.array([100.0, 100.0, 400.0]))
    >>> gradient.round(1).tolist(), curvature.tolist()
    ([0.0, -277.3, 0.0], [4.0, 4.0, 0.25])
    """

    def __init__(self, target_s: FloatArray) -> None:
        self._logs = np.log(target_s)
        self._typical_s = float(np.median(target_s))

    def derivatives(self, predicted_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the first and second derivative of each row's loss, shape (n_rows,) each."""
        seconds = np.maximum(predicted_s, FLOOR_SHARE * self._typical_s)
        weight = self._typical_s / seconds
        gradient = (np.log(seconds) - self._logs) * weight * self._typical_s
        return gradient, weight * weight

    def __call__(self, predicted_s: FloatArray, _: lgb.Dataset) -> tuple[FloatArray, FloatArray]:
        """Return the same; LightGBM calls it before every tree."""
        return self.derivatives(predicted_s)
