"""Convert events to rows of the log in an SQLite file, and back."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, compress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from aggregators.events import Source
from aggregators.stores.event_columns import EventColumns
from aggregators.stores.records import CheckedEvent, DeclaredColumns, Record
from aggregators.typing import SampleId

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

# One row per batch: SQLite writes a column as one text in a fraction of the time that it takes to
# make a Python object of each value.
_COLUMNS = """
SELECT
    max(seq), json_group_array(source), json_group_array(sample_id), json_group_array(event),
    json_group_array(time_us), json_group_array(recorded_us), json_group_array(retracted),
    json_group_array(CASE data WHEN '{}' THEN NULL ELSE data END)
FROM (SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?)
"""

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

    def columns_after(
        self, reader: sqlite3.Connection, last_seq: int
    ) -> Iterator[tuple[int, list[EventColumns]]]:
        """Yield the events of :meth:`after` as columns, one for each source that has events."""
        while True:
            row = reader.execute(_COLUMNS, (last_seq, _FETCH_ROWS)).fetchone()
            if row[0] is None:
                return
            last_seq = row[0]
            yield last_seq, self._columns(*(_decode(text) for text in row[1:]))

    def _columns(
        self,
        names: list[str],
        ids: list[SampleId],
        events: list[str],
        times_us: list[int],
        recorded_us: list[int],
        retracted: list[int],
        data: list[str | None],
    ) -> list[EventColumns]:
        kinds = list(zip(names, events, strict=True))
        number_of = {kind: self._number(*kind) for kind in set(kinds)}
        numbers = [number_of[kind] for kind in kinds]
        result = []
        for name in self._events.keys() & {name for name, _ in number_of}:
            fields: list[list[Any]] = [ids, numbers, times_us, recorded_us, retracted, data]
            others = {k for k, number in number_of.items() if k[0] != name or number is None}
            if others:
                wanted = [kind not in others for kind in kinds]
                fields = [list(compress(field, wanted)) for field in fields]
            result.append(self._columns_of(name, *fields))
        return result

    def _columns_of(
        self,
        name: str,
        ids: list[SampleId],
        numbers: list[int],
        times_us: list[int],
        recorded_us: list[int],
        retracted: list[int],
        data: list[str | None],
    ) -> EventColumns:
        decoded = {
            place: self._declared_data(name, text)
            for place, text in enumerate(data)
            if text is not None
        }
        return EventColumns(
            name,
            ids,
            np.array(numbers, np.int64),
            np.array(times_us, np.int64),
            np.array(recorded_us, np.int64),
            np.array(retracted, np.int64) == 1,
            decoded,
        )

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
        number = self._number(name, event)
        if number is None:
            return None
        known = {} if data == "{}" else self._declared_data(name, data)
        return CheckedEvent(
            name, sample_id, number, Record(time_us, recorded_us, retracted == 1, known)
        )

    def _number(self, name: str, event: str) -> int | None:
        """Return the number of an event; None, logged once, where its source lacks it."""
        number = self._numbers.get((name, event))
        if number is None and name in self._events and (name, event) not in self._ignored:
            self._ignored.add((name, event))
            logger.warning("%s: events %r of %r are not declared", self._path, event, name)
        return number

    def _declared_data(self, name: str, text: str) -> dict[str, Any]:
        known, declared = _data_of(text), self._declared[name]
        return known if declared.fits(known) else declared.data(known)


def _data_of(text: str) -> dict[str, Any]:
    try:
        data: dict[str, Any] = _decode(text)
    except msgspec.DecodeError:  # JSON as Python alone writes it
        data = json.loads(text)
    return data
