"""The real-time features of the eTP: of the kitchen, its kind and its city.

Load, queue and backlog are the catalog's. The features here are durations from the event at which
the eTP is asked (``accepted``, or ``dispatched``) until ``ready``, and the samples that are open
between the two. Most are medians and quantiles, which a forgotten button (71 h) does not move.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from aggregators import (
    Aggregator,
    Duration,
    Elapsed,
    Ratio,
    Source,
    StatsAfterEvent,
    StatsBetweenEvents,
    StatsLastNSamples,
)
from aggregators.catalog import features_for
from aggregators.catalog.backlog import BACKLOG_FEATURES
from estimators.features.duration_features import (
    COUNT,
    LATEST,
    MEAN,
    MEDIAN,
    MIN,
    P10,
    P25,
    P75,
    STD,
    Statistic,
)

__all__ = ["CATALOG_NAMES", "etp_features"]

CATALOG_NAMES = (
    "store_queue_orders",
    "store_queue_products",
    "store_queue_oldest_s",
    "store_acceptance_last_5_mean_s",
    "store_acceptance_last_20_mean_s",
    "store_courier_waiting_orders",
    "store_orders_15min",
    "store_orders_60min",
    "store_accepted_15min",
    "store_accepted_60min",
    "store_ready_60min",
    "store_since_last_accepted_s",
    "store_since_last_ready_s",
    "store_kitchen_orders",
    "store_kitchen_products",
    "store_kitchen_oldest_s",
    "store_kitchen_mean_age_s",
    "category_kitchen_orders",
    "city_orders_15min",
    "city_orders_60min",
    "city_accepted_15min",
    "city_accepted_60min",
    "city_kitchen_orders",
)
"""Features of the catalog, in this order; those that a source cannot give are left out."""

BACKLOG_NAMES = frozenset(feature.name for feature in BACKLOG_FEATURES)
"""The backlog in detail, where the eTP is asked at dispatch and knows when orders are accepted."""

OPEN_MAX_AGE = "2h"
"""The closing event of an order that is open for longer counts as lost."""


_OWNER = "kitchens"


# From the latest order to what is normal for the store.
_STORE_LAST: dict[int, tuple[Statistic, ...]] = {
    1: (LATEST,),
    3: (MEDIAN, MIN),
    5: (MEAN, MEDIAN),
    10: (MIN, P10, P25, MEDIAN),
    20: (P25, MEDIAN, P75, STD),
    50: (P10, P25, MEDIAN, P75),
    200: (P10, P25, MEDIAN, COUNT),
}
_STORE_WINDOWS = {"2h": (MEDIAN,), "1d": (MEDIAN,), "7d": (MEDIAN,)}
_CATEGORY_LAST = {50: (P25, MEDIAN), 500: (MEDIAN, COUNT)}
_CATEGORY_WINDOWS = {"2h": (MEDIAN,)}
_CITY_LAST = {500: (MEDIAN, COUNT)}
_CITY_WINDOWS = {"30min": (MEDIAN,), "2h": (MEDIAN,)}


def etp_features(source: Source, target: Duration) -> list[Aggregator]:
    """Return the real-time features of the eTP that a source can give.

    Args:
        source: of orders, with the target's events.
        target: from the event at which the eTP is asked until ``ready``.

    >>> from aggregators import Duration, Source
    >>> orders = Source(
    ...     "orders", sample_id="id", events=("accepted", "ready"), dimensions=("store_id",)
    ... )
    >>> features = etp_features(orders, Duration("accepted", "ready"))
    >>> features[-1].name, features[-1].unit
    ('store_time_to_ready_7d_median', 's')
    """
    position = {name: i for i, name in enumerate(CATALOG_NAMES)}
    found = [feature for feature in features_for(source) if feature.name in position]
    found.sort(key=lambda feature: position[feature.name])
    if "store_id" in source.dimensions:
        store = _DimensionFeatures(source, target, "store_id", "store")
        found += [*store.last(_STORE_LAST), *store.windows(_STORE_WINDOWS), *store.baskets()]
        if target.start != "accepted":  # else the catalog's features of the kitchen say the same
            found += store.open_orders()
            found += [feature for feature in features_for(source) if feature.name in BACKLOG_NAMES]
    if "store_category" in source.dimensions:
        category = _DimensionFeatures(source, target, "store_category", "category")
        found += [*category.last(_CATEGORY_LAST), *category.windows(_CATEGORY_WINDOWS)]
    if "city" in source.dimensions:
        city = _DimensionFeatures(source, target, "city", "city")
        found += [*city.last(_CITY_LAST), *city.windows(_CITY_WINDOWS), *city.open_orders()]
    return found


class _DimensionFeatures:
    """Makes the features of one dimension."""

    def __init__(self, source: Source, target: Duration, dimension: str, subject: str) -> None:
        self._source = source
        self._target = target
        self._whose = subject
        self._last = partial(
            StatsLastNSamples, source, event=target.end, dimension=dimension, owner=_OWNER
        )
        self._recent = partial(
            StatsAfterEvent, source, event=target.end, dimension=dimension, owner=_OWNER
        )
        self._open = partial(
            StatsBetweenEvents,
            source,
            dimension=dimension,
            first_event=target.start,
            second_event=_closing(source, target),
            max_age=OPEN_MAX_AGE,
            topic="kitchen",
            owner=_OWNER,
        )

    def last(self, wanted: Mapping[int, tuple[Statistic, ...]]) -> Iterator[Aggregator]:
        """Yield statistics of the last n durations."""
        for n, statistics in wanted.items():
            for one in statistics:
                yield self._last(
                    name=f"{self._whose}_time_to_ready_last_{n}_{one.word}",
                    n=n,
                    function=one.function,
                    attribute=self._target,
                    unit=one.unit,
                    topic="time to ready",
                    description=f"{one.title} time to ready, last {n} orders of the {self._whose}.",
                )

    def windows(self, wanted: Mapping[str, tuple[Statistic, ...]]) -> Iterator[Aggregator]:
        """Yield statistics of the durations that ended within a window."""
        for window, statistics in wanted.items():
            for one in statistics:
                yield self._recent(
                    name=f"{self._whose}_time_to_ready_{window}_{one.word}",
                    window=window,
                    function=one.function,
                    attribute=self._target,
                    unit=one.unit,
                    topic="time to ready",
                    description=f"{one.title} time to ready, orders of the {self._whose} that"
                    f" were ready within {window}.",
                )

    def baskets(self) -> Iterator[Aggregator]:
        """Yield features of the typical basket, for comparison with an order's."""
        if "amount" in self._source.attributes:
            yield self._last(
                name=f"{self._whose}_amount_last_20_median",
                n=20,
                function="median",
                attribute="amount",
                unit="currency",
                topic="baskets",
                description="Median value of the last 20 orders: whether this one is large here.",
            )
        if "products" in self._source.attributes:
            yield self._last(
                name=f"{self._whose}_time_to_ready_last_20_median_per_product",
                n=20,
                function="median",
                attribute=Ratio(self._target, "products"),
                unit="s/product",
                topic="time to ready",
                description="Median time to ready per product, last 20 orders: the size of the"
                " orders taken out.",
            )

    def open_orders(self) -> Iterator[Aggregator]:
        """Yield features of orders that are open between the events: they show a stuck kitchen."""
        yield self._open(
            name=f"{self._whose}_open_orders",
            function="count",
            unit="orders",
            description=f"Orders of the {self._whose} that are not ready yet.",
        )
        for one in (MEAN, Statistic("max", "max", "Longest")):
            yield self._open(
                name=f"{self._whose}_open_{one.word}_age_s",
                function=one.function,
                attribute=Elapsed(self._target.start),
                unit="s",
                description=f"{one.title} age of the orders of the {self._whose} that are not"
                " ready yet.",
            )


def _closing(source: Source, target: Duration) -> tuple[str, ...]:
    """Return the events that end an open order, in case one of them is lost."""
    later = ("picked_up", "delivered", "cancelled")
    return (target.end, *(event for event in later if event in source.events))
