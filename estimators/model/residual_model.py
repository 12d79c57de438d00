"""Learn what remains of a duration beside a baseline: a time that the request states, in seconds.

A user's own router knows the streets. The model learns the difference of the outcome and the
router's time, on seconds instead of their logarithm, because differences may be negative. The
answer is that difference plus the router's time.

A row without the baseline has no difference. A second, smaller model of all rows, which never sees
the baseline, answers it with the whole duration. So no answer stands on a baseline that was made
up.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from estimators.core.distribution import Distribution
from estimators.core.errors import DatasetError, InputError
from estimators.core.typing import FloatArray, IntArray
from estimators.quantiles.boosting import BoostingParameters
from estimators.quantiles.calibration import GRID
from estimators.quantiles.later_rows import ROWS_MIN
from estimators.quantiles.quantile_model import Columns, QuantileModel, StageProgress

__all__ = ["ResidualModel", "fit_model", "model_from_json"]

RESIDUAL_SHARE = 0.75
"""The part of the progress that the model of the differences takes."""


class ResidualModel(QuantileModel):
    """Answers with a baseline plus what remains; rows without a baseline by a model without one.

    Args:
        residual: of the outcome less the baseline.
        without: of the whole outcome; it ignores the baseline.
        column: of X with the baseline, seconds. A negative number is none.
        typical_s: the median baseline, from which explanations count.
        shortest_s: no answer is below it.

    >>> rng = np.random.default_rng(0)
    >>> X = np.column_stack([300.0 + 900.0 * rng.random(2000), rng.random(2000)])
    >>> seconds = X[:, 0] + 60.0 * X[:, 1] + 20.0 * rng.random(2000)
    >>> columns = Columns(["router_s", "load"], baseline="router_s")
    >>> model = fit_model(X, seconds, np.arange(2000) * 3_600_000_000, columns=columns)
    >>> low, high = model.predict(np.array([[600.0, 0.5]])).interval(0.8)
    >>> bool(620.0 < low[0] < high[0] < 660.0)
    True
    """

    def __init__(
        self,
        residual: QuantileModel,
        without: QuantileModel,
        *,
        column: int,
        typical_s: float,
        shortest_s: float,
    ) -> None:
        # The bounds of the residual's grid are those of differences, not of answers.
        grid = copy.copy(residual.grid)
        grid.shortest_s, grid.longest_s = shortest_s, np.inf
        super().__init__(residual.anchors, grid)
        self.residual = residual
        self.without = without
        self.column = column
        self.typical_s = typical_s
        self.shortest_s = shortest_s

    def baseline_s(self, X: FloatArray) -> FloatArray:
        """Return the baseline of rows of X, seconds, shape (n_rows,); NaN: there is none."""
        return baseline_of(X, self.column)

    def predict(self, X: FloatArray) -> Distribution:
        """Return the distributions of the rows of X, float64 of shape (n_rows, n_features)."""
        baseline_s = self.baseline_s(X)
        known = ~np.isnan(baseline_s)
        answers = []
        if known.any():
            remains = self.residual.predict(X[known])
            answers.append((known, self._with_baseline(remains, baseline_s[known])))
        if not known.all():
            answers.append((~known, self.without.predict(X[~known])))
        return Distribution.placed(GRID, len(X), answers)

    def distribution(self, anchors_s: FloatArray, X: FloatArray) -> Distribution:
        """Return the calibrated distributions of predicted anchors of rows with a baseline.

        Args:
            anchors_s: differences in seconds at the anchor levels.
            X: the rows that they are about.

        Raises:
            InputError: a row has no baseline.
        """
        baseline_s = self.baseline_s(X)
        if np.isnan(baseline_s).any():
            raise InputError("a row has no baseline; expected seconds of at least 0")
        return self._with_baseline(self.residual.distribution(anchors_s, X), baseline_s)

    def _with_baseline(self, remains: Distribution, baseline_s: FloatArray) -> Distribution:
        """Return what remains, moved by the baselines; the mean moves with the quantiles."""
        values = remains.values + baseline_s[:, np.newaxis]
        return remains.moved(np.maximum(values, self.shortest_s))

    @property
    def models(self) -> tuple[QuantileModel, ...]:
        """The models of trees that it is made of."""
        return self.residual, self.without

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :func:`model_from_json` reads it."""
        return {
            "residual": self.residual.to_json(),
            "without_baseline": self.without.to_json(),
            "baseline_column": self.column,
            "typical_baseline_s": self.typical_s,
            "shortest_s": self.shortest_s,
        }


def baseline_of(X: FloatArray, column: int) -> FloatArray:
    """Return the baselines of rows, shape (n_rows,), NaN where they are missing or negative.

    >>> baseline_of(np.array([[60.0], [-1.0], [np.nan]]), 0).tolist()
    [60.0, nan, nan]
    """
    given = X[:, column]
    return np.where((given >= 0.0) & (given < np.inf), given, np.nan)


def fit_model(
    X: FloatArray,
    target_s: FloatArray,
    as_of_us: IntArray,
    *,
    columns: Columns,
    parameters: BoostingParameters | None = None,
    progress: StageProgress | None = None,
) -> QuantileModel:
    """Learn from labelled rows, beside a baseline where the columns name one.

    Arguments and errors are those of :meth:`QuantileModel.fit`.

    Raises:
        DatasetError: too few rows have a baseline.
    """
    if columns.baseline is None:
        return QuantileModel.fit(
            X, target_s, as_of_us, columns=columns, parameters=parameters, progress=progress
        )
    parameters = parameters or BoostingParameters()
    column = columns.names.index(columns.baseline)
    baseline_s = baseline_of(X, column)
    known = ~np.isnan(baseline_s)
    if known.sum() < ROWS_MIN:
        raise DatasetError(
            f"the baseline {columns.baseline} is known in {known.sum():,} of {len(X):,} labelled"
            f" rows before the test period; expected at least {ROWS_MIN}"
        )
    residual = QuantileModel.fit(
        X[known],
        target_s[known] - baseline_s[known],
        as_of_us[known],
        columns=columns,
        parameters=_of_differences(parameters),
        progress=_part_of(progress, 0.0, RESIDUAL_SHARE),
        duration_s=target_s[known],
    )
    hidden = X.copy()
    hidden[:, column] = np.nan
    without = QuantileModel.fit(
        hidden,
        target_s,
        as_of_us,
        columns=columns,
        parameters=parameters.smaller(),
        progress=_part_of(progress, RESIDUAL_SHARE, 1.0),
    )
    return ResidualModel(
        residual,
        without,
        column=column,
        typical_s=float(np.median(baseline_s[known])),
        shortest_s=float(target_s.min()),
    )


def model_from_json(document: Mapping[str, Any]) -> QuantileModel:
    """Return the model that ``to_json`` wrote, with or without a baseline."""
    if "residual" not in document:
        return QuantileModel.from_json(document)
    return ResidualModel(
        QuantileModel.from_json(document["residual"]),
        QuantileModel.from_json(document["without_baseline"]),
        column=int(document["baseline_column"]),
        typical_s=float(document["typical_baseline_s"]),
        shortest_s=float(document["shortest_s"]),
    )


def _of_differences(parameters: BoostingParameters) -> BoostingParameters:
    """Return the parameters for seconds that may be negative."""
    of_means = parameters.middle_loss == "l2"
    return replace(parameters, scale="linear", middle_loss="l2" if of_means else "l1")


def _part_of(progress: StageProgress | None, start: float, end: float) -> StageProgress | None:
    """Return a progress of which the stages run from one part to another."""
    if progress is None:
        return None
    return lambda stage, part: progress(stage, start + (end - start) * part)
