"""Gradient-boosted quantiles: LightGBM ensembles for each of a few anchor levels.

LightGBM itself is loaded only for training, not for predictions and explanations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from estimators.core.errors import InputError, NotCompiledError
from estimators.core.typing import FloatArray
from estimators.quantiles.boosting_progress import BoostingProgress
from estimators.quantiles.calibration import Scale
from estimators.quantiles.compiled_trees import CompiledTrees
from estimators.quantiles.day_profile import DayProfile
from estimators.quantiles.lightgbm_trees import LightGbmTrees
from estimators.quantiles.tree_kernels import averaged
from estimators.quantiles.tree_text import features_of

__all__ = ["ANCHOR_LEVELS", "Anchors", "BoostingParameters"]

ANCHOR_LEVELS = (0.1, 0.5, 0.9)
"""The quantiles that are learned; calibration fills in all others."""

ROWS_PER_THREAD = 20_000
"""Rows per thread: with fewer, a thread mostly waits for the others, longer on a busy machine."""

STEP_MAX = 0.15
"""The largest shrinkage of a tree of the outer levels."""

FEW_ROWS = 25_000
MANY_ROWS = 100_000
"""Up to the first the parameters are as given; between them they grow, see ``scaled_to``."""

GROWTH = {"learning_rate": 2.0, "leaves": 2.0, "outer_leaves": 4.5}
"""The final growth of each parameter (README.md: how it was chosen)."""

SEED_STEP = 1_000_003
"""The step between the seeds of two ensembles, so that neighbouring seeds share none."""


@dataclass(frozen=True, kw_only=True)
class BoostingParameters:
    """How the ensembles are grown. The defaults were chosen on inner time splits (README.md).

    Args:
        median_ensembles: ensembles for the level 0.5, of different seeds, which are averaged.
        median_trees: trees of each of them.
        outer_trees: trees for each of the other levels.
        learning_rate: shrinkage of each tree of the median; the others take larger steps, so that
            they converge as well.
        leaves: most leaves of a tree of the median.
        min_rows_per_leaf: fewest rows of such a leaf.
        outer_leaves: most leaves of a tree of the other levels.
        outer_min_rows_per_leaf: fewest rows of such a leaf: a tenth of them determines its value.
        feature_share: share of the features that each tree may use.
        row_share: share of the rows that each tree sees.
        category_smoothing: how strongly rare categories are shrunk towards the others.
        day_profile: whether boosting starts at the profile of the day, see :class:`DayProfile`.
        scale: on which calibration stretches: "log" for durations, "linear" for seconds that may
            be negative.
        middle_loss: what the ensembles of the level 0.5 minimise. "l1" gives medians; "l2" gives
            means, which calibration moves to the median, but which keep the average differences of
            rows if single rows are mostly noise.
        grow_with_rows: whether many rows may have more leaves and larger steps, see
            :meth:`scaled_to`.
        seed: of everything random.
        num_threads: the most that LightGBM uses; the result does not depend on it.
    """

    median_ensembles: int = 2
    median_trees: int = 200
    outer_trees: int = 100
    learning_rate: float = 0.05
    leaves: int = 31
    min_rows_per_leaf: int = 40
    outer_leaves: int = 7
    outer_min_rows_per_leaf: int = 200
    feature_share: float = 0.4
    row_share: float = 0.8
    category_smoothing: float = 60.0
    day_profile: bool = True
    scale: Scale = "log"
    middle_loss: Literal["l1", "l2"] = "l1"
    grow_with_rows: bool = True
    seed: int = 0
    num_threads: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return the parameters by name."""
        return asdict(self)

    def scaled_to(self, n_rows: int) -> BoostingParameters:
        """Return the parameters for a number of rows: more rows support larger trees.

        The number of trees stays the same, and so does the cost of an estimate.

        >>> BoostingParameters(leaves=31, outer_leaves=7).scaled_to(1_000_000).leaves
        62
        """
        if not self.grow_with_rows or n_rows <= FEW_ROWS:
            return self
        part = min(1.0, math.log(n_rows / FEW_ROWS) / math.log(MANY_ROWS / FEW_ROWS))
        return replace(
            self,
            learning_rate=self.learning_rate * GROWTH["learning_rate"] ** part,
            leaves=round(self.leaves * GROWTH["leaves"] ** part),
            outer_leaves=round(self.outer_leaves * GROWTH["outer_leaves"] ** part),
            grow_with_rows=False,
        )

    def smaller(self) -> BoostingParameters:
        """Return the parameters for a model of few columns, which needs fewer trees.

        >>> small = BoostingParameters(median_ensembles=2, median_trees=200).smaller()
        >>> small.median_ensembles, small.median_trees
        (1, 100)
        """
        return replace(
            self,
            median_ensembles=1,
            median_trees=max(1, self.median_trees // 2),
            outer_trees=max(1, self.outer_trees // 2),
        )


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
        import lightgbm as lgb

        hour = hour if parameters.day_profile else None
        hour_column = None if hour is None else list(names).index(hour)
        profile = DayProfile(np.empty(0), np.empty(0))
        if hour_column is not None:
            profile = DayProfile.learn(X[:, hour_column], target_s)
        offset_s = _profile_of(X, profile, hour_column)
        data = lgb.Dataset(
            X,
            target_s,
            feature_name=list(names),
            categorical_feature=list(categories),
            params=_dataset_parameters(parameters, len(X)),
            free_raw_data=False,
        )
        models: list[list[str]] = []
        start_s: list[float] = []
        steps = BoostingProgress(_n_trees(parameters), progress)
        for level in ANCHOR_LEVELS:
            start_s.append(float(np.quantile(target_s - offset_s, level)))
            data.set_init_score(offset_s + start_s[-1])
            ensembles = parameters.median_ensembles if level == 0.5 else 1
            models.append(
                [
                    lgb.train(
                        _training_parameters(level, parameters, k, len(X)),
                        data,
                        _trees(level, parameters),
                        callbacks=[steps.count],
                    ).model_to_string()
                    for k in range(ensembles)
                ]
            )
        return cls(models, start_s, profile, hour_column)

    def predict(self, X: FloatArray) -> FloatArray:
        """Return seconds at the anchor levels, shape (n_rows, n_anchors); they may cross."""
        offset_s = _profile_of(X, self._profile, self._hour_column)
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


def _profile_of(X: FloatArray, profile: DayProfile, hour_column: int | None) -> FloatArray:
    return np.zeros(len(X)) if hour_column is None else profile.at(X[:, hour_column])


def _trees(level: float, parameters: BoostingParameters) -> int:
    return parameters.median_trees if level == 0.5 else parameters.outer_trees


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
    if level == 0.5:
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


def _n_trees(parameters: BoostingParameters) -> int:
    """Return the trees of all levels together."""
    outer = (len(ANCHOR_LEVELS) - 1) * parameters.outer_trees
    return parameters.median_ensembles * parameters.median_trees + outer
