"""Keep the types of ids and keys in an SQLite file, for every process that opens it.

A process that declares the types of a source writes them here. So every process refuses an event of
a wrong type, even as the first event of an empty file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import replace

from aggregators.errors import StoreTypesError
from aggregators.events import Source
from aggregators.stores.records import TYPE_NAMES

__all__ = ["declare", "last_mend", "make_tables", "set_types", "typed", "typed_sources"]

_TYPES = {name: kind for kind, name in TYPE_NAMES.items()}

# The column is empty for the ids of a source. Another package version may have made the file.
_TABLES = (
    """
CREATE TABLE IF NOT EXISTS types (
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    PRIMARY KEY (source, name)
) STRICT, WITHOUT ROWID
""",
    # A process that has the samples in memory looks here whether they were changed in the file.
    """
CREATE TABLE IF NOT EXISTS mends (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL
) STRICT
""",
)


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables that an older version of the package has not made.

    A file that cannot be written is used without them: it declares no types.
    """
    try:
        for table in _TABLES:
            connection.execute(table)
    except sqlite3.OperationalError as error:
        if not _is_read_only(error):
            raise


def _is_read_only(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_READONLY


def _has_tables(connection: sqlite3.Connection) -> bool:
    found = connection.execute(
        "SELECT count(*) FROM sqlite_master WHERE name IN ('types', 'mends')"
    )
    return bool(found.fetchone()[0] == len(_TABLES))


def declare(connection: sqlite3.Connection, sources: Iterable[Source]) -> None:
    """Write the declared types to the file.

    Raises:
        StoreTypesError: another process has declared another type.
    """
    rows = {
        (source.name, _name(source, column)): TYPE_NAMES[kind]
        for source in sources
        for column, kind in source.types.items()
    }
    if not rows or not _has_tables(connection):
        return
    missing = [(*place, kind) for place, kind in rows.items() if place not in _held(connection)]
    if missing:
        try:
            connection.executemany("INSERT OR IGNORE INTO types VALUES (?, ?, ?)", missing)
        except sqlite3.OperationalError as error:
            if not _is_read_only(error):
                raise
    held = _held(connection)
    for place, kind in rows.items():
        if held.get(place, kind) != kind:
            source, name = place
            raise StoreTypesError(
                f"{name or 'the id'} of source {source!r} is declared as {kind} here, and as"
                f" {held[place]} by another process that has opened this event store"
            )


def _held(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    rows = connection.execute("SELECT source, name, type FROM types")
    return {(source, name): kind for source, name, kind in rows}


def typed_sources(connection: sqlite3.Connection) -> set[str]:
    """Return the sources of which the file knows a type."""
    return {source for source, _ in _held(connection)}


def set_types(connection: sqlite3.Connection, source: str, types: Mapping[str, type]) -> None:
    """Set types of a source's columns (the empty name stands for its ids) and notify readers."""
    rows = [(source, name, TYPE_NAMES[kind]) for name, kind in types.items()]
    connection.executemany("INSERT OR REPLACE INTO types VALUES (?, ?, ?)", rows)
    connection.execute("INSERT INTO mends (source) VALUES (?)", (source,))


def last_mend(connection: sqlite3.Connection) -> int:
    """Return the number of the last mend of the file; 0 where there was none."""
    if not _has_tables(connection):
        return 0
    return int(connection.execute("SELECT coalesce(max(number), 0) FROM mends").fetchone()[0])


def typed(connection: sqlite3.Connection, source: Source) -> Source:
    """Return a source with the types in the file; types that the source declares come first."""
    if not _has_tables(connection):
        return source
    rows = connection.execute("SELECT name, type FROM types WHERE source = ?", (source.name,))
    known = {name or source.sample_id: _TYPES[kind] for name, kind in rows}
    columns = (source.sample_id, *source.dimensions)
    types = {name: kind for name, kind in known.items() if name in columns} | dict(source.types)
    return source if types == source.types else replace(source, types=types)


def _name(source: Source, column: str) -> str:
    return "" if column == source.sample_id else column
