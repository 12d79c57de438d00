"""Draw the contents, price, address and door of each order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.world.arrays import FloatArray, IntArray
from simulator.world.stores import CATEGORIES, PRODUCTS_MEAN, Stores
from simulator.world.streets import Streets

__all__ = ["BUILDINGS", "Baskets", "Customers", "make_customers"]

BUILDINGS = ("house", "flats", "tower", "office")
DOOR_S: FloatArray = np.array([25.0, 45.0, 70.0, 110.0])
"""Seconds from the street to the door of each building, on the ground floor."""
FLOOR_S: FloatArray = np.array([0.0, 11.0, 4.0, 5.0])
"""Seconds that every floor adds: flats have stairs, towers lifts."""
FLOORS = (1, 6, 18, 8)
HANDOVER_S = 25.0
REACH_M = 1_300.0
"""How far away customers live: demand falls to a third with every such distance."""
REACH_MAX_M = 6_000.0
DISHES = 12


@dataclass(frozen=True, kw_only=True)
class Baskets:
    """One entry per order. ``door_s`` is the median time from the street to a handed-over bag."""

    products: FloatArray
    amount: FloatArray
    dish: IntArray
    node: IntArray
    extra_m: FloatArray
    distance_m: FloatArray
    building: IntArray
    floor: FloatArray
    door_s: FloatArray
    work_s: FloatArray


@dataclass(frozen=True, kw_only=True)
class Customers:
    """Who orders from which store: ``reach`` is cumulative over nodes, plus the store's index."""

    streets: Streets
    stores: Stores
    reach: FloatArray
    first_s: FloatArray
    product_s: FloatArray
    price: FloatArray

    def baskets(self, store: IntArray, hour: FloatArray, rng: np.random.Generator) -> Baskets:
        """Draw the baskets of orders from these stores, placed at these local hours."""
        n = len(store)
        streets, n_nodes = self.streets, len(self.streets)
        found = np.searchsorted(self.reach.ravel(), store + rng.random(n), side="right")
        node = np.minimum(found - store * n_nodes, n_nodes - 1)
        products = 1.0 + rng.poisson(PRODUCTS_MEAN - 1.0, n).astype(np.float64)
        extra_m = rng.uniform(15.0, 135.0, n)
        building = _buildings(streets.zone[node], hour, rng)
        floor = np.floor(rng.random(n) * np.array(FLOORS)[building])
        popular = rng.random(n) ** 2.2  # most order the same few dishes
        price = self.price[store] * rng.lognormal(0.0, 0.22, n)
        return Baskets(
            products=products,
            amount=np.round(products * price, 2),
            dish=np.floor(popular * DISHES).astype(np.int64),
            node=node,
            extra_m=extra_m,
            distance_m=np.round(streets.distance_m[1, self.stores.node[store], node] + extra_m),
            building=building,
            floor=floor,
            door_s=HANDOVER_S + DOOR_S[building] + FLOOR_S[building] * floor,
            work_s=self.first_s[store] + self.product_s[store] * (products - 1.0),
        )


def make_customers(streets: Streets, stores: Stores, rng: np.random.Generator) -> Customers:
    """Draw where people live; they order from stores nearby."""
    people = rng.gamma(2.0, 0.5, len(streets))
    away_m = streets.distance_m[1, stores.node].astype(np.float64)
    weight = people * np.exp(-away_m / REACH_M) * (away_m < REACH_MAX_M)
    reach = np.cumsum(weight, axis=1)
    reach = np.minimum(reach / reach[:, -1:], 1.0) + np.arange(len(stores))[:, None]
    return Customers(
        streets=streets,
        stores=stores,
        reach=reach,
        first_s=stores.pace * stores.first_s,
        product_s=stores.pace * stores.product_s,
        price=np.array([kind.price for kind in CATEGORIES])[stores.category],
    )


def _buildings(zone: IntArray, hour: FloatArray, rng: np.random.Generator) -> IntArray:
    """Index into ``BUILDINGS``: offices order by day, towers stand in the centre."""
    by_day = (hour > 9.0) & (hour < 17.0)
    office = np.where(by_day, np.where(zone == 0, 0.45, 0.15), 0.02)
    tower = np.where(zone == 0, 0.2, 0.08)
    house = np.where(zone == 0, 0.03, 0.25)
    u = rng.random(len(zone))
    return np.select(
        [u < office, u < office + tower, u < office + tower + house], [3, 2, 0], default=1
    ).astype(np.int64)
