"""The event store in memory: every feature exact at the next read, nothing kept on disk."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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
from aggregators.stores.samples import CheckedEvent, SampleState, check_event
from aggregators.typing import Key, Native, SampleId

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MemoryEventStore"]


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
        self._lock = threading.RLock()

    def append(self, events: Iterable[Event]) -> AppendResult:
        """Keep events; see :meth:`EventStore.append`."""
        with self._lock:
            return self.apply(self.checked(events))

    def checked(self, events: Iterable[Event]) -> list[CheckedEvent]:
        """Return the events as the store keeps them, or raise for the first bad one."""
        given = list(events)
        if len(given) > MAX_EVENTS_PER_APPEND:
            raise StoreError(
                f"{len(given):,} events in one call; the most is {MAX_EVENTS_PER_APPEND:,}"
            )
        kinds: dict[str, type] = {}
        result = []
        for event in given:
            if not isinstance(event, Event):
                raise StoreError(f"{event!r} is no Event; expected aggregators.Event")
            source = self.source_named(event.source)
            result.append(check_event(event, source, self._states[source.name], kinds))
        return result

    def outcome(self, event: CheckedEvent) -> int:
        """Return what would become of a checked event: APPLIED, DUPLICATE or SUPERSEDED."""
        return self._states[event.source].outcome(event)

    def apply(self, events: Iterable[CheckedEvent]) -> AppendResult:
        """Let checked events take effect."""
        counts = [0, 0, 0]
        with self._lock:
            for event in events:
                counts[self._states[event.source].apply(event)] += 1
        return AppendResult(*counts)

    def append_table(self, source: Source, table: Native) -> AppendResult:
        """Keep all events of a table of samples, as training reads it.

        An empty source is filled at once; otherwise the rows are appended as events. A column's
        value counts as carried by the event from which it is known, or, where that is missing, by
        the sample's first event; rows without any event leave nothing.
        """
        from aggregators.stores.bulk import events_of_table, fill_from_table

        self.check_source(source)
        with self._lock:
            state = self._states[source.name]
            if state.is_empty:
                return AppendResult(fill_from_table(state, table), 0, 0)
            totals = [0, 0, 0]
            for batch in events_of_table(source, table, MAX_EVENTS_PER_APPEND):
                result = self.append(batch)
                totals[0] += result.applied
                totals[1] += result.duplicates
                totals[2] += result.superseded
            return AppendResult(*totals)

    @contextmanager
    def read(
        self,
        requests: Sequence[ReadRequest],
        keys: Mapping[str, Key],
        own_samples: Mapping[str, SampleId | None],
    ) -> Iterator[Sequence[SourceReading]]:
        """Give what the requests need; writers wait until the context ends."""
        with self._lock:
            readings = []
            for request in requests:
                self.check_source(request.source)
                name = request.source.name
                readings.append(
                    self._states[name].reading(request.pairs, keys, own_samples.get(name))
                )
            yield readings

    def sample(self, source: Source, sample_id: SampleId) -> Sample | None:
        """Return one sample, or None where the store has no event of it."""
        self.check_source(source)
        with self._lock:
            return self._states[source.name].sample(sample_id)

    def table(self, source: Source) -> pd.DataFrame:
        """Return the source's samples as a table, ready for training."""
        from aggregators.stores.bulk import table_of

        self.check_source(source)
        with self._lock:
            return table_of(self._states[source.name])

    def __len__(self) -> int:
        """Return how many samples the store has, over all sources."""
        return sum(len(state) for state in self._states.values())

    def __repr__(self) -> str:
        counts: Any = ", ".join(f"{name}: {len(s)} samples" for name, s in self._states.items())
        return f"<MemoryEventStore {counts}>"
