"""What customers of the small city order, and where they live."""

from __future__ import annotations

import numpy as np

from simulator import CityPlan
from simulator.small.baskets import make_baskets, zone_of
from simulator.small.cancellations import (
    CHANGED_MIND_SHARE,
    DECLINED_SHARE,
    REFUSED_SHARE,
    make_cancellations,
)
from simulator.small.stores import CITY_RADIUS_M, make_stores
from tests.simulator.small.drawn import rng

N = 20_000
STORES = make_stores(CityPlan(stores=12), rng())
STORE = np.arange(N) % 12


def test_distances_are_those_of_streets() -> None:
    drawn = make_baskets(STORES, STORE, rng())
    street_m = np.abs(drawn.x_m - STORES.x_m[STORE]) + np.abs(drawn.y_m - STORES.y_m[STORE])
    np.testing.assert_array_equal(drawn.distance_m, np.round(np.maximum(street_m, 100.0)))
    assert np.abs([drawn.x_m, drawn.y_m]).max() <= CITY_RADIUS_M
    assert (drawn.zone == zone_of(drawn.x_m, drawn.y_m)).all()


def test_more_products_cost_more() -> None:
    drawn = make_baskets(STORES, STORE, rng())
    assert drawn.products.min() == 1.0
    assert abs(drawn.products.mean() - 2.6) < 0.05
    assert np.corrcoef(drawn.products, drawn.amount)[0, 1] > 0.5


def test_zones_are_the_centre_and_four_quarters() -> None:
    x_m = np.array([0.0, 3_000.0, 0.0, -3_000.0, 0.0])
    y_m = np.array([0.0, 0.0, 3_000.0, 0.0, -3_000.0])
    assert zone_of(x_m, y_m).tolist() == [0, 2, 1, 4, 3]


def test_a_share_of_orders_is_declined_refused_or_thought_over() -> None:
    drawn = make_cancellations(N, rng())
    for seconds, share in ((drawn.declined_s, DECLINED_SHARE), (drawn.refused_s, REFUSED_SHARE)):
        found = np.isfinite(seconds).mean()
        assert abs(found - share) < 5.0 * np.sqrt(share / N)
        assert (seconds[np.isfinite(seconds)] > 0.0).all()
    assert np.isfinite(drawn.gives_up_s).all()
    assert (drawn.gives_up_s < 1_000.0).mean() > 0.8 * CHANGED_MIND_SHARE
