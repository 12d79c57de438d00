"""Parking: from the courier's arrival at the customer's until the order is handed over."""

from __future__ import annotations

from collections.abc import Sequence

from aggregators import Aggregator, Duration, Source
from aggregators.catalog import features_for
from estimators.model.base import Estimator
from estimators.quantiles.boosting import BoostingParameters

__all__ = ["CATALOG_NAMES", "PARKING", "Parking", "parking_features"]

PARKING = Duration("courier_at_customer", "delivered")

CATALOG_NAMES = (
    "courier_carried_orders",
    "courier_delivered_60min",
    "courier_delivered_8h",
    "courier_since_last_delivery_s",
    "courier_speed_last_10_median_m_s",
    "zone_orders_60min",
    "zone_arriving_orders",
    "zone_speed_60min_mean_m_s",
    "city_speed_15min_mean_m_s",
)
"""Features of the catalog of other topics, beside all of parking."""


class Parking(Estimator):
    """Seconds from ``courier_at_customer`` until ``delivered``, asked when the courier arrives.

    To find a place, reach the door and hand over: the zone and its hour, the courier's skill and
    vehicle, building and floor. It sees neither the weather nor local events (see
    :mod:`estimators.conditions`).

    >>> orders = Source(
    ...     "orders",
    ...     sample_id="id",
    ...     events=("courier_at_customer", "delivered"),
    ...     dimensions=("zone",),
    ... )
    >>> Parking.features_for(orders, PARKING)[0].name
    'zone_parking_last_20_mean_s'
    """

    name = "parking"
    default_parameters = BoostingParameters(
        median_trees=300,
        leaves=7,
        outer_min_rows_per_leaf=100,
        day_profile=False,
    )

    @classmethod
    def features_for(
        cls, source: Source, target: Duration, others: Sequence[Source] = ()
    ) -> list[Aggregator]:
        """Return every feature that parking may use of the orders; it uses no other source."""
        return parking_features(source)


def parking_features(source: Source) -> list[Aggregator]:
    """Return the real-time features of parking that a source can give."""
    return [
        one for one in features_for(source) if one.topic == "parking" or one.name in CATALOG_NAMES
    ]
