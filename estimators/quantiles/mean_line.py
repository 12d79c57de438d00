"""The mean of a distribution, calibrated as a mean.

The integral of 23 quantiles is no good mean of a heavy tail: it ends at the outermost levels, and a
stretch on the logarithm makes a wrong spread a wrong mean. A line from that integral to the mean of
outcomes is learned on later rows, as far as the blocks of time agree on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from estimators.core.typing import FloatArray, IntArray
from estimators.quantiles.lasting_shift import lasting_share

__all__ = ["MeanLine"]

_Fit: TypeAlias = Callable[[FloatArray, FloatArray, IntArray], "MeanLine"]


@dataclass(frozen=True, kw_only=True)
class MeanLine:
    """A line from the integral of the quantiles to the mean.

    Args:
        intercept_s: seconds that are added.
        slope: 0 or more.

    >>> MeanLine(intercept_s=60.0, slope=0.5).of(np.array([100.0, 200.0])).tolist()
    [110.0, 160.0]
    """

    intercept_s: float
    slope: float

    @classmethod
    def learn(cls, integral_s: FloatArray, target_s: FloatArray, block: IntArray) -> MeanLine:
        """Learn from predictions and outcomes after the training of the predictions.

        The difference at the mean of the predictions, and that of the slope from 1, are each shrunk
        to the share that lasts from block to block. If the mean of the other blocks' outcomes would
        have predicted a block better, the line of least squares is taken instead, and that mean
        itself if even this line is worse.

        Args:
            integral_s: predicted means, shape (n_rows,).
            target_s: what happened.
            block: of time, of each row.

        >>> line = MeanLine.learn(np.arange(90.0), 2.0 * np.arange(90.0), np.arange(90) // 10)
        >>> round(line.slope, 1), round(line.intercept_s / (44.5 * line.slope), 1)
        (2.0, 0.0)
        """
        limit = _loss_of(_constant, integral_s, target_s, block)
        for fit in (_lasting, _least_squares):
            if _loss_of(fit, integral_s, target_s, block) <= limit:
                return fit(integral_s, target_s, block)
        return _constant(integral_s, target_s, block)

    def of(self, integral_s: FloatArray) -> FloatArray:
        """Return the means of integrals, shape (n_rows,)."""
        return np.asarray(self.intercept_s + self.slope * integral_s)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        return {"intercept_s": self.intercept_s, "slope": self.slope}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> MeanLine:
        """Return the line that :meth:`to_json` wrote."""
        return cls(intercept_s=float(document["intercept_s"]), slope=float(document["slope"]))


def _loss_of(fit: _Fit, integral_s: FloatArray, target_s: FloatArray, block: IntArray) -> float:
    """Return the sum of squared errors on each block of what is learned on the others."""
    loss = 0.0
    for one in np.unique(block):
        inside = block == one
        line = fit(integral_s[~inside], target_s[~inside], block[~inside])
        loss += float(np.square(target_s[inside] - line.of(integral_s[inside])).sum())
    return loss


def _least_squares(integral_s: FloatArray, target_s: FloatArray, _: IntArray) -> MeanLine:
    centre_s, mean_s = float(integral_s.mean()), float(target_s.mean())
    apart_s = integral_s - centre_s
    squared = float(np.square(apart_s).sum())
    slope = max(float((apart_s * (target_s - mean_s)).sum()) / squared, 0.0) if squared else 0.0
    return MeanLine(intercept_s=mean_s - slope * centre_s, slope=slope)


def _constant(_: FloatArray, target_s: FloatArray, __: IntArray) -> MeanLine:
    return MeanLine(intercept_s=float(target_s.mean()), slope=0.0)


def _lasting(integral_s: FloatArray, target_s: FloatArray, block: IntArray) -> MeanLine:
    centre_s = float(integral_s.mean())
    whole = _least_squares(integral_s, target_s, block)
    lines = [
        _least_squares(integral_s[rows], target_s[rows], block[rows])
        for rows in (block == one for one in np.unique(block))
    ]
    shifts = np.array([line.intercept_s + (line.slope - 1.0) * centre_s for line in lines])
    slopes = np.array([line.slope - 1.0 for line in lines])
    shift_s = lasting_share(shifts) * (whole.intercept_s + (whole.slope - 1.0) * centre_s)
    slope = 1.0 + lasting_share(slopes) * (whole.slope - 1.0)
    return MeanLine(intercept_s=shift_s + (1.0 - slope) * centre_s, slope=slope)
