"""The protocol of event stores.

A store keeps events, and gives for a request the arrays that the selection kernels take: for each
source the event times and columns of at least the samples that the request's groups hold, and for
each (dimension, event) the group's rows in the order of (event time, sample id).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aggregators.errors import StoreError, unknown_name
from aggregators.events import Event, Source
from aggregators.stores.records import CheckedEvent, KnownKinds, check_event
from aggregators.typing import (
    Duration,
    Float64Array,
    Int32Array,
    Int64Array,
    Key,
    Moment,
    Native,
    SampleId,
)

if TYPE_CHECKING:
    import pandas as pd

    from aggregators.features.base import Aggregator

__all__ = [
    "AppendResult",
    "CompactionResult",
    "EventStore",
    "GroupIndex",
    "ReadRequest",
    "Sample",
    "SourceReading",
]

MAX_EVENTS_PER_APPEND = 100_000
"""The most events that one call of ``append`` takes."""

EXPORT_CHUNK_ROWS = 100_000
"""How many samples are written to a file at a time, unless told otherwise."""


@dataclass(frozen=True)
class AppendResult:
    """What became of appended events.

    Attributes:
        applied: new events, corrections and retractions that took effect.
        duplicates: events that were there already, exactly so.
        superseded: events to which a later recorded version was there already.
        outcomes: what became of each, in the order given, one byte per event: 0 applied,
            1 duplicate, 2 superseded.
    """

    applied: int
    duplicates: int
    superseded: int
    outcomes: bytes = field(default=b"", repr=False, compare=False)

    @classmethod
    def of(cls, outcomes: bytes) -> AppendResult:
        """Return the result that counts these outcomes."""
        return cls(outcomes.count(0), outcomes.count(1), outcomes.count(2), outcomes)


class GroupIndex(NamedTuple):
    """Which rows are read, in which order: those of a dimension's values by an event's time.

    Where ``closing`` names events, only rows are needed to which none of them had happened before
    the earliest moment asked for; a store may give more.
    """

    dimension: str
    event: str
    closing: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReadRequest:
    """What to read of one source: the indexes whose groups are needed."""

    source: Source
    indexes: tuple[GroupIndex, ...]


@dataclass(frozen=True, slots=True)
class SourceReading:
    """What was read of one source.

    Attributes:
        times: event times in microseconds, shape (n_events, n_samples), all events of the source.
        columns: attribute columns, shape (n_attributes, n_samples).
        rows: for each index of the request, the rows of the keys' groups, one group after the
            other, and where each starts and ends, shape (n_keys + 1,).
        own_rows: the rows of the samples for which features are computed, -1 where there is none,
            shape (n_own_samples,).
        ids: the sample id of each row.
    """

    times: Int64Array
    columns: Float64Array
    rows: Sequence[tuple[Int32Array, Int64Array]]
    own_rows: Int64Array
    ids: Sequence[SampleId]


@dataclass(frozen=True)
class CompactionResult:
    """What a compaction left.

    Attributes:
        samples_kept: samples of the sources that were compacted.
        samples_dropped: samples that no feature can ask for any more.
    """

    samples_kept: int
    samples_dropped: int


@dataclass(frozen=True)
class Sample:
    """One sample as a store knows it.

    Attributes:
        times: event times in microseconds, shape (n_events, 1).
        columns: attribute columns, shape (n_attributes, 1).
        keys: the dimensions' values.
        facts: the facts' values, None where missing.
    """

    times: Int64Array
    columns: Float64Array
    keys: Mapping[str, Key]
    facts: Mapping[str, Any] = field(default_factory=dict)


class EventStore(ABC):
    """Keeps events; gives requests what they need in one round trip, and training its table."""

    sources: dict[str, Source]

    @abstractmethod
    def append(self, events: Iterable[Event]) -> AppendResult:
        """Keep events; when this returns they are kept, and every later read sees them.

        All or none: a bad event refuses the whole call. Any order of arrival and any repetition
        give the same state; see :class:`Event` for corrections and retractions.

        Raises:
            DataError: an event of an unknown source, of a wrong type, or with unknown columns.
        """

    def append_table(self, source: Source, table: Native) -> AppendResult:
        """Keep all events of a table of samples, as training reads it, in calls of many each.

        A column's value counts as carried by the event from which it is known, or, where that is
        missing, by the sample's first event; rows without any event leave nothing.
        """
        from aggregators.stores.bulk import events_of_table

        totals = [0, 0, 0]
        for batch in events_of_table(source, table, MAX_EVENTS_PER_APPEND):
            result = self.append(batch)
            totals[0] += result.applied
            totals[1] += result.duplicates
            totals[2] += result.superseded
        return AppendResult(totals[0], totals[1], totals[2])

    @abstractmethod
    def read(
        self,
        requests: Sequence[ReadRequest],
        keys: Mapping[str, Sequence[Key]],
        own_samples: Mapping[str, Sequence[SampleId | None]],
        earliest_us: int,
    ) -> AbstractContextManager[Sequence[SourceReading]]:
        """Give what the requests need in one round trip; valid inside the context only.

        Args:
            requests: the indexes of each source.
            keys: the values of each dimension whose groups are read; each value once.
            own_samples: the samples of each source for which features are computed.
            earliest_us: no moment before this one is asked for.
        """

    @abstractmethod
    def sample(self, source: Source, sample_id: SampleId) -> Sample | None:
        """Return one sample, or None where the store has no event of it."""

    @abstractmethod
    def samples(self, source: Source, sample_ids: Sequence[SampleId]) -> list[Sample | None]:
        """Return what :meth:`sample` does of each id, in their order, at once.

        A store that is reached over the network is asked in one go, whatever the number of ids.
        """

    @abstractmethod
    def table(self, source: Source) -> pd.DataFrame:
        """Return the source's samples as a table, ready for training."""

    @abstractmethod
    def compact(
        self, features: Iterable[Aggregator], as_of: Moment, settled_after: Duration = "1d"
    ) -> CompactionResult:
        """Drop the samples that none of the features can ask for at ``as_of`` or later.

        It follows from their n, windows and open intervals. The features are equal before and after
        at every such moment; earlier ones are refused from now on. Only sources of which there are
        features are compacted. Export first what training shall still have.

        Args:
            features: all features that will be asked of this store.
            as_of: no earlier moment will be asked for. Leave room for events that arrive late.
            settled_after: a sample to which something has happened more recently before ``as_of``
                is kept whatever the features ask for, because more may happen to it. What happens
                to a dropped sample later stands alone: the store has forgotten its columns.
        """

    def table_chunks(self, source: Source, chunk_rows: int) -> Iterator[pd.DataFrame]:
        """Yield the source's samples in tables of at most so many rows."""
        table = self.table(source)
        for start in range(0, max(len(table), 1), chunk_rows):  # an empty table has columns, too
            yield table.iloc[start : start + chunk_rows]

    def export(
        self,
        source: Source,
        path: str | Path,
        *,
        chunk_rows: int = EXPORT_CHUNK_ROWS,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Write a source's samples to a Parquet file, ready for training.

        Args:
            source: the source.
            path: the file; it appears only when it is complete.
            chunk_rows: how many samples are written at a time (one row group each).
            progress: called with (samples written, samples in all).

        Returns:
            The number of samples.
        """
        from aggregators.tables.parquet_file import write_frames

        chunks = self.table_chunks(source, chunk_rows)
        return write_frames(chunks, path, total=self.count(source), progress=progress)

    @abstractmethod
    def compacted_until(self, source: Source) -> int | None:
        """Return the moment (microseconds) before which the source can no longer be asked.

        None where it was never compacted. Asking for an earlier moment is a :class:`QueryError`.
        """

    @abstractmethod
    def reopen(self, source: Source, as_of: Moment) -> None:
        """Let a source be asked from an earlier moment on than its last compaction says.

        For a compaction whose moment was wrong, such as that of a clock ahead: until that moment
        came, nothing could be asked. What was dropped stays dropped. Does nothing where the source
        can be asked for ``as_of`` already.
        """

    @abstractmethod
    def latest_moment_us(self, enough_us: int | None = None) -> int | None:
        """Return the latest moment (microseconds) that any event says, None where there is none.

        That is, of all sources, the latest time at which an event happened or was recorded: no
        clock of this machine is in it.

        Args:
            enough_us: the search may end at a moment as late as this one.
        """

    @abstractmethod
    def count(self, source: Source) -> int:
        """Return how many samples of a source there are."""

    def check(self) -> None:  # noqa: B027  # most stores find out when they are asked
        """Raise :class:`StoreError` where the store cannot take events now; quick.

        A store that has lost its place (a file that was deleted, say) gets it back, if it can, and
        says so this once.
        """

    def close(self) -> None:  # noqa: B027  # a store in memory has nothing to let go of
        """Let go of files and connections; the store cannot be used afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check_events(
        self, given: Sequence[Event], known_kinds: Mapping[str, KnownKinds], kinds: dict[str, type]
    ) -> list[CheckedEvent]:
        """Return the events of one call as stores keep them, or raise for the first bad one.

        Args:
            given: what arrived.
            known_kinds: what the store knows of the types of each source's ids and keys.
            kinds: the types seen in this call; extended here.
        """
        if len(given) > MAX_EVENTS_PER_APPEND:
            raise StoreError(
                f"{len(given):,} events in one call; the most is {MAX_EVENTS_PER_APPEND:,}"
            )
        result = []
        for event in given:
            if not isinstance(event, Event):
                raise StoreError(f"{event!r} is no Event; expected aggregators.Event")
            source = self.source_named(event.source)
            result.append(check_event(event, source, known_kinds[source.name], kinds))
        return result

    def by_source(self, features: Iterable[Aggregator]) -> dict[str, list[Aggregator]]:
        """Return features by the name of their source, which must be the store's."""
        result: dict[str, list[Aggregator]] = {}
        for feature in features:
            self.check_source(feature.source)
            result.setdefault(feature.source.name, []).append(feature)
        return result

    def source_named(self, name: Any) -> Source:
        """Return the source of that name, or raise :class:`UnknownNameError`."""
        if name not in self.sources:
            raise unknown_name("source", name, "the event store", self.sources)
        return self.sources[name]

    def check_source(self, source: Source) -> None:
        """Raise unless the store keeps this source, declared in the same way."""
        if self.source_named(source.name) != source:
            raise StoreError(
                f"source {source.name!r} is declared differently in the store and in the request;"
                " expected the same Source"
            )
