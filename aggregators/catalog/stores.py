"""Declare features of a store: its queue, its shelf, its load and its cancellations."""

from __future__ import annotations

from functools import partial

from aggregators.attributes import Elapsed
from aggregators.catalog.orders import (
    ACCEPTANCE,
    AT_STORE,
    LEFT_QUEUE,
    LEFT_STORE,
    ON_SHELF,
    QUEUE_MAX_AGE,
    STORE_MAX_AGE,
)
from aggregators.features.after_event import StatsAfterEvent
from aggregators.features.base import Aggregator
from aggregators.features.between_events import StatsBetweenEvents
from aggregators.features.last_n_samples import StatsLastNSamples
from aggregators.standard_sources import ORDERS

__all__ = ["STORE_FEATURES"]

_last = partial(StatsLastNSamples, ORDERS, dimension="store_id", owner="kitchens")
_open = partial(StatsBetweenEvents, ORDERS, dimension="store_id", owner="kitchens")
_load = partial(StatsAfterEvent, ORDERS, dimension="store_id", owner="marketplace", topic="load")
_queue = partial(
    _open,
    first_event="dispatched",
    second_event=LEFT_QUEUE,
    max_age=QUEUE_MAX_AGE,
    topic="queue",
)
_last_event = partial(_last, function="last", n=1, unit="s", topic="load")
_shelf = partial(
    _open, first_event="ready", second_event=LEFT_STORE, max_age=STORE_MAX_AGE, topic="handover"
)
_waiting_couriers = partial(
    _open,
    first_event="courier_at_store",
    second_event=LEFT_STORE,
    max_age=STORE_MAX_AGE,
    topic="handover",
)

_QUEUE = (
    _queue(
        name="store_queue_orders",
        function="count",
        unit="orders",
        description="Orders sent to the store that it has not accepted yet: the queue which a new"
        " order joins.",
    ),
    _queue(
        name="store_queue_products",
        version=2,
        function="sum",
        attribute="products",
        unit="products",
        description="Products in the orders that wait to be accepted: work that is about to reach"
        " the kitchen.",
    ),
    _queue(
        name="store_queue_oldest_s",
        function="max",
        attribute=Elapsed("dispatched"),
        unit="s",
        description="How long the oldest order has waited to be accepted: a store that does not"
        " look at its tablet shows here first.",
    ),
    _queue(
        name="store_queue_mean_age_s",
        version=2,
        function="mean",
        attribute=Elapsed("dispatched"),
        unit="s",
        description="How long the orders in the queue have waited on average: tells a slow store"
        " from a burst of new orders.",
    ),
    _last(
        name="store_acceptance_last_5_mean_s",
        version=2,
        function="mean",
        event="accepted",
        n=5,
        attribute=ACCEPTANCE,
        unit="s",
        topic="queue",
        description="Mean time the store took to accept the last 5 orders: whether somebody looks"
        " at the tablet now.",
    ),
    _last(
        name="store_acceptance_last_20_mean_s",
        version=2,
        function="mean",
        event="accepted",
        n=20,
        attribute=ACCEPTANCE,
        unit="s",
        topic="queue",
        description="Mean time the store took to accept the last 20 orders: its habit.",
    ),
)

_HANDOVER = (
    _shelf(
        name="store_shelf_orders",
        function="count",
        unit="orders",
        description="Orders ready and not picked up: food that cools down because couriers are"
        " short.",
    ),
    _shelf(
        name="store_shelf_oldest_s",
        function="max",
        attribute=Elapsed("ready"),
        unit="s",
        description="How long the oldest ready order has waited for its courier: whether pickup,"
        " not the kitchen, is the delay.",
    ),
    _waiting_couriers(
        name="store_courier_waiting_orders",
        function="count",
        unit="orders",
        description="Orders whose courier stands in the store and waits: the kitchen is later"
        " than was estimated.",
    ),
    _waiting_couriers(
        name="store_courier_waiting_longest_s",
        function="max",
        attribute=Elapsed("courier_at_store"),
        unit="s",
        description="How long the first of the waiting couriers has been there: by how much the"
        " last estimates were wrong.",
    ),
    _last(
        name="store_courier_wait_last_10_mean_s",
        version=2,
        function="mean",
        event="picked_up",
        n=10,
        attribute=AT_STORE,
        unit="s",
        topic="handover",
        description="Mean time the last 10 couriers spent in the store: waiting and handover,"
        " which every courier pays.",
    ),
    _last(
        name="store_shelf_last_10_mean_s",
        version=2,
        function="mean",
        event="picked_up",
        n=10,
        attribute=ON_SHELF,
        unit="s",
        topic="handover",
        description="Mean time the last 10 orders stood ready before pickup: how tight couriers"
        " are around this store.",
    ),
)

_LOAD = (
    _load(
        name="store_orders_5min",
        function="count",
        event="activated",
        window="5min",
        unit="orders",
        description="Orders placed with the store in the last 5 minutes: a burst that the kitchen"
        " has yet to feel.",
    ),
    _load(
        name="store_orders_15min",
        function="count",
        event="activated",
        window="15min",
        unit="orders",
        description="Orders placed with the store in the last 15 minutes: about what it is"
        " cooking now.",
    ),
    _load(
        name="store_orders_60min",
        function="count",
        event="activated",
        window="60min",
        unit="orders",
        description="Orders placed with the store in the last 60 minutes: how busy its service is.",
    ),
    _load(
        name="store_products_15min",
        version=2,
        function="sum",
        event="activated",
        window="15min",
        attribute="products",
        unit="products",
        description="Products ordered from the store in the last 15 minutes: the burst as work.",
    ),
    _load(
        name="store_products_60min",
        version=2,
        function="sum",
        event="activated",
        window="60min",
        attribute="products",
        unit="products",
        description="Products ordered from the store in the last 60 minutes: the load as work.",
    ),
    _load(
        name="store_accepted_15min",
        function="count",
        event="accepted",
        window="15min",
        unit="orders",
        description="Orders the store accepted in the last 15 minutes: load where nothing earlier"
        " is recorded.",
    ),
    _load(
        name="store_accepted_60min",
        function="count",
        event="accepted",
        window="60min",
        unit="orders",
        description="Orders the store accepted in the last 60 minutes: load of the hour where"
        " nothing earlier is recorded.",
    ),
    _load(
        name="store_ready_15min",
        function="count",
        event="ready",
        window="15min",
        unit="orders",
        description="Orders the kitchen finished in the last 15 minutes: its output, to be held"
        " against what came in.",
    ),
    _load(
        name="store_ready_60min",
        function="count",
        event="ready",
        window="60min",
        unit="orders",
        description="Orders the kitchen finished in the last 60 minutes: what it can put out in"
        " an hour.",
    ),
    _load(
        name="store_ready_7d",
        function="count",
        event="ready",
        window="7d",
        unit="orders",
        description="Orders the kitchen finished in the last 7 days: how large the store is, and"
        " whether it is new.",
    ),
    _last_event(
        name="store_since_last_ready_s",
        event="ready",
        attribute=Elapsed("ready"),
        description="Time since the kitchen last finished an order: closed, resting or stuck.",
    ),
    _last_event(
        name="store_since_last_accepted_s",
        event="accepted",
        attribute=Elapsed("accepted"),
        description="Time since the store last accepted an order: tells the first order of the"
        " day from the next of many.",
    ),
)

_CANCELLATIONS = (
    _load(
        name="store_cancelled_60min",
        function="count",
        event="cancelled",
        window="60min",
        unit="orders",
        topic="cancellations",
        description="Orders of the store cancelled in the last 60 minutes: something is wrong"
        " there now.",
    ),
    _load(
        name="store_cancelled_7d",
        function="count",
        event="cancelled",
        window="7d",
        unit="orders",
        topic="cancellations",
        description="Orders of the store cancelled in the last 7 days: how reliable it is.",
    ),
)

STORE_FEATURES: tuple[Aggregator, ...] = (*_QUEUE, *_HANDOVER, *_LOAD, *_CANCELLATIONS)
