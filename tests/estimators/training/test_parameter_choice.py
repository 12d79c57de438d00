"""The one place where parameters are chosen: what a user gave is not replaced."""

from __future__ import annotations

from typing import Any

import pytest

from estimators.etp import Etp, train_etp
from estimators.quantiles.boosting import BoostingParameters
from estimators.training.choice_text import choice_lines
from estimators.training.matrix import FeatureMatrix
from estimators.training.parameter_choice import choose_parameters, declares_own_parameters
from estimators.training.train import train
from estimators.training.trained import TrainedEstimator
from tests.estimators.building import town, town_dataset
from tests.estimators.training.fields import SMALL, table_of

FEATURES = ("store_time_to_ready_last_5_median", "store_time_to_ready_last_20_median")


class PlainEtp(Etp):
    """An estimator of a user, without parameters of its own."""


class OwnEtp(PlainEtp):
    """An estimator of a user with parameters of its own."""

    default_parameters = SMALL


class LaterEtp(OwnEtp):
    """An estimator that inherits a user's parameters."""


@pytest.fixture(scope="module")
def checkerboard() -> FeatureMatrix:
    return table_of("checkerboard")


def chosen(matrix: FeatureMatrix, **changes: Any) -> tuple[Any, list[str]]:
    stages: list[str] = []
    settings: dict[str, Any] = {
        "given": False, "tuning": None, "search": True, "compares": True,
        "report": lambda stage, part: stages.append(stage),
    }  # fmt: skip
    return choose_parameters(matrix, **{**settings, **changes}), stages


def test_by_default_sets_are_raced_and_plain_lightgbm_stands_beside(
    checkerboard: FeatureMatrix,
) -> None:
    choice, stages = chosen(checkerboard)
    assert choice.parameters.leaves >= 15
    assert choice.tuning is not None
    assert choice.tuning["method"] == "race"
    assert choice.second_opinion is not None
    assert set(stages) == {"parameters"}
    told = choice_lines({"tuning": choice.tuning, "second_opinion": choice.second_opinion})
    assert told[0].startswith("5 sets of parameters raced on ")
    assert told[1].startswith("second opinion: plain LightGBM on ")
    assert " ± " in told[1]


@pytest.mark.parametrize("changes", [{"given": True}, {"search": False}])
def test_given_and_default_parameters_are_compared_and_stay(
    checkerboard: FeatureMatrix, changes: dict[str, bool]
) -> None:
    choice, _ = chosen(checkerboard, **changes)
    assert choice.parameters == SMALL
    assert choice.tuning is None
    assert choice.second_opinion is not None
    assert "keeps the parameters" in choice.second_opinion["why"]


def test_nothing_is_trained_beside_without_baselines(checkerboard: FeatureMatrix) -> None:
    choice, stages = chosen(checkerboard, given=True, compares=False)
    assert (choice.parameters, choice.tuning, choice.second_opinion) == (SMALL, None, None)
    assert stages == []


@pytest.mark.parametrize("of", ["conditions", "baseline"])
def test_differences_are_not_raced(
    checkerboard: FeatureMatrix, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    estimator = checkerboard.estimator
    if of == "baseline":
        monkeypatch.setattr(estimator, "baseline", "x")
    else:
        linear = BoostingParameters(scale="linear", middle_loss="l2")
        monkeypatch.setattr(estimator, "parameters", linear)
    choice, stages = chosen(checkerboard)
    assert choice.parameters == estimator.parameters
    assert (choice.tuning, choice.second_opinion) == (None, None)
    assert stages == []


def test_parameters_that_a_users_class_declares_are_the_users() -> None:
    assert not declares_own_parameters(Etp)
    assert not declares_own_parameters(PlainEtp)
    assert declares_own_parameters(OwnEtp)
    assert declares_own_parameters(LaterEtp)
    dataset = town_dataset(town(seed=5, rows=3_200))
    trained = train(OwnEtp, dataset, features=FEATURES, baselines=False)
    assert trained.metadata["tuning"] is None
    assert trained.estimator.parameters == SMALL


@pytest.fixture(scope="module")
def large_town() -> TrainedEstimator:
    """Trained on more rows than a race needs, with the default parameters as a start."""
    return train_etp(town_dataset(town(seed=5, rows=3_200)), features=FEATURES)


def test_training_says_what_was_tried(large_town: TrainedEstimator) -> None:
    record = large_town.metadata["tuning"]
    assert record["trials"] == len(record["tried"])
    assert 5 <= record["trials"] <= 6  # the last one combines others, if one is better
    assert large_town.metadata["parameters"] == large_town.estimator.parameters.to_json()
    if large_town.metadata["second_opinion"]["taken"] is None:
        assert record["parameters"].items() <= large_town.metadata["parameters"].items()
    for line in choice_lines(large_town.metadata):
        assert line in str(large_town)
        assert line.replace(">", "&gt;") in large_town._repr_html_()


def test_a_small_table_keeps_the_default_and_says_why() -> None:
    few: dict[str, Any] = {"features": FEATURES, "baselines": False}
    trained = train_etp(town_dataset(town(seed=5, rows=1_500)), **few)
    assert trained.metadata["tuning"]["trials"] == 0
    assert trained.metadata["second_opinion"] is None
    assert "too few to choose by" in str(trained)
    off = train_etp(town_dataset(town(seed=5, rows=1_500)), search=False, **few)
    assert off.metadata["tuning"] is None
    assert off.metadata["parameters"] == trained.metadata["parameters"]
