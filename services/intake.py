"""Events into a store, each with a status of its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from aggregators.errors import AggregatorError, StoreError
from aggregators.events import Event
from aggregators.stores.base import EventStore
from services.cloudevents import from_cloud_event
from services.decoding import decode
from services.errors import InvalidRequest, Unavailable
from services.schemas import CloudEvent, CloudEvents, EventsAnswer, EventStatus

__all__ = ["split_batch", "take_events"]

logger = logging.getLogger("doorstep.services")


def split_batch(body: bytes) -> list[msgspec.Raw]:
    """Return the events of a body, one or a list of them, undecoded.

    Raises:
        InvalidRequest: not JSON, an empty list, or more events than the limit.
    """
    if body.lstrip()[:1] == b"[":
        return decode(body, CloudEvents)
    return [decode(body, msgspec.Raw)]


def take_events(
    messages: Sequence[msgspec.Raw],
    store: EventStore,
    *,
    request_id: str,
) -> EventsAnswer:
    """Append the good events of a batch to a store and say what became of each.

    Returns only after the store has the accepted events. A bad event refuses itself alone.

    Raises:
        Unavailable: the store cannot take events now. None of the batch is acknowledged; sending
            it again is safe, because an event that is known already changes nothing.
    """
    statuses: list[EventStatus] = []
    events: list[Event] = []
    positions: list[int] = []
    for position, message in enumerate(messages):
        try:
            cloud_event = decode(message, CloudEvent)
            event = from_cloud_event(cloud_event, store.sources)
        except InvalidRequest as error:
            statuses.append(_refused(_id_of(message), error.field, error.reason))
        else:
            statuses.append(EventStatus(id=cloud_event.id, status="accepted"))
            events.append(event)
            positions.append(position)
    taken = _append(events, store)
    for i, reason in taken.refusals.items():
        position = positions[i]
        statuses[position] = _refused(statuses[position].id, "", reason)
    refused = sum(status.status == "refused" for status in statuses)
    return EventsAnswer(
        request_id=request_id,
        accepted=len(statuses) - refused,
        refused=refused,
        applied=taken.applied,
        duplicates=taken.duplicates,
        superseded=taken.superseded,
        events=statuses,
    )


@dataclass(kw_only=True)
class _Taken:
    """What a store did with some events; ``refusals`` maps positions to reasons."""

    refusals: dict[int, str]
    applied: int = 0
    duplicates: int = 0
    superseded: int = 0


def _append(events: list[Event], store: EventStore) -> _Taken:
    """Append all at once; where the store refuses the batch, one by one, to find the bad ones."""
    taken = _Taken(refusals={})
    if not events:
        return taken
    try:
        _append_some(events, store, taken)
    except AggregatorError:
        for i, event in enumerate(events):
            try:
                _append_some([event], store, taken)
            except AggregatorError as error:
                taken.refusals[i] = str(error)
    return taken


def _append_some(events: list[Event], store: EventStore, taken: _Taken) -> None:
    try:
        result = store.append(events)
    except (StoreError, OSError) as error:
        logger.exception("the event store refused %d events", len(events))
        raise Unavailable(
            "the event store cannot take events now; nothing of this batch is acknowledged, send"
            " it again"
        ) from error
    taken.applied += result.applied
    taken.duplicates += result.duplicates
    taken.superseded += result.superseded


def _refused(event_id: str | None, field: str, reason: str) -> EventStatus:
    return EventStatus(id=event_id, status="refused", field=field, reason=reason)


class _Identified(msgspec.Struct):
    id: str


def _id_of(message: msgspec.Raw) -> str | None:
    """The id of an event that may be broken in every other way."""
    try:
        return decode(message, _Identified).id
    except InvalidRequest:
        return None
