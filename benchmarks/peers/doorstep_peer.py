"""Doorstep: the three features as a user writes them, from a pandas table to pandas values."""

from importlib.metadata import version
from typing import Any

import numpy as np

from aggregators import (
    Duration,
    FeatureSet,
    Source,
    StatsAfterEvent,
    StatsBetweenEvents,
    StatsLastNSamples,
)
from benchmarks.peers.tables import pandas_table
from benchmarks.peers.worker import ALL, FEATURES, Columns, Floats, serve

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "dispatched", "accepted", "ready", "cancelled"),
    dimensions=("store_id",),
    attributes=("amount",),
)
DEFINITIONS = {
    "last_20_mean": StatsLastNSamples(
        ORDERS,
        dimension="store_id",
        function="mean",
        event="ready",
        n=20,
        attribute=Duration("accepted", "ready"),
        name="last_20_mean",
    ),
    "open_count": StatsBetweenEvents(
        ORDERS,
        dimension="store_id",
        function="count",
        first_event="dispatched",
        second_event=("accepted", "cancelled"),
        name="open_count",
    ),
    "trailing_hour_mean": StatsAfterEvent(
        ORDERS,
        dimension="store_id",
        function="mean",
        attribute="amount",
        event="activated",
        window="60min",
        name="trailing_hour_mean",
    ),
}


class Doorstep:
    """`whole` starts from the plain table: nothing is kept from one call to the next."""

    version = version("doorstep")

    def from_columns(self, columns: Columns) -> None:
        self.orders = pandas_table(columns)

    def index(self) -> None:
        """Read and sort the table, and ask each feature once: its columns are in order then."""
        self.prepared = FeatureSet(DEFINITIONS.values()).prepare(self.orders, as_of="activated")
        self.core(ALL)

    def core(self, feature: str) -> Floats | tuple[Floats, ...]:
        return self._values(feature, self.prepared)

    def whole(self, feature: str) -> Floats | tuple[Floats, ...]:
        return self._values(feature, self.orders, as_of="activated")

    def _values(self, feature: str, orders: Any, **moments: Any) -> Floats | tuple[Floats, ...]:
        names = FEATURES if feature == ALL else (feature,)
        features = FeatureSet([DEFINITIONS[name] for name in names])
        values = features.transform(orders, "training", **moments)
        columns = tuple(np.asarray(values[name], dtype=np.float64) for name in names)
        return columns if feature == ALL else columns[0]


if __name__ == "__main__":
    serve(Doorstep())
