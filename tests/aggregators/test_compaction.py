"""A compaction drops what no feature can ask for any more, and changes nothing that it can."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aggregators import (
    Event,
    FeatureSet,
    MemoryEventStore,
    QueryError,
    Source,
    SqliteEventStore,
    StatsAfterEvent,
    StatsBetweenEvents,
    StatsLastNSamples,
)
from aggregators.stores import EventStore
from tests.aggregators.building import bits_of, feature_set_from, source_from
from tests.aggregators.random_data import RandomTable, random_queries, random_table, seeds
from tests.aggregators.random_specs import random_spec
from tests.aggregators.replay import events_of
from tests.aggregators.specs import MINUTE

SETTLED = timedelta(minutes=30)
MINUTES = 300


def long_table(seed: int) -> RandomTable:
    """A table whose samples follow each other over hours; none lives longer than SETTLED."""
    table = random_table(seed, "str", rows=150)
    rng = random.Random(f"long {seed}")
    for row in table.rows:
        times = [row[event] for event in table.source.events if row[event] is not None]
        start = rng.randrange(MINUTES) * MINUTE
        for event in table.source.events:
            if row[event] is not None:
                row[event] = min(row[event] - min(times), 29 * MINUTE) + min(times) + start
    return table


def small_specs(seed: int, source: Any) -> FeatureSet:
    """Features of few samples and short windows, so that there is something to drop."""
    rng = random.Random(f"small {seed}")
    specs = [random_spec(rng) for _ in range(25)]
    specs = [replace(spec, n=min(spec.n, 5)) if spec.kind == "last_n" else spec for spec in specs]
    return feature_set_from(specs, source)[0]


def answers(
    store: EventStore, features: FeatureSet, table: RandomTable, seed: int, earliest_us: int
) -> Any:
    queries = random_queries(random.Random(f"asked {seed}"), table, count=60)
    return bits_of(
        features.transform_many(
            store,
            as_of=[max(query["as_of"], earliest_us) for query in queries],
            keys={name: [query[name] for query in queries] for name in features.dimensions},
            sample_id=[query["order_id"] for query in queries],
        )
    )


def opened(kind: str, source: Source, folder: Path) -> EventStore:
    if kind == "memory":
        return MemoryEventStore(sources=[source])
    return SqliteEventStore(folder / "events.db", sources=[source])


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("seed", seeds(6))
def test_features_are_equal_before_and_after(seed: int, kind: str, tmp_path: Path) -> None:
    table = long_table(seed)
    source = source_from(table.source)
    features = small_specs(seed, table.source)
    events = sorted(events_of(table, random.Random(seed)), key=lambda event: event.time_us)
    now = len(events) * 3 // 4
    now_us = events[now].time_us
    as_of_us = now_us - 10 * MINUTE
    complete = MemoryEventStore(sources=[source])
    compacted = opened(kind, source, tmp_path)
    for store in (complete, compacted):
        store.append(events[:now])
    before = len(compacted.table(source))
    result = compacted.compact(features, as_of=as_of_us, settled_after=SETTLED)
    assert result.samples_dropped > 0
    assert result.samples_kept == len(compacted.table(source)) == before - result.samples_dropped
    expected = answers(complete, features, table, seed, as_of_us)
    assert np.array_equal(answers(compacted, features, table, seed, as_of_us), expected)
    for store in (complete, compacted):
        store.append(events[now:])
    expected = answers(complete, features, table, seed + 1, as_of_us)
    assert np.array_equal(answers(compacted, features, table, seed + 1, as_of_us), expected)


@pytest.mark.parametrize("seed", seeds(3))
def test_a_file_and_those_who_have_it_open_forget_together(seed: int, tmp_path: Path) -> None:
    table = long_table(seed)
    source = source_from(table.source)
    features = small_specs(seed, table.source)
    with (
        SqliteEventStore(tmp_path / "events.db", sources=[source]) as store,
        SqliteEventStore(tmp_path / "events.db", sources=[source]) as other,
    ):
        store.append(events_of(table, random.Random(seed)))
        assert len(other.table(source)) == len(store.table(source))
        latest = max(event.time_us for event in events_of(table, random.Random(seed)))
        store.compact(features, as_of=latest, settled_after=SETTLED)
        left = store.table(source)["order_id"].tolist()
        assert sorted(other.table(source)["order_id"]) == sorted(left)
        for each in (store, other):
            assert each.compacted_until(source) == latest
            with pytest.raises(QueryError, match="was compacted for requests from"):
                answers(each, features, table, seed, earliest_us=latest - 1)
        with SqliteEventStore(tmp_path / "events.db", sources=[source]) as third:
            assert sorted(third.table(source)["order_id"]) == sorted(left)
            assert third.compacted_until(source) == latest
        # Numbers of the log go on: nobody misses what comes next.
        store.append([Event("orders", "new", source.events[0], latest + 1)])
        assert "new" in other.table(source)["order_id"].tolist()


ORDERS = Source("orders", sample_id="order_id", events=("a", "b"), dimensions=("store_id",))
NOON_US = 1_767_268_800_000_000


def stored(times: list[tuple[int | None, int | None]]) -> MemoryEventStore:
    store = MemoryEventStore(sources=[ORDERS])
    for i, row in enumerate(times):
        store.append(
            Event("orders", i, event, NOON_US + time, {"store_id": "s"} if event == "a" else {})
            for event, time in zip(ORDERS.events, row, strict=True)
            if time is not None
        )
    return store


def kept(store: MemoryEventStore, feature: Any, as_of: int = 100) -> list[int]:
    store.compact([feature], as_of=NOON_US + as_of, settled_after=timedelta(microseconds=1))
    ids: list[int] = store.table(ORDERS)["order_id"].tolist()
    return ids


COUNT: dict[str, Any] = {"dimension": "store_id", "function": "count"}


def test_the_last_n_and_one_for_the_sample_itself_stay() -> None:
    last = StatsLastNSamples(ORDERS, event="a", n=2, **COUNT)
    assert kept(stored([(t, None) for t in (10, 20, 30, 40, 50)]), last) == [2, 3, 4]


def test_samples_of_a_later_moment_do_not_push_out_those_that_count_at_an_earlier_one() -> None:
    last = StatsLastNSamples(ORDERS, event="a", n=1, **COUNT)
    times: list[tuple[int | None, int | None]] = [(t, None) for t in (10, 20, 30, 100, 110, 120)]
    assert kept(stored(times), last) == [1, 2, 3, 4, 5]


def test_a_window_keeps_its_own_edge() -> None:
    window = StatsAfterEvent(ORDERS, event="a", window=timedelta(microseconds=60), **COUNT)
    assert kept(stored([(t, None) for t in (38, 39, 40, 41)]), window) == [2, 3]


def test_what_is_open_stays_and_what_has_closed_goes() -> None:
    is_open = StatsBetweenEvents(ORDERS, first_event="a", second_event="b", **COUNT)
    assert kept(stored([(1, None), (2, 98), (3, 100), (4, 98)]), is_open) == [0, 2]
    recent = StatsBetweenEvents(
        ORDERS, first_event="a", second_event="b", max_age=timedelta(microseconds=50), **COUNT
    )
    assert kept(stored([(49, None), (50, None), (60, 98)]), recent) == [1]


def test_a_sample_to_which_more_may_happen_stays() -> None:
    store = stored([(10, None), (60, None), (10, 60)])
    last = StatsAfterEvent(ORDERS, event="b", window=timedelta(microseconds=1), **COUNT)
    store.compact([last], as_of=NOON_US + 100, settled_after=timedelta(microseconds=40))
    assert store.table(ORDERS)["order_id"].tolist() == [1, 2]


def test_sources_without_features_are_left_alone() -> None:
    weather = Source("weather", sample_id="id", events=("observed",), dimensions=("city",))
    store = MemoryEventStore(sources=[ORDERS, weather])
    store.append([Event("weather", 1, "observed", NOON_US, {"city": "BCN"})])
    last = StatsAfterEvent(ORDERS, event="b", window="1h", **COUNT)
    result = store.compact([last], as_of=NOON_US + 10**12)
    assert (result.samples_kept, result.samples_dropped) == (0, 0)
    assert len(store.table(weather)) == 1
