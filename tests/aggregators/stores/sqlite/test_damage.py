"""An SQLite file that is overwritten or cut off in place while a store has it open."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from aggregators import SqliteEventStore, StatsLastNSamples, StoreError
from aggregators.stores.sqlite import file as sqlite_file
from aggregators.stores.sqlite.damage import DamageWatch
from tests.aggregators.stores.sqlite.test_file_watch import NOON, ORDERS, ids_in, order
from tests.waiting import PATIENCE_S

FEW, MANY = 3, 4_000
"""Events that wait in the WAL, and events of which most are in the file."""

Damage = Callable[[Path], None]


def cut_off(size: int) -> Damage:
    return lambda path: os.truncate(path, size)


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 8192 * 4096)


def overwrite(what: bytes) -> Damage:
    def write(path: Path) -> None:
        with path.open("r+b") as file:
            file.write(what)

    return write


def another_program(path: Path) -> None:
    other = path.with_name("other.db")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE t (a)")
    shutil.copyfile(other, path)


def fill(store: SqliteEventStore, number: int) -> None:
    """Append events; where they are many, bring them from the WAL into the file."""
    store.append([order(i) for i in range(number)])
    if number == MANY:
        checkpoint(store.path)


def checkpoint(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.mark.parametrize("first", ["check", "append"])
@pytest.mark.parametrize(
    ("number", "damage"),
    [
        (FEW, cut_off(0)),
        (FEW, cut_off(1000)),
        (FEW, overwrite(b"garbage" * 1000)),
        (FEW, overwrite(bytes(4096))),
        (MANY, cut_off(0)),
        (MANY, cut_off(1000)),
        (MANY, cut_off(4096)),
        (MANY, cut_in_half),
        (MANY, overwrite(b"garbage" * 1000)),
        (MANY, overwrite(bytes(4096))),
        (MANY, another_program),
    ],
)
def test_a_damaged_file_takes_no_events_and_is_said(
    tmp_path: Path, number: int, damage: Damage, first: str
) -> None:
    path = tmp_path / "events.db"
    with SqliteEventStore(path, [ORDERS]) as store:
        fill(store, number)
        store.check()
        damage(path)
        asks: list[Callable[[], object]] = [store.check, lambda: store.append([order(-1)])]
        for ask in asks if first == "check" else asks[::-1]:
            for _ in range(2):  # it does not pass by itself
                with pytest.raises(StoreError, match=r"events\.db is damaged, nothing is ack"):
                    ask()


def test_an_older_copy_in_place_takes_no_events(tmp_path: Path) -> None:
    path, copy = tmp_path / "events.db", tmp_path / "copy.db"
    with SqliteEventStore(path, [ORDERS]) as store:
        fill(store, MANY)
        shutil.copyfile(path, copy)
        store.append([order(MANY + number) for number in range(MANY)])
        checkpoint(path)
        shutil.copyfile(copy, path)
        with pytest.raises(StoreError, match="is damaged"):
            store.append([order(-1)])


def test_a_damaged_file_that_is_replaced_by_a_whole_one_takes_events(tmp_path: Path) -> None:
    path, copy = tmp_path / "events.db", tmp_path / "copy.db"
    with SqliteEventStore(path, [ORDERS]) as store:
        fill(store, MANY)
        shutil.copyfile(path, copy)
        os.truncate(path, 1000)
        with pytest.raises(StoreError, match="is damaged"):
            store.append([order(-1)])
        copy.replace(path)
        assert store.append([order(-1)]).applied == 1
        store.check()
    assert len(ids_in(path)) == MANY + 1


def test_checkpoints_and_compactions_damage_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "_WORTH_SHRINKING_PAGES", 10)
    path = tmp_path / "events.db"
    feature = StatsLastNSamples(ORDERS, dimension="store_id", function="count", event="placed", n=1)
    with (
        SqliteEventStore(path, [ORDERS]) as store,
        SqliteEventStore(path, [ORDERS]) as other,
    ):
        later = [replace(order(i), time=NOON + timedelta(seconds=i)) for i in range(MANY)]
        other.append(later)
        checkpoint(path)
        store.check()
        before = path.stat().st_size
        assert other.compact([feature], NOON + timedelta(days=9)).samples_dropped > MANY // 2
        assert path.stat().st_size < before // 2  # it gave its space back
        for one in (store, other):
            assert one.append([order(-1 if one is store else -2)]).applied == 1
            one.check()
        fill(store, MANY)
        other.check()
        assert other.append([order(-3)]).applied == 1


def test_an_append_looks_into_a_file_that_has_changed_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    look = DamageWatch.look

    def counted(watch: DamageWatch, last: int) -> None:
        looks.append(last)
        look(watch, last)

    monkeypatch.setattr(DamageWatch, "look", counted)
    path = tmp_path / "events.db"
    with SqliteEventStore(path, [ORDERS]) as store:
        for number in range(20):
            store.append([order(number)])
        assert looks == []
        fill(store, MANY)
        store.append([order(-1)])
        assert looks


KILLED = """
import os, signal, sys
from tests.aggregators.stores.sqlite.test_damage import MANY, ORDERS, SqliteEventStore, order

with SqliteEventStore(sys.argv[1], [ORDERS]) as store:
    store.append([order(number) for number in range(MANY)])
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_file_whose_header_is_ahead_of_it_is_whole(tmp_path: Path) -> None:
    """As after a process that was killed in the middle of a checkpoint."""
    path = tmp_path / "events.db"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)],
        timeout=PATIENCE_S,
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    wal = path.with_name("events.db-wal").read_bytes()
    ends = [int.from_bytes(wal[i + 4 : i + 8], "big") for i in range(32, len(wal), 4096 + 24)]
    with path.open("r+b") as file:
        file.seek(28)  # the number of pages
        file.write(ends[-1].to_bytes(4, "big"))
    assert path.stat().st_size < ends[-1] * 4096
    with SqliteEventStore(path, [ORDERS]) as store:
        store.check()
        assert store.append([order(-1)]).applied == 1
        store.check()
    assert len(ids_in(path)) == MANY + 1
