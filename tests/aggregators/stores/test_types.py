"""Types of ids and keys: declared, refused where they are wrong, and mended, on every store.

Tests `aggregators.stores.redis.types` and `aggregators.stores.sqlite.types`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregators import (
    ColumnError,
    DataError,
    DefinitionError,
    Event,
    SampleIdError,
    Source,
    StatsLastNSamples,
    StoreError,
    UnknownNameError,
)
from aggregators.stores.redis.type_repair import mend_redis
from aggregators.stores.sqlite.type_repair import mend_sqlite
from aggregators.stores.type_repair import MendPlan, MendResult, QuarantineFile, parse_type
from tests.aggregators.stores.places import Place
from tests.spans import spanning

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("ready", "accepted"),
    dimensions=("store_id", "city"),
    attributes=("amount",),
    facts=("floor",),
)
TYPED = replace(ORDERS, types={"order_id": str, "store_id": int})
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def last_amount(dimension: str) -> StatsLastNSamples:
    return StatsLastNSamples(
        ORDERS, dimension=dimension, function="sum", attribute="amount", event="ready", n=99
    )


def value(store: Any, dimension: str, key: Any, *, days: int = 1) -> float:
    feature = last_amount(dimension)
    later = NOON + timedelta(days=days)
    return float(feature.transform(store, "inference", as_of=later, key=key, sample_id=None))


def event(sample_id: Any, store_id: Any, minute: int = 0, **data: Any) -> Event:
    time = NOON + timedelta(minutes=minute)
    return Event("orders", sample_id, "ready", time, {"store_id": store_id, "city": "BCN", **data})


def test_types_are_checked_when_they_are_declared() -> None:
    assert replace(ORDERS, types={"city": str}) == ORDERS, "sources are compared without them"
    with pytest.raises(UnknownNameError, match="amount"):
        replace(ORDERS, types={"amount": int})
    for kind in (float, "integer", None):
        with pytest.raises(DefinitionError, match="expected int or str"):
            replace(ORDERS, types={"store_id": kind})  # type: ignore[dict-item]


def test_the_first_event_is_refused_where_it_is_not_of_the_declared_types(place: Place) -> None:
    store = place.open([TYPED])
    with pytest.raises(SampleIdError, match=r"sample id 1 .* is an integer; expected a string"):
        store.append([event(1, 3)])
    with pytest.raises(ColumnError, match=r"'store_id' .* is '3', a string; expected an integer"):
        store.append([event("o-1", "3")])
    assert store.append([event("o-1", 3, amount=2.0)]).applied == 1
    assert value(store, "store_id", 3) == 2.0
    with pytest.raises(DataError, match="expected"):
        store.append([event("o-2", "3")])


def test_a_table_of_other_types_is_refused(place: Place) -> None:
    import pandas as pd

    table = pd.DataFrame(
        {"order_id": [1], "store_id": [3], "city": ["BCN"], "amount": [1.0], "floor": ["2"],
         "accepted": [NOON], "ready": [NOON]}
    )  # fmt: skip
    store = place.open([TYPED])
    with pytest.raises(SampleIdError, match="expected a string"):
        store.append_table(TYPED, table)
    assert store.append_table(TYPED, table.assign(order_id=["o-1"])).applied == 2


def test_other_processes_that_declare_nothing_refuse_it_too(shared_place: Place) -> None:
    undeclared = shared_place.open([ORDERS])
    shared_place.open([TYPED])
    for store in (undeclared, shared_place.open([ORDERS])):
        with pytest.raises(ColumnError, match="a string; expected an integer"):
            store.append([event("o-1", "3")])
    other = replace(ORDERS, types={"store_id": str})
    with pytest.raises(StoreError, match="declared as"):
        shared_place.open([other])


def test_a_store_that_holds_other_types_says_how_to_mend_it(shared_place: Place) -> None:
    shared_place.open([ORDERS]).append([event("o-1", "3")])
    with pytest.raises(StoreError, match=r"store mend .* --type orders\.store_id=integer"):
        shared_place.open([TYPED])
    shared_place.open([ORDERS]).append([event("o-2", "4")])


def mend(place: Place, folder: Path, plan: MendPlan, **options: Any) -> MendResult:
    quarantine = QuarantineFile(folder / "aside.jsonl")
    if place.kind == "sqlite":
        return mend_sqlite(place.where, plan, quarantine, **options)
    return mend_redis(place.where, plan, quarantine, prefix=place.prefix, **options)


def kept_aside(folder: Path) -> list[dict[str, Any]]:
    path = folder / "aside.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize("open_meanwhile", [True, False])
def test_a_store_is_mended_while_it_is_used(
    shared_place: Place, tmp_path: Path, open_meanwhile: bool
) -> None:
    store = shared_place.open([ORDERS])
    store.append([event(7, "3", amount=1.0, floor="2"), event(8, "3", 1, amount=2.0)])
    store.append([event(9, "x-1", 2, amount=4.0), event(10, "04", 3, amount=8.0)])
    assert value(store, "store_id", "3") == 3.0
    assert value(store, "city", "BCN") == 15.0
    with pytest.raises(DataError):
        store.append([event("o-1", 3)])
    plan = MendPlan("orders", id_kind=str, key_kinds={"store_id": int})
    expected = MendResult(unchanged=0, converted=2, set_aside=2)
    assert mend(shared_place, tmp_path, plan, dry_run=True) == expected
    assert kept_aside(tmp_path) == []
    assert value(store, "store_id", "3") == 3.0
    assert mend(shared_place, tmp_path, plan) == expected
    if not open_meanwhile:
        store = shared_place.open([TYPED])
    assert store.append([event("o-1", 3, 4, amount=16.0)]).applied == 1
    assert value(store, "store_id", 3) == 19.0
    assert value(store, "city", "BCN") == 19.0
    assert sorted(store.table(ORDERS)["order_id"]) == ["7", "8", "o-1"]
    assert store.table(ORDERS)["store_id"].tolist() == [3, 3, 3]
    assert store.sample(ORDERS, "7").facts == {"floor": "2"}
    assert store.append([event("8", 3, 1, amount=2.0)]).duplicates == 1
    quarantine = kept_aside(tmp_path)
    assert sorted(one["reason"] for one in quarantine) == [
        "data.store_id: '04' is no integer",
        "data.store_id: 'x-1' is no integer",
    ]
    assert {one["event"]["subject"] for one in quarantine} == {9, 10}
    assert mend(shared_place, tmp_path, plan) == MendResult(3, 0, 0)


def test_only_keys_are_mended_and_the_other_way_round(shared_place: Place, tmp_path: Path) -> None:
    store = shared_place.open([ORDERS])
    store.append([event("o-1", 3, amount=1.0)])
    store.append([Event("orders", "o-1", "accepted", NOON, {"store_id": 3})])
    store.append([Event("orders", "o-2", "accepted", NOON, {}, retracted=True)])
    assert value(store, "store_id", 3) == 1.0
    plan = MendPlan("orders", key_kinds={"store_id": str})
    assert mend(shared_place, tmp_path, plan) == MendResult(1, 2, 0)
    for one in (store, shared_place.open([ORDERS])):
        assert value(one, "store_id", "3") == 1.0
        assert value(one, "city", "BCN") == 1.0
        assert one.table(ORDERS)["store_id"].tolist() == ["3"]
    store.compact([last_amount("store_id"), last_amount("city")], NOON + timedelta(days=30))
    assert value(shared_place.open([ORDERS]), "store_id", "3", days=30) == 1.0


def test_many_samples_are_mended(shared_place: Place, tmp_path: Path) -> None:
    store = shared_place.open([ORDERS])
    store.append([event(n, "a", amount=1.0) for n in range(200)])
    assert mend(shared_place, tmp_path, MendPlan("orders", id_kind=str)).converted == 200
    assert store.count(ORDERS) == 200
    assert value(store, "store_id", "a") == 99.0


def test_times_that_are_not_sensible_are_set_aside(shared_place: Place, tmp_path: Path) -> None:
    store = shared_place.open([ORDERS])
    with spanning("1900-01-01/9999-01-01"):
        far = datetime(9000, 1, 1, tzinfo=UTC)
        store.append([Event("orders", "o-1", "ready", far, {"city": "BCN", "amount": 1.0})])
        store.append([event("o-2", "a", amount=2.0), Event("orders", "o-1", "accepted", NOON)])
    with spanning("2000-01-01/2100-01-01"):
        found = mend(shared_place, tmp_path, MendPlan("orders", times=True))
    assert found == MendResult(2, 0, 1)
    (quarantine,) = kept_aside(tmp_path)
    assert quarantine["event"]["time"] == "9000-01-01T00:00:00+00:00"
    assert "outside the span" in quarantine["reason"]
    assert value(store, "city", "BCN") == 2.0
    assert store.count(ORDERS) == 2


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_source_that_is_not_there_is_named(
    shared_place: Place, tmp_path: Path, dry_run: bool
) -> None:
    store = shared_place.open([ORDERS])
    with pytest.raises(StoreError, match="no source 'order'; it has none yet"):
        mend(shared_place, tmp_path, MendPlan("order", times=True), dry_run=dry_run)
    store.append([event("o-1", "3")])
    for plan in (MendPlan("order", key_kinds={"store_id": int}), MendPlan("order", times=True)):
        with pytest.raises(StoreError, match="no source 'order'; expected one of orders"):
            mend(shared_place, tmp_path, plan, dry_run=dry_run)
    assert mend(shared_place, tmp_path, MendPlan("orders", times=True)).unchanged == 1


def test_options_are_read() -> None:
    assert parse_type("orders=string") == ("orders", "", str)
    for text in ("orders", "orders=text", "=integer", "orders.store_id"):
        with pytest.raises(DefinitionError, match="SOURCE=integer"):
            parse_type(text)


def test_there_must_be_a_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no event store"):
        mend_sqlite(
            tmp_path / "x.db", MendPlan("orders", id_kind=int), QuarantineFile(tmp_path / "a")
        )
