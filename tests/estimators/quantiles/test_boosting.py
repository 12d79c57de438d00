"""The anchors and the profile of the day."""

from __future__ import annotations

import json

import numpy as np
import pytest

from estimators import InputError
from estimators.quantiles.boosting import (
    Anchors,
    BoostingParameters,
)
from estimators.quantiles.day_profile import DayProfile
from estimators.quantiles.growing.parameters import FEW_ROWS, MANY_ROWS
from estimators.quantiles.growing.training_rows import ROWS_PER_THREAD

SEED = 13
FEW = BoostingParameters(median_trees=8, outer_trees=4, outer_min_rows_per_leaf=20)
NAMES = ("hour", "store", "load")


def rows(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Hours, 40 stores and a load with gaps; what is before 13:00 waits until then."""
    rng = np.random.default_rng(SEED)
    X = np.column_stack([rng.uniform(11.0, 23.0, n), rng.integers(0, 40, n), rng.random(n)])
    target_s = 600.0 + 10.0 * X[:, 1] + 300.0 * X[:, 2] + 100.0 * rng.random(n)
    target_s += 3_600.0 * np.maximum(0.0, 13.0 - X[:, 0])
    X[::7, 2] = np.nan
    return X, target_s


def fitted(parameters: BoostingParameters, n: int = 3_000) -> tuple[Anchors, np.ndarray]:
    X, target_s = rows(n)
    anchors = Anchors.fit(
        X, target_s, names=NAMES, categories=("store",), hour="hour", parameters=parameters
    )
    return anchors, X


def test_threads_do_not_change_a_bit() -> None:
    n = 2 * ROWS_PER_THREAD + 1
    one, X = fitted(FEW, n)
    settings = {**FEW.to_json(), "num_threads": 2}
    two, _ = fitted(BoostingParameters(**settings), n)
    np.testing.assert_array_equal(one.predict(X), two.predict(X))


def test_as_many_trees_as_were_asked_for_are_reported_and_counted() -> None:
    parts: list[float] = []
    X, target_s = rows(3_000)
    anchors = Anchors.fit(
        X,
        target_s,
        names=NAMES,
        categories=("store",),
        hour="hour",
        parameters=FEW,
        progress=parts.append,
    )
    assert anchors.trees == 2 * 8 + 2 * 4 == len(parts)
    assert parts[-1] == 1.0
    assert sum(anchors.importance().values()) == pytest.approx(1.0)


def test_json_gives_back_the_same_bits() -> None:
    anchors, X = fitted(FEW)
    again = Anchors.from_json(json.loads(json.dumps(anchors.to_json())))
    np.testing.assert_array_equal(again.predict(X), anchors.predict(X))
    with pytest.raises(InputError, match="this version reads"):
        Anchors.from_json({**anchors.to_json(), "levels": [0.5]})


def test_the_profile_follows_the_slope_before_the_opening() -> None:
    X, target_s = rows(3_000)
    profile = DayProfile.learn(X[:, 0], target_s)
    hours = np.array([11.5, 12.0, 12.5])
    assert np.diff(profile.at(hours)) == pytest.approx([-1_800.0, -1_800.0], abs=150.0)
    assert profile.at(np.array([18.0]))[0] < 150.0


def test_a_profile_of_too_few_or_unknown_hours_is_flat() -> None:
    seconds = np.array([100.0, 900.0])
    assert DayProfile.learn(np.array([12.0, 13.0]), seconds).at(np.array([12.0])).tolist() == [0.0]
    unknown = DayProfile.learn(np.full(50, np.nan), np.ones(50))
    assert unknown.at(np.array([12.0, np.nan])).tolist() == [0.0, 0.0]


def test_the_day_ends_in_the_small_hours() -> None:
    hour = np.repeat([23.5, 0.5, 12.0], 20)
    seconds = np.repeat([1_000.0, 2_000.0, 500.0], 20)
    profile = DayProfile.learn(hour, seconds)
    assert profile.at(np.array([0.0]))[0] == pytest.approx(500.0)
    again = DayProfile.from_json(json.loads(json.dumps(profile.to_json())))
    np.testing.assert_array_equal(again.at(hour), profile.at(hour))


def test_boosting_starts_at_the_profile_of_the_day_unless_told_otherwise() -> None:
    """The wait until 13:00 is a slope: with no tree to speak of only the profile knows it."""
    few = {**FEW.to_json(), "median_trees": 1, "outer_trees": 1}
    early = np.array([[11.5, 3.0, 0.5], [20.0, 3.0, 0.5]])
    with_it, _ = fitted(BoostingParameters(**few))
    without, _ = fitted(BoostingParameters(**{**few, "day_profile": False}))
    assert -np.diff(with_it.predict(early)[:, 1], axis=0)[0] > 3_000.0
    assert -np.diff(without.predict(early)[:, 1], axis=0)[0] < 1_000.0
    restored = Anchors.from_json(without.to_json())
    np.testing.assert_array_equal(restored.predict(early), without.predict(early))


def test_parameters_grow_with_the_rows_and_then_no_further() -> None:
    few = BoostingParameters()
    assert few.scaled_to(FEW_ROWS) == few
    middle, many = few.scaled_to(2 * FEW_ROWS), few.scaled_to(MANY_ROWS)
    assert few.leaves < middle.leaves < many.leaves
    assert few.outer_leaves < middle.outer_leaves < many.outer_leaves
    assert few.learning_rate < middle.learning_rate < many.learning_rate
    assert few.scaled_to(100 * MANY_ROWS) == many == many.scaled_to(100 * MANY_ROWS)
    assert (many.median_trees, many.outer_trees) == (few.median_trees, few.outer_trees)
    fixed = BoostingParameters(grow_with_rows=False)
    assert fixed.scaled_to(MANY_ROWS) == fixed
