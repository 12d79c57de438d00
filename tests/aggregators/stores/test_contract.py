"""What holds of every event store: the same events give the same state, however they arrive.

Tests `aggregators.stores.bulk`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aggregators import (
    ColumnError,
    Event,
    MemoryEventStore,
    QueryError,
    SampleIdError,
    Source,
    StoreError,
    UnknownNameError,
)
from tests.aggregators.stores.places import Place
from tests.aggregators.stores.streams import (
    COURIERS,
    FEATURES,
    ORDERS,
    START_US,
    STORES,
    Ids,
    answers,
    batches,
    random_stream,
    table_of,
)

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def exactly(facts: Mapping[str, Any]) -> dict[str, str]:
    """Facts as texts that tell 1 from true."""
    return {name: repr(value) for name, value in facts.items()}


@pytest.mark.parametrize("ids", ["int", "str"])
@pytest.mark.parametrize("read_between", [False, True])
def test_any_stream_gives_the_state_of_the_store_in_memory(
    place: Place, ids: Ids, read_between: bool
) -> None:
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    stream = random_stream(rng, ids)
    memory = MemoryEventStore([ORDERS])
    store = place.open([ORDERS])
    for piece in batches(stream, rng):
        assert store.append(piece) == memory.append(piece), f"seed {seed}"
        if read_between and rng.random() < 0.3:
            assert answers(store) == answers(memory), f"seed {seed}"
    assert answers(store) == answers(memory), f"seed {seed}"
    pd.testing.assert_frame_equal(table_of(store), table_of(memory), obj=f"seed {seed}")
    assert store.count(ORDERS) == len(store) == len(memory)
    again = place.open([ORDERS])
    assert answers(again) == answers(memory), f"seed {seed}"


def test_any_order_gives_the_same_state(place: Place) -> None:
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    stream = random_stream(rng, "str")
    store = place.open([ORDERS])
    for event in stream:
        store.append([event])
    rng.shuffle(stream)
    memory = MemoryEventStore([ORDERS])
    memory.append(stream)
    assert answers(store) == answers(memory), f"seed {seed}"
    pd.testing.assert_frame_equal(table_of(store), table_of(memory), obj=f"seed {seed}")


def test_outcomes_are_told_event_by_event(place: Place) -> None:
    store = place.open([ORDERS])
    first = [Event("orders", number, "activated", NOON, {"zone": "z"}) for number in range(150)]
    late = Event("orders", 3, "activated", NOON - timedelta(hours=1))
    result = store.append([*first, first[7], late])
    assert (result.applied, result.duplicates, result.superseded) == (150, 1, 1)
    assert result.outcomes == bytes([0] * 150 + [1, 2])
    again = store.append([late, *first])
    assert (again.applied, again.duplicates, again.superseded) == (0, 150, 1)
    assert again.outcomes == bytes([2] + [1] * 150)


@pytest.mark.parametrize("length", [256, 257, 3_000_000])
def test_texts_have_at_most_256_characters(place: Place, length: int) -> None:
    store = place.open([ORDERS])
    text = "ü" * length
    wrong: list[tuple[type[Exception], str, Event]] = [
        (SampleIdError, "sample id", Event("orders", text, "activated", NOON)),
        (ColumnError, "'zone'", Event("orders", "o-1", "activated", NOON, {"zone": text})),
        (ColumnError, "'building'", Event("orders", "o-2", "activated", NOON, {"building": text})),
    ]
    for kind, name, event in wrong:
        if length == 256:
            assert store.append([event]).applied == 1
            continue
        with pytest.raises(kind, match=f"{name}.* {length:,} characters") as caught:
            store.append([event])
        assert len(str(caught.value)) < 400
        table = pd.DataFrame({"order_id": ["o-3"], **dict.fromkeys(ORDERS.columns)})
        table = table.assign(**dict.fromkeys(ORDERS.events, pd.Timestamp(NOON)))
        column = {"sample id": "order_id"}.get(name, name.strip("'"))
        with pytest.raises(kind, match="256"):
            place.open([ORDERS]).append_table(ORDERS, table.assign(**{column: [text]}))
    assert store.count(ORDERS) == (3 if length == 256 else 0)


def test_nothing_to_append_is_nothing(place: Place) -> None:
    store = place.open([ORDERS])
    assert store.append([]).applied == 0
    assert store.count(ORDERS) == 0
    assert store.table(ORDERS).columns.tolist() == [
        "order_id",
        *ORDERS.data_columns,
        *ORDERS.events,
    ]
    assert store.sample(ORDERS, "o-1") is None


def test_samples_are_those_of_the_store_in_memory(place: Place) -> None:
    rng = random.Random(7)
    stream = random_stream(rng, "str")
    memory = MemoryEventStore([ORDERS])
    memory.append(stream)
    store = place.open([ORDERS])
    store.append(stream)
    for sample_id in {event.sample_id for event in stream}:
        expected, found = memory.sample(ORDERS, sample_id), store.sample(ORDERS, sample_id)
        assert expected is not None
        assert found is not None
        assert np.array_equal(found.times, expected.times)
        assert np.array_equal(found.columns, expected.columns, equal_nan=True)
        assert found.keys == expected.keys
        assert exactly(found.facts) == exactly(expected.facts)
    assert store.sample(ORDERS, "nobody") is None


def test_samples_asked_for_at_once_are_those_asked_for_one_by_one(place: Place) -> None:
    stream = random_stream(random.Random(11), "str")
    store = place.open([ORDERS])
    store.append(stream)
    ids = list(dict.fromkeys(event.sample_id for event in stream))
    asked = [ids[2], "nobody", *ids, ids[2]]
    found = store.samples(ORDERS, asked)
    assert len(found) == len(asked)
    for sample_id, at_once in zip(asked, found, strict=True):
        alone = store.sample(ORDERS, sample_id)
        assert (alone is None) == (at_once is None) == (sample_id == "nobody")
        if alone is not None and at_once is not None:
            assert np.array_equal(at_once.times, alone.times)
            assert np.array_equal(at_once.columns, alone.columns, equal_nan=True)
            assert at_once.keys == alone.keys
            assert exactly(at_once.facts) == exactly(alone.facts)
    assert store.samples(ORDERS, []) == []


def test_the_sample_itself_is_not_counted(place: Place) -> None:
    stream = random_stream(random.Random(3), "int")
    memory = MemoryEventStore([ORDERS])
    memory.append(stream)
    store = place.open([ORDERS])
    store.append(stream)
    ids = [*dict.fromkeys(event.sample_id for event in stream), None, 123_456_789]
    keys = {
        "store_id": [STORES[k % len(STORES)] for k in range(len(ids))],
        "courier_id": [COURIERS[k % len(COURIERS)] for k in range(len(ids))],
        "zone": "north",
    }
    as_of = START_US + 3_600_000_000
    values = [
        FEATURES.transform_many(each, as_of=as_of, keys=keys, sample_id=ids).tobytes()
        for each in (store, memory)
    ]
    assert values[0] == values[1]


def test_a_correction_moves_a_sample_with_all_that_happened_to_it(place: Place) -> None:
    store = place.open([ORDERS])

    def open_orders(key: str) -> float:
        feature = next(f for f in FEATURES if "between" in type(f).__name__.lower())
        value: float = feature.transform(store, "inference", as_of=LATER, key=key, sample_id=None)
        return value

    data = {"store_id": "store-1", "amount": 5.0}
    store.append([Event("orders", "o", "activated", NOON, data)])
    assert (open_orders("store-1"), open_orders("elsewhere")) == (1, 0)
    store.append([Event("orders", "o", "courier_assigned", NOON + timedelta(minutes=1))])
    moved = Event("orders", "o", "activated", NOON, {"store_id": "elsewhere"}, recorded_at=LATER)
    store.append([moved])
    assert (open_orders("store-1"), open_orders("elsewhere")) == (0, 1)
    store.append([Event("orders", "o", "delivered", NOON + timedelta(minutes=9))])
    assert (open_orders("store-1"), open_orders("elsewhere")) == (0, 0)
    back = Event("orders", "o", "activated", NOON, data, recorded_at=LATER + timedelta(hours=1))
    gone = Event("orders", "o", "delivered", NOON, recorded_at=LATER, retracted=True)
    store.append([back, gone])
    assert (open_orders("store-1"), open_orders("elsewhere")) == (1, 0)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (Event("orders", "o-2", "redy", NOON), UnknownNameError),
        (Event("order", "o-2", "activated", NOON), UnknownNameError),
        (Event("orders", 2, "activated", NOON), SampleIdError),
        (Event("orders", "o-2", "activated", NOON, {"zone": 1}), ColumnError),
        (Event("orders", "o-2", "activated", NOON, {"amount": float("inf")}), ColumnError),
        ("no event", StoreError),
    ],
    ids=["event", "source", "id type", "key type", "number", "no event"],
)
def test_a_bad_event_refuses_the_whole_call_and_leaves_nothing(
    place: Place, bad: Event, error: type[Exception]
) -> None:
    store = place.open([ORDERS])
    good = Event("orders", "o-1", "activated", NOON, {"zone": "north"})
    with pytest.raises(error):
        store.append([good, bad])
    assert store.count(ORDERS) == 0
    assert store.table(ORDERS).empty
    assert store.append([good]).applied == 1


def test_types_are_those_of_whoever_came_first(shared_place: Place) -> None:
    here, there = shared_place.open([ORDERS]), shared_place.open([ORDERS])
    here.append([Event("orders", 1, "activated", NOON, {"store_id": "7"})])
    with pytest.raises(SampleIdError, match="expected an integer, as all ids"):
        there.append([Event("orders", "1", "activated", NOON)])
    with pytest.raises(ColumnError, match="store_id"):
        there.append([Event("orders", 2, "activated", NOON, {"store_id": 7})])
    assert there.append([Event("orders", 2, "activated", NOON, {"store_id": "8"})]).applied == 1


def test_a_query_of_the_wrong_type_is_refused(place: Place) -> None:
    store = place.open([ORDERS])
    store.append([Event("orders", 1, "activated", NOON, {"store_id": "7"})])
    feature = FEATURES[FEATURES.names[0]]
    with pytest.raises(QueryError, match="type str"):
        feature.transform(store, "inference", as_of=LATER, key=7, sample_id=None)
    with pytest.raises(QueryError, match="sample_id"):
        feature.transform(store, "inference", as_of=LATER, key="7", sample_id="1")
    assert np.isnan(feature.transform(store, "inference", as_of=LATER, key="8", sample_id=None))


def test_a_source_declared_differently_is_refused(place: Place) -> None:
    store = place.open([ORDERS])
    other = Source("orders", sample_id="order_id", events=("activated",))
    for ask in (store.table, store.count, lambda source: store.sample(source, 1)):
        with pytest.raises(StoreError, match="declared differently"):
            ask(other)


def test_two_versions_of_a_source_share_a_store(shared_place: Place) -> None:
    """The older one knows fewer events and columns; what it appends moves nobody away."""
    older_source = Source(
        "orders",
        sample_id="order_id",
        events=("activated", "delivered"),
        dimensions=("store_id",),
        attributes=("amount",),
    )
    newer, older = shared_place.open([ORDERS]), shared_place.open([older_source])
    data = {"store_id": "store-1", "zone": "north", "amount": 2.0, "distance_m": 100.0}
    newer.append(
        [
            Event("orders", "o-1", "activated", NOON, data),
            Event("orders", "o-1", "courier_assigned", NOON, {"courier_id": 0}),
        ]
    )
    assert older.table(older_source).columns.tolist() == [
        "order_id", "store_id", "amount", "activated", "delivered",
    ]  # fmt: skip
    delivered = Event("orders", "o-1", "delivered", NOON + timedelta(minutes=5))
    older.append([delivered])
    memory = MemoryEventStore([ORDERS])
    memory.append(
        [
            Event("orders", "o-1", "activated", NOON, data),
            Event("orders", "o-1", "courier_assigned", NOON, {"courier_id": 0}),
            delivered,
        ]
    )
    values = [
        FEATURES.transform_array(
            store,
            as_of=LATER,
            keys={"store_id": "store-1", "courier_id": 0, "zone": "north"},
            sample_id=None,
        ).tobytes()
        for store in (newer, memory)
    ]
    assert values[0] == values[1]


def test_tables_come_in_chunks_and_go_in_again(place: Place) -> None:
    stream = random_stream(random.Random(5), "int")
    store = place.open([ORDERS])
    store.append(stream)
    whole = table_of(store)
    chunks = list(store.table_chunks(ORDERS, 7))
    assert all(len(chunk) <= 7 for chunk in chunks)
    together = pd.concat(chunks).sort_values("order_id").reset_index(drop=True)
    pd.testing.assert_frame_equal(together, whole)
    assert [len(chunk) for chunk in place.open([ORDERS]).table_chunks(ORDERS, 10_000)] == [
        len(whole)
    ]


def test_a_table_appended_is_the_table_read(place: Place) -> None:
    memory = MemoryEventStore([ORDERS])
    memory.append(random_stream(random.Random(6), "str"))
    table = table_of(memory)
    store = place.open([ORDERS])
    store.append_table(ORDERS, table)
    pd.testing.assert_frame_equal(table_of(store), table)
