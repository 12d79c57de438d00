"""What the plots of a simulation show: each function takes the facts and gives plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from simulator.demand.baskets import BUILDINGS
from simulator.engine.city import City
from simulator.records.tables import CAUSES
from simulator.report.facts import OrderFacts
from simulator.report.plot_data import (
    RANGE_LEVELS,
    BarPlot,
    LinePlot,
    OrderTruth,
    RangePlot,
    StreetMap,
)
from simulator.simulation import Simulation
from simulator.world.arrays import BoolArray, FloatArray, IntArray
from simulator.world.clock import BINS_PER_DAY
from simulator.world.couriers import VEHICLES
from simulator.world.local_events import KINDS
from simulator.world.stores import CATEGORIES
from simulator.world.streets import ZONES

__all__ = [
    "cancellations",
    "closures",
    "demand_by_hour",
    "demand_by_rain",
    "new_stores",
    "orders_by_day",
    "parking_by_building",
    "parking_by_hour",
    "parking_by_zone",
    "preparation",
    "queue_effect",
    "ride_by_distance",
    "speed_by_hour",
    "speed_by_rain",
    "street_map",
    "total_by_hour",
    "totals",
    "truth_of_one_order",
    "waits_by_hour",
    "weather",
]

HOURS: FloatArray = np.arange(24, dtype=np.float64)
LEAST = 20
"""A point that fewer orders make is not drawn."""
RAIN_MM_H = (0.0, 0.01, 1.0, 2.5, 5.0, np.inf)
RAIN_NAMES = ("dry", "to 1", "to 2.5", "to 5", "more")


def demand_by_hour(facts: OrderFacts) -> LinePlot:
    """Share of orders by local hour, one line per city."""
    series = {}
    for i, name in enumerate(facts.names):
        counts = np.bincount(facts.hour[facts.of_city(i)].astype(np.int64), minlength=24)
        series[name] = 100.0 * counts / max(counts.sum(), 1)
    return LinePlot(HOURS, series, of="local hour", unit="% of orders")


def orders_by_day(facts: OrderFacts) -> LinePlot:
    """Orders of each day, one line per city."""
    days = facts.simulation.scenario.days
    series = {
        name: _counts(facts.bin[facts.of_city(i)] // BINS_PER_DAY, days)
        for i, name in enumerate(facts.names)
    }
    return LinePlot(np.arange(days, dtype=np.float64), series, of="day", unit="orders")


def demand_by_rain(facts: OrderFacts) -> BarPlot:
    """Orders in hours with rain, against dry quarters of the same hour and weekday."""
    ratio = []
    for low, high in pairwise(RAIN_MM_H):
        seen, expected = 0.0, 0.0
        for i, city in enumerate(facts.simulation.cities):
            n = city.scenario.days * BINS_PER_DAY
            counts = np.bincount(facts.bin[facts.of_city(i)], minlength=n)[:n]
            rain = city.conditions.weather.rain_mm_h[:n]
            slot = city.local.weekday[:n] * 24 + city.local.hour[:n].astype(np.int64)
            dry = rain == 0.0
            typical = _mean_by(slot[dry], counts[dry].astype(np.float64), 7 * 24)[slot]
            chosen = (rain >= low) & (rain < high) & ~np.isnan(typical)
            seen, expected = seen + counts[chosen].sum(), expected + typical[chosen].sum()
        ratio.append(seen / expected if expected else np.nan)
    return BarPlot(RAIN_NAMES, {"": np.array(ratio)}, of="rain, mm/h", unit="times dry")


def preparation(facts: OrderFacts) -> RangePlot:
    """Time in the kitchen by category."""
    names = [category.name for category in CATEGORIES]
    values = [facts.prep_min[facts.category == i] for i in range(len(names))]
    return _ranges(names, values)


def queue_effect(facts: OrderFacts) -> RangePlot:
    """Time to ready by load at dispatch."""
    edges = (0.0, 0.01, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, np.inf)
    names = ("0", "to ½", "to 1", "to 1½", "to 2", "to 3", "to 4", "more")
    values = [
        facts.to_ready_min[(facts.load >= low) & (facts.load < high)]
        for low, high in pairwise(edges)
    ]
    return _ranges(names, values, of="orders before, per batch")


def waits_by_hour(facts: OrderFacts) -> LinePlot:
    """Mean waits by local hour."""
    series = {
        "food": _by_hour(facts, facts.food_waits_min, np.nanmean),
        "courier": _by_hour(facts, facts.courier_waits_min, np.nanmean),
        "order": _by_hour(facts, facts.courier_search_min, np.nanmean),
    }
    return LinePlot(HOURS, series, of="local hour", unit="min")


def speed_by_hour(facts: OrderFacts) -> LinePlot:
    """Median speed by local hour, one line per vehicle."""
    speed = facts.distance_km / facts.ride_min * 60.0
    series = {
        name: _by_hour(facts, np.where(facts.vehicle == i, speed, np.nan), np.nanmedian)
        for i, name in enumerate(VEHICLES)
    }
    return LinePlot(HOURS, series, of="local hour", unit="km/h")


def ride_by_distance(facts: OrderFacts) -> LinePlot:
    """Quantiles of the ride by distance."""
    km = np.arange(0.25, 6.0, 0.5)
    series: dict[str, FloatArray] = {"9 in 10": km * np.nan, "half": km * np.nan,
                                     "1 in 10": km * np.nan}  # fmt: skip
    for i, middle in enumerate(km):
        near = np.abs(facts.distance_km - middle) <= 0.25
        ride = facts.ride_min[near & ~np.isnan(facts.ride_min)]
        if len(ride) >= LEAST:
            for name, q in zip(series, (0.9, 0.5, 0.1), strict=True):
                series[name][i] = np.quantile(ride, q)
    return LinePlot(km, series, of="km along streets", unit="min")


def speed_by_rain(facts: OrderFacts) -> BarPlot:
    """Speed in rain relative to dry, by vehicle."""
    speed = facts.distance_km / facts.ride_min
    series = {}
    for k, vehicle in enumerate(VEHICLES):
        by_rain = [
            _median(
                speed[(facts.vehicle == k) & (facts.rain_mm_h >= low) & (facts.rain_mm_h < high)]
            )
            for low, high in pairwise(RAIN_MM_H)
        ]
        series[vehicle] = 100.0 * np.array(by_rain) / by_rain[0]
    return BarPlot(RAIN_NAMES, series, of="rain, mm/h", unit="% of dry speed")


def parking_by_zone(facts: OrderFacts) -> RangePlot:
    """The last metres by zone."""
    values = [facts.parking_min[facts.zone == i] for i in range(len(ZONES))]
    return _ranges(ZONES, values)


def parking_by_building(facts: OrderFacts) -> RangePlot:
    """The last metres by building."""
    values = [facts.parking_min[facts.building == i] for i in range(len(BUILDINGS))]
    return _ranges(BUILDINGS, values)


def parking_by_hour(facts: OrderFacts) -> LinePlot:
    """The last metres by hour, by vehicle."""
    series = {
        name: _by_hour(facts, np.where(facts.vehicle == i, facts.parking_min, np.nan), np.nanmedian)
        for i, name in enumerate(VEHICLES)
    }
    return LinePlot(HOURS, series, of="local hour", unit="min")


def total_by_hour(facts: OrderFacts) -> LinePlot:
    """Quantiles of the whole by local hour."""
    series = {
        name: _by_hour(facts, facts.total_min, partial(np.quantile, q=q))
        for name, q in (("9 in 10", 0.9), ("half", 0.5), ("1 in 10", 0.1))
    }
    return LinePlot(HOURS, series, of="local hour", unit="min")


def totals(facts: OrderFacts) -> LinePlot:
    """Densities of the whole, one line per city."""
    edges = np.arange(0.0, 92.0, 2.0)
    series = {}
    for i, name in enumerate(facts.names):
        total = facts.total_min[facts.of_city(i) & ~np.isnan(facts.total_min)]
        counts, _ = np.histogram(total, edges)
        series[name] = 100.0 * counts / max(len(total), 1)
    return LinePlot(edges[:-1] + 1.0, series, of="min", unit="% of orders")


def cancellations(facts: OrderFacts) -> BarPlot:
    """Shares of orders by the reason of their cancellation."""
    share = 100.0 * np.bincount(facts.cause, minlength=len(CAUSES))[1:] / max(len(facts.cause), 1)
    return BarPlot(CAUSES[1:], {"": share}, unit="% of orders")


def weather(facts: OrderFacts) -> LinePlot:
    """Temperature and rain of the first city."""
    n = min(14 * BINS_PER_DAY, facts.simulation.scenario.days * BINS_PER_DAY)
    found = facts.simulation.cities[0].conditions.weather
    day = np.arange(0, n, 4) / BINS_PER_DAY
    series = {
        "temperature, °C": found.temperature_c[:n:4],
        "rain, mm/h": found.rain_mm_h[:n].reshape(-1, 4).mean(axis=1),
    }
    return LinePlot(day, series, of="day", unit="°C, mm/h")


def closures(facts: OrderFacts) -> BarPlot:
    """Rides per km and parking while something goes on in the zone, relative to other times."""
    pace = facts.ride_min / facts.distance_km
    ride, parking = [], []
    for kind in range(len(KINDS)):
        on = _while(facts, kind)
        zones = np.zeros_like(on)
        for i in range(len(facts.names)):
            of_city = facts.of_city(i)
            zones |= of_city & np.isin(facts.zone, np.unique(facts.zone[of_city & on]))
        ride.append(_median(pace[on]) / _median(pace[zones & ~on]))
        parking.append(_median(facts.parking_min[on]) / _median(facts.parking_min[zones & ~on]))
    series = {"ride": 100.0 * np.array(ride), "parking": 100.0 * np.array(parking)}
    return BarPlot(KINDS, series, unit="% of other times")


def new_stores(facts: OrderFacts) -> LinePlot:
    """Orders per store and day by the store's age."""
    age = facts.store_age_days
    known = ~np.isnan(age) & (age >= 0.0)
    days = facts.simulation.scenario.days
    counts = np.bincount(age[known].astype(np.int64), minlength=days)[:days].astype(np.float64)
    opened = np.concatenate([c.stores.opens_day for c in facts.simulation.cities])
    opened = opened[opened > 0]
    at_risk = np.array([(opened + a < days).sum() for a in range(days)])
    per_store = np.where(at_risk >= 3, counts / np.maximum(at_risk, 1), np.nan)
    return LinePlot(
        np.arange(days, dtype=np.float64),
        {"new stores": per_store},
        of="age, days",
        unit="orders",
    )


def street_map(city: City) -> StreetMap:
    """Return the streets of a city and where its stores are."""
    streets, node = city.streets, city.stores.node
    x_m, y_m, arms = streets.x_m, streets.y_m, streets.arms
    start, end = arms[:, 0].astype(np.int64), arms[:, 1].astype(np.int64)
    ends_m = np.stack(
        [np.stack([x_m[start], y_m[start]], axis=1), np.stack([x_m[end], y_m[end]], axis=1)], axis=1
    )
    is_lane, is_bridge = arms[:, 3] != 0, arms[:, 4] != 0
    return StreetMap(
        streets_m=ends_m[~is_lane & ~is_bridge],
        one_way_m=ends_m[is_lane & ~is_bridge],
        bridges_m=ends_m[is_bridge],
        stores_m=np.stack([x_m[node], y_m[node]], axis=1),
    )


def truth_of_one_order(simulation: Simulation, draws: int = 300) -> OrderTruth | None:
    """Return the true distributions of an order in the middle, asked at five of its events.

    Args:
        simulation: is run again from each of these moments.
        draws: how often.

    Returns:
        None where no order was delivered whose food was cooked.
    """
    table = simulation.truth_table
    whole = table[table["delivered"].notna() & (table["ready"] > table["accepted"])]
    if whole.empty:
        return None
    order = whole.iloc[len(whole) // 2]
    found = {}
    for event in ("activated", "accepted", "ready", "picked_up", "courier_at_customer"):
        moment = order[event].to_pydatetime()
        drawn = simulation.truth(order["order_id"], moment, draws=draws)[order["order_id"]]
        found[event.replace("_", " ")] = drawn.part("total") / 60.0
    return OrderTruth(
        order_id=str(order["order_id"]),
        took_min=(order["delivered"] - order["activated"]).total_seconds() / 60.0,
        total=_ranges(list(found), list(found.values())),
    )


def _ranges(names: Sequence[str], values: Sequence[FloatArray], of: str = "") -> RangePlot:
    """Return what ``RANGE_LEVELS`` of each group of minutes are; missing values do not count."""
    known = [one[~np.isnan(one)] for one in values]
    unknown = np.full(len(RANGE_LEVELS), np.nan)
    levels = [np.quantile(one, RANGE_LEVELS) if len(one) else unknown for one in known]
    return RangePlot(names, levels, of=of)


def _while(facts: OrderFacts, kind: int) -> BoolArray:
    """Which orders' zones had an event of a kind when they were placed."""
    on = np.zeros(len(facts.city), dtype=np.bool_)
    for i, city in enumerate(facts.simulation.cities):
        factors = tuple(2.0 if k == kind else 1.0 for k in range(len(KINDS)))
        going_on = city.events.effect(factors, 0, len(city.local)) > 1.0
        of_city = facts.of_city(i)
        on[of_city] = going_on[facts.zone[of_city], facts.bin[of_city]]
    return on


def _by_hour(
    facts: OrderFacts, values: FloatArray, statistic: Callable[[FloatArray], float]
) -> FloatArray:
    result = np.full(24, np.nan)
    hour = facts.hour.astype(np.int64)
    for h in range(24):
        found = values[(hour == h) & ~np.isnan(values)]
        if len(found) >= LEAST:
            result[h] = statistic(found)
    return result


def _counts(group: IntArray, n: int) -> FloatArray:
    return np.bincount(group, minlength=n)[:n].astype(np.float64)


def _mean_by(
    group: np.ndarray[tuple[int], np.dtype[np.int64]], values: FloatArray, n: int
) -> FloatArray:
    counts = np.bincount(group, minlength=n)
    sums = np.bincount(group, weights=values, minlength=n)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _median(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) >= LEAST else float("nan")
