"""Good orders, features and events for the tests of bad input, to change one thing of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aggregators import (
    AggregatorError,
    Event,
    FeatureSet,
    MemoryEventStore,
    Source,
    StatsAfterEvent,
    StatsBetweenEvents,
    StatsLastNSamples,
)

NOON = pd.Timestamp("2026-11-02 12:00", tz="UTC")
TOMORROW = NOON + pd.Timedelta(days=1)


def source(**changes: Any) -> Source:
    given: dict[str, Any] = {
        "sample_id": "order_id",
        "events": ("activated", "accepted", "delivered"),
        "dimensions": ("store_id", "city"),
        "attributes": ("amount", "products"),
    }
    return Source("orders", **(given | changes))


ORDERS = source()


def last_n(**changes: Any) -> StatsLastNSamples:
    given: dict[str, Any] = {
        "dimension": "store_id",
        "function": "mean",
        "attribute": "amount",
        "event": "accepted",
        "n": 3,
    }
    return StatsLastNSamples(ORDERS, **(given | changes))


def between(**changes: Any) -> StatsBetweenEvents:
    given: dict[str, Any] = {
        "dimension": "store_id",
        "function": "count",
        "first_event": "activated",
        "second_event": "accepted",
    }
    return StatsBetweenEvents(ORDERS, **(given | changes))


def after(**changes: Any) -> StatsAfterEvent:
    given: dict[str, Any] = {
        "dimension": "store_id",
        "function": "sum",
        "attribute": "products",
        "event": "activated",
        "window": "15min",
    }
    return StatsAfterEvent(ORDERS, **(given | changes))


def orders(**changes: Any) -> pd.DataFrame:
    """Four good orders, with some columns changed."""
    columns: dict[str, Any] = {
        "order_id": ["o-1", "o-2", "o-3", "o-4"],
        "activated": NOON + pd.to_timedelta([0, 1, 2, 3], unit="min"),
        "accepted": [NOON + pd.Timedelta("5min"), pd.NaT, NOON, NOON],
        "delivered": pd.Series([pd.NaT] * 4).dt.tz_localize("UTC"),
        "store_id": ["s", "s", "t", None],
        "city": ["BCN"] * 4,
        "amount": [1.0, 2.0, np.nan, 4.0],
        "products": [1, 2, 3, 4],
    }
    return pd.DataFrame(columns | changes)


def spine(**changes: Any) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "as_of": [NOON, NOON + pd.Timedelta("1h")],
        "store_id": ["s", "t"],
        "order_id": ["o-1", None],
    }
    return pd.DataFrame(columns | changes)


def train(table: Any = None, feature: Any = None, **arguments: Any) -> Any:
    given = arguments or {"as_of": "activated"}
    return (feature or last_n()).transform(
        orders() if table is None else table, "training", **given
    )


def infer(feature: Any = None, **changes: Any) -> Any:
    arguments: dict[str, Any] = {"as_of": NOON, "key": "s", "sample_id": None} | changes
    given = {name: value for name, value in arguments.items() if value is not ...}
    return (feature or last_n()).transform(orders(), "inference", **given)


def infer_set(keys: Any) -> Any:
    features = FeatureSet([last_n(), after(dimension="city")])
    return features.transform(orders(), "inference", as_of=NOON, keys=keys, sample_id=None)


def append(*events: Event) -> Any:
    return MemoryEventStore(sources=[ORDERS]).append(list(events))


def event(**changes: Any) -> Event:
    given: dict[str, Any] = {
        "source": "orders",
        "sample_id": "o-1",
        "event": "activated",
        "time": NOON,
        "data": {"store_id": "s", "amount": 2.5},
    }
    return Event(**(given | changes))


@dataclass(frozen=True)
class Case:
    """What is done, words its message must hold (in any case), and the kinds of error."""

    name: str
    act: Callable[[], Any]
    words: tuple[str, ...] = ()
    errors: tuple[type[Exception], ...] = field(default=(AggregatorError, ValueError))


def check(case: Case) -> None:
    with pytest.raises(case.errors[0]) as caught:
        case.act()
    message = str(caught.value)
    for error in case.errors:
        assert isinstance(caught.value, error), type(caught.value).__mro__
    for word in case.words:
        assert word.lower() in message.lower(), f"{word!r} is not in: {message}"
    assert len(message.split()) >= 5, f"says too little: {message}"
