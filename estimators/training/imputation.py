"""Draws durations between bounds, so that a model can learn from them.

A row whose duration is only bounded gets a duration drawn from its distribution given the bounds
and all its records, also those after its end, such as when the courier came and left.

- If a courier surely waited, the duration ended just before the handover, whose length is known
  from the visits that found the order ready.
- For all others a model of such exact rows, given facts, features and hindsight, predicts how long
  the order had been ready before it was taken; its distribution is cut to the bounds.

Each row has one draw, determined by one uniform number: the next model learns from durations whose
median *and* spread are those of similar orders. Medians alone would make the ranges too narrow.
This is one step of stochastic expectation maximisation, a single imputation.

Source: Celeux and Diebolt, The SEM algorithm (Computational Statistics Quarterly, 1985); Rubin,
Multiple Imputation for Nonresponse in Surveys (1987), for drawing rather than filling in means.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from estimators.core.dataset import Dataset
from estimators.core.distribution import Distribution
from estimators.core.labels import Labels
from estimators.core.typing import BoolArray, FloatArray, IntArray
from estimators.quantiles.growing.parameters import BoostingParameters
from estimators.quantiles.quantile_model import Columns, QuantileModel

__all__ = ["HINDSIGHT", "draw_between", "imputed", "targets_of"]

HINDSIGHT = ("taken_s", "waits_s", "visit_s")
"""Columns that are known only afterwards: when the order was taken, when a courier began to wait
for it, and the length of the visit.
"""

DRAWS = 1
"""The purpose of the random numbers of a seed, so that no other draws share them."""

ALIKE_MIN = 1_000
"""With fewer rows without a waiting courier, the model learns from the others, too."""

SMALLEST_MASS = 1e-3
"""If a prediction gives the bounds less probability, the draw ignores the prediction."""


def targets_of(
    dataset: Dataset,
    rows: BoolArray,
    X: FloatArray,
    *,
    columns: Columns,
    parameters: BoostingParameters,
) -> FloatArray:
    """Return the target of some rows of a data set, drawn if there are only bounds.

    Args:
        dataset: the data set of the rows; the model learns from exact labels of its training rows.
        rows: which rows, shape (n_rows,).
        X: their facts and features, shape (rows.sum(), n_columns).
        columns: what the columns of X are.
        parameters: of the boosting; ``seed`` decides the draws, too.

    Returns:
        Seconds, shape (rows.sum(),), NaN where a row has no label. Without declared bounds it is
        the data set's own target.

    Raises:
        DatasetError: there are too few exact labels to learn from.
    """
    if dataset.labels is None:
        return dataset.target_s[rows]
    duration_s = imputed(
        dataset.labels[rows],
        X,
        dataset.as_of_us[rows],
        columns=columns,
        parameters=parameters,
        learned=dataset.trains[rows],
        # By row of the table: a row's draw does not depend on which others are asked for.
        uniform=_uniform(parameters.seed, len(rows))[rows],
    )
    return duration_s if dataset.base_s is None else duration_s - dataset.base_s[rows]


def imputed(
    labels: Labels,
    X: FloatArray,
    as_of_us: IntArray,
    *,
    columns: Columns,
    parameters: BoostingParameters,
    learned: BoolArray | None = None,
    uniform: FloatArray | None = None,
    progress: Callable[[float], None] | None = None,
) -> FloatArray:
    """Return a duration for every row with a label: the exact one, or a draw.

    Args:
        labels: of the rows of X.
        X: facts and features, shape (n_rows, n_columns).
        as_of_us: when each row was asked, microseconds UTC.
        columns: what the columns of X are.
        parameters: of the boosting; ``seed`` decides the draws, too.
        learned: the rows whose exact labels may be learned from (those of the training period),
            shape (n_rows,); all by default.
        uniform: one number of [0, 1) per row, which decides its draw; by ``seed`` and position by
            default.
        progress: called with the part that is done.

    Returns:
        Seconds, shape (n_rows,), NaN where a row has no label.

    Raises:
        DatasetError: there are too few exact rows to learn from.
    """
    if uniform is None:
        uniform = _uniform(parameters.seed, len(labels))
    result = labels.exact_s.copy()
    awaited = labels.bounded & labels.awaited
    if labels.hand_over is not None and awaited.any():
        result[awaited] = _before_hand_over(labels[awaited], uniform[awaited])
    others = np.flatnonzero(labels.bounded & ~awaited)
    if not len(others):
        return result
    seen = np.hstack([X, _outcome_inputs(labels)])
    gap_s = labels.taken_s - labels.exact_s
    rows = _training_rows(
        gap_s >= 0.0 if learned is None else (gap_s >= 0.0) & learned, labels.awaited
    )
    model = QuantileModel.fit(
        seen[rows],
        gap_s[rows],
        as_of_us[rows],
        columns=Columns(
            (*columns.names, *HINDSIGHT), categories=columns.categories, hour=columns.hour
        ),
        parameters=parameters,
        progress=_halves(progress),
    )
    one = labels[others]
    drawn_s = draw_between(
        model.predict(seen[others]),
        np.maximum(one.taken_s - one.high_s, 0.0),
        one.taken_s - one.low_s,
        uniform[others],
    )
    result[others] = one.taken_s - drawn_s
    return result


def _training_rows(exact: BoolArray, awaited: BoolArray) -> IntArray:
    """Return the rows to learn from: those without a waiting courier; if too few, all."""
    alike = np.flatnonzero(exact & ~awaited)
    return alike if len(alike) >= ALIKE_MIN else np.flatnonzero(exact)


def draw_between(
    predicted: Distribution, low_s: FloatArray, high_s: FloatArray, uniform: FloatArray
) -> FloatArray:
    """Return draws from distributions, each given that it lies between two bounds.

    Args:
        predicted: one distribution per row.
        low_s: lower bound of each row, shape (n_rows,).
        high_s: upper bound of each row, not below it.
        uniform: one number of [0, 1) per row, which decides the draw.

    If a distribution gives the bounds almost no probability, the draw is uniform between them.

    >>> predicted = Distribution([0.1, 0.9], [[100.0, 900.0]] * 2)
    >>> low_s, high_s = np.array([400.0, 2000.0]), np.array([500.0, 2100.0])
    >>> draw_between(predicted, low_s, high_s, np.array([0.5, 0.5])).round(6).tolist()
    [450.0, 2050.0]
    """
    below, above = predicted.cdf(low_s), predicted.cdf(high_s)
    levels = below + (above - below) * uniform
    likely = np.array(
        [
            np.interp(level, predicted.levels, values)
            for level, values in zip(levels, predicted.values, strict=True)
        ]
    )
    even = low_s + (high_s - low_s) * uniform
    return np.clip(np.where(above - below < SMALLEST_MASS, even, likely), low_s, high_s)


def _before_hand_over(labels: Labels, uniform: FloatArray) -> FloatArray:
    assert labels.hand_over is not None
    gap_s = labels.hand_over.draw(
        np.maximum(labels.taken_s - labels.high_s, 0.0), labels.taken_s - labels.low_s, uniform
    )
    return labels.taken_s - gap_s


def _uniform(seed: int, n_rows: int) -> FloatArray:
    """Return one number per row; that of a row does not depend on how many follow."""
    return np.random.default_rng([seed, DRAWS]).random(n_rows)


def _outcome_inputs(labels: Labels) -> FloatArray:
    visit_s = labels.taken_s - labels.waits_s
    return np.column_stack([labels.taken_s, labels.waits_s, visit_s])


def _halves(
    progress: Callable[[float], None] | None,
) -> Callable[[str, float], None] | None:
    """Return the progress callback for a model's two stages."""
    if progress is None:
        return None
    return lambda stage, part: progress(part / 2.0 + (0.5 if stage == "fit" else 0.0))
