"""A log that is read as columns gives the samples that its events give one by one."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aggregators import Event, MemoryEventStore, Source
from aggregators.stores.event_columns import EventColumns
from aggregators.stores.sqlite import log, replay
from aggregators.stores.sqlite.file import connect, prepare
from aggregators.stores.sqlite.log import LogRows
from tests.aggregators.stores.streams import ORDERS, Ids, answers, random_stream

NOON_US = 1_774_742_400_000_000
WEATHER = Source("weather", sample_id="id", events=("observed", "ended"), dimensions=("zone",))
WIDE = Source(
    "wide",
    sample_id="id",
    events=("first", "second"),
    attributes=tuple(f"a{number}" for number in range(63)),
)
SOURCES = (ORDERS, WEATHER, WIDE)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(tmp_path / "events.db")) as opened:
        prepare(opened, tmp_path / "events.db")
        yield opened


@pytest.fixture(autouse=True)
def always_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_MANY_EVENTS", 0)


def rows_of(sources: Iterable[Source]) -> LogRows:
    return LogRows(Path("events.db"), {source.name: source for source in sources})


def written(connection: sqlite3.Connection, stream: list[Event]) -> None:
    """Write events as they are, with all repetitions."""
    rows_of(SOURCES).insert(connection, MemoryEventStore(SOURCES).checked(stream))


def one_by_one(connection: sqlite3.Connection, sources: Iterable[Source]) -> MemoryEventStore:
    memory = MemoryEventStore(sources)
    for _, events in rows_of(memory.sources.values()).after(connection, 0):
        memory.apply(events)
    return memory


def by_columns(connection: sqlite3.Connection, sources: Iterable[Source]) -> MemoryEventStore:
    memory = MemoryEventStore(sources)
    end = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
    rows = rows_of(memory.sources.values())
    assert replay.replay(rows, connection, memory, 0, end) == end
    return memory


def assert_same(found: MemoryEventStore, expected: MemoryEventStore, what: str) -> None:
    for name, source in expected.sources.items():
        one, other = found._states[name], expected._states[name]
        assert one.ids == other.ids, what
        assert one.rows == other.rows, what
        assert (one.id_kind, one.key_kinds) == (other.id_kind, other.key_kinds), what
        assert one.keys == other.keys, what
        assert repr(one.facts) == repr(other.facts), what
        assert one.irregular == other.irregular, what
        n = len(other)
        for field in ("times", "recorded", "carried", "columns"):
            np.testing.assert_array_equal(
                getattr(one, field)[:, :n], getattr(other, field)[:, :n], f"{field}, {what}"
            )
            assert getattr(one, field).flags.c_contiguous
        pd.testing.assert_frame_equal(found.table(source), expected.table(source), obj=what)


def mixed_stream(rng: random.Random, ids: Ids) -> list[Event]:
    """Events of three sources, most of them plain, some repeated, corrected or retracted."""
    stream = random_stream(rng, ids) if rng.random() < 0.8 else []
    for number in range(40):
        for event in WEATHER.events:
            zone = "north" if rng.random() < 0.9 else "south"
            data = {"zone": zone} if rng.random() < 0.5 else {}
            stream.append(Event("weather", number, event, NOON_US + rng.randrange(99), data))
        wide = {f"a{rng.randrange(63)}": float(number)}
        stream.append(Event("wide", f"w-{number}", rng.choice(WIDE.events), NOON_US, wide))
    rng.shuffle(stream)
    return stream


@pytest.mark.parametrize("ids", ["int", "str"])
@pytest.mark.parametrize("rows_at_once", [1, 7, 64, 10_000])
def test_columns_give_the_samples_of_single_events(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, ids: Ids, rows_at_once: int
) -> None:
    seed = random.randrange(10**6)
    monkeypatch.setattr(log, "_FETCH_ROWS", rows_at_once)
    written(connection, mixed_stream(random.Random(seed), ids))
    expected = one_by_one(connection, SOURCES)
    found = by_columns(connection, SOURCES)
    assert_same(found, expected, f"seed {seed}")
    assert answers(found) == answers(expected), f"seed {seed}"


def test_facts_that_are_equal_in_python_alone_are_told_apart(
    connection: sqlite3.Connection,
) -> None:
    pairs: list[tuple[Any, Any]] = [(1, True), (0, False), (1, 1), (True, True), ("1", 1)]
    stream = []
    for number, (one, other) in enumerate(pairs):
        stream.append(Event("orders", number, "activated", NOON_US, {"floor": one}))
        stream.append(Event("orders", number, "delivered", NOON_US, {"floor": other}))
    written(connection, stream)
    found = by_columns(connection, SOURCES)
    assert sorted(found._states["orders"].irregular) == [0, 1, 4]
    assert_same(found, one_by_one(connection, SOURCES), "facts")


def test_what_a_source_does_not_declare_is_left_out(
    connection: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    written(connection, mixed_stream(random.Random(3), "int"))
    narrow = Source("weather", sample_id="id", events=("observed",), dimensions=(), facts=("zone",))
    expected = one_by_one(connection, [narrow])
    found = by_columns(connection, [narrow])
    assert len(found) == 40
    assert_same(found, expected, "narrow")
    assert caplog.text.count("'ended' of 'weather' are not declared") == 2  # once per reading


def test_later_events_meet_earlier_ones(connection: sqlite3.Connection) -> None:
    seed = random.randrange(10**6)
    stream = random_stream(random.Random(seed), "str", n_samples=60)
    memory = MemoryEventStore(SOURCES)
    bounds = sorted({0, len(stream) // 3, len(stream) // 2, len(stream)})
    last = 0
    for start, end in pairwise(bounds):
        written(connection, stream[start:end])
        last = replay.replay(rows_of(SOURCES), connection, memory, last, end)
        assert last == end
    assert_same(memory, one_by_one(connection, SOURCES), f"seed {seed}")


def test_samples_that_are_indexed_take_events_one_by_one(connection: sqlite3.Connection) -> None:
    stream = random_stream(random.Random(5), "str")
    written(connection, stream[:50])
    memory = by_columns(connection, SOURCES)
    answers(memory)
    assert memory.is_indexed
    written(connection, stream[50:])
    replay.replay(rows_of(SOURCES), connection, memory, 50, len(stream))
    assert answers(memory) == answers(one_by_one(connection, SOURCES))


def test_all_batches_see_one_state_of_the_file(
    connection: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(connection, mixed_stream(random.Random(1), "int"))
    expected = one_by_one(connection, SOURCES)
    monkeypatch.setattr(log, "_FETCH_ROWS", 10)
    apply_columns = MemoryEventStore.apply_columns

    def apply_and_delete(memory: MemoryEventStore, given: Iterable[EventColumns]) -> None:
        apply_columns(memory, given)
        with closing(connect(tmp_path / "events.db")) as other:
            other.execute("DELETE FROM events")

    monkeypatch.setattr(MemoryEventStore, "apply_columns", apply_and_delete)
    memory = MemoryEventStore(SOURCES)
    replay.replay(rows_of(SOURCES), connection, memory, 0, 10**6)
    assert_same(memory, expected, "one state")
    assert not connection.in_transaction
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)


def test_a_failure_leaves_no_open_transaction(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(connection, mixed_stream(random.Random(2), "int"))

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(MemoryEventStore, "apply_columns", fail)
    with pytest.raises(MemoryError):
        by_columns(connection, SOURCES)
    assert not connection.in_transaction
