"""What the plots of a report are made of: true durations of orders, with hour and place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.engine import state as engine
from simulator.engine.city import BIN_MS, City
from simulator.simulation import Simulation
from simulator.world.arrays import BoolArray, FloatArray, IntArray

__all__ = ["OrderFacts", "facts_of"]


@dataclass(frozen=True, kw_only=True)
class OrderFacts:
    """One entry per order of all cities, city by city; minutes, NaN where it did not come to that.

    ``load`` is the orders in the kitchen at dispatch per batch that it cooks at once. ``bin`` is
    the quarter of an hour in which the order was placed. ``total_min`` is of orders for at once.
    """

    simulation: Simulation
    city: IntArray
    bin: IntArray
    hour: FloatArray
    day: IntArray
    category: IntArray
    zone: IntArray
    building: IntArray
    vehicle: IntArray
    cause: IntArray
    distance_km: FloatArray
    rain_mm_h: FloatArray
    load: FloatArray
    prep_min: FloatArray
    to_ready_min: FloatArray
    courier_search_min: FloatArray
    food_waits_min: FloatArray
    courier_waits_min: FloatArray
    ride_min: FloatArray
    parking_min: FloatArray
    total_min: FloatArray
    store_age_days: FloatArray

    @property
    def names(self) -> list[str]:
        """The cities' names."""
        return [city.name for city in self.simulation.cities]

    def of_city(self, i: int) -> BoolArray:
        """Return which orders are of a city."""
        return np.asarray(self.city == i)


def facts_of(simulation: Simulation) -> OrderFacts:
    """Return the facts of a simulation."""
    parts = [_of_city(i, city) for i, city in enumerate(simulation.cities)]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return OrderFacts(simulation=simulation, **columns)


def _of_city(i: int, city: City) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    orders, moments = city.orders, city.orders.moments

    def minutes(start: int, end: int) -> FloatArray:
        known = (moments[start] != engine.NEVER) & (moments[end] != engine.NEVER)
        return np.where(known, (moments[end] - moments[start]) / 60_000.0, np.nan)

    placed = orders.activated_ms // BIN_MS
    scheduled = orders.send_ms != engine.NEVER
    waits = minutes(engine.READY, engine.AT_STORE)
    opens = city.stores.opens_day[orders.store]
    age = orders.activated_ms / 86_400_000.0 - opens
    return {
        "city": np.full(len(city), i),
        "bin": placed,
        "hour": city.local.hour[placed],
        "day": city.local.day[placed],
        "category": city.stores.category[orders.store],
        "zone": city.streets.zone[city.baskets.node],
        "building": city.baskets.building,
        "vehicle": np.where(orders.courier >= 0, city.couriers.vehicle[orders.courier], -1),
        "cause": orders.cause,
        "distance_km": city.baskets.distance_m / 1_000.0,
        "rain_mm_h": city.conditions.weather.rain_mm_h[placed],
        "load": _load(city),
        "prep_min": minutes(engine.ACCEPTED, engine.READY),
        "to_ready_min": minutes(engine.DISPATCHED, engine.READY),
        "courier_search_min": minutes(engine.REQUESTED, engine.ASSIGNED),
        "food_waits_min": np.maximum(waits, 0.0),
        "courier_waits_min": np.maximum(-waits, 0.0),
        "ride_min": minutes(engine.PICKED_UP, engine.AT_CUSTOMER),
        "parking_min": minutes(engine.AT_CUSTOMER, engine.DELIVERED),
        "total_min": np.where(scheduled, np.nan, minutes(engine.ACTIVATED, engine.DELIVERED)),
        "store_age_days": np.where(opens > 0, age, np.nan),
    }


def _load(city: City) -> FloatArray:
    """Orders accepted and not ready when each order is dispatched, per slot of its kitchen."""
    moments, store = city.orders.moments, city.orders.store
    left = np.where(moments[engine.READY] != engine.NEVER, moments[engine.READY],
                    moments[engine.CANCELLED])  # fmt: skip
    load = np.full(len(city), np.nan)
    came = moments[engine.ACCEPTED]
    asked = moments[engine.DISPATCHED]
    order = np.argsort(store, kind="stable")
    for of_store in np.split(order, np.flatnonzero(np.diff(store[order])) + 1):
        inside = of_store[came[of_store] != engine.NEVER]
        before = np.searchsorted(np.sort(came[inside]), asked[of_store])
        left_before = np.searchsorted(np.sort(left[inside]), asked[of_store])
        load[of_store] = (before - left_before) / city.stores.slots[store[of_store]]
    load[asked == engine.NEVER] = np.nan
    return load
