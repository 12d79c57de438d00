"""The middle level alone, for comparisons of parameters: not calibrated, not saved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from estimators.core.typing import FloatArray
from estimators.quantiles.growing.parameters import BoostingParameters
from estimators.quantiles.growing.training_rows import MIDDLE, TrainingRows
from estimators.quantiles.quantile_model import Columns

__all__ = ["fit_middle"]


def fit_middle(
    X: FloatArray, target_s: FloatArray, *, columns: Columns, parameters: BoostingParameters
) -> Callable[[FloatArray], FloatArray]:
    """Return a function from rows of X to seconds: the mean of the middle level's ensembles.

    It costs a fraction of a whole model, which has outer levels and learns again for calibration.

    Args:
        X: shape (n_rows, n_features); NaN is missing.
        target_s: seconds, shape (n_rows,).
        columns: what the columns are.
        parameters: of the boosting; they grow with the rows.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.random((2000, 1))
    >>> middle = fit_middle(
    ...     X,
    ...     600.0 + 600.0 * X[:, 0],
    ...     columns=Columns(["load"]),
    ...     parameters=BoostingParameters(feature_share=1.0),
    ... )
    >>> bool(abs(middle(np.array([[0.5]]))[0] - 900.0) < 20.0)
    True
    """
    parameters = parameters.scaled_to(len(X))
    rows = TrainingRows(
        X,
        target_s,
        names=columns.names,
        categories=columns.categories,
        hour=columns.hour,
        parameters=parameters,
    )
    boosters = [rows.grow(MIDDLE, k) for k in range(parameters.median_ensembles)]

    def predict(X: FloatArray) -> FloatArray:
        every = [rows.predict_middle(booster, X) for booster in boosters]
        return np.asarray(np.mean(every, axis=0), dtype=np.float64)

    return predict
