"""Find out with one question what has been added to an SQLite file."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

__all__ = ["Marks", "read_marks"]

_MARKS = """
SELECT
    (SELECT max(seq) FROM events),
    (SELECT max(number) FROM compactions),
    (SELECT max(number) FROM mends),
    (SELECT count(*) FROM types)
"""


class Marks(NamedTuple):
    """Holds how far each table of a file has come.

    ``settled`` is equal as long as no compaction, mend or type was added: each has a number of its
    own, and a type is replaced by a mend alone.
    """

    last_seq: int
    settled: tuple[int | None, ...]


def read_marks(connection: sqlite3.Connection) -> Marks | None:
    """Return the marks of a file; None where another version of the package has made its tables."""
    try:
        last_seq, *settled = connection.execute(_MARKS).fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return None
    return Marks(last_seq or 0, tuple(settled))
