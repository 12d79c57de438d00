"""Check the events of one call: each against its source and the types of ids and keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aggregators.errors import ColumnError, DataError, SampleIdError, StoreError, unknown_name
from aggregators.events import FACT_MARK, Event, Source
from aggregators.stores.records import KIND_NAMES, CheckedEvent, KnownKinds, Record
from aggregators.time_span import current_bounds_us
from aggregators.times import moment_to_us
from aggregators.value_checks import MAX_TEXT_CHARACTERS

__all__ = ["MAX_EVENTS_PER_APPEND", "EventChecks", "check_event", "source_named"]

MAX_EVENTS_PER_APPEND = 100_000
"""The most events that one call of ``append`` takes."""

_INT64_LIMIT = 2**63
_DIMENSION, _ATTRIBUTE, _FACT = range(3)


class EventChecks:
    """Checks the events of a store's calls.

    Nearly every event is plainly right: text in ASCII, finite numbers, times in microseconds, ids
    and keys of the types that the store has. :class:`_PlainEvents` takes those with a few
    comparisons. All others go through :func:`check_event`, which decides and words every refusal.
    """

    def __init__(self) -> None:
        self._plain: dict[str, _PlainEvents] = {}

    def checked(
        self,
        given: Sequence[Event],
        sources: Mapping[str, Source],
        known_kinds: Mapping[str, KnownKinds],
        kinds: dict[str, type],
    ) -> list[CheckedEvent]:
        """Return the events of one call as stores keep them, or raise for the first bad one.

        Args:
            given: what arrived.
            sources: the store's sources.
            known_kinds: what the store knows of the types of each source's ids and keys.
            kinds: the types seen in this call; extended here.

        Raises:
            StoreError: too many events, or something that is no event.
            DataError: an event of an unknown source, of a wrong type, or with unknown columns.
        """
        if len(given) > MAX_EVENTS_PER_APPEND:
            raise StoreError(
                f"{len(given):,} events in one call; the most is {MAX_EVENTS_PER_APPEND:,}"
            )
        bounds_us = current_bounds_us()
        result: list[CheckedEvent] = []
        name, plain = None, None
        for event in given:
            if not isinstance(event, Event):
                raise StoreError(f"{event!r} is no Event; expected aggregators.Event")
            if plain is None or event.source != name:
                name = event.source
                plain = self._plain_events(source_named(sources, name), known_kinds)
                plain.expect(kinds)
            checked = plain.checked(event, bounds_us)
            if checked is None:
                n_kinds = len(kinds)
                checked = check_event(event, plain.source, plain.known, kinds)
                if len(kinds) > n_kinds:
                    plain.expect(kinds)
            result.append(checked)
        return result

    def _plain_events(self, source: Source, known_kinds: Mapping[str, KnownKinds]) -> _PlainEvents:
        plain, known = self._plain.get(source.name), known_kinds[source.name]
        if plain is None or plain.source is not source or plain.known is not known:
            plain = self._plain[source.name] = _PlainEvents(source, known)
        return plain


class _PlainEvents:
    """Takes the events of one source that are plainly right.

    Args:
        source: the source.
        known: what the store knows of the types of its ids and keys, also later.
    """

    def __init__(self, source: Source, known: KnownKinds) -> None:
        self.source = source
        self.known = known
        self._id_kind: type | None = None
        self._key_kinds: Mapping[str, type] = {}
        self._missing = source.missing
        self._numbers = {event: number for number, event in enumerate(source.events)}
        self._roles = {
            **dict.fromkeys(source.dimensions, _DIMENSION),
            **dict.fromkeys(source.attributes, _ATTRIBUTE),
            **dict.fromkeys(source.facts, _FACT),
        }

    def expect(self, kinds: Mapping[str, type]) -> None:
        """Take events of these types from now on: those declared, known, or seen in this call."""
        source, known = self.source, self.known
        self._id_kind = (
            source.types.get(source.sample_id) or known.id_kind or kinds.get(source.name)
        )
        self._key_kinds = known.key_kinds
        if kinds or source.types:
            seen = {name: kinds.get(f"{source.name}.{name}") for name in source.dimensions}
            merged = seen | known.key_kinds | dict(source.types)
            self._key_kinds = {name: kind for name, kind in merged.items() if kind is not None}

    def checked(self, event: Event, bounds_us: tuple[int, int]) -> CheckedEvent | None:
        """Return an event as stores keep it; None where it must be looked at closely."""
        sample_id, time_us, recorded_us = event.sample_id, event.time, event.recorded_at
        number = self._numbers.get(event.event) if type(event.event) is str else None
        if number is None or not _is_plain_key(sample_id, self._id_kind):
            return None
        if recorded_us is None:
            recorded_us = time_us
        low_us, high_us = bounds_us
        if (
            type(time_us) is not int
            or type(recorded_us) is not int
            or not low_us <= time_us < high_us
            or not low_us <= recorded_us < high_us
            or type(event.retracted) is not bool
        ):
            return None
        if self._missing and self.source.is_missing(sample_id):
            return None
        data = self._plain_data(event.data) if event.data else {}
        if data is None:
            return None
        record = Record(time_us, recorded_us, event.retracted, data)
        return CheckedEvent(self.source.name, sample_id, number, record)

    def _plain_data(self, data: Mapping[str, Any]) -> dict[str, Any] | None:
        if type(data) is not dict:
            return None
        roles, key_kinds = self._roles, self._key_kinds
        if self._missing and any(map(self.source.is_missing, data.values())):
            return None
        result: dict[str, Any] = {}
        for column, value in data.items():
            role = roles.get(column)
            if role == _ATTRIBUTE:
                if type(value) is int and -_INT64_LIMIT <= value < _INT64_LIMIT:
                    result[column] = float(value)
                elif type(value) is float and value - value == 0.0:  # neither NaN nor infinite
                    result[column] = value + 0.0  # no -0.0
                else:
                    return None
            elif role == _DIMENSION:
                if not _is_plain_key(value, key_kinds.get(column)):
                    return None
                result[column] = value
            elif role == _FACT and (type(value) is bool or _is_plain_key(value, type(value))):
                result[FACT_MARK + column] = value
            else:
                return None
        return result


def _is_plain_key(value: Any, kind: type | None) -> bool:
    """Return whether a value is a short ASCII text or a 64-bit integer, and of this type."""
    if type(value) is not kind:
        return False
    if type(value) is str:
        return len(value) <= MAX_TEXT_CHARACTERS and value.isascii()
    return type(value) is int and -_INT64_LIMIT <= value < _INT64_LIMIT


def source_named(sources: Mapping[str, Source], name: Any) -> Source:
    """Return the source of that name, or raise :class:`UnknownNameError`."""
    if name not in sources:
        raise unknown_name("source", name, "the event store", sources)
    return sources[name]


def check_event(
    event: Event, source: Source, known_kinds: KnownKinds | None, kinds: dict[str, type]
) -> CheckedEvent:
    """Return the event as stores keep it, or raise :class:`DataError`.

    Args:
        event: what arrived.
        source: its source.
        known_kinds: the types of the source's ids and keys so far.
        kinds: the types of ids and keys seen in this call, where there are none yet; extended here.
    """
    if event.event not in source.events:
        source.check_event(event.event)
    sample_id = source.checked_id(event.sample_id, f"sample id of event {event.event!r}")
    known = source.types.get(source.sample_id) or (known_kinds.id_kind if known_kinds else None)
    expected = kinds.setdefault(source.name, known or type(sample_id))
    if type(sample_id) is not expected:
        raise SampleIdError(
            f"sample id {sample_id!r} of event {event.event!r} is {KIND_NAMES[type(sample_id)]};"
            f" expected {KIND_NAMES[expected]}, as all ids of source {source.name!r} are"
        )
    what = f"time of event {event.event!r} of {sample_id!r}"
    time_us = moment_to_us(event.time, what)
    recorded_us = time_us
    if event.recorded_at is not None:
        recorded_us = moment_to_us(event.recorded_at, f"recorded_at: {what}")
    data = event.checked_data(source) if event.data else {}
    for column in data.keys() & set(source.dimensions):
        known = source.types.get(column) or (
            known_kinds.key_kinds.get(column) if known_kinds else None
        )
        expected = kinds.setdefault(f"{source.name}.{column}", known or type(data[column]))
        if type(data[column]) is not expected:
            raise ColumnError(
                f"dimension {column!r} of event {event.event!r} of {sample_id!r} is"
                f" {data[column]!r}, {KIND_NAMES[type(data[column])]}; expected"
                f" {KIND_NAMES[expected]}, as all its values are"
            )
    if not isinstance(event.retracted, bool | np.bool_):
        what = f"retracted of event {event.event!r} of {sample_id!r}"
        raise DataError(f"{what} is {event.retracted!r}; expected True or False")
    record = Record(time_us, recorded_us, bool(event.retracted), data)
    return CheckedEvent(source.name, sample_id, source.events.index(event.event), record)
