"""Read what was added to the log in an SQLite file into the samples in memory."""

from __future__ import annotations

import sqlite3

from aggregators.stores.memory import MemoryEventStore
from aggregators.stores.sqlite.log import LogRows

__all__ = ["replay"]

_MANY_EVENTS = 2_000
"""From so many events on, reading columns is quicker than reading events."""


def replay(
    rows: LogRows, reader: sqlite3.Connection, memory: MemoryEventStore, start: int, end: int
) -> int:
    """Let all events after a place in the log take effect; return the place of the last one.

    Args:
        rows: read the log.
        reader: a connection without an open transaction.
        memory: the samples.
        start: the place after which events are new.
        end: a place that the log has reached.
    """
    if end - start < _MANY_EVENTS or memory.is_indexed:
        for last, events in rows.after(reader, start):
            memory.apply(events)
            start = last
        return start
    # One state of the file for all batches: a compaction or a mend must not fall between two.
    reader.execute("BEGIN")
    try:
        for last, columns in rows.columns_after(reader, start):
            memory.apply_columns(columns)
            start = last
    finally:
        reader.execute("ROLLBACK")  # nothing was written
    return start
