"""Events on the wire: CloudEvents 1.0 JSON to events of the engine, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aggregators.events import Event, Source
from aggregators.times import from_us
from services.decoding import unknown_field
from services.errors import InvalidRequest
from services.schemas import CloudEvent

__all__ = ["from_cloud_event", "to_cloud_event"]


def to_cloud_event(event: Event) -> CloudEvent:
    """Return an event as it is sent over HTTP.

    >>> event = Event("orders", "o-1", "ready", 0, {"amount": 12.5})
    >>> to_cloud_event(event).type
    'ready'
    """
    recorded_at = None if event.recorded_at is None else from_us(event.recorded_us)
    return CloudEvent(
        specversion="1.0",
        id=f"{event.source}/{event.sample_id}/{event.event}",
        source=event.source,
        type=event.event,
        subject=event.sample_id,
        time=from_us(event.time_us),
        data=dict(event.data) or None,
        recordedtime=recorded_at,
        retracted=event.retracted,
    )


def from_cloud_event(message: CloudEvent, sources: Mapping[str, Source]) -> Event:
    """Return the event of a message.

    Raises:
        InvalidRequest: a source, event or column that the service does not know, or a value of the
            wrong type; names the field.
    """
    source = sources.get(message.source)
    if source is None:
        raise _unknown_value("source", message.source, sources)
    if message.type not in source.events:
        raise _unknown_value("type", message.type, source.events)
    data = message.data or {}
    for column in data:
        if column not in source.columns:
            raise unknown_field("data", column, source.columns)
    event = Event(
        message.source,
        message.subject,
        message.type,
        message.time,
        data,
        message.recordedtime,
        message.retracted,
    )
    try:
        event.checked_data(source)
    except ValueError as error:
        raise InvalidRequest(str(error), field="data") from None
    return event


def _unknown_value(path: str, value: str, known: Iterable[str]) -> InvalidRequest:
    error = unknown_field("", value, known)
    return InvalidRequest(f"{value!r} is unknown; {error.reason.partition('; ')[2]}", field=path)
