"""Convert events to rows of the log in an SQLite file, and back."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from aggregators.events import Source
from aggregators.stores.records import CheckedEvent, DeclaredColumns, Record

__all__ = ["LogRows"]

logger = logging.getLogger("doorstep.stores")

_FETCH_ROWS = 10_000

_INSERT = (
    "INSERT INTO events (source, sample_id, event, time_us, recorded_us, retracted, data) VALUES "
)
_ONE_ROW = "(?, ?, ?, ?, ?, ?, ?)"

_ROWS_PER_STATEMENT = 50
"""The library gives other threads their turn at every statement: few of them end sooner."""

_INSERT_ONE = _INSERT + _ONE_ROW
_INSERT_MANY = _INSERT + ", ".join([_ONE_ROW] * _ROWS_PER_STATEMENT)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


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

    def insert(self, writer: sqlite3.Connection, events: Sequence[CheckedEvent]) -> int:
        """Write events to the end of the log; return the place of the last one, 0 for none."""
        if not events:
            return 0
        rows = [self.row(event) for event in events]
        n_full = len(rows) - len(rows) % _ROWS_PER_STATEMENT
        for first in range(0, n_full, _ROWS_PER_STATEMENT):
            part = rows[first : first + _ROWS_PER_STATEMENT]
            writer.execute(_INSERT_MANY, tuple(chain.from_iterable(part)))
        writer.executemany(_INSERT_ONE, rows[n_full:])
        return int(writer.execute("SELECT max(seq) FROM events").fetchone()[0])

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
            _encode(record.data).decode() if record.data else "{}",
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
            known = _data_of(data)
            if not self._declared[name].fits(known):
                known = self._declared[name].data(known)
        return CheckedEvent(
            name, sample_id, number, Record(time_us, recorded_us, retracted == 1, known)
        )


def _data_of(text: str) -> dict[str, Any]:
    try:
        data: dict[str, Any] = _decode(text)
    except msgspec.DecodeError:  # JSON as Python alone writes it
        data = json.loads(text)
    return data
