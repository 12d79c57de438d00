"""Kept windows of a process take no more memory than they may, and whoever is idle gives way."""

from __future__ import annotations

import random

import pytest

from aggregators import FeatureSet, MemoryEventStore
from aggregators.engine.serving import kept_memory, kept_windows
from aggregators.engine.serving.kept_memory import MAX_KEPT_BYTES, KeptCounts, KeptMemory
from aggregators.engine.serving.kept_windows import KeptWindows
from tests.aggregators.engine.serving.busy_city import (
    BUSY,
    ORDERS,
    asked_at,
    busy_events,
    check,
    direct_plan,
    windows_of,
)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> KeptMemory:
    """The memory of a process without other windows."""
    result = KeptMemory(MAX_KEPT_BYTES)
    monkeypatch.setattr(kept_memory, "KEPT_MEMORY", result)
    return result


def test_kept_windows_take_no_more_memory_than_they_may(
    memory: KeptMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(4)
    direct = direct_plan(BUSY)
    store = MemoryEventStore([ORDERS])
    store.append(events := busy_events(rng, 6_000))
    now = events[-1].time_us
    BUSY.transform_array(store, **asked_at(now))
    (kept,) = windows_of(store)
    memory.bytes_max = kept.n_bytes + 10_000
    monkeypatch.setattr(kept_windows, "LOOK_EVERY", 1)
    monkeypatch.setattr(kept_windows, "_SPARE_NODES", 1_000)
    for i in range(30):
        key = {"city": rng.choice("ab"), "zone": rng.choice("xyz")}
        check(BUSY, direct, store, asked_at(now + i, **key), 4)
        assert memory.n_bytes <= memory.bytes_max + 8 * 10_000  # and its scratch
    assert len(kept) < 5
    assert memory.counts.n_crowded > 0


def test_windows_that_are_not_asked_for_give_way_to_others(
    memory: KeptMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_windows, "LOOK_EVERY", 1)
    store = MemoryEventStore([ORDERS])
    store.append(events := busy_events(random.Random(9), 4_000))
    other = FeatureSet(list(BUSY.features))
    direct = direct_plan(BUSY)
    now = events[-1].time_us

    def ask(features: FeatureSet) -> KeptWindows:
        for i in range(4):
            check(features, direct, store, asked_at(now + i), 9)
        return windows_of(store)[-1]

    first = ask(BUSY)
    assert len(first) > 0
    memory.bytes_max = memory.n_bytes + 1_000
    second = ask(other)
    assert first.n_bytes > 0
    assert second.n_bytes == 0  # the first answered just now: it keeps its memory
    monkeypatch.setattr(kept_memory, "IDLE_ANSWERS", 2)
    ask(other)
    assert first.n_bytes == 0
    assert second.n_bytes == memory.n_bytes > 0
    assert ask(BUSY) is second  # the values of both are those of the samples
    memory.bytes_max = 0
    monkeypatch.setattr(kept_windows, "REFUSED_REQUESTS", 0)
    third = FeatureSet(list(BUSY.features))
    assert len(ask(third)) == 0


def test_the_listener_is_told_what_windows_take(memory: KeptMemory) -> None:
    told: list[KeptCounts] = []
    memory.listener = told.append
    store = MemoryEventStore([ORDERS])
    store.append(events := busy_events(random.Random(10), 4_000))
    now = events[-1].time_us
    for i in range(40):
        BUSY.transform_array(store, **asked_at(now + i))
    store.compact(BUSY, as_of=now, settled_after="1h")
    for i in range(80):
        BUSY.transform_array(store, **asked_at(now + 40 + i))
    (kept,) = windows_of(store)
    assert told[-1] == KeptCounts(kept.n_bytes, n_built=4, n_changed=2, n_crowded=0)
    assert kept.n_bytes > 0
    assert [counts.n_built for counts in told] == sorted(counts.n_built for counts in told)
