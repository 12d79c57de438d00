"""Orders come where and when they are expected, and no store gets one while it is closed."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.demand.orders import Demand, make_demand
from simulator.world.clock import BIN_S, BINS_PER_DAY, TAIL_BINS
from simulator.world.conditions import ConditionFactors
from simulator.world.nature import LIVELY
from tests.simulator.world.drawn import local, profile, rng, stores, streets
from tests.simulator.world.test_conditions import factors

EXPECTED = 6_000.0


@pytest.fixture(scope="module")
def conditions() -> ConditionFactors:
    return factors()


@pytest.fixture(scope="module")
def demand(conditions: ConditionFactors) -> Demand:
    return make_demand(LIVELY, profile(), streets(), stores(), local(), conditions, EXPECTED, rng())


def test_rates_sum_to_the_expected_orders(demand: Demand, conditions: ConditionFactors) -> None:
    rates = demand.rates(conditions, 0)
    assert rates.shape == (len(stores()), len(local()))
    assert rates[:, : len(local()) - TAIL_BINS].sum() == pytest.approx(EXPECTED)
    assert (rates[~stores().open_in(local(), slice(0, len(local())))] == 0.0).all()


def test_rates_of_some_bins_are_those_of_all(demand: Demand) -> None:
    whole = demand.ordinary(0, len(local()))
    np.testing.assert_array_equal(demand.ordinary(30, 9), whole[:, 30:39])


def test_orders_are_drawn_in_their_bins_and_in_the_order_of_time(
    demand: Demand, conditions: ConditionFactors
) -> None:
    rates = demand.rates(conditions, 0)[:, :BINS_PER_DAY]
    drawn = demand.arrivals(rates, 0, 0, rng())
    assert abs(len(drawn) - rates.sum()) < 5.0 * np.sqrt(rates.sum())
    assert (np.diff(drawn.activated_ms) >= 0).all()
    bins = (drawn.activated_ms - 1) // (BIN_S * 1_000)
    assert (rates[drawn.store, bins] > 0.0).all()


def test_what_is_before_a_moment_is_not_drawn_again(
    demand: Demand, conditions: ConditionFactors
) -> None:
    rates = np.full((len(stores()), 2), 50.0)
    half_ms = BIN_S * 500
    drawn = demand.arrivals(rates, 0, half_ms, rng())
    assert (drawn.activated_ms > half_ms).all()
    first = (drawn.activated_ms <= BIN_S * 1_000).sum()
    second = len(drawn) - first
    assert abs(first - second / 2) < 5.0 * np.sqrt(second)
    assert len(demand.arrivals(rates, 0, 2 * BIN_S * 1_000, rng())) == 0
