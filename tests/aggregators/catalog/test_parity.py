"""Every feature of the catalog: training equals inference bit for bit, whatever way events came."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest

from aggregators import Event, FeatureSet, MemoryEventStore, check_equivalence
from aggregators.catalog import CATALOG, LOCAL_EVENTS, ORDERS, WEATHER, features_for
from aggregators.features.base import Aggregator
from tests.aggregators.catalog.random_city import (
    MINUTE_US,
    START_US,
    Row,
    random_city,
    stream_of,
    table_of,
)

SEEDS = (1, 2, 3)
QUERIES = 60


def spine_of(rows: list[Row], seed: int) -> pd.DataFrame:
    """Questions at moments of events and beside them, with keys that may be missing or unknown."""
    rng = random.Random(f"spine {seed}")
    asked = []
    for _ in range(QUERIES):
        row = rng.choice(rows)
        moment = rng.choice([row[event] for event in ORDERS.events if row[event] is not None])
        keys = {name: rng.choice((row[name], row[name], None, "?")) for name in ORDERS.dimensions}
        sample_id = rng.choice((row["order_id"], row["order_id"], None))
        as_of = moment + rng.choice((-1, 0, 0, 1, 30 * MINUTE_US))
        asked.append({**keys, "order_id": sample_id, "as_of": as_of})
    spine = pd.DataFrame(asked)
    spine["as_of"] = pd.to_datetime(spine["as_of"], unit="us", utc=True)
    return spine


def bits(values: object) -> np.ndarray:
    """Floats as integers, so that NaN equals NaN and -0.0 does not equal 0.0."""
    return np.atleast_1d(np.asarray(values, dtype=np.float64)).view(np.int64)


def differing(training: pd.DataFrame, row: int, answer: dict[str, float]) -> list[str]:
    return [
        f"{name}: training {training[name].iloc[row]!r}, inference {answer[name]!r}"
        for name in training.columns
        if bits(training[name].iloc[row]) != bits(answer[name])
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_replayed_events_give_the_values_of_training(seed: int) -> None:
    rows = random_city(seed)
    features = FeatureSet(features_for(ORDERS))
    spine = spine_of(rows, seed)
    training = features.transform(table_of(rows), "training", at=spine)
    store = MemoryEventStore(sources=[ORDERS])
    stream = stream_of(rows, seed)
    middle = len(stream) // 2
    store.append(stream[:middle])
    store.append(stream[middle:])
    for position, query in enumerate(spine.to_dict("records")):
        keys = {name: _key(query[name]) for name in ORDERS.dimensions}
        sample_id = _key(query["order_id"])
        answer = features.transform(
            store, "inference", as_of=query["as_of"], keys=keys, sample_id=sample_id
        )
        assert differing(training, position, answer) == [], f"seed {seed}, query {query}"
        array = features.transform_array(
            store, as_of=query["as_of"], keys=keys, sample_id=sample_id
        )
        assert np.array_equal(bits(array), bits([answer[name] for name in features.names]))


@pytest.mark.parametrize("event", ["activated", "courier_assigned", "delivered"])
def test_check_equivalence_finds_no_mismatch(event: str) -> None:
    rows = [row for row in random_city(11, orders=60) if row[event] is not None]
    report = check_equivalence(features_for(ORDERS), table_of(rows), as_of=event)
    assert report.mismatches == 0, str(report)


def test_every_feature_has_something_to_say_here() -> None:
    """Parity of empty values would prove nothing: each feature varies over the random cities."""
    seen: dict[str, set[float]] = {}
    features = FeatureSet(features_for(ORDERS))
    for seed in SEEDS:
        rows = random_city(seed)
        table = features.transform(table_of(rows), "training", at=spine_of(rows, seed))
        for name in table.columns:
            seen.setdefault(name, set()).update(table[name].dropna())
    assert not [name for name, values in seen.items() if len(values) < 2]


def test_weather_features_are_the_same_in_training_and_inference() -> None:
    rng = random.Random("weather")
    observations = pd.DataFrame(
        {
            "observation_id": [f"w-{number}" for number in range(40)],
            "city": [rng.choice(("BCN", "WAW")) for _ in range(40)],
            "temperature_c": [rng.uniform(-5, 30) for _ in range(40)],
            "precipitation_mm": [rng.choice((0.0, rng.uniform(0, 4))) for _ in range(40)],
            "wind_speed_m_s": [rng.uniform(0, 15) for _ in range(40)],
            "observed": pd.to_datetime(
                [START_US + rng.randrange(300) * MINUTE_US for _ in range(40)], unit="us", utc=True
            ),
        }
    )
    features = FeatureSet(features_for(WEATHER))
    spine = pd.DataFrame(
        {
            "city": ["BCN", "WAW", "BCN", "WAW", "nowhere"],
            "as_of": pd.to_datetime(
                [START_US + minutes * MINUTE_US for minutes in (0, 60, 121, 300, 60)],
                unit="us",
                utc=True,
            ),
        }
    )
    training = features.transform(observations, "training", at=spine)
    store = MemoryEventStore(sources=[WEATHER])
    store.append(_weather_events(observations, rng))
    for position, query in enumerate(spine.to_dict("records")):
        answer = features.transform(
            store, "inference", as_of=query["as_of"], keys={"city": query["city"]}, sample_id=None
        )
        assert differing(training, position, answer) == []
    assert training.notna().any().all()


def test_local_event_features_are_the_same_in_training_and_inference() -> None:
    rng = random.Random("local events")
    started = [START_US + rng.randrange(300) * MINUTE_US for _ in range(40)]
    ended = [moment + rng.randrange(1, 200) * MINUTE_US for moment in started]
    zones = [rng.choice(("BCN north", "BCN centre", "WAW centre")) for _ in started]
    happened = pd.DataFrame(
        {
            "local_event_id": [f"e-{number}" for number in range(40)],
            "city": [zone[:3] for zone in zones],
            "zone": zones,
            "store_zone": zones,
            "kind": [rng.choice(("match", "closure")) for _ in zones],
            "visitors": [float(rng.choice((0, 2_000, 30_000))) for _ in zones],
            "closes_streets": [float(rng.random() < 0.3) for _ in zones],
            "started": pd.to_datetime(started, unit="us", utc=True),
            "ended": pd.to_datetime(ended, unit="us", utc=True).where(np.arange(40) % 10 != 0),
        }
    )
    features = FeatureSet(features_for(LOCAL_EVENTS))
    spine = pd.DataFrame(
        {
            "city": ["BCN", "WAW", "BCN", "WAW", "nowhere"],
            "zone": ["BCN north", "WAW centre", "BCN centre", "WAW centre", "nowhere"],
            "store_zone": ["BCN centre", "WAW centre", "BCN north", "WAW centre", "nowhere"],
            "as_of": pd.to_datetime(
                [START_US + minutes * MINUTE_US for minutes in (0, 60, 121, 300, 60)],
                unit="us",
                utc=True,
            ),
        }
    )
    training = features.transform(happened, "training", at=spine)
    store = MemoryEventStore(sources=[LOCAL_EVENTS])
    store.append_table(LOCAL_EVENTS, happened)
    for position, query in enumerate(spine.to_dict("records")):
        keys = {name: query[name] for name in features.dimensions}
        answer = features.transform(
            store, "inference", as_of=query["as_of"], keys=keys, sample_id=None
        )
        assert differing(training, position, answer) == []
    assert training.notna().any().all()


@pytest.mark.parametrize("feature", CATALOG.features_for(ORDERS), ids=lambda feature: feature.name)
def test_every_feature_explains_itself(feature: Aggregator) -> None:
    rows = random_city(1, orders=60)
    table = table_of(rows)
    row = rows[0]
    as_of = table["activated"].max()
    explanation = feature.explain(
        table, as_of=as_of, key=row[feature.dimension] or "BCN", sample_id=row["order_id"]
    )
    value = feature.transform(
        table,
        "inference",
        as_of=as_of,
        key=row[feature.dimension] or "BCN",
        sample_id=row["order_id"],
    )
    assert np.array_equal(bits(explanation.value), bits(value))
    assert feature.name in str(explanation)


def _weather_events(observations: pd.DataFrame, rng: random.Random) -> list[Event]:
    numbers = ["city", "temperature_c", "precipitation_mm", "wind_speed_m_s"]
    events = [
        Event(
            "weather",
            row["observation_id"],
            "observed",
            row["observed"],
            {name: row[name] for name in numbers},
        )
        for row in observations.to_dict("records")
    ]
    stream = events + rng.sample(events, 10)
    rng.shuffle(stream)
    return stream


def _key(value: object) -> str | None:
    return value if isinstance(value, str) else None
