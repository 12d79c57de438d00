"""The features of the catalog that the benchmarks measure."""

from typing import Any

import numpy as np
import numpy.typing as npt

from aggregators import Source
from aggregators.catalog import ORDERS, features_for

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
    """`count` features of the catalog that kernels compute, evenly over the catalog's order."""
    native = [f for f in features_for(WORKLOAD) if not is_tsfresh(f)]
    if len(native) < count:
        raise ValueError(f"the catalog has {len(native)} native features, fewer than {count}")
    chosen = np.unique(np.linspace(0, len(native) - 1, count).round().astype(int))
    return [native[position] for position in chosen]


def tsfresh_features() -> list[Any]:
    """The features of the catalog that tsfresh computes."""
    return [f for f in features_for(WORKLOAD) if is_tsfresh(f)]


def is_tsfresh(feature: Any) -> bool:
    return type(feature.function).__name__ == "Tsfresh"


def moments(orders: Any) -> npt.NDArray[Any]:
    """When each order's features are asked for: the assignment of its courier.

    Then every dimension has its key. An order that never got a courier is asked for at activation.
    """
    return orders["courier_assigned"].fillna(orders["activated"])  # type: ignore[no-any-return]
