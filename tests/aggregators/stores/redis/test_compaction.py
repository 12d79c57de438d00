"""Forgetting in Redis: the features stay, samples and logs shrink, and all readers hear of it."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from aggregators import Event, MemoryEventStore, QueryError, StatsAfterEvent
from aggregators.stores.redis.append import Writer
from aggregators.stores.redis.compaction import Compaction
from aggregators.stores.redis.connections import Nodes
from aggregators.stores.redis.link import pack
from aggregators.times import from_us
from tests.aggregators.building import source_from
from tests.aggregators.random_data import RandomTable, seeds
from tests.aggregators.replay import events_of
from tests.aggregators.stores.places import Place
from tests.aggregators.stores.streams import END_US, ORDERS, START_US, table_of
from tests.aggregators.stores.test_compaction import SETTLED, answers, long_table, small_specs

HOUR_US = 3_600_000_000
LAST_HOUR = StatsAfterEvent(
    ORDERS, dimension="store_id", function="sum", attribute="amount", event="activated",
    window="1h",
)  # fmt: skip


def logs_of(place: Place) -> dict[bytes, int]:
    """The logs of a place, and how many records and tombstones each has."""
    nodes, logs = Nodes(place.where), {}
    for address in nodes.primaries:
        for key in nodes.run_on(address, pack(b"KEYS", b"*")):
            if place.prefix.encode() in key and key.endswith(b":log"):
                entries = nodes.run_on(address, pack(b"XRANGE", key, b"-", b"+"))
                logs[key] = sum(len(fields) // 2 for _, fields in entries)
    nodes.close()
    return logs


def compaction_moment(table: RandomTable) -> int:
    """A moment at which about half of the samples are settled."""
    starts = sorted(
        min(row[event] for event in table.source.events if row[event] is not None)
        for row in table.rows
        if any(row[event] is not None for event in table.source.events)
    )
    return int(starts[len(starts) // 2]) + 60 * 60 * 10**6


@pytest.mark.parametrize("seed", seeds(3))
def test_features_are_equal_before_and_after_for_all_readers(redis_place: Place, seed: int) -> None:
    table = long_table(seed)
    source = source_from(table.source)
    features = small_specs(seed, source)
    events = list(events_of(table, random.Random(seed)))
    memory = MemoryEventStore([source])
    memory.append(events)
    writer, reader = redis_place.open([source]), redis_place.open([source])
    for first in range(0, len(events), 50):
        writer.append(events[first : first + 50])
    moment = compaction_moment(table)
    before = answers(memory, features, table, seed, moment)
    assert (answers(reader, features, table, seed, moment) == before).all()
    n_before, records_before = writer.count(source), sum(logs_of(redis_place).values())

    expected = memory.compact(features, from_us(moment), SETTLED)
    assert expected.samples_dropped > 0
    assert writer.compact(features, from_us(moment), SETTLED) == expected
    assert writer.count(source) == n_before - expected.samples_dropped
    assert table_of(writer, source).equals(table_of(memory, source))
    for store in (writer, reader, redis_place.open([source])):
        assert (answers(store, features, table, seed, moment) == before).all()
        assert store.compacted_until(source) == moment
    # The second compaction finds nothing more to drop, and the logs have shrunk for good.
    assert writer.compact(features, from_us(moment), SETTLED).samples_dropped == 0
    assert sum(logs_of(redis_place).values()) < records_before


def activated(number: int, hours: float, amount: float = 1.0, store_id: str = "store-1") -> Event:
    """An order, so many hours after the start."""
    data = {"store_id": store_id, "zone": "north", "amount": amount}
    return Event("orders", number, "activated", START_US + int(hours * HOUR_US), data)


def last_hour(store: Any, hours: float, key: str = "store-1") -> float:
    """The amounts of the hour before."""
    as_of = START_US + int(hours * HOUR_US) + 1
    value: float = LAST_HOUR.transform(store, "inference", as_of=as_of, key=key, sample_id=None)
    return value


def test_readers_forget_what_was_dropped(redis_place: Place) -> None:
    writer, reader = redis_place.open([ORDERS]), redis_place.open([ORDERS])
    writer.append([activated(number, number / 100) for number in range(1_000)])
    assert last_hour(reader, 10) == 99
    assert len(reader._reader.memory) == 1_000
    result = writer.compact([LAST_HOUR], START_US + 10 * HOUR_US, "30min")
    assert (result.samples_dropped, result.samples_kept) == (900, 100)
    assert last_hour(reader, 10) == 99
    assert len(reader._reader.memory) == 100
    with pytest.raises(QueryError, match="compacted"):
        last_hour(reader, 9)


def test_what_happens_to_a_dropped_sample_stands_alone_for_all_readers(
    redis_place: Place,
) -> None:
    writer, reader = redis_place.open([ORDERS]), redis_place.open([ORDERS])
    writer.append([activated(number, number) for number in range(10)])
    assert last_hour(reader, 9) == 1
    writer.compact([LAST_HOUR], START_US + 9 * HOUR_US, "30min")
    late = START_US + int(9.5 * HOUR_US)
    writer.append([Event("orders", 1, "courier_assigned", late, {"courier_id": 5})])
    again = Event("orders", 2, "activated", late, {"store_id": "store-1", "amount": 7.0}, END_US)
    writer.append([again])
    for store in (writer, reader, redis_place.open([ORDERS])):
        assert last_hour(store, 9.75) == 7 + 1
        assert last_hour(store, 9) == 1
        assert table_of(store)["order_id"].tolist() == [1, 2, 8, 9]
        assert table_of(store)["store_id"].isna().tolist() == [True, False, False, False]


def test_a_compaction_that_died_is_finished_by_the_next(
    redis_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader = redis_place.open([ORDERS]), redis_place.open([ORDERS])
    writer.append([activated(number, number) for number in range(10)])
    assert last_hour(reader, 9) == 1
    with monkeypatch.context() as patch:
        patch.setattr(Compaction, "clean_logs", lambda *_: None)
        assert writer.compact([LAST_HOUR], START_US + 9 * HOUR_US, "30min").samples_dropped == 8
    assert len(reader._reader.memory) == 10
    assert writer.compact([LAST_HOUR], START_US + 9 * HOUR_US, "30min").samples_dropped == 0
    assert last_hour(reader, 9) == 1
    assert len(reader._reader.memory) == 2


def test_a_sample_to_which_something_happens_meanwhile_stays(
    redis_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, other = redis_place.open([ORDERS]), redis_place.open([ORDERS])
    writer.append([activated(number, number) for number in range(10)])
    decide = MemoryEventStore.not_needed

    def slowly(self: MemoryEventStore, *arguments: Any) -> Any:
        decided = decide(self, *arguments)
        moved = activated(3, 9.5, amount=4.0)
        other.append([Event("orders", 3, "activated", moved.time, moved.data, END_US * 2)])
        return decided

    monkeypatch.setattr(MemoryEventStore, "not_needed", slowly)
    result = writer.compact([LAST_HOUR], START_US + 9 * HOUR_US, timedelta(minutes=30))
    assert (result.samples_dropped, result.samples_kept) == (7, 3)
    for store in (writer, other, redis_place.open([ORDERS])):
        assert last_hour(store, 9.75) == 5


def test_a_sample_of_which_not_all_logs_have_heard_stays(
    redis_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, dead = redis_place.open([ORDERS]), redis_place.open([ORDERS])
    writer.append([activated(number, number) for number in range(10)])
    with monkeypatch.context() as patch:
        patch.setattr(Writer, "_tell_groups", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            dead.append([Event("orders", 3, "delivered", START_US + 4 * HOUR_US)])
    result = writer.compact([LAST_HOUR], START_US + 9 * HOUR_US, "30min")
    assert (result.samples_dropped, result.samples_kept) == (7, 3)
    assert writer.repair(older_than_s=0) == 1
    assert writer.compact([LAST_HOUR], START_US + 9 * HOUR_US, "30min").samples_dropped == 1


def test_tombstones_and_empty_logs_go_when_they_are_old(
    redis_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aggregators.stores.redis.compaction.TOMBSTONES_KEPT_S", -1)
    writer, reader = redis_place.open([ORDERS]), redis_place.open([ORDERS])
    for first in (0, 10):
        closed = [activated(first + number, number, store_id="closed") for number in range(5)]
        writer.append(closed)
        last_hour(reader, 9 + first, "closed")
        writer.compact([LAST_HOUR], START_US + (9 + first) * HOUR_US, "30min")
        assert writer.count(ORDERS) == 0
    writer.append([activated(30, 20), activated(31, 21)])
    assert any(b"closed" in key for key in logs_of(redis_place))
    writer.compact([LAST_HOUR], START_US + int(21.5 * HOUR_US), "30min")
    # Of each log only the last order and the tombstones of this compaction are left.
    assert list(logs_of(redis_place).values()) == [2, 2]
    assert not any(b"closed" in key for key in logs_of(redis_place))
    assert last_hour(reader, 21.5) == 1
    # Ids follow the clock: who has read the log that was deleted reads on in its successor.
    writer.append([activated(40, 21.5, store_id="closed")])
    assert last_hour(reader, 22, "closed") == 1
