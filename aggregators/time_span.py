"""Define the span of sensible times, in one place: a time outside was read in a wrong unit.

A timestamp in year 58136 is one of 2026 whose milliseconds were taken for seconds. Events, tables
and requested moments outside the span are refused, with the unit that they look like.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aggregators.errors import DefinitionError, TimestampError

__all__ = [
    "DEFAULT_SPAN",
    "SPAN_VARIABLE",
    "TimeSpan",
    "check_moment_us",
    "current_bounds_us",
    "outside",
    "set_time_span",
    "time_span",
]

SPAN_VARIABLE = "DOORSTEP_TIME_SPAN"
"""The environment variable that sets the span of a process from its start."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
DEFAULT_SPAN = "2000-01-01/2100-01-01"
"""The default span of a process, as a text."""

# A year from either end of the calendar: what is added to a moment, an offset from UTC or the
# seconds of an estimate, never leads out of it.
_CALENDAR = datetime(2, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)

_UNITS = ("seconds", "milliseconds", "microseconds", "nanoseconds")  # each 1,000 times the next


@dataclass(frozen=True)
class TimeSpan:
    """Holds the moments that are accepted: from ``earliest`` until just before ``latest``.

    Args:
        earliest: a timezone-aware datetime, in year 2 or later.
        latest: a later one, in year 9998 or at its end.

    Raises:
        DefinitionError: naive datetimes, an empty span, or one that leaves the calendar.

    >>> TimeSpan.parse("1990-01-01/2100-01-01").earliest.year
    1990
    """

    earliest: datetime
    latest: datetime

    def __post_init__(self) -> None:
        given: tuple[object, ...] = self.earliest, self.latest
        for moment in given:
            if not isinstance(moment, datetime) or moment.tzinfo is None:
                raise DefinitionError(
                    f"time span: {moment!r} is no timezone-aware datetime; expected two, e.g."
                    " datetime(1990, 1, 1, tzinfo=UTC)"
                )
        first, last = _CALENDAR
        if not first <= self.earliest < self.latest <= last:
            raise DefinitionError(
                f"time span: {self} is empty or leaves the calendar; expected two moments in their"
                f" order between {_shown(first)} and {_shown(last)}"
            )

    @classmethod
    def parse(cls, text: str) -> TimeSpan:
        """Return the span of a text: two moments in ISO 8601; without an offset in UTC."""
        parts = text.strip().split("/")
        try:
            earliest, latest = (datetime.fromisoformat(part) for part in parts)
        except ValueError:
            raise DefinitionError(
                f"time span {text!r}; expected two moments such as 1990-01-01/2100-01-01"
            ) from None
        return cls(_in_utc(earliest), _in_utc(latest))

    def __str__(self) -> str:
        return f"{_shown(self.earliest)} to {_shown(self.latest)}"


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _shown(moment: datetime) -> str:
    text = moment.isoformat()
    return text.removesuffix("T00:00:00+00:00")


def _from_environment() -> TimeSpan:
    try:
        return TimeSpan.parse(os.environ.get(SPAN_VARIABLE) or DEFAULT_SPAN)
    except DefinitionError as error:
        raise DefinitionError(f"{SPAN_VARIABLE}: {error}") from None


class _Current:
    """Holds the span of this process, with its bounds as they are compared for every event."""

    span: TimeSpan | None = None
    earliest_us = 0
    latest_us = 0  # nothing lies within until the span was read


_CURRENT = _Current()


def time_span() -> TimeSpan:
    """Return the span of this process: 2000-01-01 to 2100-01-01, if it was not set.

    Raises:
        DefinitionError: the environment variable ``DOORSTEP_TIME_SPAN`` is no span.
    """
    if _CURRENT.span is None:
        set_time_span(_from_environment())
        assert _CURRENT.span is not None
    return _CURRENT.span


def set_time_span(span: TimeSpan) -> None:
    """Set the span of this process, for all sources.

    Set the environment variable ``DOORSTEP_TIME_SPAN`` for other processes.

    >>> before = time_span()
    >>> set_time_span(TimeSpan.parse("1900-01-01/2100-01-01"))
    >>> set_time_span(before)
    """
    _CURRENT.earliest_us = (span.earliest - _EPOCH) // _MICROSECOND
    _CURRENT.latest_us = (span.latest - _EPOCH) // _MICROSECOND
    _CURRENT.span = span


def current_bounds_us() -> tuple[int, int]:
    """Return the first accepted moment and the first one after the span, in microseconds."""
    time_span()
    return _CURRENT.earliest_us, _CURRENT.latest_us


def check_moment_us(time_us: int, what: str) -> int:
    """Return a moment in microseconds, or raise :class:`TimestampError` where it is not sensible.

    >>> check_moment_us(1_767_225_600_000, "time")
    Traceback (most recent call last):
    ...
    aggregators.errors.TimestampError: time is 1970-01-21T10:53:45.600000+00:00, outside ...
    """
    if _CURRENT.earliest_us <= time_us < _CURRENT.latest_us:
        return time_us
    low_us, high_us = current_bounds_us()
    if low_us <= time_us < high_us:  # the span had not been read yet
        return time_us
    raise outside(time_us, what)


def outside(time_us: int, what: str, shown: str = "") -> TimestampError:
    """Return the error for a moment outside the span, with the unit that it looks like.

    Args:
        time_us: microseconds since 1970, of any size.
        what: names the value in the message.
        shown: the value as it was given.
    """
    return TimestampError(
        f"{what} is {shown or _moment(time_us)}, outside the span of sensible times"
        f" ({time_span()}){_advice(time_us)}; expected a time within it. If such times are meant,"
        f" set the span: {SPAN_VARIABLE}=EARLIEST/LATEST or aggregators.set_time_span"
    )


def _moment(time_us: int) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=time_us)).isoformat()
    except OverflowError:
        return f"{time_us} microseconds since 1970, which no calendar has"


def _advice(time_us: int) -> str:
    """Return which unit was read as which other, where that gives a sensible time."""
    low_us, high_us = current_bounds_us()
    for steps in range(1, len(_UNITS)):
        factor = 1_000**steps
        pairs = list(zip(_UNITS[steps:], _UNITS, strict=False))
        for meant_us, read in ((time_us // factor, pairs), (time_us * factor, _turned(pairs))):
            if low_us <= meant_us < high_us:
                units = ", or ".join(f"{held} read as {taken}" for held, taken in read)
                return f": it looks like {units} ({_moment(meant_us)})"
    return ""


def _turned(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(second, first) for first, second in pairs]
