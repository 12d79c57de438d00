"""Declare the standard sources of a delivery platform: orders, weather and local events.

The catalog declares its features for them, simulated cities produce their events, and services
derive from them what an order may say.
"""

from __future__ import annotations

from aggregators.events import Source

__all__ = ["COURIER_EVENTS", "LOCAL_EVENTS", "ORDERS", "SOURCES", "WEATHER"]

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=(
        "activated",
        "dispatched",
        "accepted",
        "courier_assigned",
        "courier_at_store",
        "ready",
        "picked_up",
        "courier_at_customer",
        "delivered",
        "cancelled",
    ),
    dimensions=("store_id", "courier_id", "city", "zone", "store_category"),
    attributes=("amount", "products", "distance_m", "distance_to_store_m"),
    facts=("building", "floor", "store_zone", "vehicle"),
    known_from={
        "courier_id": "courier_assigned",
        "distance_to_store_m": "courier_assigned",
        "vehicle": "courier_assigned",
    },
)
"""The life of an order.

``activated``: the customer has ordered; ``dispatched``: the order is sent to the store;
``accepted``: the store begins to prepare it. Kitchen and courier work side by side until
``picked_up``. ``zone`` is the customer's. ``store_category`` is the kind of kitchen; where cities
differ, let its values say the city too (``"BCN pizza"``). ``distance_m`` leads from store to
customer, ``distance_to_store_m`` from where the courier was when the order was assigned to the
store. ``building`` and ``floor`` are the customer's address, ``store_zone`` is where the store is,
``vehicle`` the courier's: features do not need them, estimates do.
"""

COURIER_EVENTS = ("courier_assigned", "courier_at_store", "picked_up", "courier_at_customer")
"""The events of an order that only happen once a courier has it."""

WEATHER = Source(
    "weather",
    sample_id="observation_id",
    events=("observed",),
    dimensions=("city",),
    attributes=("temperature_c", "precipitation_mm", "wind_speed_m_s"),
)
"""One observation of a city's weather; ``precipitation_mm`` fell since the one before."""

LOCAL_EVENTS = Source(
    "local_events",
    sample_id="local_event_id",
    events=("started", "ended"),
    dimensions=("city", "zone", "store_zone", "kind"),
    attributes=("visitors", "closes_streets"),
)
"""A match, a market or a closure; ``closes_streets`` is 1 where traffic must go around it.

Its zone stands on it twice, as ``zone`` and as ``store_zone``: an order meets local events where
its customer is and where its store is.
"""

SOURCES = (ORDERS, WEATHER, LOCAL_EVENTS)
"""All standard sources."""
