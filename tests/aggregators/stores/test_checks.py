"""Checks of a call: the quick way takes, refuses and words exactly what the careful way does."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aggregators import Event, Source, StoreError
from aggregators.errors import AggregatorError
from aggregators.stores.checks import MAX_EVENTS_PER_APPEND, EventChecks, check_event, source_named
from aggregators.stores.records import CheckedEvent

NOON_US = 1_772_452_800_000_000
ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "ready"),
    dimensions=("store_id", "city"),
    attributes=("amount", "products"),
    facts=("floor", "note"),
    missing=("nil",),
)
LEGS = Source("legs", sample_id="leg_id", events=("started",), dimensions=("courier_id",))
SOURCES = {source.name: source for source in (ORDERS, LEGS)}


class Named(StrEnum):
    """A text that is more than a text."""

    READY = "ready"


@dataclass
class Kinds:
    """What a store knows of a source."""

    id_kind: type | None = None
    key_kinds: dict[str, type] = field(default_factory=dict)


KNOWN = {
    "orders": Kinds(str, {"store_id": int, "city": str}),
    "legs": Kinds(int, {}),
}

IDS: list[Any] = [
    *("o-1", 7, "", "é", "\ud800", "x" * 256, "x" * 257, 2**63, -(2**63), 2**63 - 1, True, 1.0),
    *(None, np.int64(3), np.str_("n"), b"b", Named.READY, ["o"], "nil", "Nil"),
]
NAMES: list[Any] = ["ready", "redy", Named.READY, 1, None, ["ready"], np.str_("ready")]
TIMES: list[Any] = [
    *(NOON_US, 0, 2**63, -1, float(NOON_US), True, np.int64(NOON_US), None),
    *(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 2), pd.NaT),  # noqa: DTZ001
    *(pd.Timestamp("2026-03-02T10:00:00.123456789", tz="UTC"), np.datetime64("2026-03-02")),
]
RETRACTED: list[Any] = [True, False, np.bool_(True), 0, None, "yes"]
VALUES: list[Any] = [
    *(None, 0, 3, -3, 0.0, -0.0, 2.5, float("nan"), float("inf"), -float("inf"), 2**53, 2**63),
    *(-(2**63), 10**400, "a", "", "é", "\udfff", "x" * 256, "x" * 257, True, False, b"b"),
    *("nil", " nil ", "Nil"),
    *(np.float32(1.5), np.float64("nan"), np.int32(4), np.bool_(True), pd.NA, pd.NaT, 1j, [1]),
]
DATA: list[Any] = [
    *({"amount": 1.0, "unknown": 3}, {1: 2}, [("amount", 1.0)], None, "amount", 5),
    *(MappingProxyType({"amount": 2}), {"order_id": "o"}, {"=floor": 3}, {}),
]


def one_by_one(events: Sequence[Any], known: Any, kinds: dict[str, type]) -> list[CheckedEvent]:
    """What the careful way alone makes of a call."""
    result = []
    for event in events:
        if not isinstance(event, Event):
            raise StoreError(f"{event!r} is no Event; expected aggregators.Event")
        source = source_named(SOURCES, event.source)
        result.append(check_event(event, source, known[source.name], kinds))
    return result


def told(call: Any) -> str:
    """The result of a call, with the types of all values; or its error."""
    try:
        return repr(call())
    except (AggregatorError, TypeError) as error:
        return f"{type(error).__name__}: {error}"


def assert_same(events: Sequence[Any], known: Any = KNOWN) -> None:
    """Both ways give the same events, types and errors."""
    quick: dict[str, type] = {}
    careful: dict[str, type] = {}
    found = told(lambda: EventChecks().checked(events, SOURCES, known, quick))
    assert found == told(lambda: one_by_one(events, known, careful)), events
    settled = {f"{s}.{c}": k for s, of in known.items() for c, k in of.key_kinds.items()}
    settled |= {s: of.id_kind for s, of in known.items() if of.id_kind}
    assert quick.items() <= careful.items()
    assert careful.keys() - quick.keys() <= settled.keys(), "a type that nobody would settle"


def variants() -> list[Event]:
    """Events with one odd part each."""
    plain: dict[str, Any] = {"store_id": 3, "city": "BCN", "amount": 2.5, "products": 1}
    found = [Event("orders", one, "ready", NOON_US, plain) for one in IDS]
    found += [Event("orders", "o-1", one, NOON_US, plain) for one in NAMES]
    found += [Event("orders", "o-1", "ready", one, plain) for one in TIMES]
    found += [Event("orders", "o-1", "ready", NOON_US, {}, one) for one in TIMES]
    found += [Event("orders", "o-1", "ready", NOON_US, {}, None, one) for one in RETRACTED]
    found += [Event("orders", "o-1", "ready", NOON_US, one) for one in DATA]
    found += [
        Event("orders", "o-1", "ready", NOON_US, {column: value})
        for column in ORDERS.data_columns
        for value in VALUES
    ]
    found += [Event("legs", 5, "started", NOON_US, {"courier_id": value}) for value in VALUES]
    return [*found, Event("legs", 5, "started", NOON_US)]


@pytest.mark.parametrize("known", [KNOWN, {"orders": Kinds(), "legs": Kinds()}])
def test_each_odd_event_is_taken_or_refused_as_by_the_careful_way(known: Any) -> None:
    for event in variants():
        assert_same([event], known)


@pytest.mark.parametrize("seed", range(3))
def test_calls_of_many_events_stop_at_the_same_one(seed: int) -> None:
    rng = random.Random(seed)
    odd = variants()
    taken = [
        event for event in odd if "Error" not in told(lambda e=event: one_by_one([e], KNOWN, {}))
    ]
    assert len(taken) > 50, "events that are right are among them"
    for _ in range(300):
        events: list[Any] = rng.choices(taken, k=rng.randrange(1, 12))
        if rng.random() < 0.5:
            events.insert(rng.randrange(len(events) + 1), rng.choice([*odd, "no event"]))
        assert_same(events, rng.choice([KNOWN, {"orders": Kinds(), "legs": Kinds()}]))


def test_declared_types_hold_before_anything_is_known() -> None:
    orders = Source(
        "orders",
        sample_id="id",
        events=("ready",),
        dimensions=("store_id",),
        types={"id": int, "store_id": str},
    )
    checks = EventChecks()
    right = Event("orders", 7, "ready", NOON_US, {"store_id": "s"})
    for wrong in (
        Event("orders", "7", "ready", NOON_US),
        Event("orders", 7, "ready", NOON_US, {"store_id": 3}),
    ):
        for known in (Kinds(), Kinds(int, {"store_id": str}), Kinds(str, {"store_id": int})):
            both = {"orders": known}
            (taken,) = checks.checked([right], {"orders": orders}, both, {})
            assert taken == check_event(right, orders, known, {})
            expected = told(lambda k=known, w=wrong: check_event(w, orders, k, {}))
            assert (
                told(lambda b=both, w=wrong: checks.checked([w], {"orders": orders}, b, {}))
                == expected
            )


def test_types_that_a_store_learns_later_hold_from_then_on() -> None:
    checks, known = EventChecks(), {"orders": Kinds(), "legs": Kinds()}
    first = Event("orders", "o-1", "ready", NOON_US, {"store_id": "s"})
    assert checks.checked([first], SOURCES, known, {})
    known["orders"].id_kind, known["orders"].key_kinds["store_id"] = int, int
    assert "expected an integer" in told(lambda: checks.checked([first], SOURCES, known, {}))


def test_too_many_events_are_refused_at_once() -> None:
    events = [Event("orders", "o-1", "ready", NOON_US)] * (MAX_EVENTS_PER_APPEND + 1)
    with pytest.raises(StoreError, match="100,001 events in one call; the most is 100,000"):
        EventChecks().checked(events, SOURCES, KNOWN, {})


def test_data_are_copied() -> None:
    data = {"store_id": 3, "amount": 2.5}
    (taken,) = EventChecks().checked(
        [Event("orders", "o", "ready", NOON_US, data)], SOURCES, KNOWN, {}
    )
    data["amount"] = 7.0
    assert taken.record.data == {"store_id": 3, "amount": 2.5}
