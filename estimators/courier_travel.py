"""Courier travel: how long a courier takes to the store, and from there to the customer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aggregators import Aggregator, Duration, Source
from aggregators.catalog import features_for
from estimators.features.duration_features import (
    COUNT,
    LATEST,
    MEAN,
    MEDIAN,
    MIN,
    P90,
    DurationFeatures,
)
from estimators.model.base import Estimator
from estimators.quantiles.boosting import BoostingParameters

__all__ = ["CATALOG_NAMES", "TO_CUSTOMER", "TO_STORE", "CourierTravel", "courier_travel_features"]

TO_STORE = Duration("courier_assigned", "courier_at_store")
TO_CUSTOMER = Duration("picked_up", "courier_at_customer")

CATALOG_NAMES = (
    "courier_speed_last_m_s",
    "courier_speed_last_10_mean_m_s",
    "courier_speed_last_10_median_m_s",
    "courier_speed_last_10_max_m_s",
    "courier_to_store_last_10_mean_s",
    "courier_to_customer_last_10_mean_s",
    "courier_to_store_last_10_mean_abs_change_s",
    "courier_open_orders",
    "courier_open_oldest_s",
    "courier_open_distance_m",
    "courier_since_last_delivery_s",
    "city_courier_wait_15min_mean_s",
    "city_courier_wait_60min_mean_s",
    "city_speed_15min_mean_m_s",
    "city_speed_60min_mean_m_s",
    "zone_speed_60min_mean_m_s",
)
"""What the catalog has already; what a source cannot give is left out."""

OPEN_MAX_AGE = "2h"
"""The closing event of a leg that is open for longer counts as lost."""

OWNER = "couriers"

_WHOSE = {
    "courier_id": "courier",
    "zone": "zone",
    "store_id": "store",
    "store_category": "category",
    "city": "city",
}


class CourierTravel(Estimator):
    """Seconds of one leg: ``TO_STORE`` or ``TO_CUSTOMER``, asked when the leg begins.

    Each leg has a model of its own; the target of the data set decides which leg is meant.

    >>> orders = Source(
    ...     "orders",
    ...     sample_id="id",
    ...     events=("picked_up", "courier_at_customer"),
    ...     dimensions=("courier_id",),
    ... )
    >>> CourierTravel.features_for(orders, TO_CUSTOMER)[-1].name
    'courier_travel_1d_median'
    """

    name = "courier_travel"
    default_parameters = BoostingParameters(
        median_trees=300,
        leaves=7,
        min_rows_per_leaf=20,
        outer_min_rows_per_leaf=100,
        day_profile=False,
    )

    @classmethod
    def features_for(
        cls, source: Source, target: Duration, others: Sequence[Source] = ()
    ) -> list[Aggregator]:
        """Return every feature that courier travel may use of the orders; it uses no other."""
        return courier_travel_features(source, target)


def courier_travel_features(source: Source, target: Duration) -> list[Aggregator]:
    """Return the real-time features of a leg that a source can give.

    Args:
        source: of orders, with the target's events.
        target: the leg.
    """
    found = [one for one in features_for(source) if one.name in CATALOG_NAMES]
    for dimension, subject in _WHOSE.items():
        if dimension in source.dimensions:
            leg = DurationFeatures(
                source=source,
                target=target,
                dimension=dimension,
                subject=subject,
                what="travel",
                owner=OWNER,
            )
            found += _FEATURES[subject](leg)
    return found


def _of_courier(courier: DurationFeatures) -> Iterator[Aggregator]:
    yield from courier.last_per("distance_m", "m", {20: MEDIAN})
    yield from courier.windows({"1d": (MEDIAN,)})


def _of_zone(zone: DurationFeatures) -> Iterator[Aggregator]:
    yield from zone.last({200: (MEDIAN, COUNT)})
    yield from zone.last_per("distance_m", "m", {50: MEDIAN, 200: MEDIAN})
    yield from zone.windows({"1d": (MEDIAN,)})


def _of_store(store: DurationFeatures) -> Iterator[Aggregator]:
    yield from store.last({1: (LATEST,), 20: (MEDIAN,)})
    yield from store.windows({"7d": (MEDIAN,)})


def _of_category(category: DurationFeatures) -> Iterator[Aggregator]:
    yield from category.last_per("distance_m", "m", {50: MEDIAN})
    yield from category.windows({"1d": (MEDIAN,)})


def _of_city(city: DurationFeatures) -> Iterator[Aggregator]:
    """Yield features of the traffic of the hour and of the load of all couriers."""
    yield from city.last({20: (MIN, P90), 50: (MEAN,), 200: (MEDIAN,)})
    yield from city.windows({"60min": (MEDIAN,)})
    yield from city.last_per("distance_m", "m", {20: MEDIAN})
    yield from city.open(OPEN_MAX_AGE)


_FEATURES = {
    "courier": _of_courier,
    "zone": _of_zone,
    "store": _of_store,
    "category": _of_category,
    "city": _of_city,
}
