"""Two busy cities, features over long windows of them, and their values from the samples alone."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aggregators import Duration, Event, FeatureSet, MemoryEventStore, Source, StatsAfterEvent
from aggregators.engine.serving.inference import InferencePlan
from aggregators.engine.serving.kept_windows import KeptWindows
from aggregators.functions import quantile
from aggregators.stores import EventStore
from tests.aggregators.building import bits_of
from tests.aggregators.random_data import START_US


def direct_plan(features: FeatureSet) -> InferencePlan:
    """The same features, of which nothing is kept."""
    plan = InferencePlan(features.features)
    parts = tuple(
        replace(part, packed=None if part.packed is None else replace(part.packed, kept=()))
        for part in plan.parts
    )
    plan.parts = parts
    return plan


def windows_of(store: Any) -> list[KeptWindows]:
    """What a local store keeps."""
    memory = store if isinstance(store, MemoryEventStore) else store._memory
    kept = [state.watches.kept.values() for state in memory._states.values()]
    return [windows for of_state in kept for of_plan in of_state for windows in of_plan]


def check(
    features: FeatureSet, direct: InferencePlan, store: EventStore, asked: dict[str, Any], seed: int
) -> None:
    """One query has the same bits with and without kept windows."""
    actual = features.transform_array(store, **asked)
    expected = direct.answer(store, **asked)
    if not np.array_equal(bits_of(actual), bits_of(expected)):
        differ = np.flatnonzero(bits_of(actual) != bits_of(expected)).tolist()
        wrong = [(features.features[i].definition(), actual[i], expected[i]) for i in differ]
        pytest.fail(f"seed {seed}, {asked}: {wrong}")


ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "ready", "delivered"),
    dimensions=("city", "zone"),
    attributes=("amount",),
)
BUSY = FeatureSet(
    StatsAfterEvent(
        ORDERS,
        dimension=dimension,
        function=function,
        attribute=attribute,
        event=event,
        window=window,
    )
    for dimension, event, window in (
        ("city", "ready", "1h"),
        ("city", "delivered", "6h"),
        ("zone", "activated", "6h"),
    )
    for function, attribute in (
        ("count", None),
        ("mean", "amount"),
        ("trend", Duration("activated", "delivered")),
        (quantile(0.9), Duration("activated", "ready")),
        ("last", Duration("ready", "delivered")),
    )
)


def busy_events(rng: random.Random, n: int) -> list[Event]:
    """Orders of two cities, one every ten seconds, in the order of the events."""
    events = []
    for order in range(n):
        time_us = START_US + order * 10_000_000
        data = {"city": rng.choice("ab"), "zone": rng.choice("xyz"), "amount": rng.uniform(1, 90)}
        for event in ORDERS.events:
            events.append(Event("orders", order, event, time_us, data))
            data = {}
            time_us += rng.randrange(900_000_000)
    return sorted(events, key=lambda event: event.time_us)


def asked_at(as_of: int, city: str = "a", zone: str = "x") -> dict[str, Any]:
    """A query of no own sample."""
    return {"as_of": as_of, "keys": {"city": city, "zone": zone}, "sample_id": None}
