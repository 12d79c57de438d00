"""What a store keeps in order and at hand must never show in a value."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aggregators import (
    Event,
    FeatureSet,
    MemoryEventStore,
    Source,
    StatsBetweenEvents,
    StatsLastNSamples,
)
from aggregators.functions import quantile
from aggregators.stores import groups
from aggregators.stores.records import Record
from aggregators.stores.samples import SampleState
from tests.aggregators.building import bits_of, feature_set_from, source_from
from tests.aggregators.random_data import random_queries, random_table, seeds
from tests.aggregators.random_specs import FUNCTION_SPECS, random_spec
from tests.aggregators.replay import events_of, troubled


@pytest.mark.parametrize("few_bounded", [1, 25])
@pytest.mark.parametrize("slack_us", [0, 600_000_000, 3_600_000_000])
@pytest.mark.parametrize("seed", seeds(8))
def test_intervals_are_right_at_every_moment(
    seed: int, slack_us: int, few_bounded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "_FEW_ROWS", 1)
    monkeypatch.setattr(groups, "_FEW_BOUNDED_ROWS", few_bounded)
    monkeypatch.setattr(groups, "_FEW_NEW_ROWS", 1)
    monkeypatch.setattr(groups, "_SLACK_US", slack_us)
    rng = random.Random(f"open {seed}")
    table = random_table(seed, "int", rows=60)
    specs = [random_spec(rng, "between", rng.choice(FUNCTION_SPECS)) for _ in range(12)]
    specs = [replace(spec, max_age_us=rng.choice((None, spec.max_age_us))) for spec in specs]
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


def rows_read_and_open(n: int, max_age: str | None) -> tuple[int, list[float]]:
    """How many rows a store gives an interval of `n` orders, one a minute, and how many are open.

    Each is open for ten minutes.
    """
    source = Source("orders", sample_id="id", events=("a", "b"), dimensions=("city",))
    minute = 60_000_000
    store = MemoryEventStore(sources=[source])
    store.append(
        Event("orders", i, name, (i + wait) * minute, {"city": "BCN"})
        for i in range(n)
        for name, wait in (("a", 0), ("b", 10))
    )
    opened = StatsBetweenEvents(
        source, dimension="city", function="count", first_event="a", second_event="b",
        max_age=max_age,
    )  # fmt: skip
    plan = FeatureSet([opened]).plan
    with store.read(plan.requests, {"city": ("BCN",)}, {}, n * minute) as (reading,):
        rows = [replace(reading, own_rows=np.array([-1]))]
        return len(reading.rows[0][0]), list(plan.answer_from(rows, n * minute))


@pytest.mark.parametrize("max_age", [None, "20min"])
def test_a_store_gives_an_interval_only_what_is_open(max_age: str | None) -> None:
    n_read, counted = rows_read_and_open(10_000, max_age)
    assert n_read < 50
    assert counted == [10.0]


@pytest.mark.parametrize(("max_age", "n_read"), [(None, 50), ("20min", 2_000)])
def test_moderate_groups_are_given_whole_to_bounded_intervals(
    max_age: str | None, n_read: int
) -> None:
    found, counted = rows_read_and_open(2_000, max_age)
    assert n_read - 50 <= found <= n_read
    assert counted == [10.0]


def many_open_rows(n: int) -> tuple[groups.Group, np.ndarray[Any, Any]]:
    """A group whose row i is open from minute i on, for half a minute."""
    begun = np.arange(n, dtype=np.int64) * 60_000_000
    rows = np.arange(n, dtype=np.int32)
    return groups.Group(rows), np.array([begun, begun + 30_000_000])


def open_at(rows: np.ndarray[Any, Any], times: np.ndarray[Any, Any], moment: int) -> list[int]:
    """Those of the rows that are open at a moment."""
    return [row for row in rows.tolist() if times[0, row] < moment <= times[1, row]]


def test_open_rows_that_are_found_anew_are_not_trusted_for_earlier_moments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(groups, "_FEW_NEW_ROWS", 0)
    group, times = many_open_rows(1_000)
    last = int(times[0, -1])
    group.still_open((1,), times, last)
    kept = group.open_rows[(1,)] if group.open_rows else None
    assert kept is not None
    kept.limit = 0  # as if many rows had joined
    group.still_open((1,), times, kept.since_us)  # the earliest moment for which they hold
    earlier = kept.since_us - 60_000_000 + 1
    found = group.still_open((1,), times, earlier)
    expected = open_at(np.arange(1_000), times, earlier)
    assert len(expected) == 1
    assert open_at(found, times, earlier) == expected


def test_one_moment_far_ahead_does_not_make_later_reads_slow() -> None:
    group, times = many_open_rows(1_000)
    now = int(times[0, 900])
    group.still_open((1,), times, now + 10**15)
    read = [len(group.still_open((1,), times, now + i)) for i in range(20)]
    assert read[0] == 1_000
    assert read[-1] < 150


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
