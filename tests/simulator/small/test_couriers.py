"""The soonest courier takes an order, rides its legs in order, and is free again at the end."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from simulator import CityPlan
from simulator.small.couriers import REQUEST_DELAY_S, Deliveries, deliver
from simulator.small.kitchens import KitchenTimes
from tests.simulator.small.drawn import baskets_of, one_store, rng

N = 30


def delivered(couriers: int, *, gives_up_s: float = np.inf, ready_s: float = 600.0) -> Deliveries:
    accepted_s = np.arange(N, dtype=np.float64) * 20.0
    cooked = KitchenTimes(
        dispatched_s=accepted_s, accepted_s=accepted_s, ready_s=accepted_s + ready_s,
        cancelled_s=np.full(N, np.nan),
    )  # fmt: skip
    plan = CityPlan(stores=1, days=1, couriers_per_city=couriers)
    assert plan.end - plan.start == timedelta(days=1)
    return deliver(
        plan, one_store(), np.zeros(N, np.int64), baskets_of(N), cooked,
        np.full(N, gives_up_s), rng(),
    )  # fmt: skip


def test_the_legs_of_a_delivery_follow_each_other() -> None:
    legs = delivered(5)
    moments = [legs.assigned_s, legs.at_store_s, legs.picked_up_s, legs.at_customer_s]
    for earlier, later in zip(moments, [*moments[1:], legs.delivered_s], strict=True):
        assert (earlier < later).all()
    assert (legs.picked_up_s > np.arange(N) * 20.0 + 600.0).all(), "the food is ready before"
    assert np.isnan(legs.cancelled_s).all()


def test_a_courier_carries_one_order_at_a_time() -> None:
    legs = delivered(3)
    assert set(legs.courier) == {0, 1, 2}
    for courier in range(3):
        own = np.flatnonzero(legs.courier == courier)
        own = own[np.argsort(legs.assigned_s[own])]
        assert (legs.assigned_s[own[1:]] >= legs.delivered_s[own[:-1]] - 1e-9).all()


def test_more_couriers_are_assigned_sooner() -> None:
    requested_s = np.arange(N) * 20.0 + REQUEST_DELAY_S[0]
    few, many = delivered(2), delivered(N)
    assert (many.assigned_s >= requested_s).all()
    assert (few.assigned_s - many.assigned_s).mean() > 600.0


def test_a_customer_who_gives_up_ends_the_delivery_and_frees_the_courier() -> None:
    legs = delivered(2, gives_up_s=700.0)
    given_up = legs.cancelled_s == 700.0
    assert given_up.any()
    assert np.isnan(legs.delivered_s[given_up]).all()
    assert (legs.picked_up_s[~given_up] < 700.0).all()
