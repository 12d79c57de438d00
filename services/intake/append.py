"""Events of one or several requests into a store: all at once, and each request its own outcome."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from aggregators.errors import AggregatorError, ColumnError, SampleIdError, StoreError
from aggregators.events import Event
from aggregators.stores import AppendResult, EventStore
from services.core.errors import InvalidRequest, Unavailable
from services.intake.cloudevents import check_data

__all__ = ["WriteOutcome", "append_group", "write_events"]

APPLIED, DUPLICATE, SUPERSEDED = range(3)
"""What ``AppendResult.outcomes`` says of an event."""

logger = logging.getLogger("doorstep.services")

_FAILURES = (StoreError, sqlite3.Error, OSError)
"""What means that the store cannot, at the moment; any other error of the engine is a refusal."""


@dataclass(slots=True)
class WriteOutcome:
    """What became of the events of one request.

    ``refusals`` maps their positions to the reasons; all others are in the store. Of those,
    ``applied`` changed it, ``duplicates`` were known already, ``superseded`` had been corrected.
    """

    applied: int = 0
    duplicates: int = 0
    superseded: int = 0
    refusals: dict[int, InvalidRequest] = field(default_factory=dict)

    def count(self, outcome: int) -> None:
        """Count one event by what the store says of it."""
        if outcome == APPLIED:
            self.applied += 1
        elif outcome == DUPLICATE:
            self.duplicates += 1
        else:
            self.superseded += 1


def append_group(
    event_store: EventStore, requests: Sequence[Sequence[Event]]
) -> list[WriteOutcome | Unavailable]:
    """Append the events of several requests with one write; return the outcome of each request.

    A bad event refuses itself alone. Where the store cannot take a request's events now, its
    outcome is :class:`Unavailable`: none of its events is acknowledged.
    """
    try:
        result = event_store.append([event for events in requests for event in events])
    except _FAILURES as error:
        return [_unavailable(error, sum(map(len, requests)))] * len(requests)
    except AggregatorError:
        return _BisectingWriter(event_store, requests).write()
    return _split(result, requests)


def write_events(event_store: EventStore, events: Sequence[Event]) -> WriteOutcome:
    """Append events; a bad one refuses itself alone.

    Raises:
        Unavailable: the store cannot take events now. None is acknowledged; appending them again is
            safe, because an event that is known already changes nothing.
    """
    outcome = append_group(event_store, [events])[0]
    if isinstance(outcome, Unavailable):
        raise outcome
    return outcome


def _unavailable(error: BaseException, n_events: int) -> Unavailable:
    logger.error("the event store did not take %d events: %s", n_events, error)
    return Unavailable(
        "the event store cannot take events now; nothing of this batch is acknowledged, send it"
        " again"
    )


def _split(
    result: AppendResult, requests: Sequence[Sequence[Event]]
) -> list[WriteOutcome | Unavailable]:
    """Divide the outcome of one append among the requests whose events it wrote."""
    ends = [0]
    for events in requests:
        ends.append(ends[-1] + len(events))
    parts = [result.outcomes[start:end] for start, end in pairwise(ends)]
    return [
        WriteOutcome(part.count(APPLIED), part.count(DUPLICATE), part.count(SUPERSEDED))
        for part in parts
    ]


def _field_of(error: AggregatorError) -> str:
    """Return the field of a message that the store has refused: what its types say of it."""
    if isinstance(error, SampleIdError):
        return "subject"
    return "data" if isinstance(error, ColumnError) else ""


class _BisectingWriter:
    """Appends events of which the store has refused one, and finds out which.

    What can be seen without the store is left out at once; what is left is halved until the bad
    ones stand alone, so that one of them costs few writes, however many requests wait with it.
    """

    def __init__(self, event_store: EventStore, requests: Sequence[Sequence[Event]]) -> None:
        self._event_store = event_store
        self._requests = requests
        self._written = [WriteOutcome() for _ in requests]
        self._failed: dict[int, Unavailable] = {}

    def write(self) -> list[WriteOutcome | Unavailable]:
        """Append what can be appended; return the outcome of each request."""
        good: list[tuple[int, int]] = []
        for request, events in enumerate(self._requests):
            for position, event in enumerate(events):
                try:
                    check_data(event, self._event_store.sources[event.source])
                    good.append((request, position))
                except InvalidRequest as refusal:
                    self._written[request].refusals[position] = refusal
        self._append(good)
        return [self._failed.get(i, written) for i, written in enumerate(self._written)]

    def _append(self, places: list[tuple[int, int]]) -> None:
        if not places:
            return
        try:
            result = self._event_store.append(
                [self._requests[i][position] for i, position in places]
            )
        except _FAILURES as error:
            self._failed |= dict.fromkeys((i for i, _ in places), _unavailable(error, len(places)))
        except AggregatorError as error:
            if len(places) == 1:
                ((request, position),) = places
                refusal = InvalidRequest(str(error), field=_field_of(error))
                self._written[request].refusals[position] = refusal
                return
            middle = len(places) // 2
            self._append(places[:middle])
            self._append(places[middle:])
        else:
            for (request, _), outcome in zip(places, result.outcomes, strict=True):
                self._written[request].count(outcome)
