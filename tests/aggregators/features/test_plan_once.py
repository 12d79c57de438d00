"""A feature compiles its plan once, and is otherwise what it declares."""

from __future__ import annotations

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aggregators import Event, FeatureSet, MemoryEventStore, Source, StatsBetweenEvents
from aggregators.engine.serving import inference

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("dispatched", "accepted"),
    dimensions=("store_id",),
)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 1, 1, 13, tzinfo=UTC)


def queue() -> StatsBetweenEvents:
    return StatsBetweenEvents(
        ORDERS,
        dimension="store_id",
        function="count",
        first_event="dispatched",
        second_event="accepted",
    )


@pytest.fixture
def store() -> MemoryEventStore:
    store = MemoryEventStore([ORDERS])
    store.append([Event("orders", 1, "dispatched", NOON, {"store_id": "a"})])
    return store


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The plans that are compiled during the test."""
    plans: list[Any] = []
    compile_plan = inference.InferencePlan.__init__

    def counted(self: Any, features: Any) -> None:
        plans.append(self)
        compile_plan(self, features)

    monkeypatch.setattr(inference.InferencePlan, "__init__", counted)
    return plans


def ask(feature: StatsBetweenEvents, store: MemoryEventStore) -> float:
    return feature.transform(store, "inference", as_of=LATER, key="a", sample_id=None)


def test_a_feature_that_is_asked_again_compiles_nothing(
    store: MemoryEventStore, compiled: list[Any]
) -> None:
    feature = queue()
    assert [ask(feature, store) for _ in range(5)] == [1.0] * 5
    feature.explain(store, as_of=LATER, key="a", sample_id=None)
    assert len(compiled) == 1


def test_threads_that_ask_at_once_get_the_same_value(store: MemoryEventStore) -> None:
    feature = queue()
    together = threading.Barrier(8)

    def work(_: int) -> float:
        together.wait(timeout=120.0)
        return ask(feature, store)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [1.0] * 8


def test_the_plan_is_no_part_of_the_feature(store: MemoryEventStore) -> None:
    asked, fresh = queue(), queue()
    before = (repr(asked), hash(asked), asked.fingerprint, pickle.dumps(asked))
    ask(asked, store)
    assert (repr(asked), hash(asked), asked.fingerprint, pickle.dumps(asked)) == before
    assert asked == fresh


@pytest.mark.parametrize(
    "copied",
    [
        lambda feature: pickle.loads(pickle.dumps(feature)),
        copy.copy,
        copy.deepcopy,
        lambda feature: replace(feature, name="another"),
    ],
    ids=["pickle", "copy", "deepcopy", "replace"],
)
def test_a_copy_compiles_its_own(store: MemoryEventStore, compiled: list[Any], copied: Any) -> None:
    feature = queue()
    ask(feature, store)
    assert ask(copied(feature), store) == 1.0
    assert len(compiled) == 2


def test_a_set_compiles_its_plan_once_and_does_not_pickle_it(
    store: MemoryEventStore, compiled: list[Any]
) -> None:
    features = FeatureSet([queue()], "one", "1.0.0")
    before = pickle.dumps(features)
    for _ in range(3):
        features.transform_array(store, as_of=LATER, keys={"store_id": "a"}, sample_id=None)
    assert len(compiled) == 1
    assert pickle.dumps(features) == before
    again = pickle.loads(before)
    assert again.fingerprint == features.fingerprint
    assert again.transform_array(
        store, as_of=LATER, keys={"store_id": "a"}, sample_id=None
    ).tolist() == [1.0]
