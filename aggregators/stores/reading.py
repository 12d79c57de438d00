"""Define what is read from event stores, and what they return to those who change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from aggregators.events import Source
from aggregators.stores.watches import Watches
from aggregators.typing import Float64Array, Int32Array, Int64Array, Key, SampleId

__all__ = [
    "AppendResult",
    "CompactionResult",
    "FoundSamples",
    "GroupIndex",
    "GroupKeys",
    "ReadRequest",
    "Sample",
    "SampleRequest",
    "SourceReading",
]


@dataclass(frozen=True)
class AppendResult:
    """Counts what became of appended events.

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
    """Says which rows to read in which order: those of a dimension's values by an event's time.

    Where ``closing`` names events, only rows are needed to which none of them had happened before
    the earliest requested moment. A store may give more. ``is_bounded`` says that the reader looks
    back no further than a maximal age, so that moderately large groups may be given whole.
    """

    dimension: str
    event: str
    closing: tuple[str, ...] = ()
    is_bounded: bool = False


@dataclass(frozen=True)
class ReadRequest:
    """Says what to read of one source: the indexes whose groups are needed."""

    source: Source
    indexes: tuple[GroupIndex, ...]


@dataclass(frozen=True, slots=True)
class SourceReading:
    """Holds what was read of one source.

    Attributes:
        times: event times in microseconds, shape (n_events, n_samples), all events of the source.
        columns: attribute columns, shape (n_attributes, n_samples).
        rows: for each index of the request, the rows of the keys' groups, one group after the
            other, and where each starts and ends, shape (n_keys + 1,).
        own_rows: the rows of the samples for which features are computed, -1 where there is none,
            shape (n_own_samples,).
        ids: the sample id of each row.
        key_of_row: the key of each row, by dimension.
        keys: the values of each dimension whose groups were read.
        watches: of the source in this store, for those who keep what they compute of it.
    """

    times: Int64Array
    columns: Float64Array
    rows: Sequence[tuple[Int32Array, Int64Array]]
    own_rows: Int64Array
    ids: Sequence[SampleId]
    key_of_row: Mapping[str, Sequence[Key]]
    keys: Mapping[str, Sequence[Key]]
    watches: Watches


@dataclass(frozen=True)
class CompactionResult:
    """Counts the samples after a compaction.

    Attributes:
        samples_kept: samples of the sources that were compacted.
        samples_dropped: samples that no feature can ask for any more.
    """

    samples_kept: int
    samples_dropped: int


@dataclass(frozen=True)
class Sample:
    """Holds one sample as a store knows it.

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


FoundSamples: TypeAlias = Mapping[str, Sequence[Sample | None]]
"""By the source's name: the sample of each id asked for; None: there is no event of it."""


@dataclass(frozen=True)
class SampleRequest:
    """Says which samples of one source to return.

    Args:
        source: the source.
        sample_ids: the samples; an id that no sample can have gives None.
    """

    source: Source
    sample_ids: Sequence[SampleId]


class GroupKeys(NamedTuple):
    """Says which groups to read.

    Attributes:
        keys: the values of each dimension whose groups are read; each value once.
        own_samples: the samples of each source for which features are computed.
    """

    keys: Mapping[str, Sequence[Key]]
    own_samples: Mapping[str, Sequence[SampleId | None]]
