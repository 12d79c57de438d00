"""Facts: kept per sample in every store, as whoever sent them said, and never part of a feature.

Tests `aggregators.stores.redis.facts`.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aggregators import (
    ColumnError,
    DefinitionError,
    Event,
    MemoryEventStore,
    Source,
    SqliteEventStore,
    StatsBetweenEvents,
    UnknownNameError,
)
from aggregators.parity.history import compare_history
from aggregators.stores.facts import fact_column
from aggregators.stores.records import DeclaredColumns
from tests.aggregators.stores.places import Place

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
PLAIN = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "assigned", "delivered"),
    dimensions=("store_id",),
    attributes=("amount",),
)
ORDERS = replace(PLAIN, facts=("building", "floor", "vehicle"), known_from={"vehicle": "assigned"})


def event(name: str, minute: float = 0.0, recorded: float | None = None, **data: Any) -> Event:
    at = None if recorded is None else NOON + timedelta(minutes=recorded)
    return Event("orders", "o-1", name, NOON + timedelta(minutes=minute), data, at)


def facts_of(store: Any, sample_id: str = "o-1") -> dict[str, Any]:
    found = store.sample(ORDERS, sample_id)
    return {name: value for name, value in found.facts.items() if value is not None}


@pytest.mark.parametrize(
    "value", ["house", "", "[]", 3, 0, -7, 2.5, True, False, 2**63 - 1, -(2**63), 1e300]
)
def test_a_fact_comes_back_as_it_was_said(place: Place, value: Any) -> None:
    store = place.open([ORDERS])
    store.append([event("activated", store_id="s", floor=value)])
    for opened in (store, place.open([ORDERS])):
        (found,) = opened.samples(ORDERS, ["o-1"])
        for facts in (facts_of(opened), found.facts):
            assert (facts["floor"], type(facts["floor"])) == (value, type(value))


def test_missing_facts_are_none_and_whole_numbers_are_integers(place: Place) -> None:
    store = place.open([ORDERS])
    store.append([event("activated", building=None, floor=3.0, vehicle=float("nan"))])
    found = store.sample(ORDERS, "o-1").facts
    assert found == {"building": None, "floor": 3, "vehicle": None}
    assert type(found["floor"]) is int


@pytest.mark.parametrize("value", [[1], {}, float("inf"), b"x", "x" * 257, "\ud800", 2**64])
def test_what_is_no_fact_is_refused_with_its_name(place: Place, value: Any) -> None:
    store = place.open([ORDERS])
    with pytest.raises(ColumnError, match="fact 'building'"):
        store.append([event("activated", building=value)])
    assert store.count(ORDERS) == 0


def test_corrections_retractions_and_any_order_hold_for_facts(place: Place) -> None:
    seed = random.randrange(10**6)
    given = [
        event("activated", building="house", floor=1),
        event("activated", 0, 5, building="tower", floor=True),
        event("assigned", 2, vehicle="bicycle", building="office"),
        event("assigned", 2, 6, vehicle="car"),
        event("delivered", 9, vehicle="scooter"),
        Event("orders", "o-1", "delivered", NOON, {}, NOON + timedelta(hours=1), retracted=True),
    ]
    given += given[:3]
    random.Random(seed).shuffle(given)
    store = place.open([ORDERS])
    for one in given:
        store.append([one])
    facts = facts_of(store)
    assert facts == {"building": "tower", "floor": True, "vehicle": "car"}, f"seed {seed}"
    assert type(facts["floor"]) is bool


@pytest.mark.parametrize("values", [(1, True), (True, 1)])
def test_true_is_not_one(place: Place, values: tuple[Any, Any]) -> None:
    store = place.open([ORDERS])
    results = [store.append([event("activated", 0, 1, floor=value)]) for value in values]
    assert not any(result.duplicates for result in results)
    assert facts_of(store)["floor"] is True  # as "true" comes after "1"


def test_values_of_different_events_that_differ_in_kind_alone(place: Place) -> None:
    store = place.open([ORDERS])
    store.append([event("assigned", 1, floor=1), event("delivered", 2, floor=True)])
    assert facts_of(store)["floor"] is True  # the last recorded one
    store.append([event("activated", 0, floor=1)])
    assert facts_of(store)["floor"] == 1  # the one of the event from which it is known
    assert type(facts_of(store)["floor"]) is int


def test_tables_have_facts_and_give_them_back(place: Place, tmp_path: Path) -> None:
    store = place.open([ORDERS])
    given: list[dict[str, Any]] = [
        {"store_id": "s", "building": "house", "floor": 3, "vehicle": "1"},
        {"building": "tower", "floor": 2**60 + 1, "vehicle": True},
        {"store_id": "s"},
    ]
    store.append(
        [Event("orders", f"o-{i}", "activated", NOON, data) for i, data in enumerate(given)]
    )
    table = store.table(ORDERS).sort_values("order_id")
    assert table["building"].tolist()[:2] == ["house", "tower"]
    assert table["floor"].dtype == "Int64"
    assert table["floor"].tolist()[:2] == [3, 2**60 + 1]
    assert table["vehicle"].tolist()[:2] == ["1", "true"]  # of several kinds: as text
    assert table[["building", "floor", "vehicle"]].iloc[2].isna().all()
    path = tmp_path / "orders.parquet"
    store.export(ORDERS, path, chunk_rows=1)
    back = MemoryEventStore([ORDERS])
    assert back.append_table(ORDERS, pd.read_parquet(path)).applied == 3
    assert facts_of(back, "o-0") == {"building": "house", "floor": 3, "vehicle": "1"}
    assert facts_of(back, "o-2") == {}
    assert compare_history(store, ORDERS, back.table(ORDERS)).is_same
    floors: list[Any] = [3, 4, None]
    wrong = back.table(ORDERS).assign(floor=floors)
    assert compare_history(store, ORDERS, wrong).different == 1


@pytest.mark.parametrize("n_before", [0, 1])
def test_a_table_need_not_have_facts(place: Place, n_before: int) -> None:
    table = pd.DataFrame(
        {
            "order_id": ["o-2", "o-1"],
            "store_id": "s",
            "amount": 1.0,
            "floor": [None, 4],
            **dict.fromkeys(ORDERS.events, pd.Series([NOON, NOON])),
        }
    )
    store = place.open([ORDERS])
    store.append([Event("orders", "o-0", "activated", NOON)][:n_before])
    assert store.append_table(ORDERS, table).applied == 6
    assert facts_of(store) == {"floor": 4}
    assert facts_of(store, "o-2") == {}
    wrong: list[Any] = [None, [4]]
    with pytest.raises(ColumnError, match=r"'floor', row 1"):
        place.open([ORDERS]).append_table(ORDERS, table.assign(floor=wrong))


def test_compaction_forgets_facts_with_their_samples_and_keeps_the_others(place: Place) -> None:
    store = place.open([ORDERS])
    for i, (day, name) in enumerate([(0, "delivered"), (9, "activated")]):
        at = NOON + timedelta(days=day)
        store.append([Event("orders", f"o-{i}", name, at, {"store_id": "s", "floor": i})])
    queue = StatsBetweenEvents(
        ORDERS,
        dimension="store_id",
        function="count",
        first_event="activated",
        second_event="delivered",
    )
    result = store.compact([queue], NOON + timedelta(days=9))
    assert (result.samples_kept, result.samples_dropped) in {(1, 1), (2, 0)}
    for opened in (store, place.open([ORDERS])):
        assert facts_of(opened, "o-1") == {"floor": 1}


def test_a_store_from_before_there_were_facts_takes_them(place: Place) -> None:
    old = place.open([PLAIN])
    old.append([Event("orders", "o-1", "activated", NOON, {"store_id": "s", "amount": 2.0})])
    if place.kind == "memory":
        pytest.skip("a store in memory starts with its sources")
    store = place.open([ORDERS])
    assert facts_of(store) == {}
    store.append([event("assigned", 1, vehicle="car", floor=2)])
    assert facts_of(store) == {"vehicle": "car", "floor": 2}
    assert store.sample(ORDERS, "o-1").keys == {"store_id": "s"}
    again = place.open([PLAIN])
    assert again.sample(PLAIN, "o-1").facts == {}
    assert again.count(PLAIN) == 1


def test_a_column_may_change_what_it_is(place: Place) -> None:
    """As a fact it was sent, as a dimension or an attribute it is read, and the other way round."""
    if place.kind == "memory":
        pytest.skip("a store in memory starts with its sources")
    store = place.open([ORDERS])
    store.append([event("activated", store_id="s", amount=3.0, floor=2, building=True)])
    turned = replace(
        PLAIN, dimensions=("building",), attributes=("floor",), facts=("store_id", "amount")
    )
    found = place.open([turned]).sample(turned, "o-1")
    assert found.keys == {"building": None}  # no dimension is true
    assert found.columns.tolist() == [[2.0]]
    assert found.facts == {"store_id": "s", "amount": 3}


def test_no_feature_rests_on_a_fact() -> None:
    assert replace(PLAIN, known_from={}) == ORDERS
    assert hash(ORDERS) == hash(PLAIN)
    assert replace(ORDERS, known_from={"amount": "assigned"}) != PLAIN
    with pytest.raises(UnknownNameError):
        StatsBetweenEvents(
            ORDERS,
            dimension="building",
            function="count",
            first_event="activated",
            second_event="delivered",
        )
    with pytest.raises(DefinitionError, match="more than once"):
        replace(PLAIN, facts=("amount",))
    with pytest.raises(UnknownNameError):
        replace(ORDERS, facts=())  # known_from names one


def test_columns_of_facts_have_one_type_each() -> None:
    assert fact_column([1, None, 2.5]).tolist()[::2] == [1.0, 2.5]
    assert fact_column([True, None]).dtype == "boolean"
    assert fact_column([2**60, 0.5, "x"]).tolist() == [str(2**60), "0.5", "x"]
    assert fact_column([1, 2], ["text"]).tolist() == ["1", "2"]
    assert fact_column([None]).isna().all()


def test_data_that_a_source_no_longer_declares_are_left_out() -> None:
    data = {"=floor": 3, "amount": 2.5, "=store_id": 7, "=tip": True}
    assert DeclaredColumns(PLAIN).data(data) == {"amount": 2.5, "store_id": 7}
    assert not DeclaredColumns(PLAIN).fits(data)
    assert DeclaredColumns(ORDERS).fits({"=floor": 3, "amount": 2.5})


def test_to_who_knows_no_facts_they_are_columns_of_another_version(place: Place) -> None:
    """In records their names are marked: as no column can be called, so nobody reads them."""
    if place.kind == "memory":
        pytest.skip("a store in memory starts with its sources")
    store, plain = place.open([ORDERS]), place.open([PLAIN])
    store.append([event("activated", store_id="s", amount=2.0, building="house", floor=3)])
    plain.append([event("assigned", 1), event("activated", 0, 5, store_id="t")])
    assert plain.sample(PLAIN, "o-1").keys == {"store_id": "t"}
    assert facts_of(store) == {}  # the correction did not say them
    store.append([event("delivered", 2, floor=True)])
    assert facts_of(place.open([ORDERS])) == {"floor": True}
    assert plain.table(PLAIN)["store_id"].tolist() == ["t"]


def test_an_sqlite_file_keeps_its_schema(tmp_path: Path) -> None:
    """Processes of the version before may have it open: they read on, without the facts."""
    with SqliteEventStore(tmp_path / "events.db", [ORDERS]) as store:
        store.append([event("activated", store_id="s", floor=2)])
        (version,) = store._reader.execute("PRAGMA user_version").fetchone()
    assert version == 2
