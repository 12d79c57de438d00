"""The orders of a simulated city as a table and as a stream of events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pandas as pd

from aggregators.events import Event
from aggregators.standard_sources import ORDERS
from simulator.small.baskets import ZONES, SmallBaskets
from simulator.small.couriers import Deliveries
from simulator.small.demand import SmallDemand
from simulator.small.kitchens import KitchenTimes
from simulator.small.plan import CITIES, CityPlan
from simulator.small.stores import CATEGORIES, SmallStores
from simulator.world.arrays import FloatArray

__all__ = ["events_of", "make_table"]


def make_table(
    plan: CityPlan,
    stores: SmallStores,
    demand: SmallDemand,
    baskets: SmallBaskets,
    cooked: KitchenTimes,
    deliveries: Deliveries,
) -> pd.DataFrame:
    """Return one row per order, sorted by activation; events are datetimes in UTC, NaT: never."""
    n = len(demand.store)
    width = max(6, len(str(n)))
    city_names = np.array([name for name, _ in CITIES], dtype=object)
    cities = city_names[stores.city[demand.store]]
    zones = np.array(ZONES, dtype=object)[baskets.zone]
    categories = np.array(CATEGORIES, dtype=object)[stores.category[demand.store]]
    courier_names = np.array(
        [f"c-{i:04d}" for i in range(plan.couriers * len(CITIES))] + [None], dtype=object
    )
    moments_s = {
        "activated": demand.activated_s,
        "dispatched": cooked.dispatched_s,
        "accepted": cooked.accepted_s,
        "courier_assigned": deliveries.assigned_s,
        "courier_at_store": deliveries.at_store_s,
        "ready": cooked.ready_s,
        "picked_up": deliveries.picked_up_s,
        "courier_at_customer": deliveries.at_customer_s,
        "delivered": deliveries.delivered_s,
        "cancelled": deliveries.cancelled_s,
    }
    return pd.DataFrame(
        {
            "order_id": np.array([f"o-{i:0{width}d}" for i in range(n)], dtype=object),
            "store_id": stores.store_id[demand.store],
            "courier_id": courier_names[deliveries.courier],
            "city": cities,
            "zone": cities + " " + zones if n else zones,
            "store_category": cities + " " + categories if n else categories,
            "amount": baskets.amount,
            "products": baskets.products,
            "distance_m": baskets.distance_m,
            "distance_to_store_m": deliveries.distance_to_store_m,
            **{event: _moments(plan.start, values) for event, values in moments_s.items()},
        }
    )


def events_of(
    orders: pd.DataFrame, *, after: datetime | None = None, before: datetime | None = None
) -> Iterator[Event]:
    """Yield the events of a table of orders in the order of their time.

    The first event carries what is known when an order is placed, ``courier_assigned`` the courier.

    Args:
        orders: a table made by ``simulate``, or some of its rows.
        after: only events at this moment or later; timezone-aware.
        before: only events earlier than this moment; timezone-aware.

    >>> from simulator import CityPlan, simulate
    >>> orders = simulate(CityPlan(stores=2, days=1))
    >>> next(events_of(orders)).event
    'activated'
    """
    times = [orders[event].to_numpy("datetime64[us]") for event in ORDERS.events]
    row, event = np.nonzero(~np.isnat(np.column_stack(times)))
    time_us = np.column_stack(times)[row, event].astype(np.int64)
    low = -np.inf if after is None else pd.Timestamp(after).value // 1_000
    high = np.inf if before is None else pd.Timestamp(before).value // 1_000
    ordered = np.lexsort((event, row, time_us))
    ordered = ordered[(time_us[ordered] >= low) & (time_us[ordered] < high)]
    ids = orders[ORDERS.sample_id].to_list()
    given = [name for name in ORDERS.data_columns if name in orders]
    columns = {name: orders[name].to_list() for name in given}
    carried = {
        name: [c for c in given if ORDERS.known_from_event(c) == name] for name in ORDERS.events
    }
    for i in ordered:
        name = ORDERS.events[event[i]]
        data = {column: columns[column][row[i]] for column in carried[name]}
        yield Event(ORDERS.name, ids[row[i]], name, int(time_us[i]), data)


def _moments(start: datetime, seconds: FloatArray) -> pd.Series[pd.Timestamp]:
    """Seconds since the start as datetimes in UTC, to the millisecond, as clients report them."""
    missing = np.isnan(seconds)
    offset_ms = np.round(np.where(missing, 0.0, seconds) * 1_000.0).astype(np.int64)
    moments = np.datetime64(int(start.timestamp() * 1_000), "ms") + offset_ms.astype("m8[ms]")
    moments[missing] = np.datetime64("NaT")
    return pd.Series(moments.astype("datetime64[us]")).dt.tz_localize("UTC")
