"""What a store keeps in order and at hand must never show in a value."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aggregators import Event, MemoryEventStore, Source, StatsLastNSamples
from aggregators.functions import quantile
from aggregators.stores import groups
from aggregators.stores.records import Record
from aggregators.stores.samples import SampleState
from tests.aggregators.building import bits_of, feature_set_from, source_from
from tests.aggregators.random_data import random_queries, random_table, seeds
from tests.aggregators.random_specs import FUNCTION_SPECS, random_spec
from tests.aggregators.replay import events_of, troubled


@pytest.mark.parametrize("slack_us", [0, 3_600_000_000])
@pytest.mark.parametrize("seed", seeds(8))
def test_intervals_without_a_limit_are_right_at_every_moment(
    seed: int, slack_us: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "_FEW_ROWS", 1)
    monkeypatch.setattr(groups, "_SLACK_US", slack_us)
    rng = random.Random(f"open {seed}")
    table = random_table(seed, "int", rows=60)
    specs = [random_spec(rng, "between", rng.choice(FUNCTION_SPECS)) for _ in range(12)]
    specs = [replace(spec, max_age_us=None) for spec in specs]
    features, _ = feature_set_from(specs, table.source)
    source = source_from(table.source)
    store = MemoryEventStore(sources=[source])
    # Several versions of an event: rows close, open again and move to other groups.
    stream = troubled(events_of(table, rng), table, rng)
    for start in range(0, len(stream), 40):
        store.append(stream[start : start + 40])
        queries = random_queries(rng, table, count=6)
        # Mostly in the order of time, as requests come.
        queries.sort(key=lambda query: query["as_of"], reverse=rng.random() < 0.3)
        plain = store.table(source)
        for query in queries:
            asked: dict[str, Any] = {
                "as_of": query["as_of"],
                "keys": {name: query[name] for name in features.dimensions},
                "sample_id": query["order_id"],
            }
            actual = features.transform_array(store, **asked)
            expected = features.transform_array(plain, **asked)
            assert np.array_equal(bits_of(actual), bits_of(expected)), (seed, start, query)


def test_what_closed_long_ago_is_not_read_again() -> None:
    source = Source("orders", sample_id="id", events=("a", "b"), dimensions=("city",))
    store = MemoryEventStore(sources=[source])
    n, minute = 5_000, 60_000_000
    store.append(
        event
        for i in range(n)
        for event in (
            Event("orders", i, "a", i * minute, {"city": "BCN"}),
            Event("orders", i, "b", (i + 10) * minute),
        )
    )
    state = store._states["orders"]
    closed = groups.Group(state.rows_by_group("city", 0)[1])
    assert len(closed.still_open((1,), state.times, n * minute)) < 100
    assert len(closed.still_open((1,), state.times, 10 * minute)) == n  # an earlier moment


def test_samples_are_regular_until_their_events_disagree() -> None:
    source = Source(
        "orders", sample_id="id", events=("a", "b"), dimensions=("city",), attributes=("x",)
    )
    store = MemoryEventStore(sources=[source])
    state: SampleState = store._states["orders"]
    store.append([Event("orders", 1, "a", 10, {"city": "BCN"}, recorded_at=15)])
    store.append([Event("orders", 1, "b", 20, {"city": "BCN", "x": 2.5})])
    assert not state.irregular
    assert state.record_of(1, 0) == Record(10, 15, False, {"city": "BCN"})
    assert state.record_of(1, 1) == Record(20, 20, False, {"city": "BCN", "x": 2.5})
    assert store.append([Event("orders", 1, "b", 20, {"city": "BCN", "x": 2.5})]).duplicates == 1
    assert store.append([Event("orders", 1, "a", 11, recorded_at=14)]).superseded == 1
    assert not state.irregular
    store.append([Event("orders", 1, "a", 10, {"city": "WAW"}, recorded_at=16)])
    assert state.irregular[0][0] == Record(10, 16, False, {"city": "WAW"})
    assert state.irregular[0][1] == Record(20, 20, False, {"city": "BCN", "x": 2.5})
    assert state.value(0, "city") == "WAW"


def test_more_columns_than_there_are_bits() -> None:
    attributes = tuple(f"x{i}" for i in range(70))
    source = Source(
        "orders", sample_id="id", events=("a",), dimensions=("city",), attributes=attributes
    )
    store = MemoryEventStore(sources=[source])
    store.append([Event("orders", 1, "a", 10, {"city": "BCN", "x0": 1.0, "x69": 2.0})])
    again = MemoryEventStore(sources=[source])
    again.append_table(source, store.table(source))
    last = StatsLastNSamples(
        source, dimension="city", function=quantile(0.5), attribute="x69", event="a", n=3
    )
    for each in (store, again):
        assert last.transform(each, "inference", as_of=11, key="BCN", sample_id=None) == 2.0
        assert each.append([Event("orders", 1, "a", 10, {"city": "WAW"})]).superseded + 1 in (1, 2)
