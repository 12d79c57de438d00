"""Reference statistics: few numbers that say what a model was trained on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from estimators import Dataset, Distribution, InputError
from estimators.core.typing import FloatArray
from estimators.etp import train_etp
from estimators.features.inputs import InputColumn
from estimators.model.explanation import EstimateExplanation
from estimators.monitoring import (
    CategoryStatistics,
    InputEffect,
    NumberStatistics,
    Reference,
    places_of,
    reference_of,
)
from estimators.monitoring.reference import ROWS_MAX
from estimators.monitoring.statistics import BINS, CATEGORIES_MAX
from estimators.training.train import TrainedEstimator, inputs_of
from tests.estimators.building import QUICK, town, town_dataset

SEED = 3
AMOUNT = InputColumn(name="amount", topic="order")


def explanation(columns: tuple[InputColumn, ...], X: FloatArray) -> EstimateExplanation:
    """Contributions that are the values themselves, where they are known."""
    added_s = np.nan_to_num(X)
    return EstimateExplanation(
        of="median",
        columns=columns,
        values=X,
        base_s=0.0,
        contributions_s=added_s,
        calibration_s=np.zeros(len(X)),
        estimate_s=added_s.sum(axis=1),
    )


def test_bins_hold_equal_shares_of_values_that_are_all_different() -> None:
    values = np.random.default_rng(SEED).lognormal(size=2_000)
    seen = NumberStatistics.of(values)
    assert len(seen.edges) == BINS - 1
    assert seen.shares == pytest.approx([1 / BINS] * BINS)
    assert seen.mean == pytest.approx(values.mean())
    assert seen.std == pytest.approx(values.std())
    assert (seen.min, seen.max) == (values.min(), values.max())


def test_a_frequent_value_has_a_bin_of_its_own() -> None:
    values = np.r_[np.zeros(60), np.arange(1.0, 41.0)]
    seen = NumberStatistics.of(values)
    assert seen.edges[0] == 0.0
    assert seen.shares[0] == 0.6
    assert sum(seen.shares) == pytest.approx(1.0)
    assert seen.shares_of(np.full(7, 1_000.0))[-1] == 1.0


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [5.0, 5.0, 5.0]])
def test_few_values_are_no_mistake(values: list[float]) -> None:
    seen = NumberStatistics.of(np.array(values))
    assert seen.rows == len(values)
    assert seen.edges == ()
    assert sum(seen.shares) == (1.0 if 5.0 in values else 0.0)
    document = json.dumps(seen.to_json(), allow_nan=False)
    again = NumberStatistics.from_json(json.loads(document))
    assert again.to_json() == seen.to_json()


def test_categories_are_counted_by_value_and_bounded() -> None:
    n = CATEGORIES_MAX + 50
    values = tuple(range(1_000, 1_000 + n))
    codes = np.repeat(np.arange(n, dtype=np.float64), np.r_[np.full(CATEGORIES_MAX, 3), [1] * 50])
    seen = CategoryStatistics.of(np.r_[codes, np.nan], values)
    assert len(seen.shares) == CATEGORIES_MAX
    assert seen.values == n
    assert seen.rest_share == pytest.approx(50 / len(codes))
    assert sum(seen.shares.values()) + seen.rest_share == pytest.approx(1.0)
    assert seen.missing_share == 1 / (len(codes) + 1)
    assert next(iter(seen.shares)) == 1_000
    places = seen.place(np.array([0.0, n - 1.0, np.nan]), values)
    assert places.tolist() == [0, CATEGORIES_MAX, -1]


def test_what_a_shift_of_an_input_is_worth() -> None:
    """With contributions equal to the values, a shift is worth what it adds to the mean."""
    rng = np.random.default_rng(SEED)
    X = rng.normal(100.0, 30.0, (4_000, 1))
    reference = reference_of(
        X, X[:, 0], Distribution([0.1, 0.9], np.hstack([X, X + 1.0])), explanation((AMOUNT,), X),
        answered="test",
    )  # fmt: skip
    effect = reference.effects["amount"]
    assert effect.mean_s == pytest.approx(X.mean())
    assert list(effect.by_place_s) == sorted(effect.by_place_s)

    def moved_s(values: FloatArray) -> float:
        return effect.moved_s(places_of(reference.inputs["amount"], AMOUNT, values))

    assert moved_s(X[:, 0]) == pytest.approx(0.0, abs=1e-9)
    assert moved_s(X[:, 0] + 20.0) == pytest.approx(20.0, abs=3.0)
    assert moved_s(np.full(5, 1e6)) == pytest.approx(effect.by_place_s[-1] - X.mean())


def test_a_bin_without_rows_lies_between_its_neighbours() -> None:
    effect = InputEffect.of(np.array([0, 3, 3]), np.array([0.0, 30.0, 30.0]), 4)
    assert effect.by_place_s == (0.0, 10.0, 20.0, 30.0)
    assert effect.missing_s == effect.mean_s
    nobody = InputEffect.of(np.array([-1, -1]), np.array([4.0, 6.0]), 3)
    assert nobody.by_place_s == (5.0, 5.0, 5.0)
    assert nobody.missing_s == 5.0


def test_a_reference_comes_back_from_json_and_stays_small() -> None:
    rng = np.random.default_rng(SEED)
    n = 3_000
    stores = tuple(f"s{i}" for i in range(900))
    columns = (AMOUNT, InputColumn(name="store_id", topic="place", categories=stores))
    X = np.column_stack([rng.lognormal(size=n), rng.integers(0, 900, n).astype(float)])
    X[::10, 0] = np.nan
    predicted = Distribution([0.1, 0.5, 0.9], np.sort(rng.lognormal(5.0, 1.0, (40, 3)), axis=1))
    explained = explanation(columns, X[:500])
    reference = reference_of(X, rng.lognormal(size=n), predicted, explained, answered="test")
    document = json.dumps(reference.to_json(), allow_nan=False)
    assert Reference.from_json(json.loads(document)) == reference
    assert reference.inputs["amount"].missing_share == 0.1
    assert reference.median_s.rows == 40
    assert reference.width_s.mean == pytest.approx(np.diff(predicted.interval(0.8), axis=0).mean())
    assert reference.effects["store_id"].rows == 500
    assert len(document) < 30_000


def test_many_rows_are_thinned_out() -> None:
    n = 2 * ROWS_MAX + 1
    X = np.arange(n, dtype=np.float64)[:, np.newaxis]
    predicted = Distribution([0.1, 0.9], [[1.0, 2.0]])
    explained = explanation((AMOUNT,), X[:10])
    reference = reference_of(X, X[:, 0], predicted, explained, answered="training")
    assert reference.labels_s.rows <= ROWS_MAX
    assert reference.labels_s.mean == pytest.approx(n / 2, rel=0.01)


def test_rows_and_labels_must_fit() -> None:
    predicted = Distribution([0.1, 0.9], [[1.0, 2.0]])
    with pytest.raises(InputError, match="a row per label"):
        reference_of(
            np.ones((3, 2)), np.ones(3), predicted, explanation((AMOUNT,), np.ones((1, 1))),
            answered="test",
        )  # fmt: skip


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return town_dataset(town(SEED))


@pytest.fixture(scope="module")
def trained(dataset: Dataset) -> TrainedEstimator:
    return train_etp(dataset, parameters=QUICK, baselines=False)


def test_training_keeps_the_reference_of_its_test_period(
    trained: TrainedEstimator, dataset: Dataset
) -> None:
    reference = trained.reference
    assert reference is not None
    X = inputs_of(trained.estimator, dataset, dataset.tests)
    explained = trained.estimator.explain(X)
    importance = explained.importance()
    assert list(reference.effects) == list(trained.estimator.feature_names)
    for name, effect in reference.effects.items():
        assert effect.mean_abs_s == pytest.approx(importance[name], abs=1e-6)
    assert reference.median_s.mean == pytest.approx(explained.estimate_s.mean())


def test_the_drift_of_a_feature_is_told_in_seconds(
    trained: TrainedEstimator, dataset: Dataset
) -> None:
    """Kitchens that got slower move the estimates by about what the model then says."""
    assert trained.reference is not None
    X = inputs_of(trained.estimator, dataset, dataset.tests)
    name = next(iter(trained.estimator.explain(X).importance()))
    at = trained.estimator.feature_names.index(name)
    column = trained.estimator.explain(X[:1]).columns[at]
    slower = X.copy()
    slower[:, at] *= 1.5
    before, after = trained.estimator.predict(X), trained.estimator.predict(slower)
    really_s = float((after.quantile(0.5) - before.quantile(0.5)).mean())
    places = places_of(trained.reference.inputs[name], column, slower[:, at])
    told_s = trained.reference.effects[name].moved_s(places)
    assert told_s > 5.0
    assert told_s == pytest.approx(really_s, rel=0.5)
