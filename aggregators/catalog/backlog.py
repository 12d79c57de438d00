"""Declare features of a kitchen's backlog: what waits, how old it is, how fast it comes out.

The count of open orders does not tell a fresh rush from a kitchen that is stuck, nor whether the
line moves. The ages of orders, the times between the last orders in and out, and the quickest
orders of the last hours do.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from aggregators.attributes import Elapsed
from aggregators.catalog.orders import (
    LEFT_KITCHEN,
    PREPARATION,
    PREPARATION_PER_PRODUCT,
    STORE_MAX_AGE,
)
from aggregators.features.after_event import StatsAfterEvent
from aggregators.features.base import Aggregator
from aggregators.features.between_events import StatsBetweenEvents
from aggregators.features.last_n_samples import StatsLastNSamples
from aggregators.functions import quantile
from aggregators.standard_sources import ORDERS

__all__ = ["BACKLOG_FEATURES"]

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
_backlog = partial(_kitchen, first_event="dispatched")
_age = partial(_kitchen, attribute=Elapsed("accepted"), unit="s")
_last = partial(
    StatsLastNSamples, ORDERS, dimension="store_id", owner="kitchens", topic="preparation", unit="s"
)
_recent = partial(
    StatsAfterEvent, ORDERS, dimension="store_id", owner="kitchens", topic="preparation", unit="s"
)
_products = partial(
    StatsAfterEvent,
    ORDERS,
    dimension="store_id",
    owner="kitchens",
    topic="load",
    function="sum",
    attribute="products",
    unit="products",
)

_OPEN = (
    _backlog(
        name="store_backlog_orders",
        function="count",
        unit="orders",
        description="Orders sent to the store and not ready: all that is before a new order.",
    ),
    _backlog(
        name="store_backlog_products",
        version=2,
        function="sum",
        attribute="products",
        unit="products",
        description="Products of the orders sent to the store and not ready: all the work before a"
        " new order.",
    ),
    _backlog(
        name="store_backlog_largest_products",
        function="max",
        attribute="products",
        unit="products",
        description="Products of the largest order before a new one: one large order can hold up"
        " the line.",
    ),
    _kitchen(
        name="store_kitchen_orders_5min",
        function="count",
        max_age="5min",
        unit="orders",
        description="Orders in the kitchen that it accepted within 5 minutes: hardly begun.",
    ),
    _kitchen(
        name="store_kitchen_orders_10min",
        function="count",
        max_age="10min",
        unit="orders",
        description="Orders in the kitchen that it accepted within 10 minutes.",
    ),
    _kitchen(
        name="store_kitchen_orders_20min",
        function="count",
        max_age="20min",
        unit="orders",
        description="Orders in the kitchen that it accepted within 20 minutes: the rest of its"
        " backlog is late.",
    ),
    _kitchen(
        name="store_kitchen_products_10min",
        version=2,
        function="sum",
        attribute="products",
        max_age="10min",
        unit="products",
        description="Products of the orders that the kitchen accepted within 10 minutes and has not"
        " finished.",
    ),
    _age(
        name="store_kitchen_newest_s",
        function="min",
        description="Age of the newest order in the kitchen: how much of the work is still to do.",
    ),
    _age(
        name="store_kitchen_median_age_s",
        function="median",
        description="Median age of the orders in the kitchen: whatever one forgotten order shows.",
    ),
    _age(
        name="store_kitchen_p75_age_s",
        function=quantile(0.75),
        description="Three in four orders in the kitchen are younger: how old those on the stove"
        " are.",
    ),
    _age(
        name="store_kitchen_std_age_s",
        version=2,
        function="std",
        description="Spread of the ages of the orders in the kitchen: a steady stream, or a rush"
        " behind a straggler.",
    ),
)


def _spans() -> Iterator[Aggregator]:
    """Yield how long ago the n-th last order came in or out: the pace of both, without a window."""
    for event, word, title in (("ready", "ready", "finished"), ("accepted", "accepted", "took in")):
        for n in (3, 5, 10, 20):
            yield _last(
                name=f"store_last_{n}_{word}_span_s",
                event=event,
                n=n,
                function="max",
                attribute=Elapsed(event),
                topic="load",
                description=f"Within how long the kitchen {title} its last {n} orders: its pace,"
                " counted in orders and not by the clock.",
            )


def _last_hours() -> Iterator[Aggregator]:
    """Yield the typical and the quickest time of the last hours: the pace changes in a day."""
    for window in ("60min", "3h", "6h"):
        yield _recent(
            name=f"store_prep_{window}_min_s",
            event="ready",
            window=window,
            function="min",
            attribute=PREPARATION,
            description=f"Fastest preparation of the last {window}: the pace with as little of the"
            " line in it as there was.",
        )
        yield _recent(
            name=f"store_prep_{window}_median_s",
            event="ready",
            window=window,
            function="median",
            attribute=PREPARATION,
            description=f"Median preparation time of the last {window}: the pace of the shift.",
        )
        yield _recent(
            name=f"store_prep_{window}_median_s_per_product",
            event="ready",
            window=window,
            function="median",
            attribute=PREPARATION_PER_PRODUCT,
            unit="s/product",
            description=f"Median preparation time per product of the last {window}: the pace with"
            " the size of the orders taken out.",
        )


_PACE = (
    _last(
        name="store_prep_last_3_accepted_s",
        event="accepted",
        n=3,
        function="last",
        attribute=PREPARATION,
        description="Preparation time of the latest of the last 3 accepted orders that is ready:"
        " who overtook the line.",
    ),
    _last(
        name="store_prep_last_10_median_s_per_product",
        event="ready",
        n=10,
        function="median",
        attribute=PREPARATION_PER_PRODUCT,
        unit="s/product",
        description="Median preparation time per product of the last 10 orders.",
    ),
    _products(
        name="store_ready_products_15min",
        version=2,
        event="ready",
        window="15min",
        description="Products that the kitchen finished in the last 15 minutes: its output as"
        " work.",
    ),
    _products(
        name="store_ready_products_60min",
        version=2,
        event="ready",
        window="60min",
        description="Products that the kitchen finished in the last 60 minutes: its output as work,"
        " over an hour.",
    ),
    _products(
        name="store_accepted_products_15min",
        version=2,
        event="accepted",
        window="15min",
        description="Products that the kitchen took in during the last 15 minutes: to be held"
        " against what came out.",
    ),
    _products(
        name="store_accepted_products_60min",
        version=2,
        event="accepted",
        window="60min",
        description="Products that the kitchen took in during the last 60 minutes: the load of the"
        " hour as work.",
    ),
)

BACKLOG_FEATURES: tuple[Aggregator, ...] = (*_OPEN, *_spans(), *_last_hours(), *_PACE)
