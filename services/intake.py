"""Events into a store, each with a status of its own.

A batch is decoded with one typed pass; only where that fails, event by event, to find the bad ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from aggregators.events import Event, Source
from aggregators.stores import EventStore
from aggregators.times import moment_to_us
from aggregators.typing import Moment
from services.clock import utc_now
from services.cloudevents import event_of, structured
from services.decoding import decode, decode_or_none
from services.errors import InvalidRequest
from services.intake_metrics import IntakeMetrics
from services.limits import LARGE_BODY_BYTES
from services.schemas import (
    CloudEvent,
    CloudEventBatch,
    CloudEvents,
    EventsAnswer,
    EventStatus,
)
from services.writer import EventWriter
from services.writing import Written

__all__ = ["EVENT_TYPES", "Incoming", "Intake", "IntakeRules", "read_events", "split_batch"]

EVENT_TYPES = (
    "application/json",
    "application/cloudevents-batch+json",
    "application/cloudevents+json",
)


_EARLIEST_US = moment_to_us(datetime.min.replace(tzinfo=UTC), "the first moment of the calendar")


@dataclass(frozen=True, kw_only=True)
class IntakeRules:
    """What is taken: events of these sources, no later than the clock by more than the skew.

    Args:
        sources: the sources by their names.
        max_clock_skew_s: how far ahead of the clock an event's times may be.
        clock: gives the present moment; injected in tests.
    """

    sources: Mapping[str, Source]
    max_clock_skew_s: float
    clock: Callable[[], datetime] = utc_now

    def now_us(self) -> int:
        """Return the present moment in microseconds UTC."""
        return moment_to_us(self.clock(), "clock")

    def event(self, message: CloudEvent, now_us: int) -> Event:
        """Return the event of a message, or raise :class:`InvalidRequest` with the field."""
        event = event_of(message, self.sources)
        self._check_time("time", event.time, now_us)
        if event.recorded_at is not None:
            self._check_time("recordedtime", event.recorded_at, now_us)
        return event

    def _check_time(self, name: str, time_us: Moment, now_us: int) -> None:
        assert isinstance(time_us, int), "the events of messages have plain times"
        if time_us - now_us > self.max_clock_skew_s * 1e6:
            raise self._too_late(name, time_us, now_us)
        if time_us < _EARLIEST_US:  # in the first hours of year 1, some offsets lead out of it
            raise InvalidRequest("is before the first year of the calendar", field=name)

    def _too_late(self, name: str, time_us: int, now_us: int) -> InvalidRequest:
        return InvalidRequest(
            f"is {(time_us - now_us) / 1e6:,.1f} s ahead of this service's clock; at most"
            f" {self.max_clock_skew_s:,g} s are taken: check the sender's clock",
            field=name,
        )


@dataclass(slots=True)
class Incoming:
    """The events of a body: a status for each; of the good ones, the event and its position."""

    statuses: list[EventStatus] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)

    def read(self, body: bytes, rules: IntakeRules, now_us: int) -> None:
        """Add the events of a body; errors as of :func:`read_events`."""
        messages = _typed(body)
        if messages is not None:
            for message in messages:
                self.take(message, rules, now_us)
            return
        for raw in split_batch(body):
            try:
                message = decode(raw, CloudEvent)
            except InvalidRequest as error:
                known = decode_or_none(raw, _Labels) or _Labels()
                self.refuse(_id_of(raw), error, known.source, known.type)
            else:
                self.take(message, rules, now_us)

    def take(self, message: CloudEvent, rules: IntakeRules, now_us: int) -> None:
        """Add one decoded message: as an event, or as refused."""
        try:
            event = rules.event(message, now_us)
        except InvalidRequest as error:
            self.refuse(message.id, error, message.source, message.type)
        else:
            self.positions.append(len(self.statuses))
            self.events.append(event)
            self.statuses.append(EventStatus(id=message.id, status="accepted"))

    def refuse(self, event_id: str | None, error: InvalidRequest, source: str, name: str) -> None:
        """Add one refused message."""
        self.statuses.append(_refused(event_id, error))
        self.refused.append((source, name))

    def refuse_written(self, written: Written) -> None:
        """Let the store's refusals become the statuses of their events."""
        for i, error in written.refusals.items():
            status = self.statuses[self.positions[i]]
            self.statuses[self.positions[i]] = _refused(status.id, error)
            self.refused.append((self.events[i].source, self.events[i].event))

    def kept(self, written: Written) -> list[Event]:
        """Return the events that the store has."""
        if not written.refusals:
            return self.events
        return [event for i, event in enumerate(self.events) if i not in written.refusals]


def split_batch(body: bytes) -> list[msgspec.Raw]:
    """Return the events of a body, one or a list of them, undecoded.

    Raises:
        InvalidRequest: not JSON, an empty list, or more events than the limit.
    """
    if body.lstrip()[:1] == b"[":
        return decode(body, CloudEvents)
    return [decode(body, msgspec.Raw)]


def read_events(body: bytes, rules: IntakeRules, now_us: int) -> Incoming:
    """Return the events of a body, one or a list of them, each good or refused.

    Raises:
        InvalidRequest: not JSON, an empty list, or more events than the limit.
    """
    incoming = Incoming()
    incoming.read(body, rules, now_us)
    return incoming


class Intake:
    """Takes the bodies of requests into one store.

    Args:
        store: where the events go.
        metrics: what is counted and timed.
        max_clock_skew_s: how far ahead of the clock an event's times may be.
        clock: gives the present moment; injected in tests.
    """

    def __init__(
        self,
        store: EventStore,
        metrics: IntakeMetrics,
        *,
        max_clock_skew_s: float,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._rules = IntakeRules(
            sources=store.sources, max_clock_skew_s=max_clock_skew_s, clock=clock
        )
        self._metrics = metrics
        self._writer = EventWriter(store, metrics)

    async def take(
        self, body: bytes, *, request_id: str, headers: Mapping[str, str] | None = None
    ) -> EventsAnswer:
        """Append the good events of a body and say what became of each.

        Returns only after the store has the accepted events. A bad event refuses itself alone.

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
        written = Written()
        if incoming.events:
            written = await self._writer.write(incoming.events)
            incoming.refuse_written(written)
        self._metrics.count_events(incoming.kept(written), arrival_us=now_us)
        self._metrics.count_effects(written)
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
        """Write what is waiting; nothing is taken afterwards."""
        self._writer.close()


def _typed(body: bytes) -> Iterable[CloudEvent] | None:
    """Return the messages of a body in which every event is of the right type, else None."""
    if body.lstrip()[:1] == b"[":
        return decode_or_none(body, CloudEventBatch)
    message = decode_or_none(body, CloudEvent)
    return None if message is None else (message,)


def _refused(event_id: str | None, error: InvalidRequest) -> EventStatus:
    return EventStatus(id=event_id, status="refused", field=error.field, reason=error.reason)


class _Identified(msgspec.Struct):
    id: str


class _Labels(msgspec.Struct):
    source: str = ""
    type: str = ""


def _id_of(message: msgspec.Raw) -> str | None:
    """The id of an event that may be broken in every other way."""
    identified = decode_or_none(message, _Identified)
    return None if identified is None else identified.id
