"""A simulated city as tables: one row per sample of each source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from aggregators.standard_sources import ORDERS
from simulator.demand.baskets import BUILDINGS
from simulator.engine import state as engine
from simulator.engine.city import DAY_MS, City
from simulator.records.imperfections import Records, true_moments
from simulator.records.outages import lost
from simulator.records.sources import PROMISED_AT, ROUTE_ID
from simulator.world.arrays import BoolArray, FloatArray, IntArray
from simulator.world.clock import BIN_S
from simulator.world.couriers import VEHICLES
from simulator.world.local_events import KINDS
from simulator.world.stores import CATEGORIES
from simulator.world.streets import ZONES

__all__ = [
    "CAUSES",
    "FACTS",
    "courier_ids",
    "local_event_table",
    "order_table",
    "route_ids",
    "true_table",
    "vehicles_of",
    "weather_table",
]

CAUSES = ("", "declined", "refused", "item missing", "changed mind", "out of patience")
"""Why an order was cancelled."""
FACTS = ORDERS.facts
"""Columns of the orders' table beside the source's: what a platform knows from the address, from
the store, and, once a courier has the order, from the courier."""
ARRIVES_AFTER_MS = 1_000
"""Events of weather and local events arrive so long after they happened."""
OBSERVATION_BINS = 2
"""The weather is observed every half hour."""
_ID_WIDTH = 7


def order_ids(city: City, rows: IntArray | None = None) -> list[str]:
    """Return the ids of a city's orders: its name and the order's row."""
    numbers = range(len(city)) if rows is None else rows.tolist()
    return [f"{city.name}-{row:0{_ID_WIDTH}d}" for row in numbers]


def store_ids(city: City) -> list[str]:
    """Return the ids of a city's stores."""
    return [f"{city.name}-s{i:04d}" for i in range(len(city.stores))]


def courier_ids(city: City) -> list[str]:
    """Return the ids of a city's couriers."""
    return [f"{city.name}-c{i:05d}" for i in range(len(city.couriers))]


def route_ids(city: City, routes: IntArray) -> list[str | None]:
    """Return the ids of routes by the numbers of the orders that opened them; None where -1."""
    return [f"{city.name}-r{i:0{_ID_WIDTH}d}" if i >= 0 else None for i in routes.tolist()]


def zone_names(city: City) -> list[str]:
    """Return the values of the dimension ``zone``: the city says which centre it is."""
    return [f"{city.name} {zone}" for zone in ZONES]


def category_names(city: City) -> list[str]:
    """Return the values of the dimension ``store_category``."""
    return [f"{city.name} {category.name}" for category in CATEGORIES]


def order_table(city: City, records: Records) -> pd.DataFrame:
    """Return one row per order, as it was recorded."""
    orders, baskets = city.orders, city.baskets
    assigned = records.time[ORDERS.events.index("courier_assigned")] != engine.NEVER
    return pd.DataFrame(
        {
            "order_id": _texts(order_ids(city)),
            "store_id": _coded(store_ids(city), orders.store),
            "courier_id": _coded(courier_ids(city), np.where(assigned, orders.courier, -1)),
            "city": _coded([city.name], np.zeros(len(city), dtype=np.int64)),
            "zone": _coded(zone_names(city), city.streets.zone[baskets.node]),
            "store_category": _coded(category_names(city), city.stores.category[orders.store]),
            "amount": baskets.amount,
            "products": baskets.products,
            "building": _coded(BUILDINGS, baskets.building),
            "floor": baskets.floor,
            "store_zone": _coded(
                zone_names(city), city.streets.zone[city.stores.node][orders.store]
            ),
            "distance_m": baskets.distance_m,
            "distance_to_store_m": np.where(assigned, orders.to_store_m.astype(np.float64), np.nan),
            "vehicle": _coded(VEHICLES, np.where(assigned, _vehicles(city), -1)),
            **_facts_of_world(city, assigned),
            **{
                name: moments_of(city.scenario.start, time)
                for name, time in zip(ORDERS.events, records.time, strict=True)
            },
        }
    )


def _facts_of_world(city: City, assigned: BoolArray) -> dict[str, pd.Series[Any]]:
    """Return the columns that the orders of this world have beside the others."""
    nature, columns = city.scenario.numbers, {}
    if nature.scheduled_share > 0.0:
        columns[PROMISED_AT] = moments_of(city.scenario.start, city.orders.promised_ms)
    if nature.stacks:
        routes = np.where(assigned, city.orders.route, -1)
        columns[ROUTE_ID] = pd.Series(route_ids(city, routes), dtype="str")
    return columns


def true_table(city: City) -> pd.DataFrame:
    """Return one row per order: what really happened, and what nobody records."""
    orders = city.orders
    start = city.scenario.start
    age = orders.activated_ms / DAY_MS - city.stores.opens_day[orders.store]
    was_there = city.stores.opens_day[orders.store] == 0
    return pd.DataFrame(
        {
            "order_id": _texts(order_ids(city)),
            **{
                name: moments_of(start, time)
                for name, time in zip(ORDERS.events, true_moments(city), strict=True)
            },
            "cooking": moments_of(start, orders.moments[engine.COOKING]),
            "courier_requested": moments_of(start, orders.moments[engine.REQUESTED]),
            "cause": _coded(CAUSES, orders.cause),
            "offers": orders.offers.astype(np.int64),
            "store_age_days": np.where(was_there, np.nan, age),
        }
    )


def weather_table(city: City) -> pd.DataFrame:
    """Return one row per observation of the weather that arrived."""
    weather = city.conditions.weather
    n = city.scenario.days * 86_400 // (BIN_S * OBSERVATION_BINS)
    ends = (1 + np.arange(n)) * OBSERVATION_BINS
    observed_ms = ends * BIN_S * 1_000
    arrived = ~lost(city.scenario, "weather", observed_ms + ARRIVES_AFTER_MS)
    fell_mm = weather.rain_mm_h[: n * OBSERVATION_BINS].reshape(n, -1).sum(axis=1) * BIN_S / 3_600.0
    return pd.DataFrame(
        {
            "observation_id": _texts([f"{city.name}-w{i:06d}" for i in range(n)]),
            "city": _coded([city.name], np.zeros(n, dtype=np.int64)),
            "temperature_c": weather.temperature_c[ends - 1].round(1),
            "precipitation_mm": fell_mm.round(2),
            "wind_speed_m_s": weather.wind_m_s[ends - 1].round(1),
            "observed": moments_of(city.scenario.start, observed_ms),
        }
    )[arrived].reset_index(drop=True)


def local_event_table(city: City) -> pd.DataFrame:
    """Return one row per local event that started before the last order could be placed.

    Nothing arrives of an event whose start was lost in an outage.
    """
    events = city.events
    started_ms, ended_ms = _ms(events.started_s), _ms(events.ended_s)
    out = lost(city.scenario, "local_events", started_ms + ARRIVES_AFTER_MS)
    rows = np.flatnonzero((events.started_s < city.scenario.days * 86_400) & ~out)
    ended_ms[lost(city.scenario, "local_events", ended_ms + ARRIVES_AFTER_MS)] = engine.NEVER
    return pd.DataFrame(
        {
            "local_event_id": _texts([f"{city.name}-e{i:05d}" for i in rows]),
            "city": _coded([city.name], np.zeros(len(rows), dtype=np.int64)),
            "zone": _coded(zone_names(city), events.zone[rows]),
            "store_zone": _coded(zone_names(city), events.zone[rows]),
            "kind": _coded(KINDS, events.kind[rows]),
            "visitors": events.visitors[rows],
            "closes_streets": (events.kind[rows] == KINDS.index("closure")).astype(np.float64),
            "started": moments_of(city.scenario.start, started_ms[rows]),
            "ended": moments_of(city.scenario.start, ended_ms[rows]),
        }
    )


def vehicles_of(city: City, couriers: IntArray) -> list[str]:
    """Return what couriers ride."""
    return [VEHICLES[i] for i in city.couriers.vehicle[couriers]]


def _vehicles(city: City) -> IntArray:
    """Return what each order's courier rides, index into ``VEHICLES``; -1 where there is none."""
    courier = city.orders.courier
    return np.where(courier >= 0, city.couriers.vehicle[courier], -1)


def moments_of(start: datetime, moments_ms: IntArray) -> pd.Series[pd.Timestamp]:
    """Return milliseconds since the start as datetimes in UTC, ``NEVER`` as NaT."""
    moments = np.datetime64(round(start.timestamp() * 1_000), "ms") + moments_ms.astype("m8[ms]")
    moments[moments_ms == engine.NEVER] = np.datetime64("NaT")
    return pd.Series(moments.astype("datetime64[us]")).dt.tz_localize("UTC")


def _coded(names: Sequence[str], codes: IntArray) -> pd.Series[str]:
    """Return the names of the codes as text, missing where the code is negative."""
    coded = pd.Categorical.from_codes(codes, categories=pd.Index(list(names)))
    return pd.Series(coded.astype("str"))


def _texts(values: list[str]) -> pd.Series[str]:
    return pd.Series(values, dtype="str")


def _ms(seconds: FloatArray) -> IntArray:
    return np.round(seconds * 1_000.0).astype(np.int64)
