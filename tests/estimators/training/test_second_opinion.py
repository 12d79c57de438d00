"""Plain LightGBM beside ours: on the same rows, with noise, and taken if it is better."""

from __future__ import annotations

from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pytest

from estimators.training.matrix import FeatureMatrix
from estimators.training.middle import fit_middle
from estimators.training.race import race_splits
from estimators.training.second_opinion import LEAVES, STEP, TREES, second_opinion
from tests.estimators.training.fields import SMALL, table_of


@pytest.fixture(scope="module")
def checkerboard() -> FeatureMatrix:
    return table_of("checkerboard")


def test_its_trees_are_taken_where_they_are_better_by_more_than_noise(
    checkerboard: FeatureMatrix,
) -> None:
    found = second_opinion(checkerboard, SMALL, takes=True)
    record = found.record
    assert record["taken"] in ("l1", "l2")
    plain = record["plain"][record["taken"]]
    assert plain["mae_beyond_ours_s"] < -2.0 * plain["mae_noise_s"] < 0.0
    assert plain["mae_s"] - record["ours"]["mae_s"] == pytest.approx(plain["mae_beyond_ours_s"])
    assert plain["rmse_s"] - record["ours"]["rmse_s"] == pytest.approx(plain["rmse_beyond_ours_s"])
    assert "ours takes its trees" in record["why"]
    assert found.parameters is not None
    assert (found.parameters.leaves, found.parameters.learning_rate) == (LEAVES, STEP)
    assert found.parameters.median_trees == plain["trees"] <= TREES
    assert found.parameters.seed == SMALL.seed


def test_ours_with_its_parameters_is_no_worse_than_it(checkerboard: FeatureMatrix) -> None:
    taken = second_opinion(checkerboard, SMALL, takes=True).parameters
    assert taken is not None
    again = second_opinion(checkerboard, taken, takes=True)
    assert again.parameters is None
    best = min(one["mae_s"] for one in again.record["plain"].values())
    assert again.record["ours"]["mae_s"] == pytest.approx(best, rel=0.02)


def test_given_parameters_stay_and_the_report_says_why(checkerboard: FeatureMatrix) -> None:
    found = second_opinion(checkerboard, SMALL, takes=False)
    assert found.parameters is None
    assert found.record["taken"] is None
    assert "ours keeps the parameters that were given" in found.record["why"]


def test_nothing_is_taken_where_nothing_is_better() -> None:
    found = second_opinion(table_of("noise"), replace(SMALL, median_trees=5), takes=True)
    assert found.parameters is None
    assert found.record["why"] == "it is not better by more than noise"


def test_a_better_mean_alone_is_told_and_not_taken(
    checkerboard: FeatureMatrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most take ten minutes, some an hour: the median is easy, the mean is not."""
    rng = np.random.default_rng(1)
    n = len(checkerboard.X)
    long = rng.random(n) < 0.2 * (checkerboard.X[:, 0] > 0.5)
    heavy = replace(
        checkerboard, target_s=600.0 + rng.normal(0.0, 1.0, n) + np.where(long, 3_000.0, 0.0)
    )
    record = second_opinion(heavy, SMALL, takes=True).record
    assert record["taken"] is None
    l2 = record["plain"]["l2"]
    assert l2["rmse_beyond_ours_s"] < -2.0 * l2["rmse_noise_s"]
    assert "its mean is better by more than noise, its median is not" in record["why"]


def test_the_errors_are_those_of_the_models_on_the_same_later_rows(
    checkerboard: FeatureMatrix,
) -> None:
    record = second_opinion(checkerboard, SMALL, takes=True).record
    _, split = race_splits(checkerboard)
    X, target_s = checkerboard.X, checkerboard.target_s
    middle = fit_middle(
        X[split.learned],
        target_s[split.learned],
        columns=checkerboard.estimator.columns,
        parameters=SMALL,
    )
    error_s = middle(X[split.scored]) - target_s[split.scored]
    assert record["ours"]["mae_s"] == pytest.approx(np.abs(error_s).mean())
    plain = record["plain"]["l2"]
    settings = {
        "objective": "l2", "num_leaves": LEAVES, "learning_rate": STEP, "verbosity": -1,
        "deterministic": True, "force_row_wise": True, "num_threads": 1,
    }  # fmt: skip
    data = lgb.Dataset(X[split.learned], target_s[split.learned])
    predicted_s = lgb.train(settings, data, plain["trees"]).predict(X[split.scored])
    error_s = np.asarray(predicted_s) - target_s[split.scored]
    assert plain["mae_s"] == pytest.approx(np.abs(error_s).mean())
    assert plain["rmse_s"] == pytest.approx(np.sqrt(np.square(error_s).mean()))
    assert (record["rows_learned"], record["rows_scored"]) == tuple(map(len, split))
