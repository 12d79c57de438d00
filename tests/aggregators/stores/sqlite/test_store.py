"""The SQLite store between processes, across crashes, and with files that are not its own."""

import gc
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregators import (
    Event,
    Source,
    SqliteEventStore,
    StatsAfterEvent,
    StatsLastNSamples,
    StoreError,
)
from tests.waiting import wait_until

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "ready"),
    dimensions=("store_id",),
    attributes=("amount",),
)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LAST_HOUR = StatsAfterEvent(
    ORDERS, dimension="store_id", function="count", event="activated", window="1h"
)


def activated(number: int, amount: float = 1.0) -> Event:
    """The activation of an order, `number` seconds after noon."""
    data = {"store_id": "a", "amount": amount}
    return Event("orders", number, "activated", NOON + timedelta(seconds=number), data)


def orders_of_last_hour(store: SqliteEventStore) -> float:
    as_of = NOON + timedelta(minutes=59)
    count: float = LAST_HOUR.transform(store, "inference", as_of=as_of, key="a", sample_id=None)
    return count


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


def test_a_store_that_is_dropped_closes_its_connections(path: Path) -> None:
    store = SqliteEventStore(path, sources=[ORDERS])
    store.append([activated(1)])
    connections = [store._writer, store._reader]
    del store
    gc.collect()
    for connection in connections:
        with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
            connection.execute("SELECT 1")
    assert not path.with_name("events.db-wal").exists()  # the last one out puts the log away


def test_a_file_that_cannot_be_opened_is_not_left_open(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def noted(*arguments: Any, **options: Any) -> sqlite3.Connection:
        made.append(connect(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", noted)
    path.write_text("this is text, and long enough to be taken for a header of a file" * 20)
    with pytest.raises(StoreError, match="cannot open"):
        SqliteEventStore(path, sources=[ORDERS])
    (connection,) = made
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        connection.execute("SELECT 1")


def test_what_another_process_appended_is_in_the_next_read(path: Path) -> None:
    here, there = (SqliteEventStore(path, sources=[ORDERS]) for _ in range(2))
    for number in range(5):
        (here if number % 2 else there).append([activated(number)])
        assert orders_of_last_hour(here) == orders_of_last_hour(there) == number + 1
    here.close()
    there.close()


def test_a_file_opened_again_gives_the_same_table(path: Path) -> None:
    store = SqliteEventStore(path, sources=[ORDERS])
    store.append([activated(1), activated(2, amount=3.0)])
    correction = Event(
        "orders", 2, "activated", NOON, {"amount": 4.0}, recorded_at=NOON.replace(hour=13)
    )
    store.append(
        [
            correction,
            Event(
                "orders", 1, "activated", NOON, retracted=True, recorded_at=NOON.replace(hour=13)
            ),
        ]
    )
    before = store.table(ORDERS)
    store.close()
    again = SqliteEventStore(path, sources=[ORDERS])
    assert again.table(ORDERS).equals(before)
    assert again.table(ORDERS)["order_id"].tolist() == [2]
    assert again.table(ORDERS)["amount"].tolist() == [4.0]
    again.close()


def test_redelivery_leaves_no_trace_in_the_file(path: Path) -> None:
    store = SqliteEventStore(path, sources=[ORDERS])
    results = [store.append([activated(1), activated(2)]) for _ in range(3)]
    assert [(result.applied, result.duplicates) for result in results] == [(2, 0), (0, 2), (0, 2)]
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (2,)


def test_a_bad_event_refuses_the_whole_call_and_leaves_nothing(path: Path) -> None:
    store = SqliteEventStore(path, sources=[ORDERS])
    with pytest.raises(ValueError, match="redy"):
        store.append([activated(1), Event("orders", 2, "redy", NOON)])
    assert len(store) == 0
    store.close()
    assert len(SqliteEventStore(path, sources=[ORDERS])) == 0


WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from aggregators import SqliteEventStore
from tests.aggregators.stores.sqlite.test_store import ORDERS, activated
store = SqliteEventStore(sys.argv[1], sources=[ORDERS])
for batch in range(10_000):
    store.append([activated(10 * batch + i) for i in range(10)])
    print(batch, flush=True)  # the acknowledgement
"""


def test_what_was_acknowledged_survives_kill_9(path: Path) -> None:
    rng = random.Random()
    for _ in range(3):
        path.unlink(missing_ok=True)
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        acknowledged = int(writer.stdout.readline())
        time.sleep(rng.random() / 5)
        os.kill(writer.pid, signal.SIGKILL)
        for line in writer.stdout:
            acknowledged = int(line)
        writer.wait()
        writer.stdout.close()
        store = SqliteEventStore(path, sources=[ORDERS])
        ids = store.table(ORDERS)["order_id"].tolist()
        store.close()
        assert ids == list(range(len(ids)))
        assert len(ids) % 10 == 0, "a batch is half applied"
        assert len(ids) >= 10 * (acknowledged + 1)


def test_writers_in_several_processes_lose_nothing(path: Path) -> None:
    SqliteEventStore(path, sources=[ORDERS]).close()
    code = WRITER.replace("range(10_000)", "range(int(sys.argv[2]), int(sys.argv[2]) + 20)")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path), str(first)], stdout=subprocess.DEVNULL
        )
        for first in (0, 20, 40)
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    store = SqliteEventStore(path, sources=[ORDERS])
    assert sorted(store.table(ORDERS)["order_id"]) == list(range(600))
    store.close()


def test_files_that_are_no_event_store_are_refused(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    with pytest.raises(StoreError, match="no event store"):
        SqliteEventStore(path, sources=[ORDERS])
    path.write_text("this is text, and long enough to be taken for a header of a file" * 20)
    with pytest.raises(StoreError, match="cannot open"):
        SqliteEventStore(path, sources=[ORDERS])


def test_another_schema_version_is_refused_with_instructions(path: Path) -> None:
    SqliteEventStore(path, sources=[ORDERS]).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=r"schema version 99.*open it with the version"):
        SqliteEventStore(path, sources=[ORDERS])


def test_a_file_of_schema_version_1_is_brought_up_to_date(path: Path) -> None:
    with sqlite3.connect(path) as connection:  # as version 1 made and filled it
        connection.executescript(
            """
            PRAGMA journal_mode = WAL;
            CREATE TABLE events (
                seq INTEGER PRIMARY KEY,
                source TEXT NOT NULL,
                sample_id ANY NOT NULL,
                event TEXT NOT NULL,
                time_us INTEGER NOT NULL,
                recorded_us INTEGER NOT NULL,
                retracted INTEGER NOT NULL,
                data TEXT NOT NULL
            ) STRICT;
            PRAGMA application_id = 13633001;
            PRAGMA user_version = 1;
            """
        )
        time_us = int(NOON.timestamp()) * 1_000_000
        connection.execute(
            "INSERT INTO events (source, sample_id, event, time_us, recorded_us, retracted, data)"
            " VALUES ('orders', 7, 'activated', ?, ?, 0, ?)",
            (time_us, time_us, '{"store_id": "a", "amount": 2.5}'),
        )
    connection.close()
    for _ in range(2):  # the second time it is a file of this version
        with SqliteEventStore(path, sources=[ORDERS]) as store:
            assert orders_of_last_hour(store) == 1.0
            assert store.table(ORDERS)["amount"].tolist() == [2.5]
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == 2
    connection.close()


def test_reads_go_on_while_an_append_waits_for_the_disk(path: Path) -> None:
    store = SqliteEventStore(path, sources=[ORDERS])
    store.append([activated(1)])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # whoever appends has to wait from here on
    writer = threading.Thread(target=store.append, args=([activated(2)],))
    writer.start()
    wait_until(store._append_lock.locked)
    assert orders_of_last_hour(store) == 1.0
    assert writer.is_alive()
    other.execute("COMMIT")
    writer.join()
    assert orders_of_last_hour(store) == 2.0
    other.close()
    store.close()


def test_sources_and_columns_that_are_not_asked_for_stay_in_the_file(path: Path) -> None:
    weather = Source("weather", sample_id="id", events=("observed",), dimensions=("city",))
    both = SqliteEventStore(path, sources=[ORDERS, weather])
    both.append([activated(1), Event("weather", "w-1", "observed", NOON, {"city": "BCN"})])
    both.close()
    without_amount = Source(
        "orders", sample_id="order_id", events=("activated", "ready"), dimensions=("store_id",)
    )
    store = SqliteEventStore(path, sources=[without_amount])
    assert store.table(without_amount).columns.tolist() == [
        "order_id",
        "store_id",
        "activated",
        "ready",
    ]
    store.close()
    both = SqliteEventStore(path, sources=[ORDERS, weather])
    assert both.table(ORDERS)["amount"].tolist() == [1.0]
    assert both.table(weather)["id"].tolist() == ["w-1"]
    both.close()


def test_an_event_that_the_source_does_not_declare_is_left_in_the_file(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteEventStore(path, sources=[ORDERS])
    store.append([Event("orders", 1, "ready", NOON)])
    store.close()
    narrow = Source("orders", sample_id="order_id", events=("activated",))
    assert len(SqliteEventStore(path, sources=[narrow])) == 0
    assert "'ready'" in caplog.text
    assert len(SqliteEventStore(path, sources=[ORDERS])) == 1


def test_a_store_that_is_locked_for_too_long_says_that_nothing_is_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aggregators.stores.sqlite.file.BUSY_TIMEOUT_S", 0.05)
    store = SqliteEventStore(path, sources=[ORDERS])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="none of them is kept"):
        store.append([activated(1)])
    other.execute("ROLLBACK")
    other.close()
    assert store.append([activated(1)]).applied == 1
    store.close()


def test_a_table_goes_in_and_comes_out(path: Path) -> None:
    store = SqliteEventStore(path, sources=[ORDERS])
    store.append([activated(number, amount=number) for number in range(10)])
    table = store.table(ORDERS)
    copy = SqliteEventStore(path.with_name("copy.db"), sources=[ORDERS])
    assert copy.append_table(ORDERS, table).applied == 10
    assert copy.table(ORDERS).equals(table)
    mean = StatsLastNSamples(
        ORDERS, dimension="store_id", function="mean", attribute="amount", event="activated", n=4
    )
    as_of = NOON + timedelta(hours=1)
    assert mean.transform(copy, "inference", as_of=as_of, key="a", sample_id=None) == 7.5
    store.close()
    copy.close()
