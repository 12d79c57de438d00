"""Orders of the small city come by hour, weekday and popularity."""

from __future__ import annotations

import numpy as np

from simulator import CityPlan
from simulator.small.demand import HOUR_SHARE, local_hours, make_demand
from simulator.small.plan import CITIES
from simulator.small.stores import make_stores
from tests.simulator.small.drawn import rng

PLAN = CityPlan(stores=60, days=14, seed=1)
STORES = make_stores(PLAN, rng())


def test_hours_are_local() -> None:
    for city in range(len(CITIES)):
        hours, weekdays, days = local_hours(PLAN, city)
        assert len(hours) == len(weekdays) == len(days) == 14 * 24
        assert (np.diff(hours) % 24 == 1).all()
        assert (weekdays == (weekdays[0] + days) % 7).all()


def test_orders_are_as_many_as_planned_and_in_the_order_of_time() -> None:
    demand = make_demand(PLAN, STORES, rng(2))
    planned = PLAN.days * PLAN.orders_per_store_day * STORES.popularity.sum()
    assert 0.7 < len(demand.store) / planned < 1.4
    assert (np.diff(demand.activated_s) >= 0.0).all()
    assert demand.activated_s.max() < PLAN.duration_s


def test_popular_stores_get_more_orders() -> None:
    demand = make_demand(PLAN, STORES, rng(2))
    counts = np.bincount(demand.store, minlength=len(STORES))
    assert np.corrcoef(counts, STORES.popularity)[0, 1] > 0.9


def test_nobody_orders_in_the_hours_without_a_share() -> None:
    demand = make_demand(PLAN, STORES, rng(2))
    for city in range(len(CITIES)):
        hours, _, _ = local_hours(PLAN, city)
        own = demand.activated_s[STORES.city[demand.store] == city]
        counts = np.bincount(hours[(own // 3_600.0).astype(np.int64)], minlength=24)
        assert (counts[HOUR_SHARE == 0.0] == 0).all()
        assert counts[20] > counts[16] > 0
