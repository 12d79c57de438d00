"""What a pair costs and who comes first: exact, whatever the order of the pairs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimators.core.distribution import Distribution
from estimators.eta.composition import compose
from estimators.quantiles.calibration import GRID_LEVELS
from services.core.errors import InvalidRequest
from services.handlers.pair_cost import CostWeights, cost_s, lateness_s, ranks


def some(n: int, seed: int = 0) -> Distribution:
    rng = np.random.default_rng(seed)
    return Distribution(GRID_LEVELS, np.sort(rng.gamma(4.0, 300.0, (n, len(GRID_LEVELS))), axis=1))


def test_a_composition_can_be_ranked() -> None:
    ride = Distribution([0.1, 0.9], [[290.0, 310.0], [890.0, 910.0]])
    kitchen = Distribution([0.1, 0.9], [[590.0, 610.0], [590.0, 610.0]])
    composed = compose({"to_store": ride, "ready": kitchen, "to_customer": ride})
    cost = cost_s(composed, CostWeights(courier_wait=2.0, food_wait=3.0, eta=0.5))
    by_hand = (
        2.0 * composed.courier_wait_s + 3.0 * composed.food_wait_s + 0.5 * composed.expected_eta_s
    )
    assert cost.tolist() == by_hand.tolist()


@pytest.mark.parametrize("promise", [-500.0, 0.0, 700.0, 1_500.0, 1e6])
def test_lateness_is_what_draws_of_the_distribution_say(promise: float) -> None:
    estimate = some(5)
    draws = estimate.quantile((np.arange(200_000) + 0.5) / 200_000)
    expected = np.maximum(draws - promise, 0.0).mean(axis=1)
    found = lateness_s(estimate.levels, estimate.values, np.full(5, promise))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)


def test_lateness_of_a_certain_duration_is_exact() -> None:
    certain = np.array([[600.0, 600.0], [600.0, 600.0]])
    late = lateness_s(np.array([0.1, 0.9]), certain, np.array([480.0, 900.0]))
    assert late.tolist() == [120.0, 0.0]


def test_only_promised_orders_can_be_late() -> None:
    pairs = SimpleNamespace(
        courier_wait_s=np.zeros(2),
        food_wait_s=np.zeros(2),
        expected_eta_s=np.full(2, 900.0),
        eta=Distribution([0.1, 0.9], [[900.0, 900.0], [900.0, 900.0]]),
    )
    promised = np.array([600.0, np.nan])
    assert cost_s(pairs, CostWeights(lateness=3.0), promised).tolist() == [1_800.0, 900.0]
    assert cost_s(pairs, CostWeights(lateness=0.0), promised).tolist() == [900.0, 900.0]


@given(
    pairs=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 5), st.sampled_from([1.0, 2.0, 2.5, np.nan])),
        max_size=24,
        unique_by=lambda pair: pair[:2],
    ),
    seed=st.integers(0, 100),
)
def test_ranks_are_those_of_sorting_each_order_alone(
    pairs: list[tuple[int, int, float]], seed: int
) -> None:
    shuffled = [pairs[i] for i in np.random.default_rng(seed).permutation(len(pairs))]
    columns = [np.array([pair[k] for pair in shuffled]) for k in range(3)]
    order, courier = (np.asarray(one, dtype=np.int64) for one in columns[:2])
    found = ranks(np.asarray(columns[2], dtype=np.float64), order, courier).tolist()
    for pair, rank in zip(shuffled, found, strict=True):
        rivals = sorted(
            (cost, who) for of, who, cost in pairs if of == pair[0] and not np.isnan(cost)
        )
        expected = 0 if np.isnan(pair[2]) else rivals.index((pair[2], pair[1])) + 1
        assert rank == expected


@pytest.mark.parametrize("value", [-0.1, 1_001.0, float("nan"), float("inf")])
def test_refuses_what_no_weight_can_be(value: float) -> None:
    with pytest.raises(InvalidRequest, match=r"weights\.eta"):
        CostWeights(eta=value)


def test_refuses_weights_that_choose_nobody() -> None:
    with pytest.raises(InvalidRequest, match="all 0"):
        CostWeights(courier_wait=0.0, food_wait=0.0, eta=0.0, lateness=0.0)
