"""What has changed in a group is noted, whatever happens to its samples."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aggregators import Event, FeatureSet, MemoryEventStore, SqliteEventStore, StatsAfterEvent
from aggregators.stores import watches
from aggregators.stores.samples import SampleState
from aggregators.stores.watches import Watch
from aggregators.times import NEVER
from tests.aggregators.stores.streams import (
    END_US,
    ORDERS,
    START_US,
    STORES,
    ZONES,
    batches,
    random_stream,
)

RECENT = FeatureSet(
    [StatsAfterEvent(ORDERS, dimension="zone", function="count", event="delivered", window="20min")]
)
Image = tuple[list[int], list[float | None]]


def images(state: SampleState, dimension: str, key: Any) -> dict[int, Image]:
    """Times and columns of the samples that have a key."""
    return {
        row: image(state.times[:, row], state.columns[:, row])
        for row, value in enumerate(state.keys[dimension])
        if value == key and type(value) is type(key)
    }


def image(times: Any, columns: Any) -> Image:
    """One sample's times and columns, comparable."""
    return times.tolist(), [None if np.isnan(value) else value for value in columns.tolist()]


def check(watch: Watch, before: dict[int, Image], after: dict[int, Image]) -> None:
    """What differs was noted, as it was before, and nothing else was said of what was before."""
    assert before.keys() <= after.keys()  # or the watch would be lost
    changed = watch.take()
    for row, now in after.items():
        assert row in changed or before.get(row) == now
    for row, old in changed.items():
        assert row in after
        assert (None if old is None else image(*old)) == before.get(row)
    assert not watch.take()


@pytest.mark.parametrize("seed", range(4))
def test_every_change_of_a_group_is_noted(seed: int) -> None:
    rng = random.Random(seed)
    store = MemoryEventStore([ORDERS])
    state: SampleState = store._states["orders"]
    groups = [("zone", zone) for zone in ZONES] + [("store_id", store_id) for store_id in STORES]
    kept = {group: (state.watches.watch(*group), images(state, *group)) for group in groups}
    n_lost = n_kept = 0
    for piece in batches(random_stream(rng, "str", n_samples=60), rng):
        store.append(piece)
        for group, (watch, before) in kept.items():
            after = images(state, *group)
            if watch.is_lost:
                n_lost += 1
                assert not watch.changed
                watch = state.watches.watch(*group)
            elif rng.random() < 0.5:
                check(watch, before, after)
                n_kept += 1
            else:
                continue  # two pieces of the stream at once
            kept[group] = (watch, after)
    assert n_lost > 0, f"seed {seed}"
    assert n_kept > 5, f"seed {seed}"


def test_other_processes_events_are_noted(tmp_path: Path) -> None:
    here, there = (SqliteEventStore(tmp_path / "events.db", sources=[ORDERS]) for _ in range(2))
    state: SampleState = here._memory._states["orders"]
    watch = state.watches.watch("zone", "north")
    there.append([Event("orders", 1, "activated", START_US, {"zone": "north"})])
    assert not watch.changed
    assert here.count(ORDERS) == 1
    assert watch.take() == {0: None}
    there.append([Event("orders", 1, "delivered", START_US + 1)])
    assert here.count(ORDERS) == 1
    (old,) = watch.take().values()
    assert old is not None
    assert old.times.tolist() == [START_US, NEVER, NEVER]
    there.close()
    here.close()


def test_nothing_is_noted_of_groups_that_nobody_watches() -> None:
    store = MemoryEventStore([ORDERS])
    state: SampleState = store._states["orders"]
    store.append([Event("orders", 1, "activated", START_US, {"zone": "north"})])
    assert not state.watches.groups
    watch = state.watches.watch("zone", "north")
    store.append([Event("orders", 2, "activated", START_US, {"zone": "south"})])
    assert not watch.changed
    watch.lose()
    store.append([Event("orders", 1, "delivered", END_US)])
    assert not watch.changed
    assert not state.watches.groups["zone"]["north"]  # it is forgotten


def test_rows_with_new_numbers_end_a_watch() -> None:
    store = MemoryEventStore([ORDERS])
    state: SampleState = store._states["orders"]
    store.append(
        Event("orders", k, "delivered", START_US + k * 3_600_000_000, {"zone": "north"})
        for k in range(100)
    )
    watch = state.watches.watch("zone", "north")
    dropped = store.compact(RECENT, as_of=START_US + 90 * 3_600_000_000)
    assert dropped.samples_dropped > 0
    assert watch.is_lost
    assert not state.watches.groups


def test_a_sample_that_leaves_ends_the_watch_of_its_old_group_alone() -> None:
    store = MemoryEventStore([ORDERS])
    state: SampleState = store._states["orders"]
    event = Event("orders", 1, "activated", START_US, {"zone": "north"}, recorded_at=END_US)
    store.append([event])
    north, south = (state.watches.watch("zone", zone) for zone in ZONES)
    store.append(
        [Event("orders", 1, "activated", START_US, {"zone": "south"}, recorded_at=END_US + 1)]
    )
    assert north.is_lost
    assert not south.is_lost
    assert south.take() == {0: None}


def test_too_many_changes_end_a_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "MAX_CHANGED_ROWS", 3)
    store = MemoryEventStore([ORDERS])
    watch = store._states["orders"].watches.watch("zone", "north")
    for k in range(3):
        store.append([Event("orders", k, "activated", START_US, {"zone": "north"})])
    assert len(watch.changed) == 3
    store.append([Event("orders", 4, "activated", START_US, {"zone": "north"})])
    assert watch.is_lost
    assert not watch.changed
