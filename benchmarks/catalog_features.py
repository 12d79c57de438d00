"""The features that the benchmarks measure, frozen by name in `features.json`.

A list that follows from the catalog changes with it, and figures of two lists cannot be compared.
`native` are features of the catalog that kernels compute, `tsfresh` those that tsfresh computes,
`etp` those of the eTP that the services are measured with.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aggregators import FeatureSet, Source
from aggregators.catalog import ORDERS, features_for

NAMES: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "features.json").read_text(encoding="utf-8")
)
"""The frozen lists."""

_DIMENSIONS = ("store_id", "courier_id", "city", "zone")
WORKLOAD = Source(
    ORDERS.name,
    sample_id=ORDERS.sample_id,
    events=ORDERS.events,
    dimensions=_DIMENSIONS,
    attributes=ORDERS.attributes,
    known_from={
        column: event
        for column, event in ORDERS.known_from.items()
        if column in (*_DIMENSIONS, *ORDERS.attributes)
    },
)
"""The catalog's orders without store categories and facts, which the workload does not have."""


def native_features(count: int) -> list[Any]:
    """`count` of the frozen native features, evenly over their order.

    >>> [feature.name for feature in native_features(2)]
    ['store_queue_orders', 'city_parking_open_mean_age_s']
    """
    names = NAMES["native"]
    if len(names) < count:
        raise ValueError(f"{len(names)} native features are frozen, fewer than {count}")
    chosen = np.unique(np.linspace(0, len(names) - 1, count).round().astype(int))
    known = _features()
    return [known[names[position]] for position in chosen]


def tsfresh_features() -> list[Any]:
    """The frozen features that tsfresh computes."""
    return [_features()[name] for name in NAMES["tsfresh"]]


def is_tsfresh(feature: Any) -> bool:
    return type(feature.function).__name__ == "Tsfresh"


def fingerprints() -> dict[str, str]:
    """A fingerprint of each frozen list and of the definitions of its features."""
    from estimators.datasets.cities import QUESTIONS
    from estimators.features.etp_features import etp_features

    etp = {one.name: one for one in etp_features(ORDERS, QUESTIONS[0].target)}
    lists = {
        "native": native_features(len(NAMES["native"])),
        "tsfresh": tsfresh_features(),
        "etp": [etp[name] for name in NAMES["etp"]],
    }
    return {name: FeatureSet(features).fingerprint[:16] for name, features in lists.items()}


def moments(orders: Any) -> npt.NDArray[Any]:
    """When each order's features are asked for: the assignment of its courier.

    Then every dimension has its key. An order that never got a courier is asked for at activation.
    """
    return orders["courier_assigned"].fillna(orders["activated"])  # type: ignore[no-any-return]


@cache
def _features() -> dict[str, Any]:
    return {feature.name: feature for feature in features_for(WORKLOAD)}
