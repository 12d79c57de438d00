"""Wall ETA: how long from placing an order to its delivery, asked when it is placed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aggregators import Aggregator, Duration, Source
from aggregators.catalog import features_for
from estimators.features.duration_features import (
    LATEST,
    MEAN,
    MEDIAN,
    P25,
    P75,
    P90,
    STD,
    DurationFeatures,
)
from estimators.model.base import Estimator
from estimators.quantiles.boosting import BoostingParameters

__all__ = ["CATALOG_NAMES", "WallEta", "wall_eta_features"]

CATALOG_NAMES = (
    "store_orders_15min",
    "store_orders_60min",
    "store_kitchen_orders",
    "city_orders_15min",
    "city_orders_60min",
    "city_delivered_15min",
    "city_delivered_60min",
    "city_open_orders",
    "city_completion_last_20_trend_s_per_order",
    "zone_orders_15min",
    "zone_open_orders",
    "city_temperature_c",
    "city_precipitation_60min_mm",
    "city_precipitation_3h_mm",
    "city_wind_60min_max_m_s",
    "zone_local_event_visitors",
    "zone_closures",
    "store_zone_local_event_visitors",
    "store_zone_closures",
    "city_local_event_visitors",
)
"""What the catalog has already; what a source cannot give is left out."""

KITCHEN_TOPICS = ("kitchen", "queue", "preparation", "handover")
"""Topics of the catalog about a store, used if more than the two ends is recorded."""

SUPPLY_TOPICS = ("supply",)
"""Topics of the catalog about the supply of couriers, of any dimension."""

OPEN_MAX_AGE = "2h"
"""An order that is open for longer has lost its closing event."""

WHAT = "delivery_time"
OWNER = "app"


class WallEta(Estimator):
    """The direct end-to-end model: seconds from ``activated`` to ``delivered``.

    It needs no order: the range beside a store's name is asked for a store, a zone and a basket.
    Its real-time features are of store, zone and city, and of the city's weather where there is a
    source of it.

    >>> orders = Source(
    ...     "orders",
    ...     sample_id="id",
    ...     events=("activated", "delivered"),
    ...     dimensions=("store_id",),
    ... )
    >>> features = WallEta.features_for(orders, Duration("activated", "delivered"))
    >>> features[-1].name
    'store_delivery_time_open_p90'
    """

    name = "wall_eta"
    default_parameters = BoostingParameters(leaves=15, day_profile=False)

    @classmethod
    def features_for(
        cls, source: Source, target: Duration, others: Sequence[Source] = ()
    ) -> list[Aggregator]:
        """Return every feature that the Wall ETA may use of the orders and of the weather."""
        return wall_eta_features(source, target, others)


def wall_eta_features(
    source: Source, target: Duration, others: Sequence[Source] = ()
) -> list[Aggregator]:
    """Return the real-time features of the Wall ETA that the sources can give.

    Args:
        source: of orders, with the target's events.
        target: from placing the order to its delivery.
        others: further sources, such as the weather.
    """
    found = [one for one in features_for(source) if _is_wanted(one)]
    if "city" in source.dimensions:
        found += _of_city(_durations(source, target, "city", "city"))
    if "zone" in source.dimensions:
        found += _of_zone(_durations(source, target, "zone", "zone"))
    if "store_id" in source.dimensions:
        found += _of_store(_durations(source, target, "store_id", "store"))
    for other in others:
        found += [one for one in features_for(other) if one.name in CATALOG_NAMES]
    return found


def _is_wanted(feature: Aggregator) -> bool:
    if feature.name in CATALOG_NAMES or feature.topic in SUPPLY_TOPICS:
        return feature.dimension != "courier_id"  # there is no courier yet
    return feature.dimension == "store_id" and feature.topic in KITCHEN_TOPICS


def _durations(source: Source, target: Duration, dimension: str, subject: str) -> DurationFeatures:
    return DurationFeatures(
        source=source, target=target, dimension=dimension, subject=subject, what=WHAT, owner=OWNER
    )


def _of_city(city: DurationFeatures) -> Iterator[Aggregator]:
    """Yield features of the scarcity of couriers, which shows first in the whole city."""
    yield from city.last({10: (MEAN, MEDIAN), 100: (MEAN,), 200: (STD,)})
    yield from city.windows({"15min": (MEAN,), "30min": (MEAN, P90), "2h": (MEDIAN, STD)})
    yield from city.begun({"30min": (MEAN,), "45min": (MEAN,), "60min": (MEDIAN,)})
    yield from city.last_per("distance_m", "m", {20: MEDIAN, 50: MEDIAN})
    yield from city.open(OPEN_MAX_AGE)


def _of_zone(zone: DurationFeatures) -> Iterator[Aggregator]:
    yield from zone.last({20: (MEDIAN, STD), 200: (MEDIAN, STD)})
    yield from zone.windows({"2h": (MEAN, MEDIAN)})
    yield from zone.open(OPEN_MAX_AGE)


def _of_store(store: DurationFeatures) -> Iterator[Aggregator]:
    """Yield features of the store's typical time, and of its current one."""
    yield from store.last(
        {
            1: (LATEST,),
            5: (MEDIAN,),
            10: (MEAN, P90, STD),
            50: (P25, MEAN),
            200: (P25, MEAN, P75),
        }
    )
    yield from store.windows({"2h": (MEDIAN,), "1d": (MEDIAN,)})
    yield from store.last_per("distance_m", "m", {5: MEDIAN, 20: MEDIAN, 100: MEDIAN})
    yield from store.open(OPEN_MAX_AGE)
