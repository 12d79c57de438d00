"""Bad queries and bad events are refused with an error that names what arrived and the remedy.

Tests `aggregators.engine.queries` and `aggregators.engine.serving.query_columns`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.aggregators.one_wrong_thing import (
    NOON,
    Case,
    append,
    check,
    event,
    infer,
    infer_set,
    last_n,
    orders,
    spine,
    train,
)

MISTYPED: Any = "trainng"
NAIVE = pd.Timestamp("2026-11-02").to_pydatetime()

QUERIES = [
    Case("missing time", lambda: train(as_of="accepted"), ("accepted", "row 1", "at=")),
    Case("unknown event", lambda: train(as_of="acepted"), ("acepted", "accepted")),
    Case("no time", lambda: last_n().transform(orders(), "training"), ("as_of",)),
    Case("two times", lambda: train(as_of="activated", at=spine()), ("as_of", "at")),
    Case("fewer times", lambda: train(as_of=pd.DatetimeIndex([NOON])), ("1", "4")),
    Case(
        "hole in times",
        lambda: train(as_of=pd.DatetimeIndex([NOON, NOON, pd.NaT, NOON])),
        ("as_of", "row 2"),
    ),
    Case(
        "naive times",
        lambda: train(as_of=pd.date_range("2026-11-02", periods=4)),
        ("as_of", "tz_localize"),
    ),
    Case("times as floats", lambda: train(as_of=np.arange(4) / 2), ("as_of", "row 0", "float")),
    Case("spine without times", lambda: train(at=spine().drop(columns="as_of")), ("as_of",)),
    Case("spine without keys", lambda: train(at=spine().drop(columns="store_id")), ("store_id",)),
    Case("spine with a hole", lambda: train(at=spine(as_of=[NOON, pd.NaT])), ("as_of", "row 1")),
    Case(
        "naive spine",
        lambda: train(at=spine(as_of=pd.Timestamp("2026-11-02"))),
        ("as_of", "tz_localize"),
    ),
    Case("spine of numbers", lambda: train(at=spine(store_id=[1, 2])), ("store_id",)),
    Case("unknown mode", lambda: last_n().transform(orders(), MISTYPED), ("trainng", "training")),
    Case("no as_of", lambda: infer(as_of=...), ("as_of",)),
    Case("as_of is None", lambda: infer(as_of=None), ("as_of",)),
    Case("naive as_of", lambda: infer(as_of=NAIVE), ("as_of",)),
    Case("as_of is NaT", lambda: infer(as_of=pd.NaT), ("as_of",)),
    Case("as_of is text", lambda: infer(as_of="2026-11-02T12:00Z"), ("as_of", "2026-11-02")),
    Case("no sample_id", lambda: infer(sample_id=...), ("sample_id", "None")),
    Case("no key", lambda: infer(key=...), ("key",)),
    Case("key of another kind", lambda: infer(key=7), ("store_id", "7")),
    Case("id of another kind", lambda: infer(sample_id=7), ("id", "7")),
    Case("float key", lambda: infer(key=1.5), ("store_id", "1.5")),
    Case("huge key", lambda: infer(key=2**70), ("store_id", "64-bit")),
    Case("true as key", lambda: infer(key=True), ("store_id", "True")),
    Case("key and rows", lambda: train(as_of="activated", key="s"), ("key", "rows")),
    Case("a table of queries for one", lambda: infer(at=spine()), ("at", "as_of")),
    Case("one moment for all", lambda: train(as_of=NOON), ("as_of", "4")),
    Case("a key too few", lambda: infer_set({"store_id": "s"}), ("city",)),
    Case(
        "unknown key", lambda: infer_set({"store_id": "s", "city": "BCN", "zone": "z"}), ("zone",)
    ),
    Case("no keys", lambda: infer_set(None), ("keys",)),
]

EVENTS = [
    Case("source", lambda: append(event(source="rides")), ("rides", "orders")),
    Case("event", lambda: append(event(event="acepted")), ("acepted", "accepted")),
    Case("column", lambda: append(event(data={"price": 1.0})), ("price",)),
    Case("naive time", lambda: append(event(time=NAIVE)), ("time",)),
    Case("no time", lambda: append(event(time=None)), ("time",)),
    Case("time is NaT", lambda: append(event(time=pd.NaT)), ("time",)),
    Case("float time", lambda: append(event(time=1.5)), ("time", "1.5")),
    Case("text time", lambda: append(event(time="2026-11-02T12:00Z")), ("time",)),
    Case("naive record", lambda: append(event(recorded_at=NAIVE)), ("recorded_at",)),
    Case("no id", lambda: append(event(sample_id=None)), ("sample id", "None")),
    Case("float id", lambda: append(event(sample_id=1.5)), ("sample id", "1.5")),
    Case("mixed ids", lambda: append(event(), event(sample_id=7)), ("7",)),
    Case("infinite value", lambda: append(event(data={"amount": np.inf})), ("amount", "inf")),
    Case("text value", lambda: append(event(data={"amount": "12"})), ("amount", "12")),
    Case("float key", lambda: append(event(data={"store_id": 1.5})), ("store_id", "1.5")),
    Case("no columns", lambda: append(event(data=["amount"])), ("data", "mapping")),
    Case("half a retraction", lambda: append(event(retracted="no")), ("retracted", "'no'")),
    Case("truth as number", lambda: append(event(data={"store_id": True})), ("store_id", "True")),
    Case("mixed keys", lambda: append(event(), event(data={"store_id": 7})), ("store_id", "7")),
    Case("no text", lambda: append(event(sample_id="\ud800")), ("sample id", "Unicode")),
    Case("no key", lambda: append(event(data={"city": "\udfff"})), ("city", "Unicode")),
    Case("not an event", lambda: append({"source": "orders"}), ("orders", "Event")),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("case", QUERIES, ids=lambda case: case.name)
def test_a_bad_query_is_refused(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", EVENTS, ids=lambda case: case.name)
def test_a_bad_event_is_refused(case: Case) -> None:
    check(case)
