"""Draw the stores: place, kitchen, quality, opening hours and capacity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.world.arrays import BoolArray, FloatArray, IntArray
from simulator.world.clock import LocalTime
from simulator.world.nature import Nature
from simulator.world.scenario import CityProfile, Scenario
from simulator.world.streets import Streets

__all__ = ["CATEGORIES", "Category", "Stores", "make_stores", "with_slots"]


@dataclass(frozen=True, kw_only=True)
class Category:
    """A kind of kitchen.

    Args:
        name: what it is called.
        first_s: work in the first product of an order, seconds.
        product_s: work in every further product.
        price: mean price of a product.
        batch: orders of the same dish that are cooked together at most.
        meals: weight of breakfast, lunch, afternoon, dinner and night in its demand.
        opens_h, closes_h: usual opening hours, local; beyond 24 is after midnight.
    """

    name: str
    first_s: float
    product_s: float
    price: float
    batch: int
    meals: tuple[float, float, float, float, float]
    opens_h: float
    closes_h: float


CATEGORIES = (
    Category(name="burger", first_s=400.0, product_s=45.0, price=9.0, batch=3,
             meals=(0.0, 0.8, 0.3, 1.2, 0.5), opens_h=11.5, closes_h=25.0),
    Category(name="pizza", first_s=480.0, product_s=80.0, price=11.0, batch=4,
             meals=(0.0, 0.6, 0.2, 1.5, 0.3), opens_h=12.0, closes_h=24.0),
    Category(name="sushi", first_s=700.0, product_s=70.0, price=8.0, batch=1,
             meals=(0.0, 0.8, 0.1, 1.3, 0.1), opens_h=12.0, closes_h=23.0),
    Category(name="indian", first_s=680.0, product_s=50.0, price=10.0, batch=2,
             meals=(0.0, 0.8, 0.1, 1.4, 0.1), opens_h=12.0, closes_h=23.5),
    Category(name="salad", first_s=260.0, product_s=40.0, price=9.5, batch=1,
             meals=(0.1, 1.6, 0.3, 0.6, 0.0), opens_h=10.0, closes_h=21.0),
    Category(name="bakery", first_s=170.0, product_s=20.0, price=4.0, batch=1,
             meals=(1.5, 0.8, 0.8, 0.1, 0.0), opens_h=7.0, closes_h=19.0),
    Category(name="kebab", first_s=240.0, product_s=40.0, price=6.5, batch=2,
             meals=(0.0, 0.9, 0.3, 1.0, 0.9), opens_h=11.0, closes_h=26.0),
    Category(name="groceries", first_s=330.0, product_s=18.0, price=3.0, batch=1,
             meals=(0.5, 0.6, 0.8, 0.9, 0.2), opens_h=8.0, closes_h=22.5),
)  # fmt: skip
NEW_STORE_WEEKS = 3.0
"""Weeks until a new store has found its customers."""
PRODUCTS_MEAN = 2.6


@dataclass(frozen=True, kw_only=True)
class Stores:
    """One entry per store in every array.

    ``first_s`` and ``product_s`` are the work in the first and in every further product of its
    category; ``pace`` multiplies all work (the kitchen's skill: below 1 is fast), ``attention_s``
    is the mean time until somebody sees a new order, ``slots`` how many batches cook at once,
    ``opens_day`` the first day (0: it was there before), ``lingers`` how careless it is with the
    `ready` button.
    """

    category: IntArray
    first_s: FloatArray
    product_s: FloatArray
    node: IntArray
    popularity: FloatArray
    pace: FloatArray
    attention_s: FloatArray
    slots: IntArray
    batch: IntArray
    opens_day: IntArray
    opens_h: FloatArray
    closes_h: FloatArray
    lingers: FloatArray

    def __len__(self) -> int:
        return len(self.node)

    def work_s(self, products: FloatArray | float) -> FloatArray:
        """Return the median seconds of one order's work in each store, alone in the kitchen."""
        return np.asarray(self.pace * (self.first_s + self.product_s * (products - 1.0)))

    def open_in(self, local: LocalTime, span: slice) -> BoolArray:
        """Return whether each store takes orders in the bins of a span; (stores, n_bins)."""
        hour = local.hour[span] + 0.125  # the middle of the bin
        opens, closes = self.opens_h[:, None], self.closes_h[:, None] - 0.25
        by_day = (hour >= opens) & (hour < closes)
        after_midnight = hour + 24.0 < closes
        return (by_day | after_midnight) & (local.day[span] >= self.opens_day[:, None])


def make_stores(
    scenario: Scenario, profile: CityProfile, streets: Streets, rng: np.random.Generator
) -> Stores:
    """Draw the stores of a city, without their capacity: see :func:`with_slots`."""
    n, nature = scenario.n_stores, scenario.numbers
    category = rng.integers(0, len(CATEGORIES), n)
    opens_h = np.array([kind.opens_h for kind in CATEGORIES])[category]
    closes_h = np.array([kind.closes_h for kind in CATEGORIES])[category]
    new = rng.random(n) < scenario.new_store_share
    span_days = max(scenario.days - 1, 1)
    # Where food is, food is: stores crowd towards the centre.
    attraction = np.exp(-np.hypot(streets.x_m, streets.y_m) / 2_000.0)
    return Stores(
        category=category,
        first_s=_work_of([kind.first_s for kind in CATEGORIES], nature)[category],
        product_s=_work_of([kind.product_s for kind in CATEGORIES], nature)[category],
        node=rng.choice(len(streets), n, p=attraction / attraction.sum()),
        popularity=rng.lognormal(-0.5 * nature.popularity_sigma**2, nature.popularity_sigma, n),
        pace=rng.lognormal(0.0, nature.store_sigma, n),
        attention_s=rng.gamma(4.0, 9.0, n),
        slots=np.ones(n, dtype=np.int64),
        batch=np.array([kind.batch for kind in CATEGORIES])[category],
        opens_day=np.where(new, 1 + np.floor(rng.random(n) * span_days * 0.9), 0).astype(np.int64),
        opens_h=opens_h + np.round(rng.normal(0.0, 0.5, n) * 2.0) / 2.0 + profile.meals_later_h / 2,
        closes_h=closes_h + np.round(rng.normal(0.0, 0.4, n) * 2.0) / 2.0,
        lingers=rng.gamma(1.5, 1.0 / 1.5, n),
    )


def _work_of(seconds: list[float], nature: Nature) -> FloatArray:
    """Return the work of each category, more or less unlike the average one."""
    work_s = np.array(seconds)
    if nature.category_contrast != 1.0:
        average_s = np.exp(np.log(work_s).mean())
        work_s = average_s * (work_s / average_s) ** nature.category_contrast
    return np.asarray(nature.work * work_s)


def with_slots(
    stores: Stores, peak_per_h: FloatArray, nature: Nature, rng: np.random.Generator
) -> Stores:
    """Return the stores with the capacity that they think they need.

    Capacity follows the orders of the busiest ordinary hour, but not exactly: so some kitchens are
    too small for it and others idle, as in life.
    """
    needed = peak_per_h / 3_600.0 * stores.work_s(PRODUCTS_MEAN)
    slots = np.round(needed / rng.uniform(*nature.utilisation, len(stores)))
    slots = np.maximum(slots, float(nature.least_slots)).astype(np.int64)
    return Stores(**{**vars(stores), "slots": slots})
