"""Learn what weather and local events add to a composed ETA, and its weight in each stage.

The other parts see neither weather nor local events. By how much a courier's way was longer than
they had thought, when they had not seen the row, is the label of the conditions:

    (to_store, as far as the order felt it) + to_customer + parking, each less its expectation

Delays of the food, or in finding a courier, are left out: they are the noise of other parts, which
would hide the small effect of the weather. The average error of a stage is corrected by the
calibration of the stage, so each stage's labels are centred. Outliers are clipped.

One model estimates the conditions of all stages, so its estimate for the short rest at the door
still contains some of the long way before. The share that holds in a stage is learned as well, from
rows that the conditions had not seen: the weight, the slope of the labels over the estimates.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from estimators.core.distribution import Distribution
from estimators.core.stages import OPEN_STAGES, asked_at
from estimators.core.typing import BoolArray, FloatArray
from estimators.eta.moments import Moments
from estimators.quantiles.calibration import GRID_LEVELS

__all__ = ["condition_labels", "condition_weights", "means_of"]

OUTLIERS = (0.01, 0.99)
"""Labels beyond these quantiles of their stage are clipped to them."""

ROWS_MIN = 100
"""A stage with fewer rows is too small to learn a weight from: it takes 1."""


def means_of(answers: FloatArray) -> FloatArray:
    """Return the expected seconds of quantiles at ``GRID_LEVELS``, NaN where there are none.

    Args:
        answers: shape (n_rows, n_levels).
    """
    found = np.full(len(answers), np.nan)
    known = ~np.isnan(answers[:, 0])
    found[known] = Distribution(GRID_LEVELS, answers[known]).mean()
    return found


def condition_labels(
    moments: Moments, answers: Mapping[str, FloatArray], learned: BoolArray
) -> FloatArray:
    """Return by how many seconds each row's way was longer than its parts had predicted.

    Args:
        moments: all rows.
        answers: quantiles of the parts by name, of models that had not seen the row.
        learned: rows of the training period, which define the normal value of a stage.

    Returns:
        Shape (n_rows,), NaN where a part was not asked or its label is not known.
    """
    late_s = np.zeros(len(moments))
    for part in ("to_customer", "parking"):
        asked = asked_at(part, moments.stage)
        late_s += np.where(asked, moments.rest_s(part) - means_of(answers[part]), 0.0)
    # Of a late arrival the order feels what it is later than the food.
    ready_s = np.where(asked_at("ready", moments.stage), moments.rest_s("ready"), 0.0)
    actual_s, expected_s = moments.rest_s("to_store"), means_of(answers["to_store"])
    felt_s = np.maximum(actual_s, ready_s) - np.maximum(expected_s, ready_s)
    late_s += np.where(asked_at("to_store", moments.stage) & moments.has_courier, felt_s, 0.0)
    for name in OPEN_STAGES:
        inside = (moments.stage == name) & ~np.isnan(late_s)
        known = inside & learned
        if known.any():
            low, high = np.quantile(late_s[known], OUTLIERS)
            late_s[known] = np.clip(late_s[known], low, high)
            late_s[inside] -= late_s[known].mean()
    return late_s


def condition_weights(
    moments: Moments, label_s: FloatArray, estimate_s: FloatArray
) -> dict[str, float]:
    """Return the weight of the conditions in each stage, 0 to 1.

    Args:
        moments: all rows.
        label_s: as :func:`condition_labels` gives them.
        estimate_s: of conditions that had not seen the row, NaN where there is none.
    """
    found: dict[str, float] = {}
    for name in OPEN_STAGES:
        rows = (moments.stage == name) & ~np.isnan(label_s) & ~np.isnan(estimate_s)
        found[name] = 1.0
        if int(rows.sum()) >= ROWS_MIN:
            estimate = estimate_s[rows] - estimate_s[rows].mean()
            spread = float(np.square(estimate).mean())
            slope = float((estimate * label_s[rows]).mean()) / spread if spread > 0.0 else 0.0
            found[name] = min(1.0, max(0.0, slope))
    return found
