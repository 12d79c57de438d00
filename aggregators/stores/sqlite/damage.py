"""Find out whether an open SQLite file is whole, or was overwritten or cut off in place.

In WAL mode SQLite writes into the file only at checkpoints. So an append compares the file's size
and the time of its last change with those of the last look, and examines the file where they
differ.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from aggregators.errors import StoreError

__all__ = ["DamageWatch"]

_BUSY_TIMEOUT_S = 5.0
_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

State: TypeAlias = tuple[int, int]
"""The size (bytes) of a file, and when it changed last (nanoseconds)."""


class DamageWatch:
    """Detects that a file that is open was damaged.

    Args:
        path: of the database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: State = (0, 0)

    def note(self) -> None:
        """Remember the present file as whole."""
        try:
            self._seen = _state_of(self._path)
        except OSError:  # it may be gone again
            self._seen = (0, 0)

    def has_changed(self) -> bool:
        """Return whether anything has been written into the file since the last look."""
        return _state_of(self._path) != self._seen

    def look(self, last: int) -> None:
        """Examine the file through connections of its own.

        Args:
            last: the number of an event that is known to be in it.

        Raises:
            StoreError: it is damaged.
            OSError: it is gone.
        """
        seen = _state_of(self._path)
        try:
            wrong = self._wrong_header(seen[0]) or self._wrong_rows(seen[0], last)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF in _PASSING:
                raise
            wrong = str(error)
        if wrong:
            raise StoreError(
                f"the event store {self._path} is damaged, nothing is acknowledged: {wrong}; stop"
                " all that use it and put a whole file in its place"
            )
        self._seen = seen

    def _wrong_header(self, size: int) -> str:
        """Examine the file alone, without the pages that wait in the WAL."""
        is_shorter = size < self._seen[0]
        try:
            with self._connected("mode=ro&immutable=1") as connection:
                pages = connection.execute("PRAGMA page_count").fetchone()[0]
                whole = pages * int(connection.execute("PRAGMA page_size").fetchone()[0])
        except sqlite3.DatabaseError as error:
            # A checkpoint writes the header first: for a moment, or for as long as it takes until
            # the next one where its process was killed, the header is ahead of the file.
            if is_shorter or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
                raise
            return ""
        if is_shorter and (size != whole or not size):
            return f"it was cut off to {size} bytes, its header says {whole}"
        return ""

    def _wrong_rows(self, size: int, last: int) -> str:
        with self._connected("mode=ro") as connection:
            execute = connection.execute
            if size < self._seen[0]:  # a compaction gave space back, or an older copy came
                found = str(execute("PRAGMA quick_check(1)").fetchone()[0])
                if found != "ok":
                    return found
            execute("SELECT * FROM events ORDER BY seq LIMIT 1").fetchone()
            in_file = execute("SELECT max(seq) FROM events").fetchone()[0] or 0
        if in_file < last:
            return f"its last event is number {in_file}, it had {last}"
        return ""

    def _connected(self, how: str) -> closing[sqlite3.Connection]:
        # Through SQLite: another descriptor of this process would, when closed, drop its locks.
        address = f"{self._path.absolute().as_uri()}?{how}"
        return closing(sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT_S))


def _state_of(path: Path) -> State:
    found = path.stat()
    return found.st_size, found.st_ctime_ns
