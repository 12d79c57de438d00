"""Keep events in memory: every feature is exact at the next read, nothing is kept on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from aggregators.errors import QueryError, StoreError
from aggregators.events import Event, Source
from aggregators.stores.base import EventStore
from aggregators.stores.checks import EventChecks
from aggregators.stores.event_columns import EventColumns, apply_columns
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
from aggregators.stores.records import CheckedEvent, KnownKinds, Record
from aggregators.stores.samples import UNRECORDED, SampleState
from aggregators.times import NEVER, duration_to_us, from_us, moment_to_us
from aggregators.typing import Duration, Key, Moment, Native, SampleId

if TYPE_CHECKING:
    import pandas as pd

    from aggregators.feature import Feature

__all__ = ["MemoryEventStore", "read_one_state"]

_ATTEMPTS_UNLOCKED = 3


class MemoryEventStore(EventStore):
    """Keeps the events of its sources in this process's memory. Thread-safe.

    Args:
        sources: the sources whose events it keeps.

    >>> from datetime import datetime, timedelta, UTC
    >>> from aggregators import Event, MemoryEventStore, Source, StatsBetweenEvents
    >>> orders = Source(
    ...     "orders",
    ...     sample_id="order_id",
    ...     events=("dispatched", "accepted"),
    ...     dimensions=("store_id",),
    ... )
    >>> queue = StatsBetweenEvents(
    ...     orders,
    ...     dimension="store_id",
    ...     function="count",
    ...     first_event="dispatched",
    ...     second_event="accepted",
    ... )
    >>> store = MemoryEventStore(sources=[orders])
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> store.append([Event("orders", "o-1", "dispatched", noon, {"store_id": "s-7"})]).applied
    1
    >>> queue.transform(store, "inference", as_of=noon, key="s-7", sample_id=None)
    0.0
    >>> later = noon + timedelta(microseconds=1)
    >>> queue.transform(store, "inference", as_of=later, key="s-7", sample_id=None)
    1.0
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources = {source.name: source for source in sources}
        if not self.sources:
            raise StoreError("an event store without sources; expected sources=[...]")
        self._states = {name: SampleState(source) for name, source in self.sources.items()}
        self._checks = EventChecks()
        self._compacted_us: dict[str, int] = {}
        self._lock = threading.RLock()

    def append(self, events: Iterable[Event]) -> AppendResult:
        """Keep events; see :meth:`EventStore.append`."""
        with self._lock:
            return self.apply(self.checked(events))

    def checked(self, events: Iterable[Event]) -> list[CheckedEvent]:
        """Return the events as the store keeps them, or raise for the first bad one."""
        return self._checks.checked(list(events), self.sources, self._states, {})

    def kinds(self, source: str) -> KnownKinds:
        """Return the types of a source's ids and keys, as far as the store's values show them."""
        return self._states[source]

    def record_of(self, source: str, sample_id: SampleId, event: int) -> Record | None:
        """Return the last recorded version of a sample's event, None where there is none."""
        return self._states[source].record_of(sample_id, event)

    def apply(self, events: Iterable[CheckedEvent]) -> AppendResult:
        """Let checked events take effect."""
        states = self._states
        with self._lock:
            return AppendResult.of(bytes(states[event.source].apply(event) for event in events))

    def apply_columns(self, given: Iterable[EventColumns]) -> None:
        """Let checked events take effect, as :meth:`apply` does; no group has been read yet."""
        with self._lock:
            for columns in given:
                apply_columns(self._states[columns.source], columns)

    @property
    def is_indexed(self) -> bool:
        """Whether a group has been read, so that events must come one by one."""
        return any(state.groups for state in self._states.values())

    def append_table(self, source: Source, table: Native) -> AppendResult:
        """Keep all events of a table of samples; an empty source is filled at once."""
        from aggregators.stores.bulk import fill_from_table

        self.check_source(source)
        with self._lock:
            state = self._states[source.name]
            if state.is_empty and state.has_bits and not source.types:
                return AppendResult(fill_from_table(state, table), 0, 0)
            return super().append_table(source, table)

    @contextmanager
    def read(
        self,
        requests: Sequence[ReadRequest],
        keys: Mapping[str, Sequence[Key]],
        own_samples: Mapping[str, Sequence[SampleId | None]],
        earliest_us: int,
    ) -> Iterator[Sequence[SourceReading]]:
        """Give what the requests need; writers wait until the context ends."""
        with self._lock:
            readings = []
            for request in requests:
                self.check_source(request.source)
                name = request.source.name
                self._check_moment(name, earliest_us)
                own = own_samples.get(name, ())
                readings.append(self._states[name].reading(request.indexes, keys, own, earliest_us))
            yield readings

    def read_with_samples(
        self,
        requests: Sequence[ReadRequest],
        samples: Sequence[SampleRequest],
        groups_of: Callable[[FoundSamples], GroupKeys],
        earliest_us: int,
    ) -> AbstractContextManager[tuple[FoundSamples, Sequence[SourceReading]]]:
        """Give samples and groups of one state; see :meth:`EventStore.read_with_samples`."""
        return read_one_state(self._locked, requests, samples, groups_of, earliest_us)

    @contextmanager
    def _locked(self) -> Iterator[MemoryEventStore]:
        with self._lock:
            yield self

    def found(self, samples: Sequence[SampleRequest]) -> FoundSamples:
        """Return the samples asked for."""
        return {one.source.name: self.samples(one.source, one.sample_ids) for one in samples}

    def versions(self, samples: Sequence[SampleRequest]) -> list[object]:
        """Return what is equal as long as none of the samples changes; for comparisons only."""
        return [self._states[one.source.name].versions(one.sample_ids) for one in samples]

    def _check_moment(self, source: str, earliest_us: int) -> None:
        compacted_us = self._compacted_us.get(source)
        if compacted_us is not None and earliest_us < compacted_us:
            raise QueryError(
                f"as_of is {from_us(earliest_us).isoformat()}; source {source!r} was compacted for"
                f" requests from {from_us(compacted_us).isoformat()} on: ask the table that was"
                " exported before"
            )

    def sample(self, source: Source, sample_id: SampleId) -> Sample | None:
        """Return one sample, or None where the store has no event of it."""
        self.check_source(source)
        with self._lock:
            return self._states[source.name].sample(sample_id)

    def samples(self, source: Source, sample_ids: Sequence[SampleId]) -> list[Sample | None]:
        """Return what :meth:`sample` returns for each id, in their order."""
        self.check_source(source)
        with self._lock:
            return [self._states[source.name].sample(sample_id) for sample_id in sample_ids]

    def table(
        self, source: Source, fact_kinds: Mapping[str, Collection[str]] = MappingProxyType({})
    ) -> pd.DataFrame:
        """Return the source's samples as a table, ready for training.

        Args:
            source: the source.
            fact_kinds: kinds of values that facts have elsewhere, see
                :func:`aggregators.stores.facts.kind_of`.
        """
        from aggregators.stores.bulk import table_of

        self.check_source(source)
        with self._lock:
            return table_of(self._states[source.name], fact_kinds)

    def count(self, source: Source) -> int:
        """Return how many samples of a source there are."""
        self.check_source(source)
        return len(self._states[source.name])

    def compact(
        self, features: Iterable[Feature], as_of: Moment, settled_after: Duration = "1d"
    ) -> CompactionResult:
        """Drop the samples that none of the features can ask for any more."""
        with self._lock:
            dropped = self.not_needed(features, as_of, settled_after)
            for name, ids in dropped.items():
                self.drop(name, ids)
                self.note_compaction(name, moment_to_us(as_of, "as_of"))
            kept = sum(len(self._states[name]) for name in dropped)
        return CompactionResult(kept, sum(len(ids) for ids in dropped.values()))

    def not_needed(
        self, features: Iterable[Feature], as_of: Moment, settled_after: Duration
    ) -> dict[str, list[SampleId]]:
        """Return the samples that a compaction drops, for each source of the features."""
        from aggregators.stores.compaction import needed_samples

        as_of_us = moment_to_us(as_of, "as_of")
        settled_us = duration_to_us(settled_after, "settled_after")
        result = {}
        with self._lock:
            for name, own in self.by_source(features).items():
                state = self._states[name]
                needed = needed_samples(state, own, as_of_us, settled_us)
                result[name] = [state.ids[row] for row in np.flatnonzero(~needed).tolist()]
        return result

    def drop(self, source: str, sample_ids: Iterable[SampleId]) -> None:
        """Remove samples of a source as if they had never been appended."""
        with self._lock:
            state = self._states[source]
            kept = np.ones(len(state), np.bool_)
            for sample_id in sample_ids:
                row = state.rows.get(sample_id)
                if row is not None:
                    kept[row] = False
            if not kept.all():
                state.keep(kept)

    def note_compaction(self, source: str, as_of_us: int) -> None:
        """Refuse earlier moments from now on."""
        self._compacted_us[source] = max(as_of_us, self._compacted_us.get(source, as_of_us))

    def reopen(self, source: Source, as_of: Moment) -> None:
        """Let a source be asked from an earlier moment on than its last compaction says."""
        self.check_source(source)
        with self._lock:
            compacted_us = self._compacted_us.get(source.name)
            if compacted_us is not None:
                self.set_compaction(source.name, min(compacted_us, moment_to_us(as_of, "as_of")))

    def set_compaction(self, source: str, as_of_us: int) -> None:
        """Refuse moments before this one, whatever was set before."""
        self._compacted_us[source] = as_of_us

    def latest_moment_us(self, enough_us: int | None = None) -> int | None:
        """Return the latest moment (microseconds) that any event says, None where there is none."""
        with self._lock:
            latest_us = max(_latest_us(state) for state in self._states.values())
        return None if latest_us == UNRECORDED else latest_us

    def compacted_until(self, source: Source) -> int | None:
        """Return the moment (microseconds) before which the source can no longer be asked."""
        self.check_source(source)
        return self._compacted_us.get(source.name)

    def check_source(self, source: Source) -> None:
        """Raise unless the store keeps this source, declared in the same way."""
        if self.sources.get(source.name) != source:
            super().check_source(source)  # it knows what to say

    def ids(self, source: str) -> list[SampleId]:
        """Return the ids of a source's samples."""
        with self._lock:
            return list(self._states[source].ids)

    def __len__(self) -> int:
        """Return how many samples the store has, over all sources."""
        return sum(len(state) for state in self._states.values())

    def __repr__(self) -> str:
        counts: Any = ", ".join(f"{name}: {len(s)} samples" for name, s in self._states.items())
        return f"<MemoryEventStore {counts}>"


@contextmanager
def read_one_state(
    current: Callable[[], AbstractContextManager[MemoryEventStore]],
    requests: Sequence[ReadRequest],
    samples: Sequence[SampleRequest],
    groups_of: Callable[[FoundSamples], GroupKeys],
    earliest_us: int,
) -> Iterator[tuple[FoundSamples, Sequence[SourceReading]]]:
    """Give samples and the groups that follow from them, both of one state of a local store.

    ``groups_of`` may take milliseconds, in which appends and other reads should not wait. So it
    runs without the lock, and its result is used if no sample has changed meanwhile.

    Args:
        current: gives the samples in memory, locked.
        requests: as of :meth:`EventStore.read_with_samples`, like the arguments below.
        samples: the samples that are returned.
        groups_of: returns for the samples which groups to read.
        earliest_us: no moment before this one is asked for.
    """
    with current() as memory:
        found, seen = memory.found(samples), memory.versions(samples)
    for _ in range(_ATTEMPTS_UNLOCKED):
        keys, own_samples = groups_of(found)
        with current() as memory:
            versions = memory.versions(samples)
            if versions == seen:
                with memory.read(requests, keys, own_samples, earliest_us) as readings:
                    yield found, readings
                return
            found, seen = memory.found(samples), versions
    # The samples change faster than the groups are worked out: this time appends wait.
    with current() as memory:
        found = memory.found(samples)
        keys, own_samples = groups_of(found)
        with memory.read(requests, keys, own_samples, earliest_us) as readings:
            yield found, readings


def _latest_us(state: SampleState) -> int:
    """Return the latest time at which an event happened or was recorded, else UNRECORDED."""
    times = state.times[state.times != NEVER]
    latest = max(times.max(initial=UNRECORDED), state.recorded.max(initial=UNRECORDED))
    apart = (one.recorded_us for records in state.irregular.values() for one in records.values())
    return max(int(latest), max(apart, default=UNRECORDED))
