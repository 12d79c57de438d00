"""Gradient-boosted quantiles: LightGBM ensembles for each of a few anchor levels.

LightGBM itself is loaded only for training, not for predictions and explanations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from estimators.core.errors import InputError, NotCompiledError
from estimators.core.typing import FloatArray
from estimators.quantiles.compiled_trees import CompiledTrees
from estimators.quantiles.day_profile import DayProfile
from estimators.quantiles.growing.boosting_progress import BoostingProgress
from estimators.quantiles.growing.parameters import BoostingParameters
from estimators.quantiles.growing.training_rows import TrainingRows, text_of
from estimators.quantiles.lightgbm_trees import LightGbmTrees
from estimators.quantiles.tree_kernels import averaged
from estimators.quantiles.tree_text import features_of

__all__ = ["ANCHOR_LEVELS", "Anchors", "BoostingParameters"]

ANCHOR_LEVELS = (0.1, 0.5, 0.9)
"""The quantiles that are learned; calibration fills in all others."""


class Anchors:
    """Predicts seconds at ``ANCHOR_LEVELS``.

    Boosting starts at the day's profile plus the level's quantile of the residuals, so that no tree
    is spent on finding the scale.

    Args:
        models: for each level, in their order, the texts of those ensembles whose mean is its
            prediction, as LightGBM saves them.
        start_s: where the boosting of each level started, beside the profile.
        profile: seconds by local hour.
        hour_column: column of X with the local hour; None: there is none.
    """

    def __init__(
        self,
        models: Sequence[Sequence[str]],
        start_s: Sequence[float],
        profile: DayProfile,
        hour_column: int | None,
    ) -> None:
        self._models = tuple(tuple(ensembles) for ensembles in models)
        self._start_s = tuple(start_s)
        self._bounds = np.cumsum([0, *map(len, self._models)], dtype=np.int64)
        self._starts = np.array(self._start_s, dtype=np.float64)
        self._profile = profile
        self._hour_column = hour_column

    @classmethod
    def fit(
        cls,
        X: FloatArray,
        target_s: FloatArray,
        *,
        names: Sequence[str],
        categories: Sequence[str],
        hour: str | None,
        parameters: BoostingParameters,
        progress: Callable[[float], None] | None = None,
    ) -> Anchors:
        """Learn from labelled rows.

        Args:
            X: shape (n_rows, n_features); NaN is missing.
            target_s: seconds, shape (n_rows,).
            names: of the columns.
            categories: names of those that hold category codes.
            hour: name of the one that holds the local hour.
            parameters: how to grow.
            progress: called with the part that is done.
        """
        rows = TrainingRows(
            X, target_s, names=names, categories=categories, hour=hour, parameters=parameters
        )
        steps = BoostingProgress(_n_trees(parameters), progress)
        models = [
            [
                text_of(rows.grow(level, ensemble, callbacks=[steps.count]))
                for ensemble in range(parameters.median_ensembles if level == 0.5 else 1)
            ]
            for level in ANCHOR_LEVELS
        ]
        start_s = [rows.start_s(level) for level in ANCHOR_LEVELS]
        return cls(models, start_s, rows.profile, rows.hour_column)

    def predict(self, X: FloatArray) -> FloatArray:
        """Return seconds at the anchor levels, shape (n_rows, n_anchors); they may cross."""
        hour = self._hour_column
        offset_s = np.zeros(len(X)) if hour is None else self._profile.at(X[:, hour])
        result = np.empty((len(X), len(ANCHOR_LEVELS)))
        averaged(self._trees.sums(X), self._bounds, offset_s, self._starts, result)
        return result

    @cached_property
    def _trees(self) -> CompiledTrees | LightGbmTrees:
        """What evaluates all ensembles: LightGBM where the compiled trees cannot."""
        texts = [text for ensembles in self._models for text in ensembles]
        try:
            return CompiledTrees(texts)
        except NotCompiledError:
            return LightGbmTrees(texts)

    def contributions(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what every column adds to the anchors: exact SHAP values of the trees.

        They are LightGBM's own to 1e-9, the path-dependent values of its trees. The profile of the
        day is the local hour's.

        Source: Lundberg et al.: From local explanations to global understanding with explainable
        AI for trees (Nature Machine Intelligence, 2020).

        Args:
            X: shape (n_rows, n_features), at least one row.

        Returns:
            The seconds that each column adds, shape (n_rows, n_anchors, n_features), and the
            seconds to which it is added, shape (n_anchors,): the trees' prediction for a row of
            which nothing is known. Their sum over the columns is the result of :meth:`predict`, but
            for rounding.
        """
        of_ensembles, expected_s = self._trees.contributions(X)
        added_s = np.empty((len(X), len(ANCHOR_LEVELS), X.shape[1]))
        base_s = np.array(self._start_s)
        for k, (first, last) in enumerate(pairwise(self._bounds.tolist())):
            added_s[:, k, :] = of_ensembles[:, first:last].sum(axis=1) / (last - first)
            base_s[k] += expected_s[first:last].sum() / (last - first)
        if self._hour_column is not None:
            offset_s = self._profile.at(X[:, self._hour_column])
            added_s[:, :, self._hour_column] += offset_s[:, np.newaxis]
        return added_s, base_s

    @property
    def trees(self) -> int:
        """The number of trees of all levels, which determines the cost of an estimate."""
        return self._trees.n_trees

    def importance(self) -> dict[str, float]:
        """Return each feature's share of the gain of the median's trees."""
        return LightGbmTrees(self._models[ANCHOR_LEVELS.index(0.5)]).shares_of_gain()

    def check(self, n_features: int) -> None:
        """Read all trees, so that damage is found when a model is loaded and not in an answer.

        Args:
            n_features: columns of the X that they will predict.

        Raises:
            InputError: they cannot be evaluated, or belong to another X.
        """
        every = [text for ensembles in self._models for text in ensembles]
        other = {features_of(text) for text in every} - {n_features}
        if other:
            raise InputError(f"an ensemble of {other.pop()} features; the model has {n_features}")
        if self._hour_column is not None and not 0 <= self._hour_column < n_features:
            raise InputError(f"the local hour is column {self._hour_column} of {n_features}")
        if len(self._starts) != len(ANCHOR_LEVELS) or not np.isfinite(self._starts).all():
            raise InputError(f"boosting begins at {self._start_s}; expected a number per level")
        _ = self._trees  # reads every tree

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :meth:`from_json` reads it."""
        return {
            "levels": list(ANCHOR_LEVELS),
            "boosters": [list(ensembles) for ensembles in self._models],
            "start_s": list(self._start_s),
            "profile": self._profile.to_json(),
            "hour_column": self._hour_column,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Anchors:
        """Return the anchors that :meth:`to_json` wrote; estimates are the same bit for bit."""
        if tuple(document["levels"]) != ANCHOR_LEVELS:
            raise InputError(
                f"anchors at levels {document['levels']}; this version reads {ANCHOR_LEVELS}"
            )
        return cls(
            document["boosters"],
            document["start_s"],
            DayProfile.from_json(document["profile"]),
            document["hour_column"],
        )


def _n_trees(parameters: BoostingParameters) -> int:
    """Return the trees of all levels together."""
    outer = (len(ANCHOR_LEVELS) - 1) * parameters.outer_trees
    return parameters.median_ensembles * parameters.median_trees + outer
