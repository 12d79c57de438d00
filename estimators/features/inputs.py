"""The description of each input of an estimator: facts of the request and real-time features."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aggregators import Aggregator
from estimators.core.errors import DatasetError
from estimators.features.facts import LOCAL_HOUR, LOCAL_WEEKDAY, Facts
from estimators.features.legs import LEG_FACTS
from estimators.features.shrinkage import Shrinkage

__all__ = ["InputColumn", "check_input_names", "columns_of", "unit_of_fact", "words_of_fact"]

OTHER_TOPIC = "other"
"""Of features that name none."""

_ORDER, _PLACE, _TIME, _COURIER = "order", "place", "time", "courier"

_FACT_TOPICS = {
    LOCAL_HOUR: _TIME,
    LOCAL_WEEKDAY: _TIME,
    "store_id": _PLACE,
    "store_category": _PLACE,
    "city": _PLACE,
    "zone": _PLACE,
    "store_zone": _PLACE,
    "building": _PLACE,
    "floor": _PLACE,
    "courier_id": _COURIER,
    "vehicle": _COURIER,
}
_FACT_TOPICS.update(dict.fromkeys(LEG_FACTS, _PLACE))
_PLACE_ENDINGS = ("_lat", "_lon", "_latitude", "_longitude")

_FACT_WORDS = {
    LOCAL_HOUR: "Hour of the day where the order is",
    LOCAL_WEEKDAY: "Day of the week where the order is, Monday is 0",
    "amount": "Value of the basket",
    "products": "Products in the basket",
    "distance_m": "Distance from the store to the customer",
    "store_id": "The store",
    "store_category": "Kind of kitchen and city",
    "city": "The city",
    "zone": "The zone of the customer",
    "store_zone": "The zone of the store",
    "building": "Kind of building",
    "floor": "Floor of the customer",
    "leg_great_circle_m": "Great-circle distance of the coordinates of store and customer",
    "leg_along_streets_m": "Way along the streets' direction, negative backwards",
    "leg_across_streets_m": "Way across the streets' direction, negative to the left",
    "leg_streets_m": "Way along and across the streets together",
    "leg_bearing_deg": "Bearing from the store to the customer, clockwise from north",
    "distance_to_store_m": "Distance of the courier to the store",
    "courier_id": "The courier",
    "vehicle": "The courier's vehicle",
    "since_activated_s": "Time since the order was placed",
    "since_dispatched_s": "Time since the order was sent to the store",
    "since_accepted_s": "Time since the store accepted the order",
    "since_courier_assigned_s": "Time since a courier got the order",
    "since_courier_at_store_s": "Time since the courier came to the store",
    "since_ready_s": "Time since the order was ready",
    "since_picked_up_s": "Time since the order was picked up",
    "since_courier_at_customer_s": "Time since the courier came to the customer",
}
_FACT_UNITS = {LOCAL_HOUR: "h", "amount": "currency", "products": "products"}
_UNIT_ENDINGS = {"_deg": "deg", "_m": "m", "_s": "s", "_m_s": "m/s", "_c": "degC", "_mm": "mm"}


@dataclass(frozen=True, kw_only=True)
class InputColumn:
    """One column of X.

    Args:
        name: of the fact or feature.
        topic: of the catalog; of a fact "order", "place", "time" or "courier".
        dimension: what groups the samples of a feature; empty for a fact.
        unit: of its values, empty where they have none.
        description: one sentence.
        categories: of a fact that is a category, the values by code.
    """

    name: str
    topic: str
    dimension: str = ""
    unit: str = ""
    description: str = ""
    categories: tuple[int | str, ...] | None = None

    def value(self, number: float) -> float | int | str | None:
        """Return the value behind a number of X: a category's value, None if it is missing.

        >>> InputColumn(name="city", topic="place", categories=("BCN", "WAW")).value(1.0)
        'WAW'
        """
        if math.isnan(number):
            return None
        return float(number) if self.categories is None else self.categories[int(number)]


def columns_of(
    facts: Facts, features: Iterable[Aggregator], shrinkage: Iterable[Shrinkage] = ()
) -> tuple[InputColumn, ...]:
    """Return the columns of X in order: those of the facts, the features, the shrinkage.

    >>> facts = Facts(numbers=("distance_m",), categories={"city": ("BCN",)})
    >>> [(column.topic, column.unit) for column in columns_of(facts, [])]
    [('order', 'm'), ('place', '')]
    """
    of_facts = [_of_fact(facts, name) for name in facts.names]
    of_features = [_of_feature(feature) for feature in features]
    topics = {column.name: column.topic for column in of_features}
    return (*of_facts, *of_features, *(_of_shrinkage(one, topics) for one in shrinkage))


def _of_fact(facts: Facts, name: str) -> InputColumn:
    topic = _FACT_TOPICS.get(name, _PLACE if name.endswith(_PLACE_ENDINGS) else _ORDER)
    settings: dict[str, Any] = {"topic": topic, "description": f"{words_of_fact(name)}."}
    if name in facts.categories:
        return InputColumn(name=name, categories=tuple(facts.categories[name]), **settings)
    return InputColumn(name=name, unit=unit_of_fact(name), **settings)


def words_of_fact(name: str) -> str:
    """Return the description of a fact.

    >>> words_of_fact("distance_m"), words_of_fact("tip_amount")
    ('Distance from the store to the customer', 'Tip amount')
    """
    return _FACT_WORDS.get(name, name.replace("_", " ").capitalize())


def unit_of_fact(name: str) -> str:
    """Return the unit of a numeric fact, empty if its name has none.

    >>> unit_of_fact("since_ready_s"), unit_of_fact("products"), unit_of_fact("floor")
    ('s', 'products', '')
    """
    endings = [ending for ending in _UNIT_ENDINGS if name.endswith(ending)]
    ending = max(endings, key=len, default="")
    return _FACT_UNITS.get(name, _UNIT_ENDINGS.get(ending, ""))


def _of_shrinkage(shrinkage: Shrinkage, topics: Mapping[str, str]) -> InputColumn:
    """Return the column with the topic of the features that it is made of."""
    first = shrinkage.levels[0]
    wider = ", ".join(level.dimension for level in shrinkage.levels[1:]) or "a constant"
    return InputColumn(
        name=shrinkage.name,
        topic=topics.get(first.typical, OTHER_TOPIC),
        dimension=first.dimension,
        unit="s",
        description=f"{first.typical}, drawn to {wider} where few orders speak.",
    )


def _of_feature(feature: Aggregator) -> InputColumn:
    return InputColumn(
        name=feature.name,
        topic=feature.topic or OTHER_TOPIC,
        dimension=feature.dimension,
        unit="" if feature.unit == "1" else feature.unit,
        description=feature.description,
    )


def check_input_names(names: Sequence[str]) -> None:
    """Raise :class:`DatasetError` if two inputs of a model have the same name."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DatasetError(
            f"the fact {repeated[0]!r} of the data is called like an input that the model computes"
            " by itself; rename this dimension or attribute"
        )
