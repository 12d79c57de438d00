"""Events on the wire: CloudEvents 1.0 to events of the engine, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from aggregators.events import Event, Source, check_sample_id
from aggregators.times import from_us, moment_to_us
from services.decoding import decode, unknown_field
from services.errors import InvalidRequest
from services.schemas import CloudEvent

__all__ = ["check_data", "event_of", "from_cloud_event", "structured", "to_cloud_event"]

_TRUTHS = {"true": True, "false": False}


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
    """Return the event of a message, with everything about it checked.

    Raises:
        InvalidRequest: a source, event or column that the service does not know, or a value of the
            wrong type; names the field.
    """
    event = event_of(message, sources)
    check_data(event, sources[event.source])
    return event


def event_of(message: CloudEvent, sources: Mapping[str, Source]) -> Event:
    """Return the event of a message whose data are left to the store to check.

    Raises:
        InvalidRequest: a source or an event that the service does not know; names the field.
    """
    source = sources.get(message.source)
    if source is None:
        raise _unknown_value("source", message.source, sources)
    if message.type not in source.events:
        raise _unknown_value("type", message.type, source.events)
    recorded = message.recordedtime
    return Event(
        message.source,
        message.subject,
        message.type,
        moment_to_us(message.time, "time"),
        message.data or {},
        None if recorded is None else moment_to_us(recorded, "recordedtime"),
        message.retracted,
    )


def check_data(event: Event, source: Source) -> None:
    """Raise :class:`InvalidRequest`, with the field, unless the source takes id and columns."""
    try:
        check_sample_id(event.sample_id, "the sample id")
    except ValueError as error:
        raise InvalidRequest(str(error), field="subject") from None
    for column in event.data:
        if column not in source.columns:
            raise unknown_field("data", column, source.columns)
    try:
        event.checked_data(source)
    except ValueError as error:
        raise InvalidRequest(str(error), field="data") from None


def structured(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return an event in binary mode (attributes in ``ce-`` headers) as structured JSON.

    The subject is text: sources whose ids are integers need the structured mode. Raises
    :class:`InvalidRequest` where the body is not JSON.

    >>> structured({"ce-specversion": "1.0", "ce-id": "a%20b"}, b"")
    b'{"specversion":"1.0","id":"a b"}'
    """
    fields: dict[str, Any] = {}
    for header, text in headers.items():
        if header.startswith("ce-"):
            value = unquote(text)
            name = header.removeprefix("ce-")
            fields[name] = _TRUTHS.get(value, value) if name == "retracted" else value
    if body:
        fields["data"] = decode(body, msgspec.Raw)  # nothing but one value can stand there
    return msgspec.json.encode(fields)


def _unknown_value(path: str, value: str, known: Iterable[str]) -> InvalidRequest:
    error = unknown_field("", value, known)
    return InvalidRequest(f"{value!r} is unknown; {error.reason.partition('; ')[2]}", field=path)
