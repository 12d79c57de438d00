"""Who knows less says a wider range, and is right as often: store down, a fact missing."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import pytest

from estimators import Distribution, InputError
from estimators.core.typing import FloatArray
from estimators.etp import Etp
from estimators.model.base import Estimator
from estimators.quantiles.boosting import BoostingParameters
from estimators.quantiles.calibration import GRID_LEVELS, ConformalGrid, Scale
from estimators.quantiles.widening import (
    INCOMPLETE_FACTOR,
    NO_FEATURES_FACTOR,
    ensure_typical_width,
    widen_to_baseline,
    widened,
)
from estimators.training.matrix import FeatureMatrix
from estimators.training.train import unfitted
from tests.estimators.building import QUICK, town, town_dataset

SEED = 13


class Asked(NamedTuple):
    """A fitted estimator, rows of its test period, the same without features, and the truth."""

    estimator: Estimator
    X: FloatArray
    down: FloatArray
    target_s: FloatArray


@pytest.fixture(scope="module")
def asked() -> Asked:
    dataset = town_dataset(town(SEED, rows=4_000))
    estimator = unfitted(Etp, dataset, parameters=QUICK)
    matrix = FeatureMatrix.compute(estimator, dataset)
    learned, tested = matrix.learned, matrix.tested
    estimator.fit(matrix.X[learned], matrix.target_s[learned], matrix.as_of_us[learned])
    X = matrix.X[tested]
    nothing = np.full((len(X), len(estimator.features)), np.nan)
    down = estimator.assemble(X[:, : len(estimator.facts.names)], nothing)
    return Asked(estimator, X, down, matrix.target_s[tested])


def copy(estimator: Estimator, **changes: object) -> Estimator:
    document = json.loads(json.dumps(estimator.to_json()))
    return type(estimator).from_json({**document, **changes})


def coverage(distribution: Distribution, target_s: FloatArray) -> float:
    low, high = distribution.interval(0.8)
    return float(np.mean((low <= target_s) & (target_s <= high)))


def every(rows: FloatArray) -> np.ndarray:
    return np.ones(len(rows), dtype=bool)


def test_ranges_hold_with_the_event_store_down(asked: Asked) -> None:
    estimator, X, down, target_s = asked
    assert 0.75 < coverage(estimator.predict(X), target_s) < 0.87, f"seed {SEED}"
    assert coverage(estimator.predict(down), target_s) < 0.7
    blind = estimator.predict(down, every(down))
    assert 0.75 < coverage(blind, target_s) < 0.88, f"seed {SEED}"
    seeing = estimator.predict(X).interval(0.8)
    low, high = blind.interval(0.8)
    assert (high - low).mean() > 1.1 * (seeing[1] - seeing[0]).mean()


def test_no_level_is_nearer_than_is_typical_of_complete_rows(asked: Asked) -> None:
    estimator, _, down, _ = asked
    blind = estimator.predict(down, every(down))
    logs = np.log(blind.values)
    distances = np.abs(logs - logs[:, [GRID_LEVELS.index(0.5)]])
    grid = estimator.model.grid
    reached = np.isclose(blind.values, grid.longest_s)
    assert bool((reached | (distances >= np.abs(grid.typical_distances) - 1e-9)).all())


def test_rows_are_answered_each_by_itself(asked: Asked) -> None:
    estimator, X, down, _ = asked
    partly = X.copy()
    partly[:, 0] = np.nan
    rows = np.concatenate([X[:4], down[:4], partly[:4]])
    blind = np.repeat([False, True, True], 4)
    together = estimator.predict(rows, blind)
    for i in range(len(rows)):
        assert estimator.predict(rows[i : i + 1], blind[i : i + 1]) == together[i : i + 1]
    assert together[:4] == estimator.predict(X[:4])
    assert estimator.predict(X[:4], np.zeros(4, dtype=bool)) == estimator.predict(X[:4])
    # The median stays where something is known, and its neighbours are farther.
    plain = estimator.predict(partly[:4])
    np.testing.assert_array_equal(together[8:].quantile(0.5), plain.quantile(0.5))
    wider = np.log(together[8:].quantile(0.9) / plain.quantile(0.5))
    np.testing.assert_allclose(
        wider, INCOMPLETE_FACTOR * np.log(plain.quantile(0.9) / plain.quantile(0.5))
    )


def test_a_saved_estimator_is_blind_in_the_same_way(asked: Asked) -> None:
    estimator, _, down, _ = asked
    again = copy(estimator)
    assert again.facts_model is not None
    assert again.predict(down, every(down)) == estimator.predict(down, every(down))


def test_a_model_that_was_saved_without_one_of_the_facts_widens(asked: Asked) -> None:
    estimator, _, down, target_s = asked
    old = copy(estimator, blind_model=None)
    assert old.facts_model is None
    plain, wider = old.predict(down), old.predict(down, every(down))
    np.testing.assert_array_equal(wider.quantile(0.5), plain.quantile(0.5))
    assert wider == widened(plain, old.model.grid, NO_FEATURES_FACTOR)
    assert coverage(plain, target_s) < coverage(wider, target_s)


def test_the_model_of_the_facts_is_smaller_and_can_be_left_out(asked: Asked) -> None:
    estimator = asked.estimator
    assert estimator.facts_model is not None
    small = QUICK.smaller()
    assert small.median_trees == QUICK.median_trees // 2
    assert BoostingParameters(median_trees=1, outer_trees=1).smaller().outer_trees == 1
    sizes = [len(json.dumps(one.to_json())) for one in (estimator.facts_model, estimator.model)]
    assert sizes[0] < 0.5 * sizes[1]
    dataset = town_dataset(town(SEED, rows=900))
    seeing = unfitted(Etp, dataset, parameters=QUICK)
    matrix = FeatureMatrix.compute(seeing, dataset, test=False)
    seeing.fit(matrix.X, matrix.target_s, matrix.as_of_us, with_facts_model=False)
    assert seeing.facts_model is None


def test_the_marks_of_incomplete_rows_have_their_shape(asked: Asked) -> None:
    with pytest.raises(InputError, match="incomplete has shape"):
        asked.estimator.predict(asked.X[:3], np.array([True]))


def test_ranges_stay_within_what_has_ever_happened() -> None:
    values = np.linspace(10.0, 100.0, len(GRID_LEVELS))
    grid = ConformalGrid(
        np.linspace(-1.0, 1.0, len(GRID_LEVELS)), 120.0, shortest_s=-5.0, scale="linear"
    )
    distribution = Distribution(GRID_LEVELS, [values])
    for wide in (widened(distribution, grid, 4.0), ensure_typical_width(distribution, grid)):
        assert wide.values.max() <= 120.0
        assert wide.values.min() >= -5.0
    # This grid does not know what is typical.
    np.testing.assert_allclose(
        ensure_typical_width(distribution, grid).values, distribution.values, rtol=1e-12
    )


def test_nobody_reaches_less_far_than_is_usual(asked: Asked) -> None:
    distribution = asked.estimator.predict(asked.X[:50])
    baseline = Distribution(
        GRID_LEVELS, np.tile(np.geomspace(60.0, 6_000.0, len(GRID_LEVELS)), (50, 1))
    )
    wide = widen_to_baseline(distribution, baseline, "log")
    np.testing.assert_array_equal(wide.quantile(0.5), distribution.quantile(0.5))
    assert bool((wide.quantile(0.9) >= distribution.quantile(0.9) * (1.0 - 1e-12)).all())
    nearer_s = np.minimum(
        distribution.quantile(0.5) * baseline.quantile(0.9) / baseline.quantile(0.5),
        distribution.quantile(0.5) + baseline.quantile(0.9) - baseline.quantile(0.5),
    )
    assert bool((wide.quantile(0.9) >= nearer_s - 1e-6).all())


@pytest.mark.parametrize("median_s", [0.0, 0.5, 300.0])
@pytest.mark.parametrize("usual_median_s", [0.0, 1.0, 900.0])
@pytest.mark.parametrize("scale", ["log", "linear"])
def test_what_is_nearly_over_makes_no_range_of_days(
    median_s: float, usual_median_s: float, scale: Scale
) -> None:
    steps = np.linspace(-1.0, 1.0, len(GRID_LEVELS))
    distribution = Distribution(GRID_LEVELS, [np.maximum(median_s + 60.0 * steps, 0.0)])
    baseline = Distribution(GRID_LEVELS, [np.maximum(usual_median_s + 600.0 * steps, 0.0)])
    wide = widen_to_baseline(distribution, baseline, scale)
    assert wide.quantile(0.5) == distribution.quantile(0.5)
    assert wide.values.max() <= median_s + 600.0
    assert wide.values.min() >= (0.0 if scale == "log" else median_s - 600.0)
    assert bool((wide.values[0, 11:] >= distribution.values[0, 11:]).all())
    assert bool((wide.values[0, :12] <= distribution.values[0, :12]).all())


def test_calibrated_means_move_with_what_is_widened(asked: Asked) -> None:
    estimator, X, down, _ = asked
    assert estimator.model.predict(X).means is not None
    mixed = np.concatenate([X[:5], down[:5]])
    lacking = np.arange(10) >= 5
    told = estimator.predict(mixed, lacking)
    np.testing.assert_array_equal(told.mean()[:5], estimator.predict(X[:5]).mean())
    of_facts = estimator.facts_model
    assert of_facts is not None
    narrow = of_facts.predict(down[:5, : len(estimator.facts.names)])
    np.testing.assert_allclose(
        told.mean()[5:] - narrow.mean(), told.integral()[5:] - narrow.integral(), rtol=1e-9
    )
