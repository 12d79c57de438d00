"""Draw orders by hour, weekday, weather, local events, and good or bad days.

Orders come as a Poisson process whose rate is constant within a quarter of an hour, so that its
future can be drawn again from any moment on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.world.arrays import FloatArray, IntArray
from simulator.world.clock import BIN_S, BINS_PER_DAY, TAIL_BINS, LocalTime
from simulator.world.conditions import ConditionFactors
from simulator.world.nature import Nature
from simulator.world.scenario import CityProfile
from simulator.world.stores import CATEGORIES, NEW_STORE_WEEKS, Stores
from simulator.world.streets import Streets

__all__ = ["NOT_PROMISED", "Arrivals", "Demand", "make_demand"]

NOT_PROMISED = -1
WEEKDAY_FACTOR: FloatArray = np.array([0.85, 0.85, 0.9, 0.95, 1.15, 1.2, 1.1])
DINNER = 3
MEAL_HOURS = (8.5, 12.6, 16.0, 19.3, 22.8)
MEAL_WIDTHS_H = (1.3, 1.2, 1.8, 1.6, 1.3)


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """Store and moment (milliseconds since the start) of orders, sorted by moment.

    ``promised_ms`` is the time for which an order was placed, ``NOT_PROMISED`` where at once.
    """

    store: IntArray
    activated_ms: IntArray
    promised_ms: IntArray

    @property
    def wanted_ms(self) -> IntArray:
        """When somebody is to eat: the promised time, or that of the order."""
        return np.where(self.promised_ms == NOT_PROMISED, self.activated_ms, self.promised_ms)

    def __len__(self) -> int:
        return len(self.store)


@dataclass(frozen=True, kw_only=True)
class Demand:
    """The rates of a city's orders.

    ``profile`` is the demand of each category in each bin, ``level`` that of each store on each
    day, shape (stores, days); ``scale`` makes orders per bin of their product.
    """

    stores: Stores
    local: LocalTime
    zone: IntArray
    profile: FloatArray
    level: FloatArray
    scale: float = 1.0

    def rates(self, conditions: ConditionFactors, first_bin: int) -> FloatArray:
        """Return the orders expected of each store in the bins of the conditions."""
        n_bins = conditions.demand.shape[1]
        return self.ordinary(first_bin, n_bins) * conditions.demand[self.zone]

    def ordinary(self, first_bin: int, n_bins: int) -> FloatArray:
        """Return the expected orders without weather and local events; (stores, n_bins)."""
        span = slice(first_bin, first_bin + n_bins)
        rate = self.profile[self.stores.category, span] * self.level[:, self.local.day[span]]
        return np.asarray(self.scale * rate * self.stores.open_in(self.local, span))

    def arrivals(
        self, rates: FloatArray, first_bin: int, from_ms: int, rng: np.random.Generator
    ) -> Arrivals:
        """Draw the orders of some bins that are placed later than ``from_ms``.

        Args:
            rates: expected orders of whole bins, shape (stores, n_bins).
            first_bin: the bin of the first column.
            from_ms: only orders after this moment; the bin that it lies in counts in part.
            rng: where chance comes from.
        """
        starts_ms = (first_bin + np.arange(rates.shape[1])) * BIN_S * 1_000
        begins_ms = np.maximum(starts_ms, from_ms)
        length_ms = np.maximum(starts_ms + BIN_S * 1_000 - begins_ms, 0)
        counts = rng.poisson(rates * (length_ms / (BIN_S * 1_000.0)))
        store, column = (
            np.repeat(part.ravel(), counts.ravel()) for part in np.indices(counts.shape)
        )
        within = np.ceil(rng.random(len(store)) * length_ms[column]).astype(np.int64)
        activated_ms = begins_ms[column] + np.maximum(within, 1)
        order = np.argsort(activated_ms, kind="stable")
        return Arrivals(
            store=store[order],
            activated_ms=activated_ms[order],
            promised_ms=np.full(len(order), NOT_PROMISED),
        )


def make_demand(
    nature: Nature,
    profile: CityProfile,
    streets: Streets,
    stores: Stores,
    local: LocalTime,
    conditions: ConditionFactors,
    expected_orders: float,
    rng: np.random.Generator,
) -> Demand:
    """Draw good and bad days, and scale the rates to the expected number of orders.

    A day of the whole city and a day of one store are each better or worse than expected, so that
    load is not known from the calendar alone.
    """
    n_days = int(local.day[-1]) + 1
    weekday = (int(local.weekday[0]) + np.arange(n_days)) % 7
    age_weeks = (np.arange(n_days) - stores.opens_day[:, None] + 1.0) / 7.0
    grown = np.clip(age_weeks / NEW_STORE_WEEKS, 0.25, 1.0)
    shape = 1.0 / nature.store_day_variance
    weekdays = WEEKDAY_FACTOR**nature.weekday_contrast
    level = (
        stores.popularity[:, None]
        * np.where(stores.opens_day[:, None] > 0, grown, 1.0)
        * rng.gamma(shape, 1.0 / shape, (len(stores), n_days))
        * weekdays[weekday]
        * rng.lognormal(0.0, nature.city_day_sigma, n_days)
    )
    demand = Demand(
        stores=stores,
        local=local,
        zone=streets.zone[stores.node],
        profile=_profile(nature, profile, local.hour),
        level=level,
    )
    expected = sum(
        float(
            (
                demand.ordinary(first, BINS_PER_DAY)
                * conditions.demand[demand.zone, first : first + BINS_PER_DAY]
            ).sum()
        )
        for first in range(0, len(local) - TAIL_BINS, BINS_PER_DAY)
    )
    return Demand(**{**vars(demand), "scale": expected_orders / max(expected, 1e-9)})


def _profile(nature: Nature, profile: CityProfile, hour: FloatArray) -> FloatArray:
    """Demand of every category in every bin, (categories, n_bins); a day sums to about 1."""
    later = np.array([0.0, 1.0, 0.7, 1.0, 0.5]) * profile.meals_later_h
    middle = (np.array(MEAL_HOURS) + later)[:, None]
    away_h = np.abs(hour - middle)
    away_h = np.minimum(away_h, 24.0 - away_h)  # a day is a circle
    widths_h = nature.meal_width * np.array(MEAL_WIDTHS_H)[:, None]
    meals = np.exp(-0.5 * (away_h / widths_h) ** 2)
    weights = np.array([category.meals for category in CATEGORIES])
    weights[:, DINNER] *= nature.dinner
    return np.asarray((weights / weights.sum(axis=1, keepdims=True)) @ meals)
