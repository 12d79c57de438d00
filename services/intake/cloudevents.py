"""Convert CloudEvents 1.0 to events of the engine, and back."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from aggregators.events import Event, Source
from aggregators.times import from_us
from services.core.errors import InvalidRequest
from services.core.header_text import attribute_of
from services.core.limits import MAX_TEXT_CHARACTERS
from services.core.settings.events import UnknownData
from services.intake.plain_messages import JSON
from services.schemas.common import CloudEvent
from services.schemas.decoding import decode, is_utf_8, unknown_field
from services.schemas.request_times import us_of

__all__ = [
    "check_data",
    "event_of",
    "extensions_of",
    "from_cloud_event",
    "meant_by",
    "structured",
    "to_cloud_event",
]

ATTRIBUTES = frozenset(CloudEvent.__struct_fields__)

_TRUTHS = {"true": True, "false": False}
_EXTENSION = re.compile(r"[a-z0-9]+")
_JSON_TYPE = re.compile(r"application/(json|[a-z0-9!#$&^_.-]+\+json)", re.IGNORECASE)


def to_cloud_event(event: Event) -> CloudEvent:
    """Return the CloudEvent of an event.

    >>> event = Event("orders", "o-1", "ready", 1_767_225_600_000_000, {"amount": 12.5})
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


def from_cloud_event(
    message: CloudEvent, sources: Mapping[str, Source], unknown_data: UnknownData = "ignore"
) -> Event:
    """Return the event of a message after all checks.

    Raises:
        InvalidRequest: an unknown source or event, or a value of the wrong type; names the field.
    """
    event = event_of(message, sources, unknown_data)
    check_data(event, sources[event.source])
    return event


def event_of(
    message: CloudEvent, sources: Mapping[str, Source], unknown_data: UnknownData = "ignore"
) -> Event:
    """Return the event of a message; the store checks its values.

    Args:
        message: the CloudEvent.
        sources: the sources, by name.
        unknown_data: whether undeclared data are ignored or refuse the event.

    Raises:
        InvalidRequest: an unknown source or event, or data that are not JSON; names the field.
    """
    source = sources.get(message.source)
    if source is None:
        raise _unknown_value("source", message.source, sources)
    if message.type not in source.events:
        raise _unknown_value("type", message.type, source.events)
    if message.datacontenttype != JSON:
        _check_content_type(message.datacontenttype)
    recorded = message.recordedtime
    return Event(
        message.source,
        message.subject,
        message.type,
        us_of(message.time, "time"),
        _declared_data(message.data, source, unknown_data) if message.data else {},
        None if recorded is None else us_of(recorded, "recordedtime"),
        bool(message.retracted),
    )


def extensions_of(names: Iterable[str]) -> list[str]:
    """Return the names of an event's extension attributes.

    Any name of lower-case letters and digits is allowed; unknown ones are ignored.

    Raises:
        InvalidRequest: an invalid name of an attribute, or binary data.

    >>> extensions_of(["id", "partitionkey", "data"])
    ['partitionkey']
    """
    found = []
    for name in names:
        if name in ATTRIBUTES:
            continue
        if name == "data_base64":
            raise InvalidRequest("binary data are not taken; send data as JSON", field=name)
        if not _EXTENSION.fullmatch(name):
            raise unknown_field("", name, ATTRIBUTES)
        found.append(name)
    return found


def meant_by(error: InvalidRequest, names: Iterable[str]) -> InvalidRequest:
    """Return the error of an event; a missing attribute names the misspelt one.

    >>> missing = InvalidRequest("missing; it is required", field="subject")
    >>> meant_by(missing, ["id", "subjekt"]).reason
    "missing; it is required: did you mean 'subject' by 'subjekt'?"
    """
    if error.field not in ATTRIBUTES or error.field in names:
        return error
    close = difflib.get_close_matches(error.field, ATTRIBUTES.symmetric_difference(names), n=2)
    misspelt = [name for name in close if name not in ATTRIBUTES]
    if not misspelt:
        return error
    return InvalidRequest(
        f"{error.reason}: did you mean {error.field!r} by {misspelt[0]!r}?", field=error.field
    )


def _check_content_type(text: str | None) -> None:
    """Raise unless the content type of the data is JSON; JSON is the default."""
    if text is None:
        return
    media_type = text.partition(";")[0].strip()
    if not _JSON_TYPE.fullmatch(media_type) or not is_utf_8(text):
        raise InvalidRequest(
            f"{text[:MAX_TEXT_CHARACTERS]!r} is not taken; data are JSON in UTF-8: expected"
            f" {JSON!r}, or leave it out",
            field="datacontenttype",
        )


def _declared_data(
    data: dict[str, Any], source: Source, unknown_data: UnknownData
) -> dict[str, Any]:
    """Return the data that the source declares."""
    columns = source.data_columns
    unknown = [name for name in data if name not in columns]
    if not unknown:
        return data
    if unknown_data == "refuse":
        raise unknown_field("data", unknown[0], columns)
    return {name: value for name, value in data.items() if name in columns}


def check_data(event: Event, source: Source) -> None:
    """Raise :class:`InvalidRequest` with the field, unless the source takes id and columns."""
    try:
        source.checked_id(event.sample_id, "the sample id")
    except ValueError as error:
        raise InvalidRequest(str(error), field="subject") from None
    for column in event.data:
        if column not in source.data_columns:
            raise unknown_field("data", column, source.data_columns)
    try:
        event.checked_data(source)
    except ValueError as error:
        raise InvalidRequest(str(error), field="data") from None


def structured(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return an event in binary mode (attributes in ``ce-`` headers) as structured JSON.

    The subject is text, so sources with integer ids need the structured mode. Raises
    :class:`InvalidRequest` if the body is not JSON or a header cannot be decoded; names it.

    >>> structured({"ce-specversion": "1.0", "ce-id": "a%20b"}, b"")
    b'{"specversion":"1.0","id":"a b"}'
    """
    fields: dict[str, Any] = {}
    for header, text in headers.items():
        if header.startswith("ce-"):
            value = attribute_of(header, text)
            name = header.removeprefix("ce-")
            fields[name] = _TRUTHS.get(value, value) if name == "retracted" else value
    if body:
        fields["data"] = decode(body, msgspec.Raw)  # nothing but one value can stand there
    return msgspec.json.encode(fields)


def _unknown_value(path: str, value: str, known: Iterable[str]) -> InvalidRequest:
    error = unknown_field("", value, known)
    return InvalidRequest(f"{value!r} is unknown; {error.reason.partition('; ')[2]}", field=path)
