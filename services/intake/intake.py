"""Append the events of requests to an event store, with a status for each event.

A batch is decoded in one typed pass. Only if that fails, events are decoded one by one, to find the
invalid ones.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from aggregators.events import Event, Source
from aggregators.stores import EventStore
from aggregators.times import moment_to_us
from aggregators.typing import Moment
from services.core.clock import utc_now
from services.core.errors import InvalidRequest
from services.core.limits import LARGE_BODY_BYTES, MAX_EVENTS
from services.core.settings.events import UnknownData
from services.intake.append import WriteOutcome
from services.intake.cloudevents import event_of, extensions_of, meant_by, structured
from services.intake.group_commit import GroupCommitWriter
from services.intake.metrics import IntakeMetrics
from services.intake.plain_messages import PlainMessages
from services.schemas.batch_elements import elements_of
from services.schemas.common import (
    CloudEvent,
    CloudEventBatch,
    CloudEvents,
    EventsAnswer,
    EventStatus,
    OpenCloudEvent,
)
from services.schemas.decoding import decode, decode_or_none
from services.schemas.request_times import moment_of

__all__ = [
    "EVENT_TYPES",
    "Incoming",
    "Intake",
    "IntakeRules",
    "is_list",
    "read_events",
    "split_batch",
]

EVENT_TYPES = (
    "application/json",
    "application/cloudevents-batch+json",
    "application/cloudevents+json",
)


@dataclass(frozen=True, kw_only=True)
class IntakeRules:
    """Say which events are valid: their sources, and how far ahead of the clock they may be.

    Args:
        sources: the sources, by name.
        max_clock_skew_s: how far ahead of the clock an event's times may be.
        unknown_data: ``ignore`` a field that the source does not declare, or ``refuse`` the event.
        clock: gives the present moment; injected in tests.
    """

    sources: Mapping[str, Source]
    max_clock_skew_s: float
    unknown_data: UnknownData = "ignore"
    clock: Callable[[], datetime] = utc_now

    plain: PlainMessages = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ignores_unknown = self.unknown_data == "ignore"
        plain = PlainMessages(self.sources, ignores_unknown=ignores_unknown)
        object.__setattr__(self, "plain", plain)

    def now_us(self) -> int:
        """Return the present moment in microseconds UTC."""
        return moment_to_us(moment_of(None, self.clock), "clock")

    def event(self, message: CloudEvent, now_us: int) -> Event:
        """Return the event of a message, or raise :class:`InvalidRequest` with the field."""
        event = event_of(message, self.sources, self.unknown_data)
        self._check_time("time", event.time, now_us)
        if event.recorded_at is not None:
            self._check_time("recordedtime", event.recorded_at, now_us)
        return event

    def _check_time(self, name: str, time_us: Moment, now_us: int) -> None:
        assert isinstance(time_us, int), "the events of messages have plain times"
        if time_us - now_us > self.max_clock_skew_s * 1e6:
            raise self._too_late(name, time_us, now_us)

    def _too_late(self, name: str, time_us: int, now_us: int) -> InvalidRequest:
        return InvalidRequest(
            f"is {(time_us - now_us) / 1e6:,.1f} s ahead of this service's clock; at most"
            f" {self.max_clock_skew_s:,g} s are taken: check the sender's clock",
            field=name,
        )


@dataclass(slots=True)
class Incoming:
    """Hold the events of a body: a status for each; for valid ones, the event and its position.

    ``ignored`` counts the ignored fields of valid events, by source, part (``data`` or
    ``attribute``) and name.
    """

    statuses: list[EventStatus] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    ignored: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def read(self, body: bytes, rules: IntakeRules, now_us: int) -> None:
        """Add the events of a body. Raises the errors of :func:`read_events`."""
        messages = _typed(body)
        if messages is not None:
            ahead_us = rules.max_clock_skew_s * 1e6
            for message in messages:
                event = rules.plain.event(message, now_us, ahead_us)
                if event is None:
                    self.take(message, rules, now_us)
                else:
                    self._accept(message, event)
            return
        for raw in split_batch(body):
            try:
                message, extensions = _open(raw)
            except InvalidRequest as error:
                known = decode_or_none(raw, _Labels) or _Labels()
                self.refuse(_id_of(raw), error, known.source, known.type)
            else:
                self.take(message, rules, now_us, extensions)

    def take(
        self,
        message: CloudEvent,
        rules: IntakeRules,
        now_us: int,
        extensions: Iterable[str] = (),
    ) -> None:
        """Add one decoded message, as an event or as a refusal."""
        try:
            event = rules.event(message, now_us)
        except InvalidRequest as error:
            self.refuse(message.id, error, message.source, message.type)
            return
        self._accept(message, event)
        for name in extensions:
            self.ignored[event.source, "attribute", name] += 1

    def _accept(self, message: CloudEvent, event: Event) -> None:
        self.positions.append(len(self.statuses))
        self.events.append(event)
        self.statuses.append(EventStatus(id=message.id, status="accepted"))
        if message.data is not None and len(event.data) < len(message.data):
            for name in message.data.keys() - event.data.keys():
                self.ignored[event.source, "data", name] += 1

    def refuse(self, event_id: str | None, error: InvalidRequest, source: str, name: str) -> None:
        """Add the refusal of one message."""
        self.statuses.append(_refused(event_id, error))
        self.refused.append((source, name))

    def refuse_written(self, written: WriteOutcome) -> None:
        """Set the statuses of events that the store refused."""
        for i, error in written.refusals.items():
            status = self.statuses[self.positions[i]]
            self.statuses[self.positions[i]] = _refused(status.id, error)
            self.refused.append((self.events[i].source, self.events[i].event))

    def kept(self, written: WriteOutcome) -> list[Event]:
        """Return the events that the store has."""
        if not written.refusals:
            return self.events
        return [event for i, event in enumerate(self.events) if i not in written.refusals]


def split_batch(body: bytes) -> list[msgspec.Raw]:
    """Return the undecoded events of a body: one event or a list.

    An invalid element of a list affects no other element.

    Raises:
        InvalidRequest: not JSON, an empty list, or more events than the limit.
    """
    if not is_list(body):
        return [decode(body, msgspec.Raw)]
    raws = decode_or_none(body, CloudEvents)
    if raws is not None:
        return raws
    parts = elements_of(body) or []
    good = (decode_or_none(part, msgspec.Raw) is not None for part in parts)
    if len(parts) > MAX_EVENTS or not any(good):  # where none is JSON, the body is not
        return decode(body, CloudEvents)  # says what is wrong
    return [msgspec.Raw(part) for part in parts]


def is_list(body: bytes) -> bool:
    """Return whether a body is a list of events."""
    return body.lstrip()[:1] == b"["


def read_events(body: bytes, rules: IntakeRules, now_us: int) -> Incoming:
    """Return the events of a body, each valid or refused.

    Raises:
        InvalidRequest: not JSON, an empty list, or more events than the limit.
    """
    incoming = Incoming()
    incoming.read(body, rules, now_us)
    return incoming


class Intake:
    """Appends the events of requests to one event store.

    Args:
        event_store: takes the events.
        metrics: count and time the intake.
        max_clock_skew_s: how far ahead of the clock an event's times may be.
        unknown_data: ``ignore`` a field that the source does not declare, or ``refuse`` the event.
        clock: gives the present moment; injected in tests.
    """

    def __init__(
        self,
        event_store: EventStore,
        metrics: IntakeMetrics,
        *,
        max_clock_skew_s: float,
        unknown_data: UnknownData = "ignore",
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._rules = IntakeRules(
            sources=event_store.sources,
            max_clock_skew_s=max_clock_skew_s,
            unknown_data=unknown_data,
            clock=clock,
        )
        self._metrics = metrics
        self._writer = GroupCommitWriter(event_store, metrics)

    async def take(
        self, body: bytes, *, request_id: str, headers: Mapping[str, str] | None = None
    ) -> EventsAnswer:
        """Append the valid events of a body; return the status of each event.

        Returns only after the store has the accepted events. An invalid event is refused alone.

        Args:
            body: an event or a list of them; with ``ce-`` headers, the data of one event.
            request_id: for the answer.
            headers: attributes of an event in binary mode.

        Raises:
            InvalidRequest: no batch, or too large a one.
            Unavailable: the store cannot take events now. None of the batch is acknowledged.
        """
        now_us = self._rules.now_us()
        if headers:
            body = structured(headers, body)
        if len(body) < LARGE_BODY_BYTES:
            incoming = read_events(body, self._rules, now_us)
        else:
            incoming = await asyncio.to_thread(read_events, body, self._rules, now_us)
        written = WriteOutcome()
        if incoming.events:
            written = await self._writer.write(incoming.events)
            incoming.refuse_written(written)
        self._metrics.count_events(incoming.kept(written), arrival_us=now_us)
        self._metrics.count_effects(written)
        self._metrics.count_ignored(incoming.ignored)
        for source, name in incoming.refused:
            self._metrics.count_refused(source, name, self._rules.sources)
        return EventsAnswer(
            request_id=request_id,
            accepted=len(incoming.statuses) - len(incoming.refused),
            refused=len(incoming.refused),
            applied=written.applied,
            duplicates=written.duplicates,
            superseded=written.superseded,
            events=incoming.statuses,
        )

    def close(self) -> None:
        """Write the waiting events; later ones are refused."""
        self._writer.close()


def _typed(body: bytes) -> Iterable[CloudEvent] | None:
    """Return the messages of a body if all of them have the right type, else None."""
    if is_list(body):
        return decode_or_none(body, CloudEventBatch)
    message = decode_or_none(body, CloudEvent)
    return None if message is None else (message,)


def _open(raw: msgspec.Raw) -> tuple[CloudEvent, list[str]]:
    """Return a message and its extension attributes.

    Raises:
        InvalidRequest: it is not an event, or has an invalid attribute.
    """
    message = decode_or_none(raw, CloudEvent)
    if message is not None:
        return message, []
    try:
        opened = decode(raw, OpenCloudEvent)
    except InvalidRequest as error:
        raise meant_by(error, decode_or_none(raw, dict[str, msgspec.Raw]) or ()) from None
    return opened, extensions_of(decode(raw, dict[str, msgspec.Raw]))


def _refused(event_id: str | None, error: InvalidRequest) -> EventStatus:
    return EventStatus(id=event_id, status="refused", field=error.field, reason=error.reason)


class _Identified(msgspec.Struct):
    id: str


class _Labels(msgspec.Struct):
    source: str = ""
    type: str = ""


def _id_of(message: msgspec.Raw) -> str | None:
    """Return the id of an event that can be invalid in any other way."""
    identified = decode_or_none(message, _Identified)
    return None if identified is None else identified.id
