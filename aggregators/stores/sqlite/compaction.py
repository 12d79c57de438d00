"""Drop samples that no feature can need any more from the log in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from aggregators.stores.sqlite.file import connect, shrink, transaction
from aggregators.typing import SampleId

__all__ = ["compactions_after", "delete_samples", "ids_in_log"]

_DELETED_ROWS = 500_000
"""How many rows of the log a compaction looks at while appends wait."""


def delete_samples(
    path: Path, samples: Mapping[str, list[SampleId]], last: int, as_of_us: int
) -> dict[str, list[SampleId]]:
    """Delete samples from the log up to a row; return which.

    Delete a part at a time, so that appends wait only for a moment. The sample of the log's last
    row stays: the number of the next row follows from it, and readers rely on growing numbers.
    """
    connection = connect(path, create=False)
    execute = connection.execute
    try:
        row = execute("SELECT source, sample_id FROM events WHERE seq = ?", (last,)).fetchone()
        dropped = {
            name: [sample_id for sample_id in ids if (name, sample_id) != row]
            for name, ids in samples.items()
        }
        execute(
            "CREATE TEMP TABLE dropped (source TEXT, sample_id ANY, PRIMARY KEY (source,"
            " sample_id)) STRICT, WITHOUT ROWID"
        )
        for name, ids in dropped.items():
            rows = ((name, sample_id) for sample_id in ids)
            connection.executemany("INSERT INTO dropped VALUES (?, ?)", rows)
        for low in range(0, last, _DELETED_ROWS):
            with transaction(connection):
                execute(
                    "DELETE FROM events WHERE seq > ? AND seq <= ? AND EXISTS (SELECT 1 FROM"
                    " dropped WHERE dropped.source = events.source"
                    " AND dropped.sample_id = events.sample_id)",
                    (low, min(low + _DELETED_ROWS, last)),
                )
        with transaction(connection):
            connection.executemany(
                "INSERT INTO compactions (source, as_of_us, dropped) VALUES (?, ?, ?)",
                [(name, as_of_us, len(ids)) for name, ids in dropped.items()],
            )
        shrink(connection)
    finally:
        connection.close()
    return dropped


def compactions_after(reader: sqlite3.Connection, number: int) -> list[tuple[int, str, int, int]]:
    """Return the compactions after one, in their order: number, source, moment, samples dropped."""
    return reader.execute(
        "SELECT number, source, as_of_us, dropped FROM compactions WHERE number > ?"
        " ORDER BY number",
        (number,),
    ).fetchall()


def ids_in_log(reader: sqlite3.Connection, source: str) -> set[SampleId]:
    """Return the ids of the samples of which the log has an event."""
    rows = reader.execute("SELECT DISTINCT sample_id FROM events WHERE source = ?", (source,))
    return {sample_id for (sample_id,) in rows}
