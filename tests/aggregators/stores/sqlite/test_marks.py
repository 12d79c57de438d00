"""The marks of a file change with everything that another process must follow."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aggregators.stores.sqlite.file import connect, prepare
from aggregators.stores.sqlite.marks import read_marks
from aggregators.stores.sqlite.types import set_types

EVENT = "INSERT INTO events VALUES (NULL, 'orders', 1, 'ready', 1, 1, 0, '{}')"
COMPACTION = "INSERT INTO compactions (source, as_of_us, dropped) VALUES ('orders', 5, 0)"
TYPE = "INSERT OR IGNORE INTO types VALUES ('orders', '', 'integer')"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(tmp_path / "events.db")) as connection:
        prepare(connection, tmp_path / "events.db")
        yield connection


def test_a_new_file_has_nothing(file: sqlite3.Connection) -> None:
    marks = read_marks(file)
    assert marks is not None
    assert marks.last_seq == 0


def test_events_leave_what_is_settled(file: sqlite3.Connection) -> None:
    before = read_marks(file)
    file.execute(EVENT)
    file.execute(EVENT)
    after = read_marks(file)
    assert before is not None
    assert after == before._replace(last_seq=2)


def test_each_compaction_mend_and_type_changes_what_is_settled(file: sqlite3.Connection) -> None:
    seen = [read_marks(file)]
    for change in (COMPACTION, COMPACTION, TYPE):
        file.execute(change)
        seen.append(read_marks(file))
    for kind in (str, int, int):  # a mend replaces a type, also by the same one
        set_types(file, "orders", {"": kind})
        seen.append(read_marks(file))
    assert len(set(seen)) == len(seen)
    file.execute(TYPE)  # it is there already
    assert read_marks(file) == seen[-1]


def test_a_file_without_the_tables_has_no_marks(file: sqlite3.Connection) -> None:
    file.execute("DROP TABLE mends")
    assert read_marks(file) is None
