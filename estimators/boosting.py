"""Gradient-boosted quantiles: one LightGBM ensemble for each of a few anchor levels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import lightgbm as lgb
import numpy as np

from estimators.day_profile import DayProfile
from estimators.errors import InputError
from estimators.typing import FloatArray

__all__ = ["ANCHOR_LEVELS", "Anchors", "BoostingParameters"]

ANCHOR_LEVELS = (0.1, 0.5, 0.9)
"""The quantiles that are learned; calibration fills in all others."""

ONE_THREAD_ROWS = 512
"""Up to so many rows one thread is quicker than waking others."""


@dataclass(frozen=True, kw_only=True)
class BoostingParameters:
    """How the ensembles are grown. The defaults were chosen on inner time splits (README.md).

    Args:
        median_trees: trees for the level 0.5.
        outer_trees: trees for each of the other levels.
        learning_rate: shrinkage of each tree.
        leaves: most leaves of a tree.
        min_rows_per_leaf: fewest rows of a leaf.
        feature_share: share of the features that each tree may use.
        row_share: share of the rows that each tree sees.
        category_smoothing: how strongly rare categories are drawn to the others.
        seed: of everything random.
        num_threads: of LightGBM; the result does not depend on it.
    """

    median_trees: int = 200
    outer_trees: int = 100
    learning_rate: float = 0.05
    leaves: int = 31
    min_rows_per_leaf: int = 40
    feature_share: float = 0.8
    row_share: float = 0.8
    category_smoothing: float = 20.0
    seed: int = 0
    num_threads: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return the parameters by name."""
        return asdict(self)


class Anchors:
    """Predicts seconds at ``ANCHOR_LEVELS``.

    Boosting starts at the day's profile plus the level's quantile of what the profile leaves over,
    so that no tree is spent on finding the scale.

    Args:
        boosters: one per level, in their order.
        start_s: where the boosting of each level started, beside the profile.
        profile: seconds by local hour.
        hour_column: column of X with the local hour; None: there is none.
    """

    def __init__(
        self,
        boosters: Sequence[lgb.Booster],
        start_s: Sequence[float],
        profile: DayProfile,
        hour_column: int | None,
    ) -> None:
        self._boosters = tuple(boosters)
        self._start_s = tuple(start_s)
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
            params=_dataset_parameters(parameters),
            free_raw_data=False,
        )
        boosters: list[lgb.Booster] = []
        start_s: list[float] = []
        total = sum(_trees(level, parameters) for level in ANCHOR_LEVELS)
        done = 0
        for level in ANCHOR_LEVELS:
            start_s.append(float(np.quantile(target_s - offset_s, level)))
            data.set_init_score(offset_s + start_s[-1])
            trees = _trees(level, parameters)
            callbacks: list[Callable[..., Any]] = []
            if progress is not None:
                callbacks = [_reporting(progress, done, total)]
            booster = lgb.train(
                _training_parameters(level, parameters), data, trees, callbacks=callbacks
            )
            boosters.append(booster)
            done += trees
        return cls(boosters, start_s, profile, hour_column)

    def predict(self, X: FloatArray) -> FloatArray:
        """Return seconds at the anchor levels, shape (n_rows, n_anchors); they may cross."""
        threads = 1 if len(X) <= ONE_THREAD_ROWS else 0
        offset_s = _profile_of(X, self._profile, self._hour_column)
        result = np.empty((len(X), len(ANCHOR_LEVELS)))
        for k, booster in enumerate(self._boosters):
            raw = np.asarray(booster.predict(X, num_threads=threads), dtype=np.float64)
            result[:, k] = raw + offset_s + self._start_s[k]
        return result

    @property
    def trees(self) -> int:
        """Trees of all levels together: what an estimate costs."""
        return sum(booster.num_trees() for booster in self._boosters)

    def importance(self) -> dict[str, float]:
        """Return each feature's share of the gain of the median's trees."""
        booster = self._boosters[ANCHOR_LEVELS.index(0.5)]
        gain = np.asarray(booster.feature_importance("gain"), dtype=np.float64)
        total = float(gain.sum()) or 1.0
        return dict(zip(booster.feature_name(), (gain / total).tolist(), strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :meth:`from_json` reads it."""
        return {
            "levels": list(ANCHOR_LEVELS),
            "boosters": [booster.model_to_string() for booster in self._boosters],
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
            [lgb.Booster(model_str=text) for text in document["boosters"]],
            document["start_s"],
            DayProfile.from_json(document["profile"]),
            document["hour_column"],
        )


def _profile_of(X: FloatArray, profile: DayProfile, hour_column: int | None) -> FloatArray:
    return np.zeros(len(X)) if hour_column is None else profile.at(X[:, hour_column])


def _trees(level: float, parameters: BoostingParameters) -> int:
    return parameters.median_trees if level == 0.5 else parameters.outer_trees


def _dataset_parameters(parameters: BoostingParameters) -> dict[str, Any]:
    return {
        "verbosity": -1,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": parameters.num_threads,
        "min_data_in_leaf": parameters.min_rows_per_leaf,
        "seed": parameters.seed,
    }


def _training_parameters(level: float, parameters: BoostingParameters) -> dict[str, Any]:
    # The median minimises the mean absolute error.
    objective = {"objective": "l1"} if level == 0.5 else {"objective": "quantile", "alpha": level}
    # Fewer trees take larger steps, so that the outer levels arrive as well.
    step = parameters.learning_rate * parameters.median_trees / _trees(level, parameters)
    return {
        **_dataset_parameters(parameters),
        **objective,
        "learning_rate": min(step, 0.2),
        "num_leaves": parameters.leaves,
        "feature_fraction": parameters.feature_share,
        "bagging_fraction": parameters.row_share,
        "bagging_freq": 1,
        "cat_smooth": parameters.category_smoothing,
        "cat_l2": parameters.category_smoothing,
    }


def _reporting(
    progress: Callable[[float], None], done: int, total: int
) -> Callable[[lgb.callback.CallbackEnv], None]:
    def report(environment: lgb.callback.CallbackEnv) -> None:
        progress((done + environment.iteration + 1) / total)

    return report
