"""An SQLite file that is deleted, replaced or read-only while a store has it open."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aggregators import Event, Source, SqliteEventStore, StatsLastNSamples, StoreError
from tests.waiting import PATIENCE_S

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
ORDERS = Source("orders", sample_id="id", events=("placed", "ready"), dimensions=("store_id",))
SIDES = ("", "-wal", "-shm")


def order(number: int) -> Event:
    return Event("orders", number, "placed", NOON, {"store_id": "s"})


def ids_in(path: Path) -> list[int]:
    """What a process that opens the file now finds in it."""
    with SqliteEventStore(path, [ORDERS]) as store:
        return sorted(store.table(ORDERS)["id"].tolist())


def delete(path: Path, sides: bool = True) -> None:
    for side in SIDES if sides else ("",):
        path.with_name(path.name + side).unlink(missing_ok=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.mark.parametrize("sides", [False, True])
@pytest.mark.parametrize("asks_first", [False, True])
def test_a_deleted_file_is_brought_back(path: Path, sides: bool, asks_first: bool) -> None:
    with SqliteEventStore(path, [ORDERS]) as store:
        store.append([order(1)])
        mode = path.stat().st_mode
        delete(path, sides)
        assert store.count(ORDERS) == 1  # answered from memory
        if asks_first:
            with pytest.raises(StoreError, match="was deleted or replaced"):
                store.check()  # says so once
            store.check()
            assert ids_in(path) == [1]
        assert store.append([order(2)]).applied == 1
        assert path.stat().st_mode == mode
        assert ids_in(path) == [1, 2]
        assert store.append([order(1)]).duplicates == 1
    assert ids_in(path) == [1, 2]
    assert [one.name for one in path.parent.iterdir() if "restored" in one.name] == []


def test_nothing_is_acknowledged_into_a_deleted_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SqliteEventStore(path, [ORDERS]) as store:
        store.append([order(1)])
        write = store._write

        def and_delete(events: list[Event]) -> Any:
            result = write(events)
            delete(path)
            return result

        with monkeypatch.context() as patch:
            patch.setattr(store, "_write", and_delete)
            with pytest.raises(StoreError, match="append them again"):
                store.append([order(2)])
        store.append([order(2)])
        assert ids_in(path) == [1, 2]


def test_a_replaced_file_is_read_anew(path: Path) -> None:
    other = path.with_name("other.db")
    with SqliteEventStore(other, [ORDERS]) as store:
        store.append([order(7), order(8)])
    with SqliteEventStore(path, [ORDERS]) as store:
        store.append([order(1)])
        other.replace(path)
        assert sorted(store.table(ORDERS)["id"]) == [7, 8]
        store.append([order(2)])
        assert ids_in(path) == [2, 7, 8]


@pytest.mark.parametrize("sides", [False, True])
def test_a_file_that_is_deleted_before_the_store_closes_is_brought_back(
    path: Path, sides: bool
) -> None:
    with SqliteEventStore(path, [ORDERS]) as store:
        store.append([order(number) for number in range(5)])
        mode = path.stat().st_mode
        delete(path, sides)
    assert path.stat().st_mode == mode
    assert [one.name for one in path.parent.iterdir()] == [path.name]  # and nothing beside it
    assert ids_in(path) == list(range(5))
    path.unlink()
    store.close()  # again: it has nothing open any more
    assert not path.exists()


def test_a_file_that_was_replaced_before_the_store_closes_stays_as_it_is(path: Path) -> None:
    other = path.with_name("other.db")
    with SqliteEventStore(other, [ORDERS]) as store:
        store.append([order(7), order(8)])
    with SqliteEventStore(path, [ORDERS]) as store:
        store.append([order(1)])
        other.replace(path)
    assert ids_in(path) == [7, 8]


def test_a_store_whose_folder_is_gone_closes_and_says_what_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    with SqliteEventStore(folder / "events.db", [ORDERS]) as store:
        store.append([order(1)])
        shutil.rmtree(folder)
    assert "cannot be brought back" in caplog.text


def test_all_stores_that_have_a_deleted_file_open_meet_in_the_same_one(path: Path) -> None:
    with (
        SqliteEventStore(path, [ORDERS]) as first,
        SqliteEventStore(path, [ORDERS]) as second,
    ):
        first.append([order(1)])
        delete(path)
        second.append([order(2)])
        first.append([order(3)])
        second.append([order(4)])
        for store in (first, second):
            assert sorted(store.table(ORDERS)["id"]) == [1, 2, 3, 4]
    assert ids_in(path) == [1, 2, 3, 4]


def test_a_folder_that_is_gone_is_said_until_it_is_back(tmp_path: Path) -> None:
    folder, away = tmp_path / "volume", tmp_path / "away"
    folder.mkdir()
    path = folder / "events.db"
    with SqliteEventStore(path, [ORDERS]) as store:
        store.append([order(1)])
        folder.rename(away)
        for ask in (store.check, lambda: store.append([order(2)])):
            with pytest.raises(StoreError):
                ask()
        away.rename(folder)
        store.check()  # it is the file that is open
        store.append([order(2)])
    assert ids_in(path) == [1, 2]


def test_a_file_of_another_program_in_its_place_is_said(path: Path) -> None:
    with SqliteEventStore(path, [ORDERS]) as store:
        store.append([order(1)])
        path.with_name("x").write_bytes(b"no database" * 100)
        path.with_name("x").replace(path)
        for ask in (store.check, lambda: store.append([order(2)])):
            with pytest.raises(StoreError):
                ask()
        assert store.count(ORDERS) == 1
        path.unlink()
        with pytest.raises(StoreError, match="was deleted or replaced"):
            store.check()
        store.check()
        assert store.append([order(2)]).applied == 1
    assert ids_in(path) == [1, 2]


def test_a_compaction_makes_no_empty_file(path: Path) -> None:
    feature = StatsLastNSamples(ORDERS, dimension="store_id", function="count", event="placed", n=1)
    with SqliteEventStore(path, [ORDERS]) as store:
        store.append([order(1)])
        delete(path)
        with pytest.raises(StoreError, match=r"cannot (compact|open)"):
            store.compact([feature], NOON)
        assert not path.exists()
        store.append([order(1)])
        store.compact([feature], NOON)
    assert ids_in(path) == [1]


READ_ONLY = """
import os, sys
from pathlib import Path
from tests.aggregators.stores.sqlite.test_file_watch import (
    ORDERS, SqliteEventStore, StoreError, order
)

path = Path(sys.argv[1])
with SqliteEventStore(path, [ORDERS]) as store:
    store.append([order(1)])
path.chmod(0o444)
if os.geteuid() == 0:  # for whom nothing is read-only
    os.seteuid(65534)
store = SqliteEventStore(path, [ORDERS])
print(store.count(ORDERS))
for ask in (store.check, lambda: store.append([order(2)])):
    try:
        ask()
        print("taken")
    except StoreError as error:
        print("read-only" in str(error) or "readonly" in str(error))
os.seteuid(os.getuid())
path.chmod(0o666)
if os.geteuid() == 0:
    os.seteuid(65534)
if sys.argv[2] == "check":
    store.check()
print(store.append([order(2)]).applied)
"""


@pytest.mark.parametrize("first", ["check", "append"])
def test_a_file_that_is_read_only_at_the_start_is_said_until_it_is_not(first: str) -> None:
    # Everybody may walk through this folder, which is not so of those that pytest makes.
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"doorstep-{os.getpid()}-{first}"
    folder.mkdir()
    folder.chmod(0o777)
    try:
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(folder / "events.db"), first],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["1", "True", "True", "1"]
    finally:
        shutil.rmtree(folder)
