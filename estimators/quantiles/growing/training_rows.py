"""Grows the trees of one level with LightGBM, which is loaded here and only for training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from estimators.core.typing import FloatArray
from estimators.quantiles.day_profile import DayProfile
from estimators.quantiles.growing.log_loss import SHORTEST_S, LogLoss
from estimators.quantiles.growing.parameters import BoostingParameters

if TYPE_CHECKING:
    import lightgbm as lgb

__all__ = ["MIDDLE", "TrainingRows", "text_of"]

MIDDLE = 0.5

ROWS_PER_THREAD = 20_000
"""Rows per thread: with fewer, a thread mostly waits for the others, longer on a busy machine."""

STEP_MAX = 0.15
"""The largest shrinkage of a tree of the outer levels."""

SEED_STEP = 1_000_003
"""The step between the seeds of two ensembles, so that neighbouring seeds share none."""


class TrainingRows:
    """Labelled rows as LightGBM takes them; every level and ensemble grows on the same.

    Boosting starts at the day's profile plus the level's quantile of the residuals, so that no tree
    is spent on finding the scale.

    Args:
        X: shape (n_rows, n_features); NaN is missing.
        target_s: seconds, shape (n_rows,).
        names: of the columns.
        categories: names of those that hold category codes.
        hour: name of the one that holds the local hour; None: there is none.
        parameters: how to grow.
    """

    def __init__(
        self,
        X: FloatArray,
        target_s: FloatArray,
        *,
        names: Sequence[str],
        categories: Sequence[str],
        hour: str | None,
        parameters: BoostingParameters,
    ) -> None:
        import lightgbm as lgb

        self._parameters = parameters
        self._n_rows = len(X)
        self._target_s = target_s
        if parameters.middle_loss == "log":
            self._target_s = np.maximum(target_s, SHORTEST_S)
        hour = hour if parameters.day_profile else None
        self.hour_column = None if hour is None else list(names).index(hour)
        self.profile = DayProfile(np.empty(0), np.empty(0))
        if self.hour_column is not None:
            self.profile = DayProfile.learn(X[:, self.hour_column], target_s)
        self._offset_s = self._profile_of(X)
        self._data = lgb.Dataset(
            X,
            self._target_s,
            feature_name=list(names),
            categorical_feature=list(categories),
            params=_dataset_parameters(parameters, len(X)),
            free_raw_data=False,
        )

    def start_s(self, level: float) -> float:
        """Return where the boosting of a level starts, beside the profile, seconds."""
        return float(np.quantile(self._target_s - self._offset_s, level))

    def grow(
        self, level: float, ensemble: int, *, callbacks: Sequence[Callable[[Any], None]] = ()
    ) -> lgb.Booster:
        """Return an ensemble of trees of a level, seconds beyond its start and the profile.

        Args:
            level: 0.5 for the middle, others for the outer levels.
            ensemble: its number, which changes the seed.
            callbacks: LightGBM's, after every tree.
        """
        import lightgbm as lgb

        parameters = self._parameters
        self._data.set_init_score(self._offset_s + self.start_s(level))
        settings = _training_parameters(level, parameters, ensemble, self._n_rows)
        if level == MIDDLE and parameters.middle_loss == "log":
            settings["objective"] = LogLoss(self._target_s)
        trees = parameters.median_trees if level == MIDDLE else parameters.outer_trees
        return lgb.train(settings, self._data, trees, callbacks=list(callbacks))

    def predict_middle(self, booster: lgb.Booster, X: FloatArray) -> FloatArray:
        """Return the seconds that an ensemble of the middle level predicts, shape (n_rows,).

        Args:
            booster: that :meth:`grow` returned.
            X: the rows, shape (n_rows, n_features).
        """
        beyond_s = np.asarray(booster.predict(X, raw_score=True, num_threads=1), dtype=np.float64)
        return beyond_s + self.start_s(MIDDLE) + self._profile_of(X)

    def _profile_of(self, X: FloatArray) -> FloatArray:
        """Return the profile's seconds, 0 without a column of the local hour."""
        hour = self.hour_column
        return np.zeros(len(X)) if hour is None else self.profile.at(X[:, hour])


def text_of(booster: lgb.Booster) -> str:
    """Return an ensemble as LightGBM saves it; its prediction is the sum of its trees.

    LightGBM saves no objective if it was given as a function. Those that are functions here predict
    the plain sum, as "regression" does; without the line, readers could not know.
    """
    text = booster.model_to_string()
    header, rest = text.split("\nTree=", 1)
    if "\nobjective=" in header:
        return text
    before, after = header.split("\nfeature_names=", 1)
    return f"{before}\nobjective=regression\nfeature_names={after}\nTree={rest}"


def _dataset_parameters(parameters: BoostingParameters, n_rows: int) -> dict[str, Any]:
    return {
        "verbosity": -1,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": min(parameters.num_threads, 1 + n_rows // ROWS_PER_THREAD),
        "seed": parameters.seed,
        # The levels share these data and differ in the fewest rows of a leaf.
        "feature_pre_filter": False,
    }


def _training_parameters(
    level: float, parameters: BoostingParameters, ensemble: int, n_rows: int
) -> dict[str, Any]:
    common = {
        **_dataset_parameters(parameters, n_rows),
        "seed": parameters.seed + SEED_STEP * ensemble,
        "feature_fraction": parameters.feature_share,
        "bagging_fraction": parameters.row_share,
        "bagging_freq": 1,
        "cat_smooth": parameters.category_smoothing,
        "cat_l2": parameters.category_smoothing,
    }
    if level == MIDDLE:
        return {
            **common,
            "objective": parameters.middle_loss,  # the median minimises the mean absolute error
            "learning_rate": parameters.learning_rate,
            "num_leaves": parameters.leaves,
            "min_data_in_leaf": parameters.min_rows_per_leaf,
        }
    step = parameters.learning_rate * parameters.median_trees / parameters.outer_trees
    return {
        **common,
        "objective": "quantile",
        "alpha": level,
        "learning_rate": min(step, STEP_MAX),
        "num_leaves": parameters.outer_leaves,
        "min_data_in_leaf": parameters.outer_min_rows_per_leaf,
    }
