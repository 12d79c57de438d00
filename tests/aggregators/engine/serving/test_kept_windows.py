"""What is kept of windows never shows in a value: not after any event, moment or order of them.

Tests aggregators.engine.serving.kept_packing and aggregators.engine.serving.kept_groups, and the
kernels:
aggregators.kernels.kept.answering, its layout (aggregators.kernels.kept.layout),
aggregators.kernels.kept.changes, aggregators.kernels.kept.going_back with its journal
(aggregators.kernels.sliding.journal), and aggregators.kernels.sliding.places.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aggregators import (
    Event,
    FeatureSet,
    MemoryEventStore,
    SqliteEventStore,
)
from aggregators.engine.serving import kept_windows
from aggregators.engine.serving.inference import InferencePlan
from aggregators.stores import EventStore
from tests.aggregators.building import bits_of, feature_set_from, source_from
from tests.aggregators.engine.serving.busy_city import (
    BUSY,
    ORDERS,
    asked_at,
    busy_events,
    check,
    direct_plan,
    windows_of,
)
from tests.aggregators.random_data import (
    IS_UNCOMPILED,
    START_US,
    RandomTable,
    random_key,
    random_table,
    seeds,
)
from tests.aggregators.random_specs import FUNCTION_SPECS, random_spec
from tests.aggregators.replay import events_of, troubled
from tests.aggregators.specs import MINUTE, PLAIN_FUNCTIONS, FunctionSpec, quantile_of
from tests.aggregators.stores_under_test import STORES

NATIVE = (*(FunctionSpec(name) for name in PLAIN_FUNCTIONS), quantile_of(0.1), quantile_of(0.9))
DURATION_US = 45 * MINUTE


@pytest.fixture(params=[3, 10**6])
def keep_all(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every window is kept from the first request on; it is built in few steps or in many."""
    monkeypatch.setattr(kept_windows, "MIN_KEPT_ROWS", 1)
    monkeypatch.setattr(kept_windows, "LOOK_EVERY", 1)
    monkeypatch.setattr(kept_windows, "SAMPLES_PER_CALL", request.param)
    monkeypatch.setattr(kept_windows, "LEAST_SAMPLES_PER_WINDOW", min(2, request.param))


def features_of(rng: random.Random, table: RandomTable) -> FeatureSet:
    """Features over windows of time, most of whose functions can be kept."""
    specs = [random_spec(rng, "after", rng.choice(NATIVE)) for _ in range(10)]
    specs += [random_spec(rng, "after", rng.choice(FUNCTION_SPECS)) for _ in range(3)]
    specs += [random_spec(rng) for _ in range(3)]
    long = [replace(spec, window_us=rng.choice((5, 15, 45)) * MINUTE) for spec in specs[:6]]
    features, _ = feature_set_from([*specs[6:], *long], table.source)
    return features


def moments(rng: random.Random) -> Iterator[int]:
    """Moments that mostly ascend, go back by a little often, and by much sometimes."""
    now = START_US
    while True:
        now += rng.choice((0, 1, MINUTE // 3, MINUTE))
        draw = rng.random()
        back = rng.choice((1, 1_000_000, MINUTE, 3 * MINUTE)) if draw < 0.4 else 0
        if draw < 0.03:
            back = rng.randrange(DURATION_US)
        yield now - back + rng.choice((0, 0, -1, 1))


def query(rng: random.Random, table: RandomTable, as_of: int) -> dict[str, Any]:
    """Keys and an own sample, at a moment."""
    known = rng.choice(table.rows)
    keys = {
        name: known[name] if rng.random() < 0.5 else random_key(rng, name, table.ids)
        for name in table.source.dimensions
    }
    own = known[table.source.sample_id] if rng.random() < 0.5 else None
    return {"as_of": as_of, "keys": keys, "sample_id": own}


@pytest.mark.usefixtures("keep_all")
@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("seed", seeds(6))
def test_kept_windows_give_what_the_samples_give(kind: str, seed: int, tmp_path: Path) -> None:
    rng = random.Random(f"kept {seed}")
    table = random_table(seed, rng.choice(("int", "str")), rows=60)
    features = features_of(rng, table)
    source = source_from(table.source)
    direct = direct_plan(features)
    store = STORES[kind](table, tmp_path / "events.db")
    others = store
    if kind == "sqlite":
        others = SqliteEventStore(tmp_path / "events.db", sources=[source])
    events = events_of(table, rng)
    events.sort(key=lambda event: event.time_us)
    stream = [*events, *troubled(events, table, rng)] if rng.random() < 0.5 else events
    if rng.random() < 0.5:
        stream = troubled(events, table, rng)
    when = moments(rng)
    while stream:
        n = rng.choice((1, 1, 2, 5, 30))
        (store if rng.random() < 0.5 else others).append(stream[:n])
        stream = stream[n:]
        for _ in range(rng.choice((1, 3))):
            check(features, direct, store, query(rng, table, next(when)), seed)
        if rng.random() < 0.1:
            check_many(features, direct, store, rng, table, next(when), seed)
        if rng.random() < 0.05:
            at = query(rng, table, next(when))
            expected = features.transform_array(store.table(source), **at)
            actual = features.transform_array(store, **at)
            assert np.array_equal(bits_of(actual), bits_of(expected)), f"seed {seed}, {at}"
    assert sum(kept.n_answered for kept in windows_of(store)) > 100, f"seed {seed}"
    others.close()
    store.close()


def check_many(
    features: FeatureSet,
    direct: InferencePlan,
    store: EventStore,
    rng: random.Random,
    table: RandomTable,
    as_of: int,
    seed: int,
) -> None:
    """Many queries of several groups and moments have the same bits, too."""
    queries = [query(rng, table, as_of + rng.randrange(-MINUTE, MINUTE)) for _ in range(12)]
    asked: dict[str, Any] = {
        "as_of": np.array([one["as_of"] for one in queries]),
        "keys": {name: [one["keys"][name] for one in queries] for name in features.dimensions},
        "sample_id": [one["sample_id"] for one in queries],
    }
    actual = features.transform_many(store, **asked)
    expected = direct.answer_many(store, **asked)
    assert np.array_equal(bits_of(actual), bits_of(expected)), f"seed {seed}"


def test_short_windows_are_not_kept() -> None:
    rng = random.Random(1)
    store = MemoryEventStore([ORDERS])
    events = busy_events(rng, 300)
    store.append(events)
    for i in range(70):
        BUSY.transform_array(store, **asked_at(events[-1].time_us + i))
    assert [len(kept) for kept in windows_of(store)] == [0]


def test_long_windows_are_kept_until_the_store_is_compacted() -> None:
    rng = random.Random(2)
    direct = direct_plan(BUSY)
    store = MemoryEventStore([ORDERS])
    events = busy_events(rng, 4_000)
    store.append(events[:9_000])
    now = events[9_000].time_us
    for i in range(3):
        check(BUSY, direct, store, asked_at(now + i), 2)
    (kept,) = windows_of(store)
    assert len(kept) == 2  # six hours of the city and of the zone; an hour has 180 orders of it
    assert kept.n_answered == 2 * 2
    n = 20 if IS_UNCOMPILED else 200
    for i, event in enumerate(events[9_000 : 9_000 + n]):
        store.append([event])
        check(BUSY, direct, store, asked_at(event.time_us + 1 - (i % 3) * 5_000_000), 2)
    assert kept.n_built == 2
    assert kept.n_answered > 2 * n
    until = events[9_000 + n].time_us
    assert store.compact(BUSY, as_of=until, settled_after="1h").samples_dropped > 0
    check(BUSY, direct, store, asked_at(until), 2)
    for i in range(40):
        check(BUSY, direct, store, asked_at(until + i), 2)
    assert sum(one.n_built for one in windows_of(store)) == 4


@pytest.mark.usefixtures("keep_all")
def test_a_window_that_is_being_built_begins_with_its_first_request() -> None:
    direct = direct_plan(BUSY)
    store = MemoryEventStore([ORDERS])
    store.append(events := busy_events(random.Random(8), 600))
    now = events[1_500].time_us
    for back_s in (0, 5, 20, 600, 1, 3_600):
        for i in range(20):
            check(BUSY, direct, store, asked_at(now - back_s * 1_000_000 + i), 8)


def test_a_correction_changes_a_kept_window_without_building_it_anew() -> None:
    rng = random.Random(3)
    features = FeatureSet(f for f in BUSY if f.name.find("trend") < 0 and f.name.find("last") < 0)
    direct = direct_plan(features)
    store = MemoryEventStore([ORDERS])
    events = busy_events(rng, 4_000)
    store.append(events)
    now = events[-1].time_us + 1
    for i in range(4):
        features.transform_array(store, **asked_at(now + i))
    (kept,) = windows_of(store)
    built = kept.n_built
    assert built > 0
    for i in range(60):
        old = rng.choice(events[6_000:])
        time_us = old.time_us + rng.choice((0, -7_000_000, 900_000_000))
        data = {"amount": rng.uniform(1, 90)} if old.event == "activated" else {}
        data = {**old.data, **data}
        retracted = old.event != "activated" and rng.random() < 0.3
        event = Event("orders", old.sample_id, old.event, time_us, data, now + i, retracted)
        store.append([event])
        check(features, direct, store, asked_at(now + i - rng.choice((0, 10_000_000))), 3)
    assert kept.n_built == built
    assert kept.n_answered > 60


def test_windows_of_many_attributes_find_room(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(5)
    direct = direct_plan(BUSY)
    store = MemoryEventStore([ORDERS])
    store.append(events := busy_events(rng, 4_000))
    # One sample of these features needs more room than this, as one of many attributes would.
    for spare in ("_SPARE_NODES", "_SPARE_ENTRIES"):
        monkeypatch.setattr(kept_windows, spare, 2)
    for i in range(8):
        check(BUSY, direct, store, asked_at(events[-1].time_us + i), 5)
    (kept,) = windows_of(store)
    assert kept.n_answered > 0


def test_threads_may_ask_and_append_at_once() -> None:
    rng = random.Random(5)
    direct = direct_plan(BUSY)
    store = MemoryEventStore([ORDERS])
    events = busy_events(rng, 4_000)
    store.append(events[:8_000])
    errors: list[BaseException] = []
    ends = threading.Event()

    def ask(number: int) -> None:
        own = random.Random(number)
        try:
            while not ends.is_set():
                now = events[8_000].time_us + own.randrange(60_000_000)
                BUSY.transform_array(store, **asked_at(now, own.choice("ab"), own.choice("xyz")))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for event in events[8_000:9_000]:
        store.append([event])
    ends.set()
    for thread in threads:
        thread.join()
    assert not errors
    for city, zone in (("a", "x"), ("b", "y"), ("a", "z")):
        for _ in range(2):
            check(BUSY, direct, store, asked_at(events[9_000].time_us, city, zone), 5)
    assert sum(kept.n_answered for kept in windows_of(store)) > 0


def test_sums_that_need_long_integers_are_computed_from_the_samples() -> None:
    direct = direct_plan(BUSY)
    store = MemoryEventStore([ORDERS])
    events = busy_events(random.Random(6), 2_000)
    huge = [replace(e, data={**e.data, "amount": 1e300}) if e.data else e for e in events[-30:]]
    store.append([*events[:-30], *huge])
    for i in range(40):
        check(BUSY, direct, store, asked_at(events[-1].time_us + i), 6)
    (kept,) = windows_of(store)
    assert kept.n_answered > 0


def test_another_plan_of_the_same_store_keeps_its_own() -> None:
    store = MemoryEventStore([ORDERS])
    store.append(events := busy_events(random.Random(7), 3_000))
    other = FeatureSet(BUSY.features[5:6])
    for features in (BUSY, other):
        for i in range(3):
            features.transform_array(
                store, as_of=events[-1].time_us + i, sample_id=None,
                keys={name: "a" if name == "city" else "x" for name in features.dimensions},
            )  # fmt: skip
    assert len(windows_of(store)) == 2
    del other
    features = BUSY
    assert len(windows_of(store)) == 1  # a plan that is gone keeps nothing
