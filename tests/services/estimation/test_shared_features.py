"""What several models look at is computed once, with the bits that each would have computed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from aggregators import Event, FeatureSet, MemoryEventStore, Source, StatsAfterEvent, StoreError
from aggregators.stores.reading import Sample
from aggregators.times import moment_to_us
from services.estimation.rows import RequestRows
from services.estimation.shared_features import RowGroups, SharedFeatures

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOON_US = moment_to_us(NOON, "noon")
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
    """Notes how it is read, and fails when it is told to."""

    fails = False

    def __init__(self) -> None:
        super().__init__(sources=[ORDERS])
        self.calls: list[str] = []

    def read(self, *arguments: Any, **options: Any) -> Any:
        if self.calls[-1:] != ["read_with_samples"]:  # which reads by this in turn
            self.calls.append("read")
        if self.fails:
            raise StoreError("down")
        return super().read(*arguments, **options)

    def read_with_samples(self, *arguments: Any, **options: Any) -> Any:
        self.calls.append("read_with_samples")
        return super().read_with_samples(*arguments, **options)


@pytest.fixture
def event_store() -> CountingStore:
    made = CountingStore()
    for i in range(12):
        known = {"courier_id": f"c-{i % 3}", "zone": f"z-{i % 2}", "distance_m": 100.0 * i}
        made.append([Event("orders", i, "delivered", NOON - timedelta(minutes=7 * i), known)])
    return made


def rows_of(couriers: Sequence[str | None], sample_id: int | None = 3) -> RequestRows:
    n = len(couriers)
    return RequestRows(
        columns={"courier_id": list(couriers), "zone": ["z-1"] * n},
        sample_ids=[sample_id] * n,
        as_of_us=np.full(n, NOON_US),
    )


def own_features(name: str, event_store: CountingStore, rows: RequestRows) -> Any:
    """What a model computes by itself."""
    keys = {name: rows.columns[name] for name in FEATURES[name].dimensions}
    return FEATURES[name].transform_many(
        event_store, as_of=rows.as_of_us, keys=keys, sample_id=rows.sample_ids
    )


def test_one_read_gives_each_model_the_features_that_it_would_have_computed(
    event_store: CountingStore,
) -> None:
    pairs, orders = rows_of(["c-0", "c-1", "c-9", "c-0"]), rows_of([None])
    names = ("to_store", "to_customer")
    found = SharedFeatures(FEATURES, event_store).read(names, (pairs, orders))
    assert event_store.calls == ["read"]
    for rows, told in zip((pairs, orders), found, strict=True):
        assert told.features is not None
        assert told.features.of("ready") is None, "nobody has asked for it"
        for name in names:
            expected = own_features(name, event_store, rows)
            np.testing.assert_array_equal(told.features.of(name), expected)
            some = told.take(np.array([0])).features
            assert some is not None
            np.testing.assert_array_equal(some.of(name), expected[:1])


def test_orders_are_looked_up_in_the_same_round_trip(event_store: CountingStore) -> None:
    looked_at: list[int] = []

    def look(samples: Sequence[Sample | None]) -> tuple[str, RowGroups]:
        looked_at.append(len(samples))
        couriers = [None if one is None else one.keys["courier_id"] for one in samples]
        return "made", (rows_of([str(one) for one in couriers], 4),)

    shared = SharedFeatures(FEATURES, event_store)
    made, (rows,) = shared.read_with_orders(("to_store",), ORDERS, [4, 99], look, NOON_US)
    assert event_store.calls == ["read_with_samples"]
    assert made == "made"
    assert set(looked_at) == {2}
    assert list(rows.columns["courier_id"]) == ["c-1", "None"]
    assert rows.features is not None
    expected = own_features("to_store", event_store, rows)
    np.testing.assert_array_equal(rows.features.of("to_store"), expected)


def test_features_of_one_name_may_be_different_ones(event_store: CountingStore) -> None:
    shared = SharedFeatures(FEATURES, event_store)
    (rows,) = shared.read(("to_store", "ready"), (rows_of(["c-0", "c-1"]),))
    assert event_store.calls == ["read"]
    assert rows.features is not None
    within_one_hour, within_two = rows.features.of("to_store"), rows.features.of("ready")
    assert within_one_hour is not None
    assert within_two is not None
    assert within_one_hour[:, 0].tolist() == [1.0, 3.0]
    assert within_two[:, 0].tolist() == [2.0, 4.0]


def test_a_store_that_fails_is_said_and_models_without_features_are_none(
    event_store: CountingStore,
) -> None:
    shared = SharedFeatures(FEATURES, event_store)
    assert shared.has(("to_store", "elsewhere"))
    assert not shared.has(("elsewhere",))
    event_store.fails = True
    with pytest.raises(StoreError):
        shared.read(("to_store",), (rows_of(["c-0"]),))
