"""Declare features of the customer's zone: its traffic, its parking, its load and its waits."""

from __future__ import annotations

from functools import partial

from aggregators.catalog.orders import (
    COMPLETION,
    FINISHED,
    FOUND_COURIER,
    ORDER_MAX_AGE,
    PARKING,
    QUEUE_MAX_AGE,
    REACHED_CUSTOMER,
    SPEED,
)
from aggregators.features.after_event import StatsAfterEvent
from aggregators.features.base import Aggregator
from aggregators.features.between_events import StatsBetweenEvents
from aggregators.features.last_n_samples import StatsLastNSamples
from aggregators.functions import quantile
from aggregators.standard_sources import ORDERS

__all__ = ["ZONE_FEATURES"]

_last = partial(StatsLastNSamples, ORDERS, dimension="zone", n=20)
_open = partial(StatsBetweenEvents, ORDERS, dimension="zone", owner="marketplace")
_recent = partial(StatsAfterEvent, ORDERS, dimension="zone")
_speed = partial(
    _recent,
    event="courier_at_customer",
    attribute=SPEED,
    owner="couriers",
    topic="speed",
    unit="m/s",
)
_parking = partial(
    _last, event="delivered", attribute=PARKING, owner="couriers", topic="parking", unit="s"
)

ZONE_FEATURES: tuple[Aggregator, ...] = (
    _recent(
        name="zone_orders_15min",
        function="count",
        event="activated",
        window="15min",
        owner="marketplace",
        topic="load",
        unit="orders",
        description="Orders from the zone in the last 15 minutes: where the couriers are about to"
        " be drawn.",
    ),
    _recent(
        name="zone_orders_60min",
        function="count",
        event="activated",
        window="60min",
        owner="marketplace",
        topic="load",
        unit="orders",
        description="Orders from the zone in the last 60 minutes: how much of the demand is here.",
    ),
    _open(
        name="zone_open_orders",
        function="count",
        first_event="activated",
        second_event=FINISHED,
        max_age=ORDER_MAX_AGE,
        topic="load",
        unit="orders",
        description="Orders for the zone that are not finished: deliveries that may share a"
        " courier, or keep one away.",
    ),
    _open(
        name="zone_unassigned_orders",
        function="count",
        first_event="dispatched",
        second_event=FOUND_COURIER,
        max_age=QUEUE_MAX_AGE,
        topic="supply",
        unit="orders",
        description="Orders for the zone without a courier: a place couriers avoid, or cannot"
        " reach.",
    ),
    _open(
        name="zone_arriving_orders",
        function="count",
        first_event="picked_up",
        second_event=REACHED_CUSTOMER,
        max_age=ORDER_MAX_AGE,
        topic="supply",
        unit="orders",
        description="Orders on their way to the zone: their couriers will be free there soon.",
    ),
    _speed(
        name="zone_speed_15min_mean_m_s",
        version=2,
        function="mean",
        window="15min",
        description="Mean speed of rides that reached the zone in the last 15 minutes: a jam or a"
        " closed bridge, as it happens.",
    ),
    _speed(
        name="zone_speed_60min_mean_m_s",
        version=2,
        function="mean",
        window="60min",
        description="Mean speed of rides that reached the zone in the last 60 minutes: traffic"
        " towards it at this time of the day.",
    ),
    _speed(
        name="zone_speed_60min_std_m_s",
        version=2,
        function="std",
        window="60min",
        description="Spread of the speeds of the last 60 minutes: how much a ride into the zone"
        " depends on luck.",
    ),
    _last(
        name="zone_speed_last_20_median_m_s",
        function="median",
        event="courier_at_customer",
        attribute=SPEED,
        owner="couriers",
        topic="speed",
        unit="m/s",
        description="Median speed of the last 20 rides into the zone: its traffic also where few"
        " orders come.",
    ),
    _parking(
        name="zone_parking_last_20_mean_s",
        version=2,
        function="mean",
        description="Mean time from arrival to delivery of the zone's last 20 orders: parking,"
        " gates and stairs of this quarter.",
    ),
    _parking(
        name="zone_parking_last_20_median_s",
        function="median",
        description="Median time from arrival to delivery of the zone's last 20 orders: without"
        " the door that did not open.",
    ),
    _parking(
        name="zone_parking_last_20_p90_s",
        function=quantile(0.9),
        description="Nine in ten of the zone's last 20 handovers were faster: how long parking"
        " takes when there is none.",
    ),
    _recent(
        name="zone_parking_60min_mean_s",
        version=2,
        function="mean",
        event="delivered",
        window="60min",
        attribute=PARKING,
        owner="couriers",
        topic="parking",
        unit="s",
        description="Mean time from arrival to delivery in the last 60 minutes: a market day or a"
        " match that takes all parking now.",
    ),
    _last(
        name="zone_completion_last_20_mean_s",
        version=2,
        function="mean",
        event="delivered",
        attribute=COMPLETION,
        owner="marketplace",
        topic="completion",
        unit="s",
        description="Mean time from order to delivery of the zone's last 20 orders: what its"
        " customers are used to.",
    ),
    _last(
        name="zone_completion_last_20_p90_s",
        function=quantile(0.9),
        event="delivered",
        attribute=COMPLETION,
        owner="marketplace",
        topic="completion",
        unit="s",
        description="Nine in ten of the zone's last 20 deliveries were faster: the range that"
        " holds for customers here.",
    ),
)
