"""Declare features of parking: from the courier's arrival at the customer to the handover.

The zone says how hard it is to stop there, the courier how good they are at it, the city how it is
at this time of the day. A stop that takes long now has not ended: the open stops show it first.
"""

from __future__ import annotations

from functools import partial

from aggregators.attributes import Elapsed
from aggregators.catalog.orders import FINISHED, PARKING, STORE_MAX_AGE
from aggregators.features.after_event import StatsAfterEvent
from aggregators.features.base import Aggregator
from aggregators.features.between_events import StatsBetweenEvents
from aggregators.features.last_n_samples import StatsLastNSamples
from aggregators.functions import quantile
from aggregators.standard_sources import ORDERS

__all__ = ["PARKING_FEATURES"]

_last = partial(
    StatsLastNSamples,
    ORDERS,
    event="delivered",
    attribute=PARKING,
    owner="couriers",
    topic="parking",
    unit="s",
)
_recent = partial(
    StatsAfterEvent,
    ORDERS,
    event="delivered",
    attribute=PARKING,
    owner="couriers",
    topic="parking",
    unit="s",
)
_open = partial(
    StatsBetweenEvents,
    ORDERS,
    first_event="courier_at_customer",
    second_event=FINISHED,
    max_age=STORE_MAX_AGE,
    owner="couriers",
    topic="parking",
)

_ZONE = (
    _last(
        name="zone_parking_last_5_mean_s",
        version=2,
        dimension="zone",
        function="mean",
        n=5,
        description="Mean time from arrival to delivery of the zone's last 5 orders: what couriers"
        " find there right now.",
    ),
    _last(
        name="zone_parking_last_50_median_s",
        dimension="zone",
        function="median",
        n=50,
        description="Median time from arrival to delivery of the zone's last 50 orders: what is"
        " normal for the hour.",
    ),
    _last(
        name="zone_parking_last_200_median_s",
        dimension="zone",
        function="median",
        n=200,
        description="Median time from arrival to delivery of the zone's last 200 orders: what is"
        " normal for its streets and houses.",
    ),
    _last(
        name="zone_parking_last_200_p90_s",
        dimension="zone",
        function=quantile(0.9),
        n=200,
        description="Nine in ten of the zone's last 200 handovers were faster: the late side of"
        " its streets and houses.",
    ),
    _recent(
        name="zone_parking_15min_mean_s",
        version=2,
        dimension="zone",
        function="mean",
        window="15min",
        description="Mean time from arrival to delivery in the last 15 minutes: the match that has"
        " just begun.",
    ),
    _recent(
        name="zone_parking_30min_median_s",
        dimension="zone",
        function="median",
        window="30min",
        description="Median time from arrival to delivery in the last 30 minutes: the moment,"
        " without the door that did not open.",
    ),
    _recent(
        name="zone_parking_60min_p90_s",
        dimension="zone",
        function=quantile(0.9),
        window="60min",
        description="Nine in ten handovers of the last 60 minutes were faster: the late side of"
        " the hour.",
    ),
    _recent(
        name="zone_parking_1d_median_s",
        dimension="zone",
        function="median",
        window="1d",
        description="Median time from arrival to delivery of the last day: the zone over all hours"
        " alike.",
    ),
    _recent(
        name="zone_parking_7d_median_s",
        dimension="zone",
        function="median",
        window="7d",
        description="Median time from arrival to delivery of the last 7 days: what the zone is"
        " known for.",
    ),
    _open(
        name="zone_parking_open_orders",
        dimension="zone",
        function="count",
        unit="orders",
        description="Couriers who have arrived in the zone and not handed over: they look for a"
        " place, or for the door.",
    ),
    _open(
        name="zone_parking_open_oldest_s",
        dimension="zone",
        function="max",
        attribute=Elapsed("courier_at_customer"),
        unit="s",
        description="How long the first of the zone's arrived couriers has been there: long before"
        " a mean can show it.",
    ),
    _open(
        name="zone_parking_open_mean_age_s",
        version=2,
        dimension="zone",
        function="mean",
        attribute=Elapsed("courier_at_customer"),
        unit="s",
        description="How long the zone's arrived couriers have been there on average.",
    ),
)

_COURIER = (
    _last(
        name="courier_parking_last_s",
        dimension="courier_id",
        function="last",
        n=1,
        description="How long the courier took from arrival to delivery last time.",
    ),
    _last(
        name="courier_parking_last_3_mean_s",
        version=2,
        dimension="courier_id",
        function="mean",
        n=3,
        description="Mean time from arrival to delivery of the courier's last 3 orders: the streets"
        " of this hour.",
    ),
    _last(
        name="courier_parking_last_50_median_s",
        dimension="courier_id",
        function="median",
        n=50,
        description="Median time from arrival to delivery of the courier's last 50 orders: who"
        " knows where to stop.",
    ),
    _last(
        name="courier_parking_last_50_p90_s",
        dimension="courier_id",
        function=quantile(0.9),
        n=50,
        description="Nine in ten of the courier's last 50 handovers were faster: the courier's late"
        " side.",
    ),
    _last(
        name="courier_parking_last_200_mean_s",
        version=2,
        dimension="courier_id",
        function="mean",
        n=200,
        description="Mean time from arrival to delivery of the courier's last 200 orders: skill,"
        " over many addresses.",
    ),
    _recent(
        name="courier_parking_3h_mean_s",
        version=2,
        dimension="courier_id",
        function="mean",
        window="3h",
        description="Mean time from arrival to delivery of the courier's last 3 hours: how this"
        " shift goes.",
    ),
)

_CITY = (
    _recent(
        name="city_parking_15min_mean_s",
        version=2,
        dimension="city",
        function="mean",
        window="15min",
        description="Mean time from arrival to delivery in the city's last 15 minutes: the evening"
        " as it fills the streets.",
    ),
    _recent(
        name="city_parking_60min_median_s",
        dimension="city",
        function="median",
        window="60min",
        description="Median time from arrival to delivery in the city's last 60 minutes: the level"
        " of the hour.",
    ),
    _last(
        name="city_parking_last_50_median_s",
        dimension="city",
        function="median",
        n=50,
        description="Median time from arrival to delivery of the city's last 50 orders: the level"
        " of the moment, however few orders there are.",
    ),
    _recent(
        name="city_parking_7d_median_s",
        dimension="city",
        function="median",
        window="7d",
        description="Median time from arrival to delivery of the city's last 7 days: what is normal"
        " here.",
    ),
    _open(
        name="city_parking_open_orders",
        dimension="city",
        function="count",
        unit="orders",
        description="Couriers of the city who have arrived and not handed over.",
    ),
    _open(
        name="city_parking_open_mean_age_s",
        version=2,
        dimension="city",
        function="mean",
        attribute=Elapsed("courier_at_customer"),
        unit="s",
        description="How long the city's arrived couriers have been at their doors on average.",
    ),
)

PARKING_FEATURES: tuple[Aggregator, ...] = (*_ZONE, *_COURIER, *_CITY)
