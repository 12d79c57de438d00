"""The protocol of event stores.

A store keeps events, and gives for a request the arrays that the selection kernels take: for each
source the event times and columns of at least the samples that the request's groups hold, and for
each (dimension, event) the group's rows in the order of (event time, sample id).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aggregators.errors import StoreError, unknown_name
from aggregators.events import Event, Source
from aggregators.typing import Float64Array, Int32Array, Int64Array, Key, SampleId

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AppendResult", "EventStore", "ReadRequest", "Sample", "SourceReading"]

MAX_EVENTS_PER_APPEND = 100_000
"""The most events that one call of ``append`` takes."""


@dataclass(frozen=True)
class AppendResult:
    """What became of appended events.

    Attributes:
        applied: new events, corrections and retractions that took effect.
        duplicates: events that were there already, exactly so.
        superseded: events to which a later recorded version was there already.
    """

    applied: int
    duplicates: int
    superseded: int


@dataclass(frozen=True)
class ReadRequest:
    """What to read of one source: the (dimension, event) pairs whose groups are needed."""

    source: Source
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SourceReading:
    """What was read of one source.

    Attributes:
        times: event times in microseconds, shape (n_events, n_samples), all events of the source.
        columns: attribute columns, shape (n_attributes, n_samples).
        rows: for each pair of the request, the group's rows and their bounds (0, n).
        own_row: the row of the sample for which features are computed, or -1.
        ids: the sample id of each row.
    """

    times: Int64Array
    columns: Float64Array
    rows: Sequence[tuple[Int32Array, Int64Array]]
    own_row: int
    ids: Sequence[SampleId]


@dataclass(frozen=True)
class Sample:
    """One sample as a store knows it.

    Attributes:
        times: event times in microseconds, shape (n_events, 1).
        columns: attribute columns, shape (n_attributes, 1).
        keys: the dimensions' values.
    """

    times: Int64Array
    columns: Float64Array
    keys: Mapping[str, Key]


class EventStore(ABC):
    """Keeps events; gives requests what they need in one round trip, and training its table."""

    sources: Mapping[str, Source]

    @abstractmethod
    def append(self, events: Iterable[Event]) -> AppendResult:
        """Keep events; when this returns they are kept, and every later read sees them.

        All or none: a bad event refuses the whole call. Any order of arrival and any repetition
        give the same state; see :class:`Event` for corrections and retractions.

        Raises:
            DataError: an event of an unknown source, of a wrong type, or with unknown columns.
        """

    @abstractmethod
    def read(
        self,
        requests: Sequence[ReadRequest],
        keys: Mapping[str, Key],
        own_samples: Mapping[str, SampleId | None],
    ) -> AbstractContextManager[Sequence[SourceReading]]:
        """Give what the requests need; the arrays are valid inside the context only."""

    @abstractmethod
    def sample(self, source: Source, sample_id: SampleId) -> Sample | None:
        """Return one sample, or None where the store has no event of it."""

    @abstractmethod
    def table(self, source: Source) -> pd.DataFrame:
        """Return the source's samples as a table, ready for training."""

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
