"""Offer the named features: what is known of stores, couriers, cities and zones at a moment.

>>> from aggregators.catalog import CATALOG, ORDERS, features_for
>>> len(CATALOG) >= 60
True
>>> print(CATALOG["store_queue_oldest_s"].unit)
s
"""

from __future__ import annotations

from aggregators.catalog.backlog import BACKLOG_FEATURES
from aggregators.catalog.base import Catalog
from aggregators.catalog.categories import CATEGORY_FEATURES
from aggregators.catalog.cities import CITY_FEATURES
from aggregators.catalog.couriers import COURIER_FEATURES
from aggregators.catalog.kitchens import KITCHEN_FEATURES
from aggregators.catalog.local_events import LOCAL_EVENT_FEATURES
from aggregators.catalog.parking import PARKING_FEATURES
from aggregators.catalog.stores import STORE_FEATURES
from aggregators.catalog.supply import SUPPLY_FEATURES
from aggregators.catalog.weather import WEATHER_FEATURES
from aggregators.catalog.zones import ZONE_FEATURES
from aggregators.events import Source
from aggregators.features.base import Aggregator
from aggregators.standard_sources import LOCAL_EVENTS, ORDERS, WEATHER

__all__ = ["CATALOG", "LOCAL_EVENTS", "ORDERS", "WEATHER", "Catalog", "features_for"]

CATALOG = Catalog(
    (
        *STORE_FEATURES,
        *KITCHEN_FEATURES,
        *CATEGORY_FEATURES,
        *COURIER_FEATURES,
        *CITY_FEATURES,
        *ZONE_FEATURES,
        *BACKLOG_FEATURES,
        *SUPPLY_FEATURES,
        *PARKING_FEATURES,
        *WEATHER_FEATURES,
        *LOCAL_EVENT_FEATURES,
    ),
    name="doorstep",
    version="2.0.0",
)
"""Every named feature of Doorstep."""


def features_for(source: Source) -> list[Aggregator]:
    """Return the features of :data:`CATALOG` that a source can give, declared for that source.

    See :meth:`Catalog.features_for`.

    >>> from aggregators.catalog import ORDERS, features_for
    >>> len(features_for(ORDERS)) >= 100
    True
    """
    return CATALOG.features_for(source)
