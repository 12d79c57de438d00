"""Declare the standard source of orders, and the attributes that its features share."""

from __future__ import annotations

from aggregators.attributes import Duration, Ratio
from aggregators.events import Source

__all__ = ["ORDERS"]

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
"""What an order goes through.

``activated``: the customer has ordered; ``dispatched``: the order is sent to the store;
``accepted``: the store begins to prepare it. ``zone`` is the customer's. ``store_category`` is the
kind of kitchen; where cities differ, let its values say the city too (``"BCN pizza"``).
``distance_m`` leads from store to customer, ``distance_to_store_m`` from where the courier was
when the order was assigned to the store. ``building`` and ``floor`` are the customer's address,
``store_zone`` is where the store is, ``vehicle`` the courier's: features do not need them,
estimates do.
"""

COMPLETION = Duration("activated", "delivered")
ACCEPTANCE = Duration("dispatched", "accepted")
PREPARATION = Duration("accepted", "ready")
TIME_TO_PREPARE = Duration("dispatched", "ready")
ASSIGNMENT = Duration("dispatched", "courier_assigned")
TO_STORE = Duration("courier_assigned", "courier_at_store")
AT_STORE = Duration("courier_at_store", "picked_up")
ON_SHELF = Duration("ready", "picked_up")
TO_CUSTOMER = Duration("picked_up", "courier_at_customer")
PARKING = Duration("courier_at_customer", "delivered")

SPEED = Ratio("distance_m", TO_CUSTOMER)
SPEED_TO_STORE = Ratio("distance_to_store_m", TO_STORE)
PREPARATION_PER_PRODUCT = Ratio(PREPARATION, "products")

# Any later event closes an interval as well: one lost event does not leave an order open until
# its age limit. The first name is the one that a source must have.
LEFT_QUEUE = ("accepted", "ready", "picked_up", "delivered", "cancelled")
LEFT_KITCHEN = ("ready", "picked_up", "delivered", "cancelled")
FOUND_COURIER = ("courier_assigned", "courier_at_store", "picked_up", "delivered", "cancelled")
LEFT_STORE = ("picked_up", "courier_at_customer", "delivered", "cancelled")
REACHED_CUSTOMER = ("courier_at_customer", "delivered", "cancelled")
FINISHED = ("delivered", "cancelled")

# Far beyond the longest real wait: an order that is open for longer has lost its closing event.
QUEUE_MAX_AGE = "2h"
STORE_MAX_AGE = "3h"
ORDER_MAX_AGE = "4h"
