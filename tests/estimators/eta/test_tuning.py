"""The search for parameters of an ETA's parts: on rows that calibrate nothing, and on record."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from estimators import Dataset, DatasetError, EstimatorError
from estimators.core.stages import DIRECT, asked_at
from estimators.eta import tuning as eta_tuning
from estimators.eta.model import ETA_PARTS
from estimators.eta.moments import Moments
from estimators.eta.rows import PartMatrix
from estimators.eta.trained import TrainedEta
from estimators.eta.training import BLOCKS_FROM, train_eta
from estimators.eta.tuning import tuned_bases
from estimators.quantiles.boosting import BoostingParameters
from estimators.training.matrix import FeatureMatrix
from estimators.training.tuning import Tuned, Tuning, tune
from tests.trained_eta import PER_ORDER, tiny_parameters

TUNING = Tuning(trials=2, splits=1)
PARTS = {*ETA_PARTS, DIRECT}


def _poor() -> dict[str, BoostingParameters]:
    """Too slow learners for so few trees: a search must find better for most."""
    return {
        name: replace(one, learning_rate=0.02, leaves=4, median_trees=15, outer_trees=8)
        for name, one in tiny_parameters().items()
    }


@dataclass(frozen=True, kw_only=True)
class _Searched:
    """An ETA that was trained with a search.

    Args:
        trained: the ETA.
        matrices: what the search saw, by the name of the part's estimator.
        seen: stages and parts done.
    """

    trained: TrainedEta
    matrices: dict[str, FeatureMatrix]
    seen: list[tuple[str, float]]


@pytest.fixture(scope="module")
def searched(eta_dataset: Dataset) -> _Searched:
    matrices: dict[str, FeatureMatrix] = {}
    seen: list[tuple[str, float]] = []

    def watched(matrix: FeatureMatrix, *arguments: Any, **options: Any) -> Tuned:
        matrices[matrix.estimator.name] = matrix
        return tune(matrix, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eta_tuning, "tune", watched)
        trained = train_eta(
            eta_dataset, per_order=PER_ORDER, parameters=_poor(), baselines=False, tuning=TUNING,
            progress=lambda stage, part: seen.append((stage, part)),
        )  # fmt: skip
    return _Searched(trained=trained, matrices=matrices, seen=seen)


def test_the_best_set_of_each_part_is_on_record(searched: _Searched) -> None:
    records = searched.trained.metadata["tuning"]
    assert {*records} == PARTS
    better = 0
    for name, record in records.items():
        assert record["trials"] == len(record["tried"]) == 2
        own = _poor()[name].to_json()
        assert record["tried"][0]["parameters"].items() <= own.items()
        best = min(record["tried"], key=lambda one: float(one["value"]))
        assert (record["best"], record["parameters"]) == (best["value"], best["parameters"])
        better += record["best"] < record["default"]
        part = searched.trained.parts[name]
        assert part.metadata["tuning"] == record
        assert part.metadata["parameters"] == {**own, **record["parameters"]}
    assert better >= 3


def test_parts_are_trained_with_what_was_found(searched: _Searched, eta_dataset: Dataset) -> None:
    found = {name: one.estimator.parameters for name, one in searched.trained.parts.items()}
    again = train_eta(eta_dataset, per_order=PER_ORDER, parameters=found, baselines=False)
    for name, one in again.parts.items():
        assert one.estimator.to_json() == searched.trained.parts[name].estimator.to_json()
        assert one.metadata["tuning"] is None
    assert again.model.to_json() == searched.trained.model.to_json()
    assert again.report.to_json() == searched.trained.report.to_json()
    assert "tuning" not in again.metadata


def test_neither_test_nor_calibration_is_seen(searched: _Searched, eta_dataset: Dataset) -> None:
    moments = Moments.draw(eta_dataset, per_order=PER_ORDER)
    learned_us = moments.as_of_us[moments.trains]
    first_us, second_us, _ = (
        np.quantile(learned_us, share, method="higher") for share in BLOCKS_FROM
    )
    assert second_us < eta_dataset.test_from_us
    assert {*searched.matrices} == {f"eta_{name}" for name in PARTS}
    for name, matrix in searched.matrices.items():
        assert len(matrix.X) > 400
        assert matrix.trains.all()
        if name == "eta_conditions":  # are asked from the second block on, and have labels sooner
            assert (matrix.as_of_us >= first_us).all()
            assert (matrix.ended_us < second_us).all()
        else:
            assert (matrix.ended_us < first_us).all()


def test_each_part_has_a_stage_of_its_own(searched: _Searched) -> None:
    stages = list(dict.fromkeys(stage for stage, _ in searched.seen))
    assert {f"tune {name}" for name in PARTS} < {*stages}
    assert stages.index("tune ready") < stages.index("out of sample")
    for name in PARTS:
        parts = [part for stage, part in searched.seen if stage == f"tune {name}"]
        assert parts == sorted(parts)
        assert parts[-1] == 1.0


def _ready_rows(moments: Moments, trained: TrainedEta) -> PartMatrix:
    estimator = trained.model.parts["ready"]
    at = np.flatnonzero(asked_at("ready", moments.stage))
    X = np.zeros((len(at), len(estimator.feature_names)))
    target_s = moments[at].rest_s("ready")
    return PartMatrix(part="ready", estimator=estimator, at=at, X=X, target_s=target_s)


def test_drawn_labels_teach_but_do_not_score(trained_eta: TrainedEta, eta_dataset: Dataset) -> None:
    moments = Moments.draw(eta_dataset, per_order=PER_ORDER)
    recorded_us = np.zeros(len(eta_dataset.table), dtype=np.int64)
    recorded_us[moments.rows] = moments.event_us["ready"]
    drawn = np.arange(len(recorded_us)) % 3 == 0
    told = replace(moments, ready_us=recorded_us - 20_000_000 * drawn)
    matrix = _ready_rows(told, trained_eta).matrix(told, told.trains)
    whole = _ready_rows(moments, trained_eta).matrix(moments, moments.trains)
    assert whole.exact.all()
    at = np.flatnonzero(asked_at("ready", told.stage) & told.trains)
    at = at[~np.isnan(told.rest_s("ready")[at])]
    assert len(matrix.X) == len(at)
    assert (matrix.exact == ~drawn[told.rows[at]]).all()
    (split,) = matrix.inner_splits(1)
    assert len(split.scored)
    assert matrix.exact[split.scored].all()
    assert not matrix.exact[split.learned].all()


def test_too_few_rows_name_the_part(trained_eta: TrainedEta, eta_dataset: Dataset) -> None:
    moments = Moments.draw(eta_dataset, per_order=PER_ORDER)
    rows = {"ready": _ready_rows(moments, trained_eta)}
    few = np.arange(len(moments)) < 300
    with pytest.raises(DatasetError, match=r"part 'ready'.*more orders, or without a search"):
        tuned_bases(rows, moments, few, TUNING, lambda stage, part: None)


def test_parts_share_the_time_equally(
    trained_eta: TrainedEta, eta_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = Moments.draw(eta_dataset, per_order=PER_ORDER)
    ready = _ready_rows(moments, trained_eta)
    asked: list[Tuning] = []

    def noted(matrix: FeatureMatrix, tuning: Tuning, **_options: Any) -> Tuned:
        asked.append(tuning)
        return Tuned(parameters=matrix.estimator.parameters, record={})

    monkeypatch.setattr(eta_tuning, "tune", noted)
    rows = {"ready": ready, "direct": ready, "conditions": ready}
    limited = replace(TUNING, time_limit_s=90.0)
    found = tuned_bases(rows, moments, moments.trains, limited, lambda stage, part: None)
    assert asked == [replace(TUNING, time_limit_s=30.0)] * 2
    assert found["conditions"] is ready  # is searched when it has labels
    assert found["direct"].tuning == {}


def test_without_optuna_the_extra_is_named_before_the_work(
    eta_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = importlib.import_module
    seen: list[str] = []

    def without(name: str, package: str | None = None) -> ModuleType:
        if name == "optuna":
            raise ImportError(name)
        return whole(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(EstimatorError, match=r"doorstep\[tune\]"):
        train_eta(eta_dataset, tuning=TUNING, progress=lambda stage, part: seen.append(stage))
    assert seen == []
