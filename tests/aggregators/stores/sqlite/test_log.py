"""Events become rows of the log and come back, those of other declarations left out."""

from __future__ import annotations

import json
import logging
import sqlite3
from pathlib import Path

import pytest

from aggregators import Source
from aggregators.stores.records import CheckedEvent, Record
from aggregators.stores.sqlite.log import LogRows

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "ready"),
    dimensions=("store_id",),
    attributes=("amount",),
)
EVENTS = [
    CheckedEvent("orders", 7, 0, Record(1_000, 1_500, False, {"store_id": "s", "amount": 2.5})),
    CheckedEvent("orders", 8, 1, Record(2_000, 2_000, False, {})),
    CheckedEvent("orders", 7, 0, Record(1_000, 3_000, True, {})),
]


@pytest.fixture
def log() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE TABLE events (seq INTEGER PRIMARY KEY, source, sample_id, event, time_us,"
        " recorded_us, retracted, data)"
    )
    return connection


def rows_of(*sources: Source) -> LogRows:
    return LogRows(Path("events.db"), {source.name: source for source in sources})


def read(rows: LogRows, log: sqlite3.Connection, last: int = 0) -> list[CheckedEvent]:
    return [event for _, batch in rows.after(log, last) for event in batch]


def test_what_is_written_is_read(log: sqlite3.Connection) -> None:
    rows = rows_of(ORDERS)
    rows.insert(log, EVENTS)
    assert read(rows, log) == EVENTS
    assert [place for place, _ in rows.after(log, 0)] == [3]


def test_reading_goes_on_after_a_place(log: sqlite3.Connection) -> None:
    rows = rows_of(ORDERS)
    rows.insert(log, EVENTS)
    assert read(rows, log, last=2) == EVENTS[2:]
    assert read(rows, log, last=3) == []


def test_another_order_of_the_events_changes_their_numbers_alone(log: sqlite3.Connection) -> None:
    rows_of(ORDERS).insert(log, EVENTS)
    turned = Source("orders", sample_id="order_id", events=("ready", "activated"),
                    dimensions=("store_id",), attributes=("amount",))  # fmt: skip
    assert [event.event for event in read(rows_of(turned), log)] == [1, 0, 1]


def test_events_that_are_not_declared_are_left_out_and_told_once(
    log: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    rows_of(ORDERS).insert(log, [*EVENTS, EVENTS[1]])
    fewer = Source("orders", sample_id="order_id", events=("activated",),
                   dimensions=("store_id",), attributes=("amount",))  # fmt: skip
    with caplog.at_level(logging.WARNING):
        assert [event.sample_id for event in read(rows_of(fewer), log)] == [7, 7]
    assert [message for message in caplog.messages if "'ready' of 'orders'" in message] == (
        caplog.messages
    )
    assert len(caplog.messages) == 1


def test_sources_of_others_are_left_out_in_silence(
    log: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    rows_of(ORDERS).insert(log, EVENTS)
    other = Source("weather", sample_id="id", events=("observed",))
    assert read(rows_of(other), log) == []
    assert caplog.messages == []


def test_columns_that_are_not_declared_are_dropped(log: sqlite3.Connection) -> None:
    rows_of(ORDERS).insert(log, EVENTS[:1])
    fewer = Source("orders", sample_id="order_id", events=("activated", "ready"),
                   dimensions=("store_id",))  # fmt: skip
    (event,) = read(rows_of(fewer), log)
    assert event.record.data["store_id"] == "s"


@pytest.mark.parametrize("n", [0, 1, 49, 50, 51, 149, 200])
def test_calls_of_any_size_are_written_in_their_order(log: sqlite3.Connection, n: int) -> None:
    rows = rows_of(ORDERS)
    rows.insert(log, EVENTS)
    many = [CheckedEvent("orders", k, 1, Record(k, k, False, {"amount": k / 3})) for k in range(n)]
    assert rows.insert(log, many) == (3 + n if n else 0)
    assert read(rows, log, last=3) == many
    assert [seq for (seq,) in log.execute("SELECT seq FROM events")] == [*range(1, 4 + n)]


@pytest.mark.parametrize(
    "data",
    [
        {"store_id": 'é \U0001f354 \u2028 " \\ \x00', "amount": 0.1 + 0.2},
        {"store_id": -(2**63), "amount": 1.7976931348623157e308},
        {"store_id": 2**63 - 1, "amount": 5e-324},
        {"store_id": "", "amount": 1e22, "=floor": 3, "=lift": True, "=height": 2.5},
    ],
)
def test_data_come_back_as_they_were(log: sqlite3.Connection, data: dict[str, object]) -> None:
    source = Source("orders", sample_id="order_id", events=("ready",), dimensions=("store_id",),
                    attributes=("amount",), facts=("floor", "lift", "height"))  # fmt: skip
    event = CheckedEvent("orders", "o", 0, Record(1, 2, False, data))
    rows_of(source).insert(log, [event])
    (text,) = log.execute("SELECT data FROM events").fetchone()
    (back,) = read(rows_of(source), log)
    assert repr(back) == repr(event)
    assert repr(json.loads(text)) == repr(data), "what Python's JSON reads, as older versions do"


def test_data_that_python_alone_writes_are_read(log: sqlite3.Connection) -> None:
    row = ("orders", 7, "ready", 1, 2, 0, '{"amount": Infinity, "store_id": "\\ud83c\\udf54"}')
    log.execute("INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row)
    (event,) = read(rows_of(ORDERS), log)
    assert event.record.data == {"amount": float("inf"), "store_id": "\U0001f354"}
