"""Samples and the features that follow from them: one call, one state, one round trip."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aggregators import (
    Event,
    EventStore,
    FeatureRows,
    MemoryEventStore,
    QueryError,
    SampleRequest,
    Source,
    SqliteEventStore,
    StoreError,
)
from aggregators.stores.reading import FoundSamples, Sample
from tests.aggregators.stores.places import Place
from tests.aggregators.stores.streams import (
    COURIERS,
    FEATURES,
    MINUTE_US,
    ORDERS,
    START_US,
    Ids,
    batches,
    random_stream,
)

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
DIMENSIONS = ("store_id", "courier_id", "zone")


def rows_of(found: FoundSamples) -> FeatureRows:
    """Every order of the store with every courier, and one row for each order with its own."""
    orders = [one for one in found["orders"] if one is not None]
    keys: dict[str, list[Any]] = {name: [] for name in DIMENSIONS}
    for order in orders:
        for courier in (order.keys["courier_id"], *COURIERS, 99):
            keys["store_id"].append(order.keys["store_id"])
            keys["courier_id"].append(courier)
            keys["zone"].append(order.keys["zone"])
    return FeatureRows(keys, None)


def assert_same_samples(
    found: Sequence[Sample | None], expected: Sequence[Sample | None], message: str
) -> None:
    assert len(found) == len(expected), message
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None), message
        if one is not None and other is not None:
            assert np.array_equal(one.times, other.times), message
            assert np.array_equal(one.columns, other.columns, equal_nan=True), message
            assert one.keys == other.keys, message
            assert repr(one.facts) == repr(other.facts), message


def read_apart(
    store: EventStore, ids: Sequence[Any], as_of: Any, own: Any = None
) -> tuple[bytes, list[Sample | None]]:
    """The samples by one call, and the features of their rows by another."""
    found = store.samples(ORDERS, ids)
    keys, _ = rows_of({"orders": found})
    return FEATURES.transform_many(store, as_of=as_of, keys=keys, sample_id=own).tobytes(), found


@contextmanager
def round_trips(store: Any) -> Iterator[list[int]]:
    """How many commands each pipeline to Redis has that a reader of the store sends."""
    sent: list[int] = []
    nodes = store._read_nodes
    run: Callable[..., Any] = nodes.run

    def counted(commands: Sequence[Any], *arguments: Any, **options: Any) -> Any:
        sent.append(len(commands))
        return run(commands, *arguments, **options)

    nodes.run = counted
    try:
        yield sent
    finally:
        del nodes.run


@pytest.mark.parametrize("ids", ["int", "str"])
def test_the_answer_is_that_of_two_calls_to_the_store_in_memory(place: Place, ids: Ids) -> None:
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    stream = random_stream(rng, ids)
    known = list(dict.fromkeys(event.sample_id for event in stream))
    memory = MemoryEventStore([ORDERS])
    store = place.open([ORDERS])
    for piece in batches(stream, rng):
        memory.append(piece)
        store.append(piece)
        asked = [*rng.sample(known, 5), 777 if ids == "int" else "nobody"]
        as_of = START_US + rng.randrange(70) * MINUTE_US
        values, found = FEATURES.transform_with_samples(
            store, as_of=as_of, samples=[SampleRequest(ORDERS, asked)], rows=rows_of
        )
        expected, samples = read_apart(memory, asked, as_of)
        assert_same_samples(found["orders"], samples, f"seed {seed}")
        assert values.tobytes() == expected, f"seed {seed}"


def test_an_order_is_not_counted_in_its_own_rows(place: Place) -> None:
    store = place.open([ORDERS])
    store.append(
        [
            Event("orders", number, "activated", NOON, {"store_id": "s", "zone": "z"})
            for number in range(3)
        ]
    )

    def rows(found: FoundSamples) -> FeatureRows:
        (order,) = found["orders"]
        assert order is not None
        return FeatureRows({**order.keys, "store_id": ["s", "s"]}, {"orders": [1, None]})

    values, _ = FEATURES.transform_with_samples(
        store, as_of=LATER, samples=[SampleRequest(ORDERS, [1])], rows=rows
    )
    counts = [name for name in FEATURES.names if "count" in name and "store_id" in name]
    column = FEATURES.names.index(counts[0])
    assert values[:, column].tolist() == [2.0, 3.0]


def test_samples_of_a_source_without_features_are_read_as_well(place: Place) -> None:
    weather = Source("weather", sample_id="id", events=("observed",), dimensions=("city",))
    store = place.open([ORDERS, weather])
    store.append(
        [
            Event("orders", "o", "activated", NOON, {"store_id": "s"}),
            Event("weather", 7, "observed", NOON, {"city": "BCN"}),
        ]
    )
    _, found = FEATURES.transform_with_samples(
        store,
        as_of=LATER,
        samples=[SampleRequest(weather, [7, 8]), SampleRequest(ORDERS, ["o"])],
        rows=rows_of,
    )
    observed, absent = found["weather"]
    assert absent is None
    assert observed is not None
    assert observed.keys == {"city": "BCN"}
    assert found["orders"][0] is not None


def test_no_order_gives_no_row(place: Place) -> None:
    store = place.open([ORDERS])
    values, found = FEATURES.transform_with_samples(
        store, as_of=LATER, samples=[SampleRequest(ORDERS, ["nobody"])], rows=rows_of
    )
    assert values.shape == (0, len(FEATURES))
    assert list(found["orders"]) == [None]


def test_what_is_wrong_with_the_rows_is_said(place: Place) -> None:
    store = place.open([ORDERS])
    store.append([Event("orders", 1, "activated", NOON, {"store_id": "s"})])
    asked = [SampleRequest(ORDERS, [1])]

    def refuse(_: FoundSamples) -> FeatureRows:
        raise ZeroDivisionError("the caller's own")

    def wrong_type(_: FoundSamples) -> FeatureRows:
        return FeatureRows({"store_id": 7, "courier_id": None, "zone": None}, None)

    def no_zone(_: FoundSamples) -> FeatureRows:
        return FeatureRows({"store_id": "s", "courier_id": None}, None)

    with pytest.raises(ZeroDivisionError, match="the caller's own"):
        FEATURES.transform_with_samples(store, as_of=LATER, samples=asked, rows=refuse)
    with pytest.raises(QueryError, match="type str"):
        FEATURES.transform_with_samples(store, as_of=LATER, samples=asked, rows=wrong_type)
    with pytest.raises(QueryError, match="zone"):
        FEATURES.transform_with_samples(store, as_of=LATER, samples=asked, rows=no_zone)
    other = Source("orders", sample_id="order_id", events=("activated",))
    with pytest.raises(StoreError, match="declared differently"):
        FEATURES.transform_with_samples(
            store, as_of=LATER, samples=[SampleRequest(other, [1])], rows=rows_of
        )


def test_a_table_has_no_samples_to_ask_for() -> None:
    table: Any = {"orders": None}
    with pytest.raises(QueryError, match="expected an EventStore"):
        FEATURES.transform_with_samples(
            table, as_of=LATER, samples=[SampleRequest(ORDERS, [1])], rows=rows_of
        )


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_others_append_while_rows_are_worked_out_and_the_state_is_one(
    kind: str, tmp_path: Path
) -> None:
    """Rows are worked out without the lock, and again after their order has changed."""
    store: EventStore = MemoryEventStore([ORDERS])
    if kind == "sqlite":
        store = SqliteEventStore(tmp_path / "events.db", [ORDERS])
    store.append([Event("orders", "o", "activated", NOON, {"store_id": "store-0"})])
    seen: list[Any] = []

    def rows(found: FoundSamples) -> FeatureRows:
        (order,) = found["orders"]
        assert order is not None
        seen.append(order.keys["store_id"])
        if len(seen) <= 3:
            data = {"store_id": f"store-{len(seen)}"}
            recorded_at = LATER + timedelta(seconds=len(seen))
            event = Event("orders", "o", "activated", NOON, data, recorded_at)
            writer = threading.Thread(target=store.append, args=([event],), daemon=True)
            writer.start()
            writer.join(timeout=120.0)
            assert not writer.is_alive(), "the store is locked"
        return FeatureRows({"courier_id": None, "zone": None, **_store_of(order)}, None)

    values, found = FEATURES.transform_with_samples(
        store, as_of=LATER, samples=[SampleRequest(ORDERS, ["o"])], rows=rows
    )
    store.close()
    assert seen == ["store-0", "store-1", "store-2", "store-3"]
    (order,) = found["orders"]
    assert order is not None
    assert order.keys["store_id"] == "store-3"
    column = next(k for k, name in enumerate(FEATURES.names) if "count" in name)
    assert values[0, column] == 1.0


def _store_of(order: Sample) -> dict[str, Any]:
    return {"store_id": order.keys["store_id"]}


def test_another_order_changes_nothing_for_these_rows(place: Place) -> None:
    store = place.open([ORDERS])
    data = {"store_id": "s", "zone": "z"}
    store.append([Event("orders", "o", "activated", NOON, data)])
    calls = []

    def rows(found: FoundSamples) -> FeatureRows:
        calls.append(found)
        store.append([Event("orders", f"other-{len(calls)}", "activated", NOON, data)])
        return FeatureRows({"store_id": "s", "courier_id": None, "zone": "z"}, None)

    FEATURES.transform_with_samples(
        store, as_of=LATER, samples=[SampleRequest(ORDERS, ["o"])], rows=rows
    )
    assert len(calls) == (2 if place.kind == "redis" else 1)  # Redis guesses first


def test_redis_needs_one_round_trip_for_orders_that_it_knows(redis_place: Place) -> None:
    store = redis_place.open([ORDERS])
    ids = [f"o-{number}" for number in range(300)]
    store.append(
        [
            Event("orders", one, "activated", NOON, {"store_id": f"s-{k % 40}", "zone": "z"})
            for k, one in enumerate(ids)
        ]
    )
    asked = [SampleRequest(ORDERS, ids)]

    def read() -> tuple[bytes, list[int]]:
        with round_trips(store) as sent:
            values, _ = FEATURES.transform_with_samples(
                store, as_of=LATER, samples=asked, rows=rows_of
            )
        return values.tobytes(), sent

    first, sent = read()
    assert len(sent) == 2, "the groups of new orders follow from the answer"
    again, sent = read()
    assert again == first == read_apart(store, ids, LATER)[0]
    assert len(sent) == 1
    assert sent[0] >= len(ids) + 40
    move = Event("orders", "o-0", "activated", NOON, {"store_id": "new"}, recorded_at=LATER)
    redis_place.open([ORDERS]).append([move])
    after, sent = read()
    assert after == read_apart(store, ids, LATER)[0] != first
    assert len(sent) == 2, "its new group follows from the answer"
    assert len(read()[1]) == 1


def test_redis_needs_one_round_trip_for_new_orders_whose_keys_are_said(redis_place: Place) -> None:
    store = redis_place.open([ORDERS])
    store.append([Event("orders", "o", "activated", NOON, {"store_id": "s", "zone": "z"})])
    keys = {"store_id": "s", "courier_id": list(COURIERS), "zone": "z"}
    with round_trips(store) as sent:
        values, found = FEATURES.transform_with_samples(
            store,
            as_of=LATER,
            samples=[SampleRequest(ORDERS, ["o"])],
            rows=lambda _: FeatureRows(keys, None),
        )
    assert len(sent) == 1
    assert found["orders"][0] is not None
    expected = FEATURES.transform_many(store, as_of=LATER, keys=keys, sample_id=None)
    assert values.tobytes() == expected.tobytes()


def test_a_wrong_guess_does_no_harm(redis_place: Place) -> None:
    """Rows that cannot be made of what this process has seen until now follow from the answer."""
    store = redis_place.open([ORDERS], max_cached_samples=3)
    store.append(
        [
            Event("orders", k, "activated", NOON, {"store_id": f"s-{k}", "zone": "z"})
            for k in range(12)
        ]
    )

    def rows(found: FoundSamples) -> FeatureRows:
        stores = [order.keys["store_id"] for order in found["orders"]]  # type: ignore[union-attr]
        return FeatureRows({"store_id": stores, "courier_id": None, "zone": None}, None)

    for _ in range(3):
        values, _ = FEATURES.transform_with_samples(
            store, as_of=LATER, samples=[SampleRequest(ORDERS, list(range(12)))], rows=rows
        )
        column = next(k for k, name in enumerate(FEATURES.names) if "count" in name)
        assert values[:, column].tolist() == [1.0] * 12
