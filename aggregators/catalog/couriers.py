"""Declare features of a courier: speed and its variation, stops at stores and doors, load."""

from __future__ import annotations

from functools import partial

from aggregators.attributes import Elapsed
from aggregators.catalog.orders import (
    ASSIGNMENT,
    AT_STORE,
    FINISHED,
    ORDER_MAX_AGE,
    PARKING,
    REACHED_CUSTOMER,
    SPEED,
    SPEED_TO_STORE,
    TO_CUSTOMER,
    TO_STORE,
)
from aggregators.features.after_event import StatsAfterEvent
from aggregators.features.base import Aggregator
from aggregators.features.between_events import StatsBetweenEvents
from aggregators.features.last_n_samples import StatsLastNSamples
from aggregators.functions import tsfresh
from aggregators.standard_sources import ORDERS

__all__ = ["COURIER_FEATURES"]

_last = partial(StatsLastNSamples, ORDERS, dimension="courier_id", owner="couriers", n=10)
_open = partial(
    StatsBetweenEvents,
    ORDERS,
    dimension="courier_id",
    owner="couriers",
    topic="work",
    max_age=ORDER_MAX_AGE,
)
_recent = partial(StatsAfterEvent, ORDERS, dimension="courier_id", owner="couriers", topic="work")
_speed = partial(_last, event="courier_at_customer", attribute=SPEED, topic="speed", unit="m/s")
_behaviour = partial(_speed, topic="behaviour")
_parking = partial(_last, event="delivered", attribute=PARKING, topic="parking", unit="s")

_SPEED = (
    _speed(
        name="courier_speed_last_m_s",
        function="last",
        n=1,
        description="Speed of the courier's last ride to a customer: traffic, weather and vehicle"
        " as they are now.",
    ),
    _speed(
        name="courier_speed_last_10_mean_m_s",
        version=2,
        function="mean",
        description="Mean speed of the courier's last 10 rides to customers: the pace to reckon"
        " with on the next one.",
    ),
    _speed(
        name="courier_speed_last_10_median_m_s",
        function="median",
        description="Median speed of the courier's last 10 rides: the typical pace, whatever one"
        " detour did.",
    ),
    _speed(
        name="courier_speed_last_10_min_m_s",
        function="min",
        description="Slowest of the courier's last 10 rides: how bad a ride can turn out.",
    ),
    _speed(
        name="courier_speed_last_10_max_m_s",
        function="max",
        description="Fastest of the courier's last 10 rides: what vehicle and legs can do.",
    ),
    _speed(
        name="courier_speed_last_10_std_m_s",
        version=2,
        function="std",
        description="Spread of the courier's last 10 speeds: how wide the range for this courier"
        " has to be.",
    ),
    _speed(
        name="courier_speed_last_10_trend_m_s_per_order",
        version=2,
        function="trend",
        unit="m/s/order",
        description="Speed the courier gains with each of the last 10 rides: negative for somebody"
        " who is getting tired.",
    ),
    _last(
        name="courier_speed_to_store_last_10_mean_m_s",
        version=2,
        function="mean",
        event="courier_at_store",
        attribute=SPEED_TO_STORE,
        topic="speed",
        unit="m/s",
        description="Mean speed of the courier's last 10 ways to a store: the pace of the leg that"
        " decides who takes an order.",
    ),
    _last(
        name="courier_to_store_last_10_mean_s",
        version=2,
        function="mean",
        event="courier_at_store",
        attribute=TO_STORE,
        topic="speed",
        unit="s",
        description="Mean time from assignment to the store of the courier's last 10 orders:"
        " includes how long it takes to set off.",
    ),
    _last(
        name="courier_to_customer_last_10_mean_s",
        version=2,
        function="mean",
        event="courier_at_customer",
        attribute=TO_CUSTOMER,
        topic="speed",
        unit="s",
        description="Mean riding time to the last 10 customers: the pace where distances are not"
        " known.",
    ),
)

_BEHAVIOUR = (
    _behaviour(
        name="courier_speed_last_10_mean_abs_change_m_s",
        function=tsfresh("mean_abs_change"),
        description="Mean change of speed from one of the last 10 rides to the next: a steady"
        " courier or an erratic one.",
    ),
    _behaviour(
        name="courier_speed_last_10_mean_change_m_s",
        function=tsfresh("mean_change"),
        description="Speed gained over the last 10 rides, per ride: slowing down through the"
        " shift, or warming up.",
    ),
    _behaviour(
        name="courier_speed_last_10_cid_ce_m_s",
        function=tsfresh("cid_ce", normalize=False),
        description="Complexity of the last 10 speeds (length of the line through them): how"
        " restless the courier's pace is.",
    ),
    _behaviour(
        name="courier_speed_last_10_mean_second_derivative_m_s",
        function=tsfresh("mean_second_derivative_central"),
        description="Mean curvature of the last 10 speeds: whether a change of pace is only"
        " beginning or already ending.",
    ),
    _behaviour(
        name="courier_speed_last_10_autocorrelation_lag_1",
        function=tsfresh("autocorrelation", lag=1),
        unit="1",
        description="Autocorrelation of the last 10 speeds at lag 1: whether a slow ride is"
        " followed by another one.",
    ),
    _behaviour(
        name="courier_speed_last_10_autocorrelation_lag_2",
        function=tsfresh("autocorrelation", lag=2),
        unit="1",
        description="Autocorrelation of the last 10 speeds at lag 2: the there-and-back of hilly"
        " or one-way districts.",
    ),
    _behaviour(
        name="courier_speed_last_10_fft_1_abs_m_s",
        function=tsfresh("fft_coefficient", coeff=1, attr="abs"),
        description="Strength of the slowest wave in the last 10 speeds (FFT): pace that rises and"
        " falls over the shift.",
    ),
    _behaviour(
        name="courier_speed_last_10_fft_2_abs_m_s",
        function=tsfresh("fft_coefficient", coeff=2, attr="abs"),
        description="Strength of the second wave in the last 10 speeds (FFT): pace that changes"
        " every few rides, as with alternating districts.",
    ),
    _behaviour(
        name="courier_speed_last_10_fft_centroid",
        function=tsfresh("fft_aggregated", aggtype="centroid"),
        unit="1",
        description="Centre of the spectrum of the last 10 speeds (FFT): slow drift on the one"
        " side, change with every ride on the other.",
    ),
    _last(
        name="courier_to_store_last_10_mean_abs_change_s",
        function=tsfresh("mean_abs_change"),
        event="courier_at_store",
        attribute=TO_STORE,
        topic="behaviour",
        unit="s",
        description="Mean change of the time to the store from one of the last 10 orders to the"
        " next: how predictable the courier's arrivals are.",
    ),
)

_STOPS = (
    _last(
        name="courier_assignment_last_10_mean_s",
        version=2,
        function="mean",
        event="courier_assigned",
        attribute=ASSIGNMENT,
        topic="work",
        unit="s",
        description="Mean time until the courier's last 10 orders were taken on: whether the"
        " courier accepts at once or lets offers wait.",
    ),
    _last(
        name="courier_at_store_last_10_mean_s",
        version=2,
        function="mean",
        event="picked_up",
        attribute=AT_STORE,
        topic="handover",
        unit="s",
        description="Mean time the courier spent in the last 10 stores: waiting and handover as"
        " this courier does it.",
    ),
    _parking(
        name="courier_parking_last_10_mean_s",
        version=2,
        function="mean",
        description="Mean time from arrival to delivery at the last 10 customers: parking, stairs"
        " and handover of this courier.",
    ),
    _parking(
        name="courier_parking_last_10_median_s",
        function="median",
        description="Median time from arrival to delivery at the last 10 customers: without the"
        " one who did not open.",
    ),
    _parking(
        name="courier_parking_last_10_std_s",
        version=2,
        function="std",
        description="Spread of the last 10 times from arrival to delivery: how sure the last"
        " minutes are.",
    ),
)

_WORK = (
    _open(
        name="courier_open_orders",
        function="count",
        first_event="courier_assigned",
        second_event=FINISHED,
        unit="orders",
        description="Orders the courier has been given and not finished: each makes the next one"
        " wait.",
    ),
    _open(
        name="courier_open_oldest_s",
        function="max",
        first_event="courier_assigned",
        second_event=FINISHED,
        attribute=Elapsed("courier_assigned"),
        unit="s",
        description="How long the courier has had the oldest open order: how soon the courier will"
        " be free.",
    ),
    _open(
        name="courier_carried_orders",
        function="count",
        first_event="picked_up",
        second_event=REACHED_CUSTOMER,
        unit="orders",
        description="Orders on the courier's back right now: stops that come first.",
    ),
    _open(
        name="courier_open_distance_m",
        version=2,
        function="sum",
        first_event="courier_assigned",
        second_event=FINISHED,
        attribute="distance_m",
        unit="m",
        description="Distance of the courier's open orders from store to customer: the ride still"
        " to be done before the next order.",
    ),
    _recent(
        name="courier_delivered_60min",
        function="count",
        event="delivered",
        window="60min",
        unit="orders",
        description="Orders the courier delivered in the last 60 minutes: the pace of the shift.",
    ),
    _recent(
        name="courier_delivered_8h",
        function="count",
        event="delivered",
        window="8h",
        unit="orders",
        description="Orders the courier delivered in the last 8 hours: how long the shift has been"
        " and how tired the legs are.",
    ),
    _recent(
        name="courier_distance_60min_m",
        version=2,
        function="sum",
        event="delivered",
        window="60min",
        attribute="distance_m",
        unit="m",
        description="Distance the courier rode to customers in the last 60 minutes: how hard the"
        " hour was.",
    ),
    _last(
        name="courier_since_last_delivery_s",
        function="last",
        event="delivered",
        n=1,
        attribute=Elapsed("delivered"),
        topic="work",
        unit="s",
        description="Time since the courier's last delivery: idle and near, or back from a break.",
    ),
)

COURIER_FEATURES: tuple[Aggregator, ...] = (*_SPEED, *_BEHAVIOUR, *_STOPS, *_WORK)
