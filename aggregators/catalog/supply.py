"""Declare features of supply and waiting: are there couriers, and how soon is one found.

An order that is nearly ready waits for a courier, or the courier for it. The last waiting times
show both; the number of orders that wait now shows them sooner.
"""

from __future__ import annotations

from functools import partial

from aggregators.attributes import Elapsed
from aggregators.catalog.orders import (
    ASSIGNMENT,
    AT_STORE,
    FINISHED,
    FOUND_COURIER,
    LEFT_STORE,
    ORDER_MAX_AGE,
    QUEUE_MAX_AGE,
    STORE_MAX_AGE,
    TO_STORE,
)
from aggregators.features.after_event import StatsAfterEvent
from aggregators.features.base import Aggregator
from aggregators.features.between_events import StatsBetweenEvents
from aggregators.features.last_n_samples import StatsLastNSamples
from aggregators.functions import quantile
from aggregators.standard_sources import ORDERS

__all__ = ["SUPPLY_FEATURES"]

_last = partial(StatsLastNSamples, ORDERS, owner="couriers", unit="s")
_recent = partial(StatsAfterEvent, ORDERS, owner="couriers", unit="s")
_last_found = partial(_last, event="courier_assigned", attribute=ASSIGNMENT, topic="supply")
_found = partial(_recent, event="courier_assigned", attribute=ASSIGNMENT, topic="supply")
_last_waited = partial(_last, event="picked_up", attribute=AT_STORE, topic="handover")
_waited = partial(_recent, event="picked_up", attribute=AT_STORE, topic="handover")
_open = partial(StatsBetweenEvents, ORDERS, owner="couriers", topic="supply")
_unassigned = partial(
    _open, first_event="dispatched", second_event=FOUND_COURIER, max_age=QUEUE_MAX_AGE
)
_busy = partial(
    _open,
    first_event="courier_assigned",
    second_event=FINISHED,
    max_age=ORDER_MAX_AGE,
    function="count",
    unit="orders",
)

_FINDING = (
    _last_found(
        name="city_assignment_last_20_mean_s",
        version=2,
        dimension="city",
        function="mean",
        n=20,
        description="Mean time from dispatch until a courier had the order, last 20 orders of the"
        " city: whether couriers are short now.",
    ),
    _found(
        name="city_assignment_15min_p90_s",
        dimension="city",
        function=quantile(0.9),
        window="15min",
        description="Nine in ten orders of the last 15 minutes found their courier sooner: how long"
        " the unlucky wait.",
    ),
    _found(
        name="city_assignment_60min_mean_s",
        version=2,
        dimension="city",
        function="mean",
        window="60min",
        description="Mean time until a courier was found in the city's last 60 minutes: the level"
        " to which a rush returns.",
    ),
    _found(
        name="zone_assignment_60min_mean_s",
        version=2,
        dimension="zone",
        function="mean",
        window="60min",
        description="Mean time until a courier was found for the zone's orders, last 60 minutes:"
        " whether couriers avoid it.",
    ),
    _last_found(
        name="store_assignment_last_5_mean_s",
        version=2,
        dimension="store_id",
        function="mean",
        n=5,
        description="Mean time until a courier was found, last 5 orders of the store: how far away"
        " couriers are.",
    ),
    _last_found(
        name="store_assignment_last_50_median_s",
        dimension="store_id",
        function="median",
        n=50,
        description="Median time until a courier was found, last 50 orders of the store: how early"
        " they are called for it.",
    ),
    _unassigned(
        name="store_unassigned_orders",
        dimension="store_id",
        function="count",
        unit="orders",
        description="Orders of the store without a courier: they come first when one is free.",
    ),
    _unassigned(
        name="store_unassigned_oldest_s",
        dimension="store_id",
        function="max",
        attribute=Elapsed("dispatched"),
        unit="s",
        description="How long the oldest order of the store without a courier has waited for one.",
    ),
    _unassigned(
        name="city_unassigned_accepted_mean_age_s",
        version=2,
        dimension="city",
        function="mean",
        attribute=Elapsed("accepted"),
        unit="s",
        description="Mean time since the stores accepted the city's orders without a courier: those"
        " that should have one by now.",
    ),
)

_BUSY = (
    _busy(
        name="city_busy_couriers",
        dimension="city",
        description="Orders of the city that a courier has: how many couriers are busy.",
    ),
    _busy(
        name="store_busy_couriers",
        dimension="store_id",
        description="Orders of the store that a courier has: who comes back this way soon.",
    ),
    _open(
        name="store_arriving_couriers",
        dimension="store_id",
        function="count",
        first_event="courier_assigned",
        second_event=("courier_at_store", *LEFT_STORE),
        max_age=QUEUE_MAX_AGE,
        unit="orders",
        description="Couriers on their way to the store.",
    ),
    _open(
        name="city_arriving_couriers",
        dimension="city",
        function="count",
        first_event="courier_assigned",
        second_event=("courier_at_store", *LEFT_STORE),
        max_age=QUEUE_MAX_AGE,
        unit="orders",
        description="Couriers on their way to a store of the city.",
    ),
    _open(
        name="city_delivering_couriers",
        dimension="city",
        function="count",
        first_event="picked_up",
        second_event=FINISHED,
        max_age=ORDER_MAX_AGE,
        unit="orders",
        description="Couriers of the city with an order on board: they will be free soon.",
    ),
    _open(
        name="city_courier_waiting_orders",
        dimension="city",
        function="count",
        first_event="courier_at_store",
        second_event=LEFT_STORE,
        max_age=STORE_MAX_AGE,
        unit="orders",
        topic="handover",
        description="Couriers of the city who stand in a store: kitchens hold them up.",
    ),
    _open(
        name="city_courier_waiting_mean_age_s",
        version=2,
        dimension="city",
        function="mean",
        first_event="courier_at_store",
        second_event=LEFT_STORE,
        max_age=STORE_MAX_AGE,
        attribute=Elapsed("courier_at_store"),
        unit="s",
        topic="handover",
        description="How long the city's couriers who stand in a store have been there on average.",
    ),
)

_WAITING = (
    _last_waited(
        name="store_courier_wait_last_3_mean_s",
        version=2,
        dimension="store_id",
        function="mean",
        n=3,
        description="Mean time the last 3 couriers spent in the store: the kitchen's lateness right"
        " now.",
    ),
    _last_waited(
        name="store_courier_wait_last_50_median_s",
        dimension="store_id",
        function="median",
        n=50,
        description="Median time the last 50 couriers spent in the store: its habit.",
    ),
    _last_waited(
        name="store_courier_wait_last_50_p90_s",
        dimension="store_id",
        function=quantile(0.9),
        n=50,
        description="Nine of the last 50 couriers in ten left the store sooner: how long it holds"
        " them when it is late.",
    ),
    _waited(
        name="store_courier_wait_60min_mean_s",
        version=2,
        dimension="store_id",
        function="mean",
        window="60min",
        description="Mean time couriers spent in the store in the last 60 minutes; missing where"
        " none came.",
    ),
    _last_waited(
        name="category_courier_wait_last_50_mean_s",
        version=2,
        dimension="store_category",
        function="mean",
        n=50,
        description="Mean time the last 50 couriers spent in stores of the category: the guess for"
        " a store that is new.",
    ),
    _last(
        name="store_arrival_last_10_mean_s",
        version=2,
        dimension="store_id",
        event="courier_at_store",
        attribute=TO_STORE,
        topic="supply",
        function="mean",
        n=10,
        description="Mean time from assignment to arrival of the store's last 10 couriers: how near"
        " free couriers are.",
    ),
)

SUPPLY_FEATURES: tuple[Aggregator, ...] = (*_FINDING, *_BUSY, *_WAITING)
