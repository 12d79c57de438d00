"""Convert events to rows of the log in an SQLite file, and back."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aggregators.events import Source
from aggregators.stores.records import CheckedEvent, DeclaredColumns, Record

__all__ = ["LogRows"]

logger = logging.getLogger("doorstep.stores")

_FETCH_ROWS = 10_000


class LogRows:
    """Makes and reads the rows of some sources.

    Args:
        path: of the file, for the log.
        sources: the sources as this process declares them.
    """

    def __init__(self, path: Path, sources: Mapping[str, Source]) -> None:
        self._path = path
        self._events = {name: source.events for name, source in sources.items()}
        self._numbers = {
            (name, event): number
            for name, events in self._events.items()
            for number, event in enumerate(events)
        }
        self._declared = {name: DeclaredColumns(source) for name, source in sources.items()}
        self._ignored: set[tuple[str, str]] = set()

    def insert(self, writer: sqlite3.Connection, events: Iterable[CheckedEvent]) -> None:
        """Write events to the end of the log."""
        writer.executemany(
            "INSERT INTO events (source, sample_id, event, time_us, recorded_us,"
            " retracted, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [self.row(event) for event in events],
        )

    def after(
        self, reader: sqlite3.Connection, last_seq: int
    ) -> Iterator[tuple[int, Iterator[CheckedEvent]]]:
        """Yield the declared events after a place in the log, in batches with their last place."""
        cursor = reader.execute(
            "SELECT seq, source, sample_id, event, time_us, recorded_us, retracted, data"
            " FROM events WHERE seq > ? ORDER BY seq",
            (last_seq,),
        )
        while rows := cursor.fetchmany(_FETCH_ROWS):
            # One after the other: garbage collection looks at what is alive, again and again.
            yield rows[-1][0], (event for row in rows if (event := self.event(row)) is not None)

    def row(self, event: CheckedEvent) -> tuple[object, ...]:
        """Return the row of an event."""
        record = event.record
        return (
            event.source,
            event.sample_id,
            self._events[event.source][event.event],
            record.time_us,
            record.recorded_us,
            record.retracted,
            json.dumps(dict(record.data)) if record.data else "{}",
        )

    def event(self, row: tuple[Any, ...]) -> CheckedEvent | None:
        """Return an event of the log; None for one that these sources do not declare.

        Another version of the package, or of a source, may have written it.
        """
        _, name, sample_id, event, time_us, recorded_us, retracted, data = row
        number = self._numbers.get((name, event))
        if number is None:
            if name in self._events and (name, event) not in self._ignored:
                self._ignored.add((name, event))
                logger.warning("%s: events %r of %r are not declared", self._path, event, name)
            return None
        known: dict[str, Any] = {}
        if data != "{}":
            known = json.loads(data)
            if not self._declared[name].fits(known):
                known = self._declared[name].data(known)
        return CheckedEvent(
            name, sample_id, number, Record(time_us, recorded_us, retracted == 1, known)
        )
