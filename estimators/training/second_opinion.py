"""A strong, simple model of the same columns beside every training: plain LightGBM."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import lightgbm as lgb
import numpy as np

from estimators.core.typing import FloatArray
from estimators.evaluation.comparison import PairedNoise, paired_noise
from estimators.quantiles.growing.parameters import BoostingParameters
from estimators.training.matrix import FeatureMatrix, InnerSplit
from estimators.training.middle import fit_middle
from estimators.training.race import race_splits

__all__ = ["SecondOpinion", "second_opinion"]

Loss: TypeAlias = Literal["l1", "l2"]

LOSSES: tuple[Loss, ...] = ("l1", "l2")

TREES = 400
LEAVES = 31
STEP = 0.1
ROWS_PER_LEAF = 20
CATEGORY_SMOOTHING = 10.0
"""LightGBM's own, as the rest of what is not named here."""

PATIENCE = 20
"""It stops if so many further trees are no better on the rows that it is scored on. This favours
it, and saves most of the time where it is no match.
"""


@dataclass(frozen=True, kw_only=True)
class SecondOpinion:
    """The result of a comparison.

    Args:
        parameters: those of the plain model if its median is better than ours by more than noise;
            None: it is not.
        record: JSON-able: errors of both on the same rows, with noise, and what follows from them.
    """

    parameters: BoostingParameters | None
    record: dict[str, Any]


def second_opinion(
    matrix: FeatureMatrix, parameters: BoostingParameters, *, takes: bool
) -> SecondOpinion:
    """Compare our middle level with plain LightGBM (L1 and L2) on the last inner split.

    Both learn from the same rows and columns and are scored on the same later rows, neither is
    calibrated. Our mean, for the RMSE, is the middle times the ratio of means on the rows that it
    learned from.

    Args:
        matrix: facts and features; its test period is not looked at.
        parameters: ours.
        takes: whether parameters that are better may replace ours.
    """
    _, split = race_splits(matrix)
    target_s = matrix.target_s[split.scored]
    middle = fit_middle(
        matrix.X[split.learned],
        matrix.target_s[split.learned],
        columns=matrix.estimator.columns,
        parameters=parameters,
    )
    learned_s = matrix.target_s[split.learned]
    ratio = float(learned_s.sum() / middle(matrix.X[split.learned]).sum())
    own_s = middle(matrix.X[split.scored])
    own = _Errors(np.abs(own_s - target_s), np.square(ratio * own_s - target_s))
    plain = {loss: _plain(matrix, split, loss, parameters) for loss in LOSSES}
    compared: dict[Loss, _Compared] = {}
    for loss, (predicted_s, _) in plain.items():
        error_s = predicted_s - target_s
        other = _Errors(np.abs(error_s), np.square(error_s))
        compared[loss] = _Compared.of(other, own, matrix.as_of_us[split.scored])
    better = [loss for loss in LOSSES if compared[loss].absolute.is_better]
    best = min(better, key=lambda loss: compared[loss].absolute.mean_s, default=None)
    taken = best if takes else None
    return SecondOpinion(
        parameters=None if taken is None else _as_ours(parameters, taken, plain[taken][1]),
        record={
            "rows_learned": len(split.learned),
            "rows_scored": len(split.scored),
            "ours": {"mae_s": own.mae_s, "rmse_s": own.rmse_s},
            "plain": {
                loss: {"trees": plain[loss][1], **compared[loss].to_json()} for loss in LOSSES
            },
            "taken": taken,
            "why": _why(compared, best, takes=takes),
        },
    )


@dataclass(frozen=True)
class _Errors:
    """Errors of each row: absolute ones, seconds, and squared ones."""

    absolute_s: FloatArray
    squared_s2: FloatArray

    @property
    def mae_s(self) -> float:
        return float(self.absolute_s.mean())

    @property
    def rmse_s(self) -> float:
        return float(np.sqrt(self.squared_s2.mean()))


@dataclass(frozen=True, kw_only=True)
class _Compared:
    """A plain model's errors, and by how much they exceed ours."""

    plain: _Errors
    absolute: PairedNoise
    root_square: PairedNoise

    @classmethod
    def of(cls, plain: _Errors, own: _Errors, as_of_us: Any) -> _Compared:
        squared = paired_noise(plain.squared_s2, own.squared_s2, as_of_us)
        # a - b = (a² - b²) / (a + b): the noise of the squares, in seconds.
        both_s = plain.rmse_s + own.rmse_s or 1.0
        return cls(
            plain=plain,
            absolute=paired_noise(plain.absolute_s, own.absolute_s, as_of_us),
            root_square=replace(
                squared, mean_s=squared.mean_s / both_s, noise_s=squared.noise_s / both_s
            ),
        )

    def to_json(self) -> dict[str, float]:
        return {
            "mae_s": self.plain.mae_s,
            "mae_beyond_ours_s": self.absolute.mean_s,
            "mae_noise_s": self.absolute.noise_s,
            "rmse_s": self.plain.rmse_s,
            "rmse_beyond_ours_s": self.root_square.mean_s,
            "rmse_noise_s": self.root_square.noise_s,
        }


def _why(compared: dict[Loss, _Compared], best: Loss | None, *, takes: bool) -> str:
    """Return what follows from a comparison, and why."""
    if best is not None:
        if takes:
            return f"{best.upper()} has the better median by more than noise: ours takes its trees"
        return (
            f"{best.upper()} has the better median by more than noise; ours keeps the parameters"
            " that were given"
        )
    if any(one.root_square.is_better for one in compared.values()):
        return (
            "its mean is better by more than noise, its median is not: ours keeps its trees, and"
            " calibration moves the mean"
        )
    return "it is not better by more than noise"


def _plain(
    matrix: FeatureMatrix, split: InnerSplit, loss: Loss, parameters: BoostingParameters
) -> tuple[FloatArray, int]:
    """Return the seconds that a plain model predicts for the later rows, and its trees."""
    columns = matrix.estimator.columns
    settings = {
        "objective": loss,
        "metric": loss,
        "num_leaves": LEAVES,
        "learning_rate": STEP,
        "verbosity": -1,
        "seed": parameters.seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
    }
    learned = lgb.Dataset(
        matrix.X[split.learned],
        matrix.target_s[split.learned],
        feature_name=list(columns.names),
        categorical_feature=list(columns.categories),
        params=settings,
    )
    scored = learned.create_valid(matrix.X[split.scored], matrix.target_s[split.scored])
    booster = lgb.train(
        settings,
        learned,
        TREES,
        valid_sets=[scored],
        callbacks=[lgb.early_stopping(PATIENCE, verbose=False)],
    )
    predicted_s = booster.predict(matrix.X[split.scored], num_threads=1)
    return np.asarray(predicted_s, dtype=np.float64), booster.best_iteration


def _as_ours(parameters: BoostingParameters, loss: Loss, trees: int) -> BoostingParameters:
    """Return parameters with which our middle level grows as the plain model does."""
    return replace(
        parameters,
        median_ensembles=1,
        median_trees=trees,
        learning_rate=STEP,
        leaves=LEAVES,
        min_rows_per_leaf=ROWS_PER_LEAF,
        feature_share=1.0,
        row_share=1.0,
        category_smoothing=CATEGORY_SMOOTHING,
        middle_loss=loss,
        day_profile=False,
    )
