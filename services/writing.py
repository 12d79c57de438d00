"""Events of one or several requests into a store: all at once, and each request its own outcome."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from aggregators.errors import AggregatorError, StoreError
from aggregators.events import Event
from aggregators.stores import AppendResult, EventStore
from services.cloudevents import check_data
from services.errors import InvalidRequest, Unavailable

__all__ = ["Written", "write_events", "write_together"]

logger = logging.getLogger("doorstep.services")

_FAILURES = (StoreError, sqlite3.Error, OSError)
"""What means that the store cannot, at the moment; any other error of the engine is a refusal."""


@dataclass(slots=True)
class Written:
    """What became of the events of one request.

    ``refusals`` maps their positions to the reasons; all others are in the store. Of those,
    ``applied`` changed it, ``duplicates`` were known already, ``superseded`` had been corrected.
    """

    applied: int = 0
    duplicates: int = 0
    superseded: int = 0
    refusals: dict[int, InvalidRequest] = field(default_factory=dict)

    def add(self, result: AppendResult) -> None:
        """Count what one append did."""
        self.applied += result.applied
        self.duplicates += result.duplicates
        self.superseded += result.superseded


def write_together(
    store: EventStore, requests: Sequence[Sequence[Event]]
) -> list[Written | Unavailable]:
    """Append the events of several requests with one write; return the outcome of each request.

    A bad event refuses itself alone. Where the store cannot take a request's events now, its
    outcome is :class:`Unavailable`: none of its events is acknowledged.
    """
    try:
        result = store.append([event for events in requests for event in events])
    except _FAILURES as error:
        return [_unavailable(error, sum(map(len, requests)))] * len(requests)
    except AggregatorError:
        return [_write_one(store, events) for events in requests]
    return _split(result, requests)


def write_events(store: EventStore, events: Sequence[Event]) -> Written:
    """Append events; a bad one refuses itself alone.

    Raises:
        Unavailable: the store cannot take events now. None is acknowledged; appending them again is
            safe, because an event that is known already changes nothing.
    """
    outcome = write_together(store, [events])[0]
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
) -> list[Written | Unavailable]:
    """Divide the outcome of one append among the requests whose events it wrote."""
    ends = [0]
    for events in requests:
        ends.append(ends[-1] + len(events))
    parts = [result.outcomes[start:end] for start, end in pairwise(ends)]
    return [Written(part.count(0), part.count(1), part.count(2)) for part in parts]


def _write_one(store: EventStore, events: Sequence[Event]) -> Written | Unavailable:
    """Append the events of a request of which one may be bad."""
    written = Written()
    good: list[int] = []
    for position, event in enumerate(events):
        try:
            check_data(event, store.sources[event.source])
            good.append(position)
        except InvalidRequest as refusal:
            written.refusals[position] = refusal
    try:
        _append_halves(store, events, good, written)
    except _FAILURES as error:
        return _unavailable(error, len(events))
    return written


def _append_halves(
    store: EventStore, events: Sequence[Event], positions: list[int], written: Written
) -> None:
    """Append the events at these positions; what the store refuses is found by halving."""
    if not positions:
        return
    try:
        written.add(store.append([events[i] for i in positions]))
    except _FAILURES:
        raise
    except AggregatorError as error:
        if len(positions) == 1:
            written.refusals[positions[0]] = InvalidRequest(str(error))
            return
        middle = len(positions) // 2
        _append_halves(store, events, positions[:middle], written)
        _append_halves(store, events, positions[middle:], written)
