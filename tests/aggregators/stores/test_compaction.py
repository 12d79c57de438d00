"""A compaction drops what no feature can ask for any more, and changes nothing that it can.

Tests `aggregators.stores.sqlite.compaction`.
"""

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
