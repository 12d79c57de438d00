"""Define the protocol of event stores.

A store keeps events. For a request it gives the arrays that the selection kernels take: for each
source the event times and columns of at least the samples in the request's groups, and for each
(dimension, event) the group's rows in the order of (event time, sample id).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aggregators.errors import StoreError
from aggregators.events import Event, Source
from aggregators.stores.checks import MAX_EVENTS_PER_APPEND, source_named
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
from aggregators.typing import Duration, Key, Moment, Native, SampleId

if TYPE_CHECKING:
    import pandas as pd

    from aggregators.feature import Feature

__all__ = ["EventStore"]

EXPORT_CHUNK_ROWS = 100_000
"""How many samples are written to a file at a time, by default."""


class EventStore(ABC):
    """Keeps events; gives a request what it needs in one round trip, and training its table."""

    sources: dict[str, Source]

    @abstractmethod
    def append(self, events: Iterable[Event]) -> AppendResult:
        """Keep events; when this returns, every later read sees them.

        All or none: a bad event refuses the whole call. Any order of arrival and any repetition
        give the same state; see :class:`Event` for corrections and retractions.

        Raises:
            DataError: an event of an unknown source, of a wrong type, or with unknown columns.
        """

    def append_table(self, source: Source, table: Native) -> AppendResult:
        """Keep all events of a table of samples, as training reads it, in calls of many each.

        A column's value counts as carried by the event from which it is known; if that event is
        missing, by the sample's first event. Rows without any event leave nothing.
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
    def read_with_samples(
        self,
        requests: Sequence[ReadRequest],
        samples: Sequence[SampleRequest],
        groups_of: Callable[[FoundSamples], GroupKeys],
        earliest_us: int,
    ) -> AbstractContextManager[tuple[FoundSamples, Sequence[SourceReading]]]:
        """Give whole samples, and what the requests need of the groups that follow from them.

        One call and one state of the store: which groups are read often depends on the samples, as
        an order names its store. The readings are valid inside the context only.

        Args:
            requests: the indexes of each source, as of :meth:`read`.
            samples: the samples that are returned.
            groups_of: returns for the samples which groups to read. It must be pure, and may be
                called several times: a store over the network guesses first, with what it saw of
                the samples before, and a local store calls it outside of its lock and again where
                a sample has changed meanwhile. The last result holds.
            earliest_us: no moment before this one is asked for.

        Raises:
            QueryError: as of :meth:`read`; and whatever ``groups_of`` raises.
        """

    @abstractmethod
    def sample(self, source: Source, sample_id: SampleId) -> Sample | None:
        """Return one sample, or None where the store has no event of it."""

    @abstractmethod
    def samples(self, source: Source, sample_ids: Sequence[SampleId]) -> list[Sample | None]:
        """Return what :meth:`sample` returns for each id, in their order.

        A store that is reached over the network is asked once, whatever the number of ids.
        """

    @abstractmethod
    def table(self, source: Source) -> pd.DataFrame:
        """Return the source's samples as a table, ready for training."""

    @abstractmethod
    def compact(
        self, features: Iterable[Feature], as_of: Moment, settled_after: Duration = "1d"
    ) -> CompactionResult:
        """Drop the samples that none of the features can need at ``as_of`` or later.

        What they can need follows from their n, windows and open intervals. The features have the
        same values before and after at every such moment. Earlier moments are refused from now on.
        Only sources of which there are features are compacted. Before, export what training must
        still have.

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

        None where it was never compacted. To ask for an earlier moment is a :class:`QueryError`.
        """

    @abstractmethod
    def reopen(self, source: Source, as_of: Moment) -> None:
        """Let a source be asked from an earlier moment on than its last compaction allows.

        This mends a compaction with a wrong moment, such as that of a clock that is ahead: until
        that moment nothing could be asked. Dropped samples stay dropped. Does nothing where the
        source can be asked for ``as_of`` already.
        """

    @abstractmethod
    def latest_moment_us(self, enough_us: int | None = None) -> int | None:
        """Return the latest moment (microseconds) in any event, None where there is none.

        It is the latest time at which an event of any source happened or was recorded. No clock of
        this machine is read.

        Args:
            enough_us: the search may end at a moment as late as this one.
        """

    @abstractmethod
    def count(self, source: Source) -> int:
        """Return how many samples of a source there are."""

    def check(self) -> None:  # noqa: B027  # most stores find out when they are asked
        """Raise :class:`StoreError` where the store cannot take events now; quick.

        A store whose place is gone (a file that was deleted, for example) restores it if it can,
        and reports it once.
        """

    def close(self) -> None:  # noqa: B027  # a store in memory has nothing to let go of
        """Close files and connections; the store cannot be used afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def by_source(self, features: Iterable[Feature]) -> dict[str, list[Feature]]:
        """Return features by the name of their source, which must be the store's."""
        result: dict[str, list[Feature]] = {}
        for feature in features:
            self.check_source(feature.source)
            result.setdefault(feature.source.name, []).append(feature)
        return result

    def source_named(self, name: Any) -> Source:
        """Return the source of that name, or raise :class:`UnknownNameError`."""
        return source_named(self.sources, name)

    def check_source(self, source: Source) -> None:
        """Raise unless the store keeps this source, declared in the same way."""
        if self.source_named(source.name) != source:
            raise StoreError(
                f"source {source.name!r} is declared differently in the store and in the request;"
                " expected the same Source"
            )
