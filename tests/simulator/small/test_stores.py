"""Stores of the small city: spread over the cities, with room for about what they sell."""

from __future__ import annotations

import numpy as np

from simulator import CityPlan
from simulator.small.plan import CITIES
from simulator.small.stores import CATEGORIES, CITY_RADIUS_M, make_stores
from tests.simulator.small.drawn import rng

PLAN = CityPlan(stores=300)


def test_stores_have_ids_of_one_length_and_lie_in_their_city() -> None:
    stores = make_stores(PLAN, rng())
    assert len(stores) == 300
    assert stores.store_id[0] == "s-000"
    assert {len(one) for one in stores.store_id} == {5}
    assert np.bincount(stores.city).tolist() == [300 // len(CITIES)] * len(CITIES)
    assert np.hypot(stores.x_m, stores.y_m).max() <= CITY_RADIUS_M
    assert set(stores.category) == set(range(len(CATEGORIES)))


def test_popular_and_slow_kitchens_have_more_places() -> None:
    stores = make_stores(PLAN, rng())
    assert stores.slots.min() >= 1
    assert np.corrcoef(stores.slots, stores.popularity)[0, 1] > 0.6
