"""What customers order: number of products, price, and how far away they live."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.small.stores import CITY_RADIUS_M, SmallStores
from simulator.world.arrays import FloatArray, IntArray

PRICE: FloatArray = np.array([9.0, 11.0, 7.0, 10.0, 9.5, 4.0])
"""Mean price of one product of each category."""
ZONES: tuple[str, ...] = ("centre", "north", "east", "south", "west")
CENTRE_RADIUS_M = 1_500.0


@dataclass(frozen=True, kw_only=True)
class SmallBaskets:
    """One entry per order; ``x_m`` and ``y_m`` are where the customer lives."""

    products: FloatArray
    amount: FloatArray
    x_m: FloatArray
    y_m: FloatArray
    zone: IntArray
    distance_m: FloatArray


def make_baskets(stores: SmallStores, store: IntArray, rng: np.random.Generator) -> SmallBaskets:
    """Draw baskets and customers; ``store`` is the store of each order.

    ``distance_m`` is street distance from store to customer: the sum of both coordinates'
    differences. ``zone`` is the customer's.
    """
    n = len(store)
    products = 1.0 + rng.poisson(1.6, n).astype(np.float64)
    price = PRICE[stores.category[store]] * rng.lognormal(0.0, 0.25, n)
    away_m = 300.0 + rng.gamma(2.2, 550.0, n)
    angle = rng.uniform(0.0, 2.0 * np.pi, n)
    x_m = np.clip(stores.x_m[store] + away_m * np.cos(angle), -CITY_RADIUS_M, CITY_RADIUS_M)
    y_m = np.clip(stores.y_m[store] + away_m * np.sin(angle), -CITY_RADIUS_M, CITY_RADIUS_M)
    distance_m = np.abs(x_m - stores.x_m[store]) + np.abs(y_m - stores.y_m[store])
    return SmallBaskets(
        products=products,
        amount=np.round(products * price, 2),
        x_m=x_m,
        y_m=y_m,
        zone=zone_of(x_m, y_m),
        distance_m=np.round(np.maximum(distance_m, 100.0)),
    )


def zone_of(x_m: FloatArray, y_m: FloatArray) -> IntArray:
    """Index into ``ZONES`` of every point: the centre, else the quarter that it lies in."""
    quarter = np.floor_divide(np.arctan2(y_m, x_m) + np.pi / 4.0, np.pi / 2.0).astype(np.int64) % 4
    outer = np.array([2, 1, 4, 3], dtype=np.int64)[quarter]
    return np.where(np.hypot(x_m, y_m) < CENTRE_RADIUS_M, 0, outer)
