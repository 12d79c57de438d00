"""What is ordered, by whom, and how far away they live."""

from __future__ import annotations

from functools import cache

import numpy as np

from simulator.demand.baskets import Baskets, Customers, make_customers
from tests.simulator.world.drawn import rng, stores, streets

N = 4_000
STORE = np.arange(N) % len(stores())


@cache
def customers() -> Customers:
    return make_customers(streets(), stores(), rng())


def baskets(hour: float = 12.0) -> Baskets:
    return customers().baskets(STORE, np.full(N, hour), rng(3))


def test_people_order_from_stores_nearby() -> None:
    drawn = baskets()
    away_m = streets().distance_m[1, stores().node[STORE], drawn.node]
    assert away_m.mean() < 0.7 * streets().distance_m[1].mean()
    np.testing.assert_array_equal(drawn.distance_m, np.round(away_m + drawn.extra_m))
    assert (drawn.extra_m >= 0.0).all()


def test_work_and_price_follow_the_products_and_the_kitchen() -> None:
    drawn = baskets()
    assert (drawn.products >= 1).all()
    np.testing.assert_allclose(drawn.work_s, _work(drawn))
    few, many = drawn.products <= 2, drawn.products >= 4
    assert drawn.amount[many].mean() > drawn.amount[few].mean()
    assert (drawn.amount > 0.0).all()


def _work(drawn: Baskets) -> np.ndarray:
    one, two = stores().work_s(1.0)[STORE], stores().work_s(2.0)[STORE]
    return np.asarray(one + (two - one) * (drawn.products - 1.0))


def test_offices_order_by_day_and_high_doors_take_longer() -> None:
    office = 3
    by_day, at_night = baskets(12.0).building == office, baskets(21.0).building == office
    assert by_day.mean() > 3.0 * at_night.mean() > 0.0
    drawn = baskets(21.0)
    for building in set(drawn.building.tolist()):
        same = drawn.building == building
        longer = np.polyfit(drawn.floor[same], drawn.door_s[same], 1)[0] if building else 0.0
        assert longer >= 0.0


def test_the_same_chance_gives_the_same_baskets() -> None:
    first, again = baskets(), baskets()
    for name, array in vars(first).items():
        np.testing.assert_array_equal(array, getattr(again, name), err_msg=name)
