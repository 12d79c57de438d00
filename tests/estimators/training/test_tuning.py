"""The search for parameters: on the training period only, the same again, and on record."""

from __future__ import annotations

import importlib
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from estimators import DatasetError, EstimatorError, InputError
from estimators.etp import Etp, train_etp
from estimators.quantiles.boosting import BoostingParameters
from estimators.training.matrix import FeatureMatrix
from estimators.training.train import unfitted
from estimators.training.tuning import Tuned, Tuning, tune
from tests.estimators.building import town, town_dataset

SEED = 5
FEATURES = ("store_time_to_ready_last_5_median", "store_time_to_ready_last_20_median")
POOR = BoostingParameters(
    median_ensembles=1, median_trees=20, outer_trees=10, learning_rate=0.02, leaves=4,
    min_rows_per_leaf=300, outer_min_rows_per_leaf=50, seed=SEED,
)  # fmt: skip
"""Too slow a learner for so few trees: a search must find better."""


@pytest.fixture(scope="module")
def matrix() -> FeatureMatrix:
    dataset = town_dataset(town(SEED))
    estimator = unfitted(Etp, dataset, features=FEATURES, parameters=POOR)
    return FeatureMatrix.compute(estimator, dataset)


@pytest.fixture(scope="module")
def tuned(matrix: FeatureMatrix) -> Tuned:
    return tune(matrix, Tuning(trials=6, splits=1))


def test_the_search_finds_better_than_the_start(tuned: Tuned) -> None:
    record = tuned.record
    assert record["trials"] == len(record["tried"]) == 6
    assert record["tried"][0]["parameters"]["leaves"] == POOR.leaves
    assert record["default"] == record["tried"][0]["value"]
    assert record["best"] == min(one["value"] for one in record["tried"])
    assert record["best"] < record["default"] - 1.0
    chosen = tuned.parameters.to_json()
    assert {name: chosen[name] for name in record["parameters"]} == record["parameters"]
    kept = {
        name: value for name, value in POOR.to_json().items() if name not in record["parameters"]
    }
    assert kept.items() <= chosen.items()


def test_the_same_seed_searches_the_same(matrix: FeatureMatrix, tuned: Tuned) -> None:
    assert tune(matrix, Tuning(trials=6, splits=1)).record == tuned.record
    other = tune(matrix, Tuning(trials=3, splits=1), parameters=replace(POOR, seed=SEED + 1))
    assert other.record["tried"][1] != tuned.record["tried"][1]


def test_the_test_period_is_never_seen(matrix: FeatureMatrix, tuned: Tuned) -> None:
    blind = replace(
        matrix,
        X=np.where(matrix.trains[:, np.newaxis], matrix.X, np.nan),
        target_s=np.where(matrix.trains, matrix.target_s, np.nan),
    )
    assert tune(blind, Tuning(trials=6, splits=1)).record == tuned.record


def test_training_takes_what_was_found_and_writes_it_down() -> None:
    dataset = town_dataset(town(SEED))
    seen: list[tuple[str, float]] = []
    trained = train_etp(
        dataset, parameters=POOR, features=FEATURES, baselines=False, seed=SEED,
        tuning=Tuning(trials=2, splits=1), progress=lambda stage, part: seen.append((stage, part)),
    )  # fmt: skip
    record = trained.metadata["tuning"]
    assert record["trials"] == 2
    assert record["parameters"].items() <= trained.metadata["parameters"].items()
    assert trained.estimator.parameters.to_json() == trained.metadata["parameters"]
    parts = [part for stage, part in seen if stage == "tune"]
    assert parts == sorted(parts)
    assert parts[-1] == 1.0
    assert train_etp(dataset, parameters=POOR, features=FEATURES).metadata["tuning"] is None


def test_a_time_limit_ends_the_search(matrix: FeatureMatrix) -> None:
    found = tune(matrix, Tuning(trials=1_000, splits=1, time_limit_s=1e-6))
    assert found.record["trials"] == 1
    assert found.parameters == POOR


def test_the_limit_counts_from_the_first_trial_on(matrix: FeatureMatrix, tuned: Tuned) -> None:
    seconds = iter([100.0, 129.0, 158.0, 160.0])
    limited = Tuning(trials=6, splits=1, time_limit_s=60.0)
    found = tune(matrix, limited, clock=lambda: next(seconds))
    assert found.record["tried"] == tuned.record["tried"][:3]


def test_too_few_rows_are_an_error_and_no_traceback(
    matrix: FeatureMatrix, capfd: pytest.CaptureFixture[str]
) -> None:
    few = replace(matrix, trains=matrix.trains & (np.arange(len(matrix.trains)) < 500))
    with pytest.raises(DatasetError, match="expected at least 400"):
        tune(few, Tuning(trials=2, splits=1))
    assert capfd.readouterr() == ("", "")


def test_without_optuna_the_extra_is_named(
    matrix: FeatureMatrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = importlib.import_module

    def without(name: str, package: str | None = None) -> ModuleType:
        if name == "optuna":
            raise ImportError(name)
        return whole(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(EstimatorError, match=r"doorstep\[tune\]"):
        tune(matrix, Tuning(trials=1))


@pytest.mark.parametrize("wrong", [{"trials": 0}, {"trials": 5, "time_limit_s": 0.0}])
def test_a_search_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="expected"):
        Tuning(**wrong)  # type: ignore[arg-type]
