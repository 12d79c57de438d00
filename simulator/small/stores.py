"""The stores: where they are, what they cook, how well, and how many orders at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.small.plan import CITIES, CityPlan
from simulator.world.arrays import FloatArray, IntArray

CATEGORIES: tuple[str, ...] = ("burger", "pizza", "sushi", "indian", "salad", "bakery")
BASE_PREP_S: FloatArray = np.array([420.0, 540.0, 780.0, 720.0, 300.0, 210.0])
"""Seconds that one dish of each category takes on an average day."""
PREP_PER_PRODUCT_S: FloatArray = np.array([45.0, 80.0, 70.0, 50.0, 40.0, 20.0])
"""Seconds that every further product adds."""
CITY_RADIUS_M = 4_000.0


@dataclass(frozen=True, kw_only=True)
class SmallStores:
    """One entry per store in every array, all of length ``plan.stores``.

    ``popularity`` multiplies the demand of an average store, ``pace`` the time that a dish takes
    (the skill of the kitchen: below 1 is fast), ``attention_s`` is the mean time until somebody
    sees a new order, ``slots`` how many orders the kitchen cooks at once.
    """

    store_id: NDArray[np.object_]
    city: IntArray
    category: IntArray
    popularity: FloatArray
    pace: FloatArray
    attention_s: FloatArray
    slots: IntArray
    x_m: FloatArray
    y_m: FloatArray

    def __len__(self) -> int:
        return len(self.store_id)


def make_stores(plan: CityPlan, rng: np.random.Generator) -> SmallStores:
    """Draw the stores of a plan. Capacity follows popularity, but not exactly.

    So some kitchens are too small for their busiest hour and others idle, as in life.
    """
    n = plan.stores
    city = np.arange(n, dtype=np.int64) % len(CITIES)
    category = rng.integers(0, len(CATEGORIES), n)
    popularity = rng.lognormal(-0.18, 0.6, n)
    pace = rng.lognormal(0.0, 0.18, n)
    radius_m = CITY_RADIUS_M * np.sqrt(rng.random(n))
    angle = rng.uniform(0.0, 2.0 * np.pi, n)
    prep_s = (BASE_PREP_S + 2.0 * PREP_PER_PRODUCT_S)[category] * pace
    peak_orders_per_s = plan.orders_per_store_day * popularity * 0.15 / 3_600.0
    utilisation = rng.uniform(0.45, 0.95, n)
    slots = np.maximum(1, np.round(peak_orders_per_s * prep_s / utilisation)).astype(np.int64)
    width = max(3, len(str(n - 1)))
    return SmallStores(
        store_id=np.array([f"s-{i:0{width}d}" for i in range(n)], dtype=object),
        city=city,
        category=category,
        popularity=popularity,
        pace=pace,
        attention_s=rng.gamma(4.0, 9.0, n),
        slots=slots,
        x_m=radius_m * np.cos(angle),
        y_m=radius_m * np.sin(angle),
    )
