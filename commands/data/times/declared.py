"""Declare how the times of an event are written, and check what is declared."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pandas as pd

from commands.data.times.patterns import DateOrder, TimePattern
from commands.data.times.recognition import UNITS, TimeFormat

__all__ = ["EventTime", "FormatError", "declared_format", "declared_order"]

_WORDS = ("day_first", "month_first", *(f"epoch_{unit}" for unit in UNITS))
_EXAMPLE = datetime(2027, 11, 25, 20, 15, 30)  # noqa: DTZ001 - it is formatted alone


class FormatError(ValueError):
    """A format is none; the message says what was expected."""


class EventTime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event whose times need more than a column, or are given as a duration after another event.

    Args:
        column: of its times; a time of day if ``date`` or ``after`` is given.
        date: column of the day.
        format: of the times, with the day before the time of day; what is left out is recognised.
        after: the event before it. A time of day is that of the first such moment which is not
            before it.
        seconds: column of the seconds after that event, instead of ``column``.
        minutes: column of the minutes after that event, instead of ``column``.
    """

    column: str | None = None
    date: str | None = None
    format: str | None = None
    after: str | None = None
    seconds: str | None = None
    minutes: str | None = None

    @property
    def is_duration(self) -> bool:
        """Whether the time is told by how long after another event it was."""
        return self.column is None

    @property
    def read_column(self) -> str:
        """The column of the times, or of the time in between."""
        return self.column or self.seconds or self.minutes or ""

    @property
    def unit_s(self) -> float:
        """Seconds per unit of the column's numbers."""
        return 1.0 if self.seconds else 60.0

    def problem(self) -> str:
        """Return what is wrong with it, empty where nothing is.

        >>> EventTime(after="activated").problem()
        'expected seconds or minutes, the column of the time after'
        """
        if self.column is not None:
            if self.seconds or self.minutes:
                return "has column and a duration; expected one of them"
        elif (self.seconds is None) == (self.minutes is None):
            return "expected seconds or minutes, the column of the time after"
        elif self.after is None:
            return "lacks after, the event from which the duration counts"
        elif self.date or self.format:
            return "is a duration; date and format are of a column of times"
        try:
            declared_format(self.format)
        except FormatError as error:
            return str(error)
        return ""


def declared_order(text: str | None) -> DateOrder | None:
    """Return what a declared format says of the order of day and month."""
    if text == "day_first":
        return "day_first"
    return "month_first" if text == "month_first" else None


def declared_format(text: str | None) -> TimeFormat | None:
    """Return the format that is declared; None: the column shows it.

    Raises:
        FormatError: it is none.

    >>> declared_format("%d.%m.%Y %H:%M").patterns[0].text
    '%d.%m.%Y %H:%M'
    >>> declared_format("epoch_ms").unit
    'ms'
    """
    if text is None or declared_order(text) is not None:
        return None
    if text in _WORDS:
        return TimeFormat(unit=text.removeprefix("epoch_"), share=1.0)
    try:
        if "%" not in text:
            raise ValueError(text)
        shown = _EXAMPLE.strftime(text.replace("%z", "+0000"))
        read = pd.to_datetime(shown, format=text, utc=True)
        if read.date() != _EXAMPLE.date():
            raise ValueError(shown)
    except ValueError:
        raise FormatError(
            f"format is {text!r}; expected {', '.join(_WORDS)}, or a pattern of day and time such"
            " as '%d.%m.%Y %H:%M'"
        ) from None
    zone = "offset" if "%z" in text else ""
    return TimeFormat(patterns=(TimePattern(text, "offset" if zone else ""),), share=1.0)
