"""Open the SQLite file of an event store: its schema, its versions, its connections."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aggregators.errors import StoreError
from aggregators.stores.sqlite.types import make_tables

__all__ = [
    "BUSY_TIMEOUT_S",
    "REOPENED",
    "SCHEMA_VERSION",
    "close_all",
    "connect",
    "is_read_only",
    "prepare",
    "shrink",
    "transaction",
]

SCHEMA_VERSION = 2
"""Kept in the file as ``PRAGMA user_version``: 1 had no compactions and is brought up to 2."""

BUSY_TIMEOUT_S = 30.0
"""How long an append waits for another process's append before it fails."""

REOPENED = -1
"""In the place of how many samples a compaction dropped: from then on its moment is an earlier one.
Versions of the package that do not know it keep to the later moment."""

_APPLICATION_ID = 0x0D005E9  # tells the file from other programs' SQLite files
_WORTH_SHRINKING_PAGES = 2_000

# sample_id is ANY: in a strict table integers stay integers and strings strings.
_EVENTS = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    sample_id ANY NOT NULL,
    event TEXT NOT NULL,
    time_us INTEGER NOT NULL,
    recorded_us INTEGER NOT NULL,
    retracted INTEGER NOT NULL,
    data TEXT NOT NULL
) STRICT
"""

# A process that has the samples in memory looks here for what another one has dropped.
_COMPACTIONS = """
CREATE TABLE compactions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    as_of_us INTEGER NOT NULL,
    dropped INTEGER NOT NULL
) STRICT
"""


def connect(path: Path, *, create: bool = True) -> sqlite3.Connection:
    """Open the file so that committed data are on the disk.

    Args:
        path: the file.
        create: whether to make one where there is none.
    """
    try:
        return _connected(path, create)
    except sqlite3.Error as error:
        raise StoreError(f"cannot open the event store {path}: {error}") from error


def _connected(path: Path, create: bool) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
    connection = sqlite3.connect(
        address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        # The first statement reads the file, and finds out whether it is a database.
        connection.execute("PRAGMA journal_mode = WAL")
        # With WAL, NORMAL would lose the last commits when the power fails; FULL writes each to
        # the disk before it returns.
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def is_read_only(connection: sqlite3.Connection) -> bool:
    """Return whether a connection cannot write, without changing anything.

    A connection stays read-only if the file could not be written when it was opened.
    """
    execute = connection.execute
    execute("PRAGMA busy_timeout = 0")  # if another process is writing, the file can be written
    try:
        execute("BEGIN IMMEDIATE")
        try:
            # On a file that cannot be written, BEGIN IMMEDIATE succeeds: it only reads.
            execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        finally:
            execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        code = error.sqlite_errorcode & 0xFF
        if code not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY):
            raise
        return code == sqlite3.SQLITE_READONLY
    finally:
        execute(f"PRAGMA busy_timeout = {round(BUSY_TIMEOUT_S * 1e3)}")
    return False


def close_all(connections: Iterable[sqlite3.Connection]) -> None:
    """Close connections, whether they are open or closed already."""
    for connection in connections:
        connection.close()


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run in one transaction that excludes all other writers."""
    # A plain BEGIN takes the lock at the first write: of two that have read before, one would fail.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file, bring an older one up to this version, refuse others.

    Raises:
        StoreError: the file is another program's, or of a version that this package cannot read.
    """
    execute = connection.execute
    with transaction(connection):
        version = execute("PRAGMA user_version").fetchone()[0]
        application = execute("PRAGMA application_id").fetchone()[0]
        is_new = version == 0 and not execute("SELECT 1 FROM sqlite_master").fetchone()
        if is_new:
            execute(_EVENTS)
            execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        elif application != _APPLICATION_ID:
            raise StoreError(f"{path} is an SQLite file, but no event store of Doorstep")
        elif not 1 <= version <= SCHEMA_VERSION:
            raise StoreError(
                f"{path} has schema version {version}; this version of the package reads 1 to"
                f" {SCHEMA_VERSION}: open it with the version of the package that wrote it, or"
                " export it there and import it here"
            )
        if is_new or version == 1:
            execute(_COMPACTIONS)
            execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        make_tables(connection)


def shrink(connection: sqlite3.Connection) -> None:
    """Give disk space back where most of the file is free; smaller free parts are used again."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    if pages > _WORTH_SHRINKING_PAGES and free > pages // 2:
        connection.execute("VACUUM")  # copies the whole file: only where that frees half of it
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
