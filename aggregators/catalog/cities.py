"""Declare features of a city: how busy it is, whether couriers suffice, how long orders take."""

from __future__ import annotations

from functools import partial

from aggregators.attributes import Elapsed
from aggregators.catalog.orders import (
    ACCEPTANCE,
    ASSIGNMENT,
    AT_STORE,
    COMPLETION,
    FINISHED,
    FOUND_COURIER,
    LEFT_KITCHEN,
    LEFT_QUEUE,
    ORDER_MAX_AGE,
    PARKING,
    PREPARATION,
    QUEUE_MAX_AGE,
    SPEED,
    STORE_MAX_AGE,
)
from aggregators.features.after_event import StatsAfterEvent
from aggregators.features.base import Aggregator
from aggregators.features.between_events import StatsBetweenEvents
from aggregators.features.last_n_samples import StatsLastNSamples
from aggregators.functions import quantile
from aggregators.standard_sources import ORDERS

__all__ = ["CITY_FEATURES"]

_last = partial(StatsLastNSamples, ORDERS, dimension="city", owner="marketplace")
_open = partial(StatsBetweenEvents, ORDERS, dimension="city", owner="marketplace")
_recent = partial(StatsAfterEvent, ORDERS, dimension="city", owner="marketplace")
_load = partial(_recent, function="count", topic="load", unit="orders")
_completion = partial(_last, event="delivered", attribute=COMPLETION, topic="completion", unit="s")
_unassigned = partial(
    _open,
    first_event="dispatched",
    second_event=FOUND_COURIER,
    max_age=QUEUE_MAX_AGE,
    topic="supply",
)

_LOAD = (
    _load(
        name="city_orders_5min",
        event="activated",
        window="5min",
        description="Orders placed in the city in the last 5 minutes: a peak as it begins.",
    ),
    _load(
        name="city_orders_15min",
        event="activated",
        window="15min",
        description="Orders placed in the city in the last 15 minutes: the load that couriers"
        " meet next.",
    ),
    _load(
        name="city_orders_60min",
        event="activated",
        window="60min",
        description="Orders placed in the city in the last 60 minutes: the level of the day's"
        " demand.",
    ),
    _load(
        name="city_accepted_15min",
        event="accepted",
        window="15min",
        description="Orders accepted by the city's stores in the last 15 minutes: load where"
        " nothing earlier is recorded.",
    ),
    _load(
        name="city_accepted_60min",
        event="accepted",
        window="60min",
        description="Orders accepted by the city's stores in the last 60 minutes: the level of"
        " demand where nothing earlier is recorded.",
    ),
    _load(
        name="city_delivered_15min",
        event="delivered",
        window="15min",
        description="Orders delivered in the city in the last 15 minutes: what couriers get done,"
        " to be held against what comes in.",
    ),
    _load(
        name="city_delivered_60min",
        event="delivered",
        window="60min",
        description="Orders delivered in the city in the last 60 minutes: the fleet's output in an"
        " hour.",
    ),
    _load(
        name="city_cancelled_60min",
        event="cancelled",
        window="60min",
        topic="cancellations",
        description="Orders cancelled in the city in the last 60 minutes: outages and delays that"
        " drive customers away.",
    ),
    _open(
        name="city_open_orders",
        function="count",
        first_event="activated",
        second_event=FINISHED,
        max_age=ORDER_MAX_AGE,
        topic="load",
        unit="orders",
        description="Orders placed in the city and not finished: everything that competes with a"
        " new order.",
    ),
    _open(
        name="city_queue_orders",
        function="count",
        first_event="dispatched",
        second_event=LEFT_QUEUE,
        max_age=QUEUE_MAX_AGE,
        topic="queue",
        unit="orders",
        description="Orders that wait to be accepted anywhere in the city: many at once mean that"
        " stores cannot keep up, or cannot be reached.",
    ),
    _open(
        name="city_kitchen_orders",
        function="count",
        first_event="accepted",
        second_event=LEFT_KITCHEN,
        max_age=STORE_MAX_AGE,
        topic="kitchen",
        unit="orders",
        description="Orders in preparation in the city: pickups that couriers will face within"
        " minutes.",
    ),
)

_SUPPLY = (
    _unassigned(
        name="city_unassigned_orders",
        function="count",
        unit="orders",
        description="Orders without a courier: the shortage of couriers that a new order meets.",
    ),
    _unassigned(
        name="city_unassigned_oldest_s",
        function="max",
        attribute=Elapsed("dispatched"),
        unit="s",
        description="How long the oldest order without a courier has waited: how bad the shortage"
        " is for the unlucky one.",
    ),
    _unassigned(
        name="city_unassigned_mean_age_s",
        version=2,
        function="mean",
        attribute=Elapsed("dispatched"),
        unit="s",
        description="How long orders without a courier have waited on average: a shortage that"
        " lasts, or a burst.",
    ),
    _recent(
        name="city_assignment_15min_mean_s",
        version=2,
        function="mean",
        event="courier_assigned",
        window="15min",
        attribute=ASSIGNMENT,
        topic="supply",
        unit="s",
        description="Mean time until a courier was found, last 15 minutes: the first delay that a"
        " shortage of couriers causes.",
    ),
)

_COMPLETION = (
    _completion(
        name="city_completion_last_5_mean_s",
        version=2,
        function="mean",
        n=5,
        description="Mean time from order to delivery of the last 5 deliveries: the whole chain,"
        " right now.",
    ),
    _completion(
        name="city_completion_last_20_mean_s",
        version=2,
        function="mean",
        n=20,
        description="Mean time from order to delivery of the last 20 deliveries: the level of the"
        " whole chain.",
    ),
    _completion(
        name="city_completion_last_20_median_s",
        function="median",
        n=20,
        description="Median time from order to delivery of the last 20 deliveries: the typical"
        " customer's wait.",
    ),
    _completion(
        name="city_completion_last_20_p90_s",
        function=quantile(0.9),
        n=20,
        description="Nine in ten of the last 20 deliveries were faster: the unlucky customer's"
        " wait, which a shown range must hold.",
    ),
    _completion(
        name="city_completion_last_20_trend_s_per_order",
        version=2,
        function="trend",
        n=20,
        unit="s/order",
        description="Seconds by which each of the last 20 deliveries took longer than the one"
        " before: a city that is filling up.",
    ),
    _recent(
        name="city_completion_60min_mean_s",
        version=2,
        function="mean",
        event="delivered",
        window="60min",
        attribute=COMPLETION,
        topic="completion",
        unit="s",
        description="Mean time from order to delivery in the last 60 minutes: missing where the"
        " city slept, so that last night is not taken for now.",
    ),
)

_PARTS = (
    _recent(
        name="city_prep_15min_mean_s",
        version=2,
        function="mean",
        event="ready",
        window="15min",
        attribute=PREPARATION,
        topic="preparation",
        unit="s",
        description="Mean preparation time in the city in the last 15 minutes: kitchens slow down"
        " together when everybody orders.",
    ),
    _recent(
        name="city_prep_60min_mean_s",
        version=2,
        function="mean",
        event="ready",
        window="60min",
        attribute=PREPARATION,
        topic="preparation",
        unit="s",
        description="Mean preparation time in the city in the last 60 minutes: the level that the"
        " last 15 minutes depart from.",
    ),
    _last(
        name="city_prep_last_20_p90_s",
        function=quantile(0.9),
        event="ready",
        n=20,
        attribute=PREPARATION,
        topic="preparation",
        unit="s",
        description="Nine in ten of the city's last 20 preparations were faster: how late kitchens"
        " are when they are late.",
    ),
    _recent(
        name="city_acceptance_15min_mean_s",
        version=2,
        function="mean",
        event="accepted",
        window="15min",
        attribute=ACCEPTANCE,
        topic="queue",
        unit="s",
        description="Mean time that stores took to accept, last 15 minutes: how overloaded the"
        " city's stores are.",
    ),
    _recent(
        name="city_courier_wait_15min_mean_s",
        version=2,
        function="mean",
        event="picked_up",
        window="15min",
        attribute=AT_STORE,
        topic="handover",
        unit="s",
        description="Mean time couriers spent in stores, last 15 minutes: kitchen delays as"
        " couriers feel them.",
    ),
    _recent(
        name="city_courier_wait_60min_mean_s",
        version=2,
        function="mean",
        event="picked_up",
        window="60min",
        attribute=AT_STORE,
        topic="handover",
        unit="s",
        description="Mean time couriers spent in stores, last 60 minutes: the level of kitchen"
        " delays.",
    ),
    _recent(
        name="city_speed_15min_mean_m_s",
        version=2,
        function="mean",
        event="courier_at_customer",
        window="15min",
        attribute=SPEED,
        topic="speed",
        unit="m/s",
        description="Mean speed of rides that ended in the last 15 minutes: traffic and weather,"
        " measured by the couriers themselves.",
    ),
    _recent(
        name="city_speed_60min_mean_m_s",
        version=2,
        function="mean",
        event="courier_at_customer",
        window="60min",
        attribute=SPEED,
        topic="speed",
        unit="m/s",
        description="Mean speed of rides that ended in the last 60 minutes: the level that the"
        " last 15 minutes depart from.",
    ),
    _recent(
        name="city_parking_60min_mean_s",
        version=2,
        function="mean",
        event="delivered",
        window="60min",
        attribute=PARKING,
        topic="parking",
        unit="s",
        description="Mean time from arrival to delivery in the last 60 minutes: parking and"
        " handover where the zone has no deliveries yet.",
    ),
)

CITY_FEATURES: tuple[Aggregator, ...] = (*_LOAD, *_SUPPLY, *_COMPLETION, *_PARTS)
