"""Keep events in an append-only log in SQLite, with the samples in memory.

When ``append`` returns, the events are on the disk (WAL, synchronous=FULL). Every process that
opens the file keeps the samples in memory. Before each read it takes over what others have
appended: so a read costs as much as in memory, and is exact. Writing to the disk does not delay
reads.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aggregators.errors import StoreError
from aggregators.events import Event, Source
from aggregators.stores.base import EventStore
from aggregators.stores.memory import MemoryEventStore, read_one_state
from aggregators.stores.reading import (
    AppendResult,
    CompactionResult,
    FoundSamples,
    GroupKeys,
    ReadRequest,
    Sample,
    SampleRequest,
    SourceReading,
)
from aggregators.stores.records import check_declared, resolve_events
from aggregators.stores.sqlite.compaction import compactions_after, delete_samples, ids_in_log
from aggregators.stores.sqlite.file import (
    REOPENED,
    close_all,
    connect,
    is_read_only,
    prepare,
    transaction,
)
from aggregators.stores.sqlite.file_watch import WatchedFile
from aggregators.stores.sqlite.log import LogRows
from aggregators.stores.sqlite.marks import read_marks
from aggregators.stores.sqlite.replay import replay
from aggregators.stores.sqlite.types import declare, last_mend, typed
from aggregators.times import moment_to_us
from aggregators.typing import Duration, Key, Moment, SampleId

if TYPE_CHECKING:
    import pandas as pd

    from aggregators.feature import Feature

__all__ = ["SqliteEventStore"]

logger = logging.getLogger("doorstep.stores")

_CHECK_WAIT_S = 0.5
"""A store that is appending for so long takes events."""


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
        self._lock = threading.RLock()  # of the samples in memory and of the reading connection
        self._append_lock = threading.Lock()  # of the writing connection
        self._rows = LogRows(self.path, self.sources)
        self._file = WatchedFile(self.path)
        self._connections: list[sqlite3.Connection] = []
        # A store that is dropped without being closed must not leave the file open.
        self._closing = weakref.finalize(self, close_all, self._connections)
        try:
            self._open()
        except sqlite3.Error as error:
            self.close()
            raise StoreError(f"cannot open the event store {self.path}: {error}") from error
        except StoreError:
            self.close()
            raise

    def _open(self) -> None:
        """Open the file at the path, instead of an open one, and read all of it."""
        opened: list[sqlite3.Connection] = []
        self._file.forget()
        try:
            opened.append(connect(self.path))
            prepare(opened[0], self.path)
            opened.append(connect(self.path))
        except BaseException:
            close_all(opened)
            raise
        close_all(self._connections)
        self._connections[:] = opened
        self._writer, self._reader = opened
        self._last_mend = 0
        self._start_anew()
        self._catch_up()
        for source in self.sources.values():
            check_declared(source, self._memory.kinds(source.name), self.path)
        declare(self._writer, self.sources.values())
        self._file.note()

    def _start_anew(self) -> None:
        """Drop all samples: the next read takes over all of the file."""
        self._memory = MemoryEventStore(self.sources.values())
        self._memory.sources = self.sources  # what others may hold, and what learns types
        self._last_seq = self._last_compaction = 0
        self._settled: tuple[int | None, ...] | None = None
        self._seen_version = -1

    def check(self) -> None:
        """Raise :class:`StoreError` unless the file takes events; see :meth:`EventStore.check`."""
        if not self._append_lock.acquire(timeout=_CHECK_WAIT_S):
            return  # it is taking events
        try:
            was_there = self._file.is_open_one()
            self._follow()
            if not was_there:
                raise StoreError(
                    f"the event store {self.path} was deleted or replaced; from now on it is the"
                    " file that stands there"
                )
            self._check_whole()
            if is_read_only(self._writer):
                self._open_writable()
                if is_read_only(self._writer):
                    raise StoreError(f"the event store {self.path} is read-only")
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the event store {self.path} takes no events: {error}") from error
        finally:
            self._append_lock.release()

    def _follow(self) -> None:
        """Open the file again if it was deleted or replaced. The caller holds the append lock."""
        if not self._file.is_open_one():
            with self._lock:
                self._file.clear_path(self._reader)
                self._open()

    def _check_whole(self) -> None:
        """Raise :class:`StoreError` if the file was damaged. The caller holds the append lock."""
        with self._lock:
            with suppress(sqlite3.Error):  # a mend may have dropped the last event
                self._catch_up()
            last = self._last_seq
        self._file.damage.look(last)

    def _open_writable(self) -> None:
        """Open the file again if it could not be written when it was opened, and now can."""
        if self._file.is_writable():
            with self._lock:
                close_all(self._connections)  # what they share would stay read-only
                self._file.fix_sidecar_permissions()
                self._open()

    def _follow_replaced(self) -> None:
        """Let reads use a replaced file; for a deleted one, memory answers."""
        if self._file.is_open_one() or self._file.is_missing():
            return
        # Its owner may be waiting for the samples: do not wait. A later read will follow.
        if self._append_lock.acquire(blocking=False):
            try:
                self._follow()
            except (StoreError, sqlite3.Error, OSError) as error:
                logger.error("%s cannot be read anew: %s", self.path, error)
            finally:
                self._append_lock.release()

    @contextmanager
    def _current(self) -> Iterator[MemoryEventStore]:
        """Give the samples, with all that other processes have appended until now."""
        self._follow_replaced()
        with self._lock:
            self._catch_up()
            yield self._memory

    def append(self, events: Iterable[Event]) -> AppendResult:
        """Keep events; when this returns they are on the disk. See :meth:`EventStore.append`."""
        given = list(events)
        try:
            with self._append_lock:
                return self._append(given)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"the event store {self.path} did not take {len(given)} events, none of them is"
                f" kept: {error}; append them again"
            ) from error

    def _append(self, given: list[Event]) -> AppendResult:
        self._follow()
        if self._file.damage.has_changed():
            self._check_whole()
        try:
            result = self._write(given)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                raise
            self._open_writable()
            result = self._write(given)
        if not self._file.is_open_one():
            raise StoreError(
                f"the event store {self.path} was deleted while {len(given)} events were written,"
                " none of them is acknowledged: append them again"
            )
        if self._file.damage.has_changed():  # as after a checkpoint
            self._check_whole()
        return result

    def _write(self, given: list[Event]) -> AppendResult:
        with transaction(self._writer):  # from here on no other process can append
            with self._lock:
                self._catch_up()
                events = self._memory.checked(given)
                new, outcomes = resolve_events(events, self._memory.record_of)
            last = self._rows.insert(self._writer, new)
        with self._lock:
            self._memory.apply(new)  # again, if a read has been quicker: that changes nothing
            self._last_seq = max(self._last_seq, last)
        return AppendResult.of(outcomes)

    def _catch_up(self) -> None:
        """Take over what other processes have appended since the last read."""
        version = self._reader.execute("PRAGMA data_version").fetchone()[0]
        if version == self._seen_version:
            return
        marks = read_marks(self._reader)
        is_settled = marks is not None and marks.settled == self._settled
        if not is_settled:
            self._follow_types()
        if marks is None or marks.last_seq > self._last_seq:
            end = 0 if marks is None else marks.last_seq
            self._last_seq = replay(self._rows, self._reader, self._memory, self._last_seq, end)
        if not is_settled:
            self._follow_compactions()
        self._settled = None if marks is None else marks.settled
        self._seen_version = version

    def _follow_types(self) -> None:
        """Take over the types that other processes have set; after a mend, read all again."""
        for name, source in self.sources.items():
            self.sources[name] = typed(self._reader, source)
        mend = last_mend(self._reader)
        if mend != self._last_mend:
            self._last_mend = mend
            self._start_anew()

    def _follow_compactions(self) -> None:
        """Drop the samples that another process has dropped."""
        rows = compactions_after(self._reader, self._last_compaction)
        for _, name, as_of_us, dropped in rows:
            if name in self.sources and dropped == REOPENED:
                self._memory.set_compaction(name, as_of_us)
            elif name in self.sources:
                self._memory.note_compaction(name, as_of_us)
        if rows and self._seen_version != -1:
            for name in {row[1] for row in rows} & self.sources.keys():
                here = ids_in_log(self._reader, name)
                self._memory.drop(name, [i for i in self._memory.ids(name) if i not in here])
        self._last_compaction = max([self._last_compaction, *(row[0] for row in rows)])

    @contextmanager
    def read(
        self,
        requests: Sequence[ReadRequest],
        keys: Mapping[str, Sequence[Key]],
        own_samples: Mapping[str, Sequence[SampleId | None]],
        earliest_us: int,
    ) -> Iterator[Sequence[SourceReading]]:
        """Give what the requests need, including what other processes have appended until now."""
        with (
            self._current() as memory,
            memory.read(requests, keys, own_samples, earliest_us) as readings,
        ):
            yield readings

    def read_with_samples(
        self,
        requests: Sequence[ReadRequest],
        samples: Sequence[SampleRequest],
        groups_of: Callable[[FoundSamples], GroupKeys],
        earliest_us: int,
    ) -> AbstractContextManager[tuple[FoundSamples, Sequence[SourceReading]]]:
        """Give samples and groups of one state; see :meth:`EventStore.read_with_samples`."""
        return read_one_state(self._current, requests, samples, groups_of, earliest_us)

    def sample(self, source: Source, sample_id: SampleId) -> Sample | None:
        """Return one sample, or None where the store has no event of it."""
        with self._current() as memory:
            return memory.sample(source, sample_id)

    def samples(self, source: Source, sample_ids: Sequence[SampleId]) -> list[Sample | None]:
        """Return what :meth:`sample` returns for each id, in their order."""
        with self._current() as memory:
            return memory.samples(source, sample_ids)

    def table(self, source: Source) -> pd.DataFrame:
        """Return the source's samples as a table, ready for training."""
        with self._current() as memory:
            return memory.table(source)

    def reopen(self, source: Source, as_of: Moment) -> None:
        """Let a source be asked from an earlier moment on, here and in other processes."""
        wanted_us = moment_to_us(as_of, "as_of")
        compacted_us = self.compacted_until(source)
        if compacted_us is None or compacted_us <= wanted_us:
            return
        try:
            with self._append_lock, transaction(self._writer):
                self._writer.execute(
                    "INSERT INTO compactions (source, as_of_us, dropped) VALUES (?, ?, ?)",
                    (source.name, wanted_us, REOPENED),
                )
        except sqlite3.Error as error:
            raise StoreError(f"cannot change the event store {self.path}: {error}") from error

    def latest_moment_us(self, enough_us: int | None = None) -> int | None:
        """Return the latest moment (microseconds) that any event says, None where there is none."""
        with self._current() as memory:
            return memory.latest_moment_us(enough_us)

    def compacted_until(self, source: Source) -> int | None:
        """Return the moment (microseconds) before which the source can no longer be asked."""
        with self._current() as memory:
            return memory.compacted_until(source)

    def count(self, source: Source) -> int:
        """Return how many samples of a source there are."""
        with self._current() as memory:
            return memory.count(source)

    def compact(
        self, features: Iterable[Feature], as_of: Moment, settled_after: Duration = "1d"
    ) -> CompactionResult:
        """Drop the samples that none of the features can need any more, also from the file.

        Reads and appends go on meanwhile. If the process ends in the middle, the next compaction
        does the rest.
        """
        with self._current() as memory:
            last = self._last_seq
            samples = memory.not_needed(features, as_of, settled_after)
        try:
            dropped = delete_samples(self.path, samples, last, moment_to_us(as_of, "as_of"))
        except sqlite3.Error as error:
            raise StoreError(f"cannot compact the event store {self.path}: {error}") from error
        with self._lock:
            for name, ids in dropped.items():
                self._memory.drop(name, ids)
            # What was appended to them meanwhile is in the file, and was acknowledged.
            self._last_seq, self._seen_version = last, -1
            self._catch_up()
            kept = sum(self._memory.count(self.sources[name]) for name in dropped)
        return CompactionResult(kept, sum(len(ids) for ids in dropped.values()))

    def close(self) -> None:
        """Restore a deleted file, and close it. A store that is dropped restores nothing."""
        with self._append_lock, self._lock:
            if self._closing.alive and self._connections:
                self._file.leave(self._reader)
            self._closing()

    def __len__(self) -> int:
        """Return how many samples the store has, over all sources."""
        return len(self._memory)

    def __repr__(self) -> str:
        return f"<SqliteEventStore {self.path.name}: {len(self)} samples>"
