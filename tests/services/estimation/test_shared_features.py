"""What several models look at is computed once, with the bits that each would have computed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from aggregators import Event, FeatureSet, MemoryEventStore, Source, StatsAfterEvent, StoreError
from aggregators.times import moment_to_us
from services.estimation.rows import Rows
from services.estimation.shared_features import SharedFeatures

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("delivered",),
    dimensions=("courier_id", "zone"),
    attributes=("distance_m",),
)


def feature(name: str, dimension: str, function: str = "count", window: str = "1h") -> Any:
    attribute = None if function == "count" else "distance_m"
    return StatsAfterEvent(
        ORDERS,
        name=name,
        dimension=dimension,
        function=function,
        attribute=attribute,
        event="delivered",
        window=window,
    )


BUSY, FAR = feature("busy", "courier_id"), feature("far", "courier_id", "mean")
FEATURES = {
    "to_store": FeatureSet([BUSY, FAR]),
    "to_customer": FeatureSet([feature("zone_orders", "zone"), BUSY]),
    "ready": FeatureSet([feature("busy", "courier_id", window="2h")]),
}


class CountingStore(MemoryEventStore):
    """Counts how often it is read, and fails when it is told to."""

    reads = 0
    fails = False

    def read(self, *arguments: Any, **options: Any) -> Any:
        self.reads += 1
        if self.fails:
            raise StoreError("down")
        return super().read(*arguments, **options)


@pytest.fixture
def event_store() -> CountingStore:
    made = CountingStore(sources=[ORDERS])
    for i in range(12):
        known = {"courier_id": f"c-{i % 3}", "zone": f"z-{i % 2}", "distance_m": 100.0 * i}
        made.append([Event("orders", i, "delivered", NOON - timedelta(minutes=7 * i), known)])
    return made


def rows_of(couriers: list[str]) -> Rows:
    n = len(couriers)
    columns = {"courier_id": couriers, "zone": ["z-1"] * n}
    return Rows(columns, [3] * n, np.full(n, moment_to_us(NOON, "as_of")))


def test_one_read_gives_each_model_the_features_that_it_would_have_computed(
    event_store: CountingStore,
) -> None:
    rows = rows_of(["c-0", "c-1", "c-9", "c-0"])
    asked = dict.fromkeys(("to_store", "to_customer"), rows)
    found = SharedFeatures(FEATURES, event_store).into(asked)
    assert event_store.reads == 1
    for name, one in found.items():
        keys = {name: rows.columns[name] for name in FEATURES[name].dimensions}
        expected = FEATURES[name].transform_many(
            event_store, as_of=rows.as_of_us, keys=keys, sample_id=rows.sample_ids
        )
        np.testing.assert_array_equal(one.realtime, expected)
        np.testing.assert_array_equal(one[1:3].realtime, expected[1:3])


def test_rows_of_their_own_are_left_to_their_model(event_store: CountingStore) -> None:
    asked = {name: rows_of(["c-0"]) for name in ("to_store", "to_customer", "elsewhere")}
    found = SharedFeatures(FEATURES, event_store).into(asked)
    assert event_store.reads == 0
    assert all(one.realtime is None for one in found.values())


def test_features_of_one_name_may_be_different_ones(event_store: CountingStore) -> None:
    rows = rows_of(["c-0", "c-1"])
    found = SharedFeatures(FEATURES, event_store).into({"to_store": rows, "ready": rows})
    assert event_store.reads == 1
    within_one_hour, within_two = found["to_store"].realtime, found["ready"].realtime
    assert within_one_hour is not None
    assert within_two is not None
    assert within_one_hour[:, 0].tolist() == [1.0, 3.0]
    assert within_two[:, 0].tolist() == [2.0, 4.0]


def test_a_store_that_fails_is_left_to_the_models(event_store: CountingStore) -> None:
    rows = rows_of(["c-0"])
    event_store.fails = True
    found = SharedFeatures(FEATURES, event_store).into({"to_store": rows, "to_customer": rows})
    assert event_store.reads == 1
    assert found == {"to_store": rows, "to_customer": rows}
