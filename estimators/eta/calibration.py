"""Calibrates composed ETAs stage by stage: the weight of the direct model, and the stretch.

Learned from rows that no part had seen, as the parts' own calibration is: a composition of
calibrated parts is not calibrated by itself, because the dependence of the parts is known only
roughly.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from estimators.core.distribution import Distribution
from estimators.core.sampling import evenly_spaced
from estimators.core.stages import COURIER_STAGES, OPEN_STAGES
from estimators.core.typing import FloatArray
from estimators.eta.model import ANCHOR_LEVELS, StageModel, blended
from estimators.evaluation.scores import crps_s
from estimators.quantiles.calibration import GRID_LEVELS, ConformalGrid

__all__ = ["STAGE_ROWS_MIN", "WEIGHTS", "fit_stages"]

WEIGHTS = (0.75, 0.5, 0.25, 0.0)
"""Candidates for the composition's weight in the blend, beside 1."""

STAGE_ROWS_MIN = 300
"""A stage with fewer rows takes the calibration of all stages together."""

LEAST_GAIN = 0.002
"""A blend is taken only if it lowers the CRPS by more than this share ..."""

LEAST_GAIN_WITH_COURIER = 0.01
"""... and by more than this one where a courier has the order: there the sum is worth more than
the last second, as each of its parts can be explained."""

COMPARED_ROWS_MAX = 10_000
"""The most rows of a stage, evenly chosen, that determine the weight."""


def fit_stages(
    composed: FloatArray, direct: FloatArray, rest_s: FloatArray, stage: npt.NDArray[np.str_]
) -> dict[str, StageModel]:
    """Return the blend and the stretch of each stage.

    Args:
        composed: quantiles of compositions at ``GRID_LEVELS``, shape (n_rows, n_levels), of parts
            that had not seen the rows.
        direct: those of the direct model, as many.
        rest_s: what happened, seconds, shape (n_rows,).
        stage: of each row.
    """
    pooled = _fitted(composed, direct, rest_s, LEAST_GAIN_WITH_COURIER)
    found: dict[str, StageModel] = {}
    for name in OPEN_STAGES:
        rows = np.flatnonzero(stage == name)
        least = LEAST_GAIN_WITH_COURIER if name in COURIER_STAGES else LEAST_GAIN
        enough = len(rows) >= STAGE_ROWS_MIN
        found[name] = (
            _fitted(composed[rows], direct[rows], rest_s[rows], least) if enough else pooled
        )
    return found


def _fitted(
    composed: FloatArray, direct: FloatArray, rest_s: FloatArray, least_gain: float
) -> StageModel:
    pure = Distribution(GRID_LEVELS, composed)
    straight = Distribution(GRID_LEVELS, direct)
    alone, best_loss = _stretch(pure, rest_s)
    best = StageModel(composed=alone)
    best_loss *= 1.0 - least_gain
    for weight in WEIGHTS:
        grid, loss = _stretch(blended(pure, straight, weight), rest_s)
        if loss < best_loss:
            best, best_loss = StageModel(weight=weight, composed=alone, blend=grid), loss
    return best


def _stretch(eta: Distribution, rest_s: FloatArray) -> tuple[ConformalGrid, float]:
    """Return the stretch of some ETAs, and the CRPS that they have with it."""
    anchors = eta.quantile(ANCHOR_LEVELS)
    grid = ConformalGrid.fit(
        anchors, rest_s, longest_s=float(rest_s.max()), shortest_s=0.0, scale="log"
    )
    compared = evenly_spaced(len(rest_s), COMPARED_ROWS_MAX)
    loss_s = crps_s(grid.distribution(anchors[compared]), rest_s[compared])
    return grid, float(loss_s.mean())
