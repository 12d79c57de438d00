"""Streams of events with all that may happen to one, and what every store must make of them."""

from __future__ import annotations

import random
from typing import Any, Literal

import numpy as np
import pandas as pd

from aggregators import (
    Event,
    EventStore,
    FeatureSet,
    Source,
    StatsAfterEvent,
    StatsBetweenEvents,
    StatsLastNSamples,
)

Ids = Literal["int", "str"]

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "courier_assigned", "delivered"),
    dimensions=("store_id", "courier_id", "zone"),
    attributes=("amount", "distance_m"),
    facts=("building", "floor"),
    known_from={"courier_id": "courier_assigned", "building": "courier_assigned"},
)
START_US = 1_774_742_400_000_000
MINUTE_US = 60_000_000
END_US = START_US + 60 * MINUTE_US

STORES = ("store-1", "a}b{c", "ünï:code 🍕", "", "line\nbreak\0", "x" * 256)
COURIERS = (0, -7, 2**63 - 1, -(2**63))
ZONES = ("north", "south")
BUILDINGS = ("house", "", "]", '["a"]', "1", 1, True, False, 0, 0.5, 2**60 + 1)
"""Facts of every kind; for Python, 1 is true."""
INT_IDS = (0, 1, -1, 2**63 - 1, -(2**63))
STR_IDS = ("o-1", "1", "i:1", "}{", "naïve 🍕", "two\nlines\0", " ", "")

FEATURES = FeatureSet(
    feature
    for dimension in ORDERS.dimensions
    for feature in (
        StatsLastNSamples(
            ORDERS,
            dimension=dimension,
            function="mean",
            attribute="amount",
            event="activated",
            n=3,
        ),
        StatsLastNSamples(
            ORDERS,
            dimension=dimension,
            function="last",
            attribute="distance_m",
            event="delivered",
            n=2,
        ),
        StatsBetweenEvents(
            ORDERS,
            dimension=dimension,
            function="count",
            first_event="activated",
            second_event="delivered",
        ),
        StatsAfterEvent(
            ORDERS,
            dimension=dimension,
            function="sum",
            attribute="amount",
            event="courier_assigned",
            window="20min",
        ),
    )
)


def random_stream(rng: random.Random, ids: Ids, n_samples: int = 30) -> list[Event]:
    """Events in any order: repeated, corrected, retracted, moved from one group to another."""
    given: tuple[Any, ...] = INT_IDS if ids == "int" else STR_IDS
    more = [k + 10 if ids == "int" else f"o-{k + 10}" for k in range(n_samples - len(given))]
    stream = []
    for sample_id in (*given, *more):
        for event in ORDERS.events:
            versions = rng.choice((0, 1, 1, 1, 2, 3))
            stream += [_version(rng, sample_id, event) for _ in range(versions)]
    stream += rng.sample(stream, len(stream) // 4)
    rng.shuffle(stream)
    return stream


def _version(rng: random.Random, sample_id: Any, event: str) -> Event:
    """One version of an event; some are recorded at the same moment, with other content."""
    time_us = START_US + rng.randrange(60) * MINUTE_US
    values: dict[str, Any] = {
        "store_id": rng.choice(STORES),
        "courier_id": rng.choice(COURIERS),
        "zone": rng.choice(ZONES),
        "amount": rng.choice((0.0, -0.0, 1e300, 0.1, rng.uniform(1, 80))),
        "distance_m": float(rng.randrange(5_000)),
        "building": rng.choice(BUILDINGS),
        "floor": rng.randrange(3),
    }
    data = {
        column: value
        for column, value in values.items()
        if rng.random() < (0.7 if ORDERS.known_from_event(column) == event else 0.2)
    }
    recorded_at = rng.choice((None, END_US + rng.randrange(5)))
    retracted = recorded_at is not None and rng.random() < 0.2
    return Event("orders", sample_id, event, time_us, data, recorded_at, retracted)


def batches(stream: list[Event], rng: random.Random) -> list[list[Event]]:
    """The stream cut into pieces of one event to many."""
    pieces = []
    while stream:
        size = rng.choice((1, 2, 7, 40))
        pieces.append(stream[:size])
        stream = stream[size:]
    return pieces


def answers(store: EventStore) -> bytes:
    """The bits of all features of all groups at several moments."""
    asked = [
        (store_id, courier_id, zone)
        for store_id in (*STORES, None, "unknown")
        for courier_id in (*COURIERS, None, 99)
        for zone in (*ZONES, None)
    ]
    found = []
    for minutes in (13, 37, 61):
        values = FEATURES.transform_many(
            store,
            as_of=START_US + minutes * MINUTE_US,
            keys={
                "store_id": [store_id for store_id, _, _ in asked],
                "courier_id": [courier_id for _, courier_id, _ in asked],
                "zone": [zone for _, _, zone in asked],
            },
            sample_id=None,
        )
        found.append(np.ascontiguousarray(values))
    return np.concatenate(found).tobytes()


def table_of(store: EventStore, source: Source = ORDERS) -> pd.DataFrame:
    """The store's table in the order of the ids."""
    table = store.table(source)
    return table.sort_values(source.sample_id, kind="stable").reset_index(drop=True)
