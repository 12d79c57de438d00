"""Races a few sets of parameters on inner time splits of the training period, without Optuna."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from estimators.core.sampling import evenly_spaced
from estimators.core.typing import FloatArray, IntArray
from estimators.evaluation.comparison import PairedNoise, paired_noise
from estimators.quantiles.growing.parameters import BoostingParameters
from estimators.training.matrix import FeatureMatrix, InnerSplit
from estimators.training.middle import fit_middle

__all__ = ["RACE_SPLITS", "ROWS_MIN", "Raced", "race", "race_splits"]

RACE_SPLITS = 2
"""Inner splits of a race; only sets that the first one does not rule out see the second."""

ROWS_MIN = 2_000
"""The fewest training rows of a race: with fewer, differences are noise and defaults stay."""

LEARNED_MAX = 30_000
"""The most rows that a model of a race learns from, evenly taken."""

SCORED_MAX = 20_000
"""The most later rows that it is scored on, evenly taken."""

FINALISTS = 2
"""The most sets beside the default that see the second split."""

QUICKER = 2
"""Models of a race have so many times fewer trees than the default, of so much larger steps."""

DEFAULT = "default"

COMBINED = "log, leaves 31, share 0.8, smoothing 10"

_SETS: Mapping[str, Mapping[str, Any]] = {
    DEFAULT: {},
    "leaves 15, share 0.8": {"leaves": 15, "feature_share": 0.8},
    "leaves 31, share 0.8": {"leaves": 31, "feature_share": 0.8},
    "smoothing 10": {"category_smoothing": 10.0},
    "log, smoothing 10": {"middle_loss": "log", "category_smoothing": 10.0},
    COMBINED: {
        "middle_loss": "log",
        "leaves": 31,
        "feature_share": 0.8,
        "category_smoothing": 10.0,
    },
}
"""What each set changes (README.md: how they were chosen)."""

_TREES = {15: 1.0, 31: 0.5}
"""By the leaves of a set, the share of the default's trees that it has, in one ensemble: training
and estimates then cost little more than by default.
"""


@dataclass(frozen=True, kw_only=True)
class Raced:
    """The result of a race.

    Args:
        parameters: the default's, or those of a set that was better beyond noise.
        record: JSON-able: every set that was tried, its errors, and why the race ended.
    """

    parameters: BoostingParameters
    record: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Entrant:
    """A set of parameters, and its absolute errors on each split that it has seen.

    Args:
        name: of the set.
        parameters: that a model would be saved with.
        raced: that its models of the race have.
        errors_s: shape (n_rows,) each.
    """

    name: str
    parameters: BoostingParameters
    raced: BoostingParameters
    errors_s: tuple[FloatArray, ...] = ()

    def after(self, error_s: FloatArray) -> _Entrant:
        return replace(self, errors_s=(*self.errors_s, error_s))


def race(
    matrix: FeatureMatrix,
    start: BoostingParameters,
    *,
    progress: Callable[[float], None] | None = None,
) -> Raced:
    """Return the default parameters, or those of a set that is better by more than noise.

    Only the middle level is fitted, with fewer trees of larger steps, and its mean absolute error
    is compared on the same rows. The last set combines others, and is tried if one of them is
    better on the first split by more than its noise. Sets that the first split shows to be worse
    than its best are dropped; if none is better there than the default by more than its noise, the
    default stays at once. A set replaces the default if it is better on both splits, and on both
    together by more than twice the noise. The work is limited by the number of sets and rows and
    not by a clock, so the same seed gives the same choice. The test period is never looked at.

    Args:
        matrix: facts and features, computed once.
        start: the default, with seed and threads.
        progress: called with the part that is done.
    """
    if len(matrix.learned) < ROWS_MIN:
        return _too_few(matrix, start)
    report = progress or (lambda part: None)
    first, second = race_splits(matrix)
    entrants = _entrants(matrix, start)
    seen: dict[str, _Entrant] = {}
    as_of_us = matrix.as_of_us[first.scored]
    for k, one in enumerate(entrants):
        if one.name != COMBINED or _finalists(seen, as_of_us):
            seen[one.name] = one.after(_errors_s(matrix, first, one))
        report(0.6 * (k + 1) / len(entrants))
    final = _finalists(seen, as_of_us)
    if final:
        for k, name in enumerate((DEFAULT, *final)):
            one = seen[name]
            seen[name] = one.after(_errors_s(matrix, second, one))
            report(0.6 + 0.4 * (k + 1) / (1 + len(final)))
    report(1.0)
    splits = (first, second)
    chosen = _winner(matrix, splits, seen, final)
    return Raced(parameters=seen[chosen].parameters, record=_record(matrix, splits, seen, chosen))


def race_splits(matrix: FeatureMatrix) -> tuple[InnerSplit, InnerSplit]:
    """Return the splits of a race, of at most so many rows."""
    first, second = (
        InnerSplit(_some(one.learned, LEARNED_MAX), _some(one.scored, SCORED_MAX))
        for one in matrix.inner_splits(RACE_SPLITS)
    )
    return first, second


def _some(rows: IntArray, most: int) -> IntArray:
    return rows[evenly_spaced(len(rows), most)]


def _entrants(matrix: FeatureMatrix, start: BoostingParameters) -> list[_Entrant]:
    """Return the sets, of those that are the same for these data and parameters only the first."""
    found: dict[BoostingParameters, _Entrant] = {}
    for name, changes in _SETS.items():
        allowed = dict(changes)
        if not matrix.estimator.facts.categories:
            allowed.pop("category_smoothing", None)
        saved = replace(start, **allowed)
        raced = _with_trees(saved, 1.0 / QUICKER)
        if "leaves" in allowed:
            saved = _with_trees(saved, _TREES[saved.leaves])
        found.setdefault(saved, _Entrant(name=name, parameters=saved, raced=raced))
    return list(found.values())


def _with_trees(parameters: BoostingParameters, share: float) -> BoostingParameters:
    """Return one ensemble of a share of the trees, whose steps are larger by as much."""
    trees = max(1, round(share * parameters.median_trees))
    return replace(
        parameters,
        median_trees=trees,
        learning_rate=parameters.learning_rate * parameters.median_trees / trees,
        median_ensembles=1,
    )


def _errors_s(matrix: FeatureMatrix, split: InnerSplit, one: _Entrant) -> FloatArray:
    """Return the absolute errors of a set's middle on the later rows of a split."""
    middle = fit_middle(
        matrix.X[split.learned],
        matrix.target_s[split.learned],
        columns=matrix.estimator.columns,
        parameters=one.raced,
    )
    return np.abs(middle(matrix.X[split.scored]) - matrix.target_s[split.scored])


def _finalists(seen: Mapping[str, _Entrant], as_of_us: IntArray) -> list[str]:
    """Return the sets beside the default that are worth a second split, the best first."""
    error_s = {name: one.errors_s[0] for name, one in seen.items()}
    order = sorted(error_s, key=lambda name: float(error_s[name].mean()))
    best = error_s[order[0]]
    kept = [
        name
        for name in order
        if name != DEFAULT
        and not paired_noise(error_s[name], best, as_of_us).is_worse
        and paired_noise(error_s[name], error_s[DEFAULT], as_of_us).is_perhaps_better
    ]
    return kept[:FINALISTS]


def _winner(
    matrix: FeatureMatrix,
    splits: tuple[InnerSplit, ...],
    seen: Mapping[str, _Entrant],
    final: list[str],
) -> str:
    better = {}
    for name in final:
        beyond = _beyond_default(matrix, splits, seen, name)
        each = zip(seen[name].errors_s, seen[DEFAULT].errors_s, strict=True)
        if beyond.is_better and all(own.mean() < default.mean() for own, default in each):
            better[name] = beyond.mean_s
    return min(better, key=lambda name: better[name], default=DEFAULT)


def _beyond_default(
    matrix: FeatureMatrix,
    splits: tuple[InnerSplit, ...],
    seen: Mapping[str, _Entrant],
    name: str,
) -> PairedNoise:
    """Return by how much a set's error exceeds the default's on the splits that it has seen."""
    own, default = seen[name].errors_s, seen[DEFAULT].errors_s
    rows = np.concatenate([split.scored for split in splits[: len(own)]])
    return paired_noise(
        np.concatenate(own), np.concatenate(default[: len(own)]), matrix.as_of_us[rows]
    )


def _record(
    matrix: FeatureMatrix,
    splits: tuple[InnerSplit, ...],
    seen: Mapping[str, _Entrant],
    chosen: str,
) -> dict[str, Any]:
    tried = []
    for name, one in seen.items():
        beyond = _beyond_default(matrix, splits, seen, name)
        tried.append(
            {
                "name": name,
                "parameters": _changes(seen, name),
                "splits": len(one.errors_s),
                "mae_s": [float(error_s.mean()) for error_s in one.errors_s],
                "beyond_default_s": beyond.mean_s,
                "noise_s": beyond.noise_s,
            }
        )
    raced = max(len(one.errors_s) for one in seen.values())
    default_s, best_s = (_mean(seen[name], raced) for name in (DEFAULT, chosen))
    return {
        "method": "race",
        "objective": "mae_s",
        "default": default_s,
        "best": best_s,
        "chosen": chosen,
        "parameters": _changes(seen, chosen),
        "trials": len(seen),
        "splits": raced,
        "rows_scored": int(sum(len(split.scored) for split in splits[:raced])),
        "seed": seen[chosen].parameters.seed,
        "tried": tried,
    }


def _changes(seen: Mapping[str, _Entrant], name: str) -> dict[str, Any]:
    """Return what a set changes of the default parameters."""
    default = seen[DEFAULT].parameters.to_json()
    own = seen[name].parameters.to_json()
    return {what: value for what, value in own.items() if value != default[what]}


def _mean(one: _Entrant, splits: int) -> float:
    return float(np.concatenate(one.errors_s[:splits]).mean())


def _too_few(matrix: FeatureMatrix, start: BoostingParameters) -> Raced:
    return Raced(
        parameters=start,
        record={
            "method": "race",
            "chosen": DEFAULT,
            "parameters": {},
            "trials": 0,
            "rows": len(matrix.learned),
            "rows_min": ROWS_MIN,
            "tried": [],
        },
    )
