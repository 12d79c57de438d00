"""However many indexes a source's features read, one kernel of a fixed number of them answers.

Tests `aggregators.engine.clustering`.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from aggregators import (
    Event,
    FeatureSet,
    MemoryEventStore,
    Source,
    StatsAfterEvent,
    StatsLastNSamples,
)
from aggregators.engine.serving.inference import InferencePlan
from aggregators.features.base import Aggregator
from aggregators.kernels.plan_kernels import INDEXES_AT_A_TIME
from aggregators.typing import Float64Array

SOURCE = Source(
    "things",
    sample_id="thing",
    events=tuple(f"event_{i}" for i in range(20)),
    dimensions=("a", "b"),
    attributes=("size",),
    known_from={"a": "event_0", "b": "event_0", "size": "event_0"},
)
START = datetime(2026, 3, 2, tzinfo=UTC)
NOW = START + timedelta(hours=3)
KEYS = {"a": "a0", "b": "b1"}


def _last_two(values: Float64Array) -> float:
    return float(values[-2:].sum())


def _features() -> list[Aggregator]:
    """One index for each, the sixteen in the middle for what runs in Python alone."""
    features: list[Aggregator] = []
    for i in range(2 * INDEXES_AT_A_TIME + 4):
        in_middle = INDEXES_AT_A_TIME <= i < 2 * INDEXES_AT_A_TIME
        dimension, event = "ab"[i % 2], f"event_{i // 2}"
        features.append(
            StatsLastNSamples(
                SOURCE, name=f"last_{i}", dimension=dimension, event=event, n=5, attribute="size",
                function=_last_two if in_middle else "mean",
            )
        )  # fmt: skip
        if not in_middle:
            features.append(
                StatsAfterEvent(
                    SOURCE, name=f"after_{i}", dimension=dimension, event=event, window="2h",
                    function="sum", attribute="size",
                )
            )  # fmt: skip
    return features


@pytest.fixture(scope="module")
def store() -> MemoryEventStore:
    chance = random.Random(5)
    store = MemoryEventStore(sources=[SOURCE])
    events = []
    for thing in range(60):
        known = {"a": f"a{thing % 2}", "b": f"b{thing % 3}", "size": chance.uniform(1.0, 9.0)}
        for event in SOURCE.events:
            time = START + timedelta(minutes=chance.uniform(0.0, 200.0))
            events.append(Event("things", thing, event, time, known))
    store.append(events)
    return store


def test_every_feature_of_many_indexes_is_what_it_is_alone(store: MemoryEventStore) -> None:
    features = FeatureSet(_features())
    (part,) = InferencePlan(features.features).parts
    assert len(part.request.indexes) == 2 * INDEXES_AT_A_TIME + 4
    assert part.packed is not None
    assert [first for first, _ in part.packed.plans] == [0, 2 * INDEXES_AT_A_TIME]
    together = features.transform_array(store, as_of=NOW, keys=KEYS, sample_id=7)
    many = features.transform_many(
        store, as_of=NOW, keys={"a": ["a1", "a0"], "b": ["b1", "b1"]}, sample_id=[8, 7]
    )
    for i, feature in enumerate(features):
        alone = feature.transform(
            store, "inference", as_of=NOW, key=KEYS[feature.dimension], sample_id=7
        )
        assert not np.isnan(alone)
        assert together[i] == alone
        assert many[1, i] == alone
