"""Searches for the parameters of the boosting, on inner time splits of the training period."""

from __future__ import annotations

import importlib
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np

from estimators.core.errors import DatasetError, EstimatorError, InputError
from estimators.evaluation.scores import crps_s
from estimators.quantiles.growing.parameters import BoostingParameters
from estimators.training.matrix import INNER_SPLITS, FeatureMatrix

__all__ = ["Tuned", "Tuning", "check_installed", "tune"]

TRIALS_MAX = 10_000
OBJECTIVE = "crps_s"

_SEARCHED: dict[str, tuple[float, float, bool]] = {
    "learning_rate": (0.02, 0.12, True),
    "feature_share": (0.15, 1.0, False),
    "row_share": (0.5, 1.0, False),
    "category_smoothing": (5.0, 300.0, True),
}
"""Parameters that are numbers: lowest, highest, whether on the logarithm."""

_SEARCHED_WHOLE: dict[str, tuple[int, int]] = {
    "leaves": (4, 63),
    "min_rows_per_leaf": (10, 300),
    "outer_leaves": (3, 31),
    "outer_min_rows_per_leaf": (50, 600),
}
"""Whole numbers, all on the logarithm. The number of trees is fixed: it is the cost of an
estimate.
"""


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How long to search.

    Args:
        trials: sets of parameters to try; the first one is the estimator's own.
        splits: inner splits that each is scored on.
        time_limit_s: no trial begins after so many seconds; None: no limit. With one, the result
            depends on how fast the machine is.
    """

    trials: int
    splits: int = INNER_SPLITS
    time_limit_s: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.trials <= TRIALS_MAX:
            raise InputError(f"{self.trials} trials; expected 1 to {TRIALS_MAX:,}")
        if self.time_limit_s is not None and not self.time_limit_s > 0.0:
            raise InputError(f"a time limit of {self.time_limit_s} s; expected more than 0")


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The result of a search.

    Args:
        parameters: the best, with the seed and threads that were given.
        record: JSON-able: objective, its value by default and at best, trials, splits, and every
            set of parameters that was tried.
    """

    parameters: BoostingParameters
    record: dict[str, Any]


def tune(
    matrix: FeatureMatrix,
    tuning: Tuning,
    *,
    parameters: BoostingParameters | None = None,
    progress: Callable[[float], None] | None = None,
    clock: Callable[[], float] = monotonic,
) -> Tuned:
    """Search for parameters with Optuna's tree-structured Parzen estimator.

    The objective is the CRPS of models that are fitted and calibrated as the final one will be,
    on later rows of the training period than they learned from. The test period is never looked
    at; the estimator's own parameters are tried first, so on these rows the result is no worse.

    Args:
        matrix: facts and features, computed once for all trials.
        tuning: how long to search.
        parameters: to start from; the estimator's by default. Their seed is the sampler's, too.
        progress: called with the part that is done.
        clock: seconds that never run back; for the time limit.

    Raises:
        EstimatorError: Optuna is not installed.
        DatasetError: there are too few rows, or a split has none with an exact label.

    Source: Bergstra, Bardenet, Bengio, Kegl: Algorithms for Hyper-Parameter Optimization (2011).
    """
    optuna = _optuna()
    start = parameters or matrix.estimator.parameters
    splits = list(matrix.inner_splits(tuning.splits))
    if not all(len(split.scored) for split in splits):
        raise DatasetError(f"{tuning.splits} inner splits need rows with an exact label in each")
    tried: list[dict[str, Any]] = []

    def objective(trial: Any) -> float:
        chosen = replace(start, **_suggested(trial, start, categories=_has_categories(matrix)))
        losses = []
        for k, split in enumerate(splits):
            model = matrix.fit(split.learned, parameters=chosen)
            losses.append(
                crps_s(model.predict(matrix.X[split.scored]), matrix.target_s[split.scored])
            )
            if progress is not None:
                progress((len(tried) + (k + 1) / len(splits)) / tuning.trials)
        value = float(np.concatenate(losses).mean())
        tried.append({"value": value, "parameters": dict(trial.params)})
        return value

    with _quiet(optuna):
        study = optuna.create_study(
            direction="minimize", sampler=optuna.samplers.TPESampler(seed=start.seed)
        )
        study.enqueue_trial(_own(start, categories=_has_categories(matrix)))
        # Asked after each trial: the first, its own parameters, is tried whatever time there is.
        study.optimize(objective, n_trials=tuning.trials, callbacks=[_ending(tuning, clock)])
    if progress is not None:
        progress(1.0)
    best = min(tried, key=lambda one: one["value"])
    return Tuned(
        parameters=replace(start, **best["parameters"]),
        record={
            "method": "optuna",
            "objective": OBJECTIVE,
            "default": tried[0]["value"],
            "best": best["value"],
            "parameters": best["parameters"],
            "trials": len(tried),
            "splits": tuning.splits,
            "rows_scored": int(sum(len(split.scored) for split in splits)),
            "seed": start.seed,
            "optuna_version": optuna.__version__,
            "tried": tried,
        },
    )


def _ending(tuning: Tuning, clock: Callable[[], float]) -> Callable[[Any, Any], None]:
    """Return Optuna's callback after each trial, which ends the search when its time is over."""
    limit_s = math.inf if tuning.time_limit_s is None else tuning.time_limit_s
    until_s = clock() + limit_s

    def end(study: Any, _trial: Any) -> None:
        if clock() >= until_s:
            study.stop()

    return end


def check_installed() -> None:
    """Raise an error before the work of a training, not in the middle of it.

    Raises:
        EstimatorError: Optuna is not installed.
    """
    _optuna()


def _suggested(trial: Any, start: BoostingParameters, *, categories: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (low, high, on_log) in _SEARCHED.items():
        if name == "category_smoothing" and not categories:
            continue
        own = getattr(start, name)
        found[name] = trial.suggest_float(name, min(low, own), max(high, own), log=on_log)
    for name, (least, most) in _SEARCHED_WHOLE.items():
        own = getattr(start, name)
        found[name] = trial.suggest_int(name, min(least, own), max(most, own), log=True)
    return found


def _own(start: BoostingParameters, *, categories: bool) -> dict[str, Any]:
    """Return the parameters that are searched, as they are to begin with."""
    names = [*_SEARCHED, *_SEARCHED_WHOLE]
    return {
        name: getattr(start, name) for name in names if categories or name != "category_smoothing"
    }


def _has_categories(matrix: FeatureMatrix) -> bool:
    return bool(matrix.estimator.facts.categories)


def _optuna() -> Any:
    try:
        return importlib.import_module("optuna")
    except ImportError as error:
        raise EstimatorError(
            "searching for parameters needs Optuna, which is not installed; it is the extra"
            " 'tune': pip install 'doorstep[tune]'"
        ) from error


class _quiet:
    """Keeps Optuna from logging while the block lasts.

    Neither a line per trial, nor the traceback of one that fails: its error is raised anyway.
    """

    def __init__(self, optuna: Any) -> None:
        self._logging = optuna.logging

    def __enter__(self) -> None:
        self._level = self._logging.get_verbosity()
        self._logging.set_verbosity(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self._logging.set_verbosity(self._level)
