"""Declare the sources of a simulated city: orders, weather and local events."""

from __future__ import annotations

from aggregators.events import Source

__all__ = ["LOCAL_EVENTS", "ORDERS", "SOURCES", "WEATHER"]

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
"""What a simulated order goes through: the source that the catalog of features is declared for.

``zone`` is the customer's, ``store_category`` the city and the kind of kitchen. ``distance_m`` is
the street distance from store to customer, ``distance_to_store_m`` that from where the courier was
when assigned.
"""

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

``store_zone`` is the zone once more: an order meets events where its customer is and where its
store is.
"""

SOURCES = (ORDERS, WEATHER, LOCAL_EVENTS)
"""All sources of a simulated city."""
