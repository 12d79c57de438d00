"""Reference statistics: few numbers that say what a model was trained on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from estimators import Distribution, InputError
from estimators.columns import InputColumn
from estimators.monitoring import CategoryStatistics, NumberStatistics, Reference, reference_of
from estimators.monitoring.reference import BINS, CATEGORIES_MAX, ROWS_MAX

SEED = 3


def through_json(reference: Reference) -> Reference:
    return Reference.from_json(json.loads(json.dumps(reference.to_json(), allow_nan=False)))


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
    codes = np.repeat(np.arange(n, dtype=np.float64), np.r_[np.full(CATEGORIES_MAX, 3), [1] * 50])
    seen = CategoryStatistics.of(np.r_[codes, np.nan], tuple(range(1_000, 1_000 + n)))
    assert len(seen.shares) == CATEGORIES_MAX
    assert seen.values == n
    assert seen.rest_share == pytest.approx(50 / len(codes))
    assert sum(seen.shares.values()) + seen.rest_share == pytest.approx(1.0)
    assert seen.missing_share == 1 / (len(codes) + 1)
    assert next(iter(seen.shares)) == 1_000


def test_a_reference_comes_back_from_json_and_stays_small() -> None:
    rng = np.random.default_rng(SEED)
    n = 3_000
    columns = (
        InputColumn(name="amount", topic="order"),
        InputColumn(name="store_id", topic="place", categories=tuple(f"s{i}" for i in range(900))),
    )
    X = np.column_stack([rng.lognormal(size=n), rng.integers(0, 900, n).astype(float)])
    X[::10, 0] = np.nan
    predicted = Distribution([0.1, 0.5, 0.9], np.sort(rng.lognormal(5.0, 1.0, (40, 3)), axis=1))
    reference = reference_of(columns, X, rng.lognormal(size=n), predicted, answered="test")
    assert through_json(reference) == reference
    amount = reference.inputs["amount"]
    assert amount.missing_share == 0.1
    assert reference.median_s.rows == 40
    assert reference.width_s.mean == pytest.approx(np.diff(predicted.interval(0.8), axis=0).mean())
    assert len(json.dumps(reference.to_json())) < 20_000


def test_many_rows_are_thinned_out() -> None:
    n = 2 * ROWS_MAX + 1
    X = np.arange(n, dtype=np.float64)[:, np.newaxis]
    predicted = Distribution([0.1, 0.9], [[1.0, 2.0]])
    columns = (InputColumn(name="n", topic="order"),)
    reference = reference_of(columns, X, X[:, 0], predicted, answered="training")
    assert reference.labels_s.rows <= ROWS_MAX
    assert reference.labels_s.mean == pytest.approx(n / 2, rel=0.01)


def test_rows_and_labels_must_fit() -> None:
    predicted = Distribution([0.1, 0.9], [[1.0, 2.0]])
    with pytest.raises(InputError, match="a row per label"):
        reference_of((), np.ones((3, 2)), np.ones(3), predicted, answered="test")
