"""Declare features of a store category: a store without history borrows from its category."""

from __future__ import annotations

from functools import partial

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

__all__ = ["CATEGORY_FEATURES"]

_prep = partial(
    StatsLastNSamples,
    ORDERS,
    dimension="store_category",
    owner="kitchens",
    topic="preparation",
    event="ready",
    n=50,
)

CATEGORY_FEATURES: tuple[Aggregator, ...] = (
    _prep(
        name="category_prep_last_50_mean_s",
        version=2,
        function="mean",
        attribute=PREPARATION,
        unit="s",
        description="Mean preparation time of the last 50 orders of stores of this category: the"
        " best guess for a store that is new.",
    ),
    _prep(
        name="category_prep_last_50_p90_s",
        function=quantile(0.9),
        attribute=PREPARATION,
        unit="s",
        description="Nine in ten of the category's last 50 preparations were faster: the late side"
        " for a store that is new.",
    ),
    _prep(
        name="category_prep_last_50_mean_s_per_product",
        version=2,
        function="mean",
        attribute=PREPARATION_PER_PRODUCT,
        unit="s/product",
        description="Mean preparation time per product of the category's last 50 orders: lets the"
        " size of an order count where the store is new.",
    ),
    StatsBetweenEvents(
        ORDERS,
        name="category_kitchen_orders",
        dimension="store_category",
        function="count",
        first_event="accepted",
        second_event=LEFT_KITCHEN,
        max_age=STORE_MAX_AGE,
        unit="orders",
        owner="kitchens",
        topic="kitchen",
        description="Orders in preparation at all stores of the category: what people want to eat"
        " right now.",
    ),
    StatsAfterEvent(
        ORDERS,
        name="category_accepted_60min",
        dimension="store_category",
        function="count",
        event="accepted",
        window="60min",
        unit="orders",
        owner="marketplace",
        topic="load",
        description="Orders accepted by stores of the category in the last 60 minutes: the demand"
        " for this kind of food.",
    ),
)
