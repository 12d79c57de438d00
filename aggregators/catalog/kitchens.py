"""Declare features of a store's kitchen: its backlog and how long preparations take."""

from __future__ import annotations

from functools import partial

from aggregators.attributes import Elapsed
from aggregators.catalog.orders import (
    LEFT_KITCHEN,
    PREPARATION,
    PREPARATION_PER_PRODUCT,
    STORE_MAX_AGE,
    TIME_TO_PREPARE,
)
from aggregators.features.after_event import StatsAfterEvent
from aggregators.features.base import Aggregator
from aggregators.features.between_events import StatsBetweenEvents
from aggregators.features.last_n_samples import StatsLastNSamples
from aggregators.functions import quantile
from aggregators.standard_sources import ORDERS

__all__ = ["KITCHEN_FEATURES"]

_last = partial(
    StatsLastNSamples, ORDERS, dimension="store_id", owner="kitchens", topic="preparation"
)
_recent = partial(
    StatsAfterEvent, ORDERS, dimension="store_id", owner="kitchens", topic="preparation"
)
_kitchen = partial(
    StatsBetweenEvents,
    ORDERS,
    dimension="store_id",
    owner="kitchens",
    topic="kitchen",
    first_event="accepted",
    second_event=LEFT_KITCHEN,
    max_age=STORE_MAX_AGE,
)
_prep = partial(_last, event="ready", attribute=PREPARATION, unit="s")
_etp = partial(_last, event="ready", attribute=TIME_TO_PREPARE, unit="s")

_KITCHEN = (
    _kitchen(
        name="store_kitchen_orders",
        function="count",
        unit="orders",
        description="Orders accepted and not ready: the kitchen's backlog, through which a new"
        " order has to wait.",
    ),
    _kitchen(
        name="store_kitchen_products",
        version=2,
        function="sum",
        attribute="products",
        unit="products",
        description="Products being prepared: the backlog as work, since ten small orders are not"
        " ten large ones.",
    ),
    _kitchen(
        name="store_kitchen_amount",
        version=2,
        function="sum",
        attribute="amount",
        unit="currency",
        description="Value of the orders being prepared: the backlog as work where products are"
        " not counted.",
    ),
    _kitchen(
        name="store_kitchen_oldest_s",
        function="max",
        attribute=Elapsed("accepted"),
        unit="s",
        description="Age of the oldest order in the kitchen: grows when the kitchen is stuck,"
        " before any finished order shows it.",
    ),
    _kitchen(
        name="store_kitchen_mean_age_s",
        version=2,
        function="mean",
        attribute=Elapsed("accepted"),
        unit="s",
        description="Mean age of the orders in the kitchen: tells whether the backlog is fresh or"
        " nearly done.",
    ),
    _kitchen(
        name="store_kitchen_age_total_s",
        version=2,
        function="sum",
        attribute=Elapsed("accepted"),
        unit="s",
        description="Ages of all orders in the kitchen added up: backlog and delay in one number.",
    ),
)

_PREPARATION = (
    _prep(
        name="store_prep_last_s",
        function="last",
        n=1,
        description="Preparation time of the order that was ready last: the freshest measurement"
        " of the kitchen.",
    ),
    _prep(
        name="store_prep_last_5_mean_s",
        version=2,
        function="mean",
        n=5,
        description="Mean preparation time of the last 5 orders: the kitchen's pace right now.",
    ),
    _prep(
        name="store_prep_last_20_mean_s",
        version=2,
        function="mean",
        n=20,
        description="Mean preparation time of the last 20 orders: the kitchen's pace today,"
        " steadier than the last 5.",
    ),
    _prep(
        name="store_prep_last_100_mean_s",
        version=2,
        function="mean",
        n=100,
        description="Mean preparation time of the last 100 orders: what is normal for this store.",
    ),
    _prep(
        name="store_prep_last_5_median_s",
        function="median",
        n=5,
        description="Median preparation time of the last 5 orders: the pace right now, whatever"
        " one forgotten order took.",
    ),
    _prep(
        name="store_prep_last_20_median_s",
        function="median",
        n=20,
        description="Median preparation time of the last 20 orders: the typical order of today.",
    ),
    _prep(
        name="store_prep_last_20_p90_s",
        function=quantile(0.9),
        n=20,
        description="Nine of the last 20 preparations in ten were faster: how late this store is"
        " when it is late.",
    ),
    _prep(
        name="store_prep_last_20_min_s",
        function="min",
        n=20,
        description="Fastest of the last 20 preparations: what the kitchen can do when nothing is"
        " in its way.",
    ),
    _prep(
        name="store_prep_last_20_std_s",
        version=2,
        function="std",
        n=20,
        description="Spread of the last 20 preparation times: how wide the range for this store"
        " has to be.",
    ),
    _prep(
        name="store_prep_last_20_trend_s_per_order",
        version=2,
        function="trend",
        n=20,
        unit="s/order",
        description="Seconds by which each of the last 20 orders took longer than the one before:"
        " a kitchen that is falling behind.",
    ),
    _last(
        name="store_prep_last_20_mean_s_per_product",
        version=2,
        function="mean",
        event="ready",
        n=20,
        attribute=PREPARATION_PER_PRODUCT,
        unit="s/product",
        description="Mean preparation time per product of the last 20 orders: the pace with the"
        " size of the orders taken out.",
    ),
    _recent(
        name="store_prep_60min_mean_s",
        version=2,
        function="mean",
        event="ready",
        window="60min",
        attribute=PREPARATION,
        unit="s",
        description="Mean preparation time of the orders ready in the last 60 minutes: missing"
        " where the store has rested, so that yesterday is not taken for now.",
    ),
    _etp(
        name="store_etp_last_5_mean_s",
        version=2,
        function="mean",
        n=5,
        description="Mean time from sending the order to the store until it was ready, last 5"
        " orders: queue and kitchen together, right now.",
    ),
    _etp(
        name="store_etp_last_20_mean_s",
        version=2,
        function="mean",
        n=20,
        description="Mean time from sending the order to the store until it was ready, last 20"
        " orders: the level to which estimates return.",
    ),
    _etp(
        name="store_etp_last_20_p90_s",
        function=quantile(0.9),
        n=20,
        description="Nine in ten of the last 20 orders were ready sooner after they were sent: the"
        " store's late side.",
    ),
)

KITCHEN_FEATURES: tuple[Aggregator, ...] = (*_KITCHEN, *_PREPARATION)
