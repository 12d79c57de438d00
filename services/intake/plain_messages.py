"""Make events of messages that are plainly right, with a few comparisons each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from aggregators.events import Event, Source
from aggregators.time_span import current_bounds_us
from aggregators.times import aware_to_us
from services.schemas.common import CloudEvent

__all__ = ["JSON", "PlainMessages"]

JSON = "application/json"
"""The content type of data, by default."""


class PlainMessages:
    """Makes events of messages whose names are declared and whose times are sensible.

    Of any other message it makes nothing: :func:`services.intake.cloudevents.event_of` decides
    about it, and words the refusal.

    Args:
        sources: the sources, by name. A store may replace a source by one with more types.
        ignores_unknown: whether undeclared data are left out; otherwise such a message is not
            plain.
    """

    def __init__(self, sources: Mapping[str, Source], *, ignores_unknown: bool) -> None:
        self._sources = sources
        self._ignores_unknown = ignores_unknown
        self._names: dict[str, _Names] = {}

    def event(self, message: CloudEvent, now_us: int, ahead_us: float) -> Event | None:
        """Return the event of a message, None where the message must be looked at closely.

        Args:
            message: the message, decoded.
            now_us: the present moment, microseconds UTC.
            ahead_us: how far ahead of it an event's times may be, microseconds.
        """
        names = self._names_of(message.source)
        if names is None or message.type not in names.events or message.datacontenttype != JSON:
            return None
        time_us = _sensible_us(message.time, now_us, ahead_us)
        recorded_us = None
        if message.recordedtime is not None:
            recorded_us = _sensible_us(message.recordedtime, now_us, ahead_us)
            if recorded_us is None:
                return None
        data = message.data or {}
        if time_us is None:
            return None
        if not names.columns.issuperset(data):
            if not self._ignores_unknown:
                return None
            data = {name: value for name, value in data.items() if name in names.columns}
        retracted = bool(message.retracted)
        return Event(
            message.source, message.subject, message.type, time_us, data, recorded_us, retracted
        )

    def _names_of(self, source: str) -> _Names | None:
        known, names = self._sources.get(source), self._names.get(source)
        if known is None:
            return None
        if names is None or names.source is not known:
            names = _Names(known, frozenset(known.events), frozenset(known.data_columns))
            self._names[source] = names
        return names


class _Names(NamedTuple):
    """Holds the declared names of a source."""

    source: Source
    events: frozenset[str]
    columns: frozenset[str]


def _sensible_us(moment: datetime, now_us: int, ahead_us: float) -> int | None:
    """Return a time in microseconds UTC, None outside of the span or too far ahead."""
    time_us = aware_to_us(moment)
    low_us, high_us = current_bounds_us()
    return time_us if low_us <= time_us < high_us and time_us - now_us <= ahead_us else None
