"""The embedded event store: an append-only log in SQLite, and its samples in memory.

What ``append`` returned from is on the disk (WAL, synchronous=FULL). Every process that opens the
file keeps the samples in memory and, before each read, takes over what others have appended: a
read costs what it costs in memory, and is exact.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aggregators.errors import StoreError
from aggregators.events import Event, Source
from aggregators.stores.base import (
    MAX_EVENTS_PER_APPEND,
    AppendResult,
    EventStore,
    ReadRequest,
    Sample,
    SourceReading,
)
from aggregators.stores.memory import MemoryEventStore
from aggregators.stores.samples import APPLIED, CheckedEvent, Record
from aggregators.typing import Key, Native, SampleId

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SqliteEventStore"]

SCHEMA_VERSION = 1
"""Kept in the file as ``PRAGMA user_version``; a file of another version is refused."""

BUSY_TIMEOUT_S = 30.0
"""How long an append waits for another process's append before it fails."""

_APPLICATION_ID = 0x0D005E9  # tells the file from other programs' SQLite files
_FETCH_ROWS = 10_000

# sample_id is ANY: in a strict table integers stay integers and strings strings.
_SCHEMA = """
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


class SqliteEventStore(EventStore):
    """Keeps the events of its sources in an SQLite file. Thread-safe, and safe between processes.

    Args:
        path: the file; made if it does not exist. Its folder must exist, and be local.
        sources: the sources whose events are read. Events of other sources stay in the file.

    Raises:
        StoreError: the file is no event store, of another schema version, or cannot be opened.

    >>> import tempfile
    >>> from datetime import datetime, UTC
    >>> from aggregators import Event, Source, SqliteEventStore
    >>> orders = Source(
    ...     "orders", sample_id="order_id", events=("ready",), dimensions=("store_id",)
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SqliteEventStore(f"{folder}/events.db", sources=[orders])
    ...     ready = Event(
    ...         "orders", 1, "ready", datetime(2026, 1, 1, tzinfo=UTC), {"store_id": "a"}
    ...     )
    ...     print(store.append([ready]), store.append([ready]).duplicates)
    ...     store.close()
    AppendResult(applied=1, duplicates=0, superseded=0) 1
    """

    def __init__(self, path: str | Path, sources: Iterable[Source]) -> None:
        self.path = Path(path)
        self._memory = MemoryEventStore(sources)
        self.sources = self._memory.sources
        self._lock = threading.RLock()
        self._last_seq = 0
        self._seen_version = -1
        try:
            self._connection = sqlite3.connect(
                self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise StoreError(f"cannot open the event store {self.path}: {error}") from error
        try:
            self._prepare()
            self._catch_up()
        except sqlite3.Error as error:
            self.close()
            raise StoreError(f"cannot open the event store {self.path}: {error}") from error
        except StoreError:
            self.close()
            raise

    def _prepare(self) -> None:
        execute = self._connection.execute
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        with self._transaction():
            version = execute("PRAGMA user_version").fetchone()[0]
            application = execute("PRAGMA application_id").fetchone()[0]
            if version == 0 and not execute("SELECT 1 FROM sqlite_master").fetchone():
                execute(_SCHEMA)
                execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                return
        if application != _APPLICATION_ID:
            raise StoreError(f"{self.path} is an SQLite file, but no event store of Doorstep")
        if version != SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} has schema version {version}; this version of the package reads"
                f" {SCHEMA_VERSION}: open it with the version of the package that wrote it"
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Run in one transaction that excludes all other writers."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def append(self, events: Iterable[Event]) -> AppendResult:
        """Keep events; when this returns they are on the disk. See :meth:`EventStore.append`."""
        given = list(events)
        with self._lock:
            self._catch_up()
            return self._write(given)

    def append_table(self, source: Source, table: Native) -> AppendResult:
        """Keep all events of a table of samples, in transactions of many events each."""
        from aggregators.stores.bulk import events_of_table

        totals = [0, 0, 0]
        for batch in events_of_table(source, table, MAX_EVENTS_PER_APPEND):
            result = self.append(batch)
            totals[0] += result.applied
            totals[1] += result.duplicates
            totals[2] += result.superseded
        return AppendResult(*totals)

    def _write(self, given: Sequence[Event]) -> AppendResult:
        events, seen = self._memory.checked(given), self._last_seq
        try:
            with self._transaction():
                self._catch_up()  # nobody else can append from here on
                if self._last_seq != seen:  # ids and keys have types of what others appended
                    events = self._memory.checked(given)
                new = [event for event in events if self._memory.outcome(event) == APPLIED]
                rows = [self._row(event) for event in new]
                self._connection.executemany(
                    "INSERT INTO events (source, sample_id, event, time_us, recorded_us,"
                    " retracted, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    rows,
                )
                last = self._connection.execute("SELECT max(seq) FROM events").fetchone()[0]
        except sqlite3.Error as error:
            raise StoreError(
                f"the event store {self.path} did not take {len(given)} events, none of them is"
                f" kept: {error}; append them again"
            ) from error
        result = self._memory.apply(events)
        self._last_seq = last or 0
        return result

    def _row(self, event: CheckedEvent) -> tuple[object, ...]:
        record = event.record
        return (
            event.source,
            event.sample_id,
            self.sources[event.source].events[event.event],
            record.time_us,
            record.recorded_us,
            record.retracted,
            json.dumps(dict(record.data)) if record.data else "{}",
        )

    def _catch_up(self) -> None:
        """Take over what other processes have appended since the last look."""
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._seen_version:
            return
        cursor = self._connection.execute(
            "SELECT seq, source, sample_id, event, time_us, recorded_us, retracted, data"
            " FROM events WHERE seq > ? ORDER BY seq",
            (self._last_seq,),
        )
        while rows := cursor.fetchmany(_FETCH_ROWS):
            self._memory.apply(event for row in rows if (event := self._event(row)) is not None)
            self._last_seq = rows[-1][0]
        self._seen_version = version

    def _event(self, row: tuple[object, ...]) -> CheckedEvent | None:
        _, name, sample_id, event, time_us, recorded_us, retracted, data = row
        source = self.sources.get(str(name))
        if source is None:
            return None
        if event not in source.events:
            raise StoreError(
                f"{self.path} holds event {event!r} of source {name!r}, which the source does not"
                f" declare; expected one of {', '.join(source.events)}: declare it, too"
            )
        assert isinstance(sample_id, int | str)
        assert isinstance(time_us, int)
        assert isinstance(recorded_us, int)
        # Columns that this source does not declare belong to another version of it.
        known = {k: v for k, v in json.loads(str(data)).items() if k in source.columns}
        record = Record(time_us, recorded_us, bool(retracted), known)
        return CheckedEvent(source.name, sample_id, source.events.index(str(event)), record)

    @contextmanager
    def read(
        self,
        requests: Sequence[ReadRequest],
        keys: Mapping[str, Key],
        own_samples: Mapping[str, SampleId | None],
    ) -> Iterator[Sequence[SourceReading]]:
        """Give what the requests need, including what other processes have appended until now."""
        with self._lock:
            self._catch_up()
            with self._memory.read(requests, keys, own_samples) as readings:
                yield readings

    def sample(self, source: Source, sample_id: SampleId) -> Sample | None:
        """Return one sample, or None where the store has no event of it."""
        with self._lock:
            self._catch_up()
            return self._memory.sample(source, sample_id)

    def table(self, source: Source) -> pd.DataFrame:
        """Return the source's samples as a table, ready for training."""
        with self._lock:
            self._catch_up()
            return self._memory.table(source)

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        with self._lock:
            self._connection.close()

    def __len__(self) -> int:
        """Return how many samples the store has, over all sources."""
        return len(self._memory)

    def __repr__(self) -> str:
        return f"<SqliteEventStore {self.path.name}: {len(self)} samples>"
