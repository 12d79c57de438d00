"""Append the events of several requests with one write, with an outcome for each request."""

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
"""The codes in ``AppendResult.outcomes``."""

logger = logging.getLogger("doorstep.services")

_FAILURES = (StoreError, sqlite3.Error, OSError)
"""Errors of an unavailable store; any other error of the engine refuses an event."""


@dataclass(slots=True)
class WriteOutcome:
    """Hold the outcome of the events of one request.

    ``refusals`` maps positions of refused events to the reasons; the store has all other events.
    Of those, ``applied`` changed it, ``duplicates`` were known already, and ``superseded`` had
    been corrected before.
    """

    applied: int = 0
    duplicates: int = 0
    superseded: int = 0
    refusals: dict[int, InvalidRequest] = field(default_factory=dict)

    def count(self, outcome: int) -> None:
        """Count one event by its outcome in the store."""
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

    An invalid event is refused alone. If the store is unavailable, the outcome of a request is
    :class:`Unavailable`: none of its events is acknowledged.
    """
    try:
        result = event_store.append([event for events in requests for event in events])
    except _FAILURES as error:
        return [_unavailable(error, sum(map(len, requests)))] * len(requests)
    except AggregatorError:
        return _BisectingWriter(event_store, requests).write()
    return _split(result, requests)


def write_events(event_store: EventStore, events: Sequence[Event]) -> WriteOutcome:
    """Append events. An invalid event is refused alone.

    Raises:
        Unavailable: the store cannot take events now. No event is acknowledged. A second append
            is safe, because a known event changes nothing.
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
    """Split the outcome of one append into outcomes of the requests."""
    ends = [0]
    for events in requests:
        ends.append(ends[-1] + len(events))
    parts = [result.outcomes[start:end] for start, end in pairwise(ends)]
    return [
        WriteOutcome(part.count(APPLIED), part.count(DUPLICATE), part.count(SUPERSEDED))
        for part in parts
    ]


def _field_of(error: AggregatorError) -> str:
    """Return the field of a message that the store has refused, from the type of the error."""
    if isinstance(error, SampleIdError):
        return "subject"
    return "data" if isinstance(error, ColumnError) else ""


class _BisectingWriter:
    """Appends events, of which the store refused at least one, and isolates the refused ones.

    Events that are invalid on their own are left out first. The others are bisected until each
    refused event stands alone, so that it costs few writes, however many requests wait.
    """

    def __init__(self, event_store: EventStore, requests: Sequence[Sequence[Event]]) -> None:
        self._event_store = event_store
        self._requests = requests
        self._written = [WriteOutcome() for _ in requests]
        self._failed: dict[int, Unavailable] = {}

    def write(self) -> list[WriteOutcome | Unavailable]:
        """Append the valid events; return the outcome of each request."""
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
