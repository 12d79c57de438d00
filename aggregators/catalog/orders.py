"""Declare the attributes and closing events that features of orders share."""

from __future__ import annotations

from aggregators.attributes import Duration, Ratio

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
