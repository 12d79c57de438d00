"""Find the pattern by which a text that shows a time is read."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

import msgspec

__all__ = ["DateOrder", "TimePattern", "pattern_of"]

DateOrder: TypeAlias = Literal["day_first", "month_first"]


class TimePattern(msgspec.Struct, frozen=True):
    """A pattern of ``strptime``, and what its times are relative to.

    Args:
        text: the pattern.
        zone: the texts have an offset, say that they are UTC, or neither.
    """

    text: str
    zone: Literal["", "offset", "utc"] = ""


_DATES = (
    re.compile(r"(?P<year>\d{4})(?P<s>[/.-])(?P<month>\d{1,2})(?P=s)(?P<day>\d{1,2})(?!\d)"),
    re.compile(
        r"(?P<first>\d{1,2})(?P<s>[/.-])(?P<second>\d{1,2})(?P=s)(?P<year>\d{4}|\d\d)(?!\d)"
    ),
    re.compile(r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?!\d)"),
    re.compile(
        r"(?:(?P<weekday>[A-Za-z]{3,9})(?P<w>[,.] ?| ))?(?P<day>\d{1,2})(?P<s>[ /.-]|\. )"
        r"(?P<name>[A-Za-z]{3,9})(?P<t>[ /.,-]{1,2})(?P<year>\d{4}|\d\d)(?!\d)"
    ),
    re.compile(
        r"(?:(?P<weekday>[A-Za-z]{3,9})(?P<w>[,.] ?| ))?(?P<name>[A-Za-z]{3,9})(?P<s>[ .]{1,2})"
        r"(?P<day>\d{1,2})(?P<t>,? )(?P<year>\d{4})(?!\d)"
    ),
)  # fmt: skip
_TIME = re.compile(
    r"(?P<hour>\d{1,2})(?P<c>[:.h])(?P<minute>\d\d)"
    r"(?:(?P<d>[:.])(?P<second>\d\d)(?:(?P<f>[.,])(?P<fraction>\d{1,9}))?)?"
    r"(?:(?P<g>\s?)(?P<half>[AaPp][Mm]))?"
    r"(?:(?P<h>\s?)(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d))?"
)
_BETWEEN = re.compile(r"T|,? ")
_NAMES = {
    "year": "%Y", "month": "%m", "day": "%d", "hour": "%H", "minute": "%M", "second": "%S",
    "fraction": "%f", "half": "%p",
}  # fmt: skip


def pattern_of(text: str, order: DateOrder) -> TimePattern | None:
    """Return the pattern that reads a text; None: it shows no date, or in no known way.

    Args:
        text: without spaces around it.
        order: what the first number of a date such as 5/11/2027 is.

    >>> pattern_of("5.11.2027 8:15", "day_first")
    TimePattern(text='%d.%m.%Y %H:%M', zone='')
    >>> pattern_of("Nov 5, 2027 08:15 PM UTC", "day_first")
    TimePattern(text='%b %d, %Y %I:%M %p UTC', zone='utc')
    """
    for date in _DATES:
        found = date.match(text)
        if found is None:
            continue
        pattern, rest = _date_pattern(found, order), text[found.end() :]
        if not rest:
            return TimePattern(pattern)
        between = _BETWEEN.match(rest)
        time = None if between is None else _TIME.fullmatch(rest, between.end())
        if between is not None and time is not None:
            clock, zone = _time_pattern(time)
            return TimePattern(f"{pattern}{between[0]}{clock}", zone)
    time = _TIME.match(text)
    if time is not None and text[time.end() : time.end() + 1] == " ":
        later = pattern_of(text[time.end() + 1 :], order)
        if later is not None and "%H" not in later.text and "%I" not in later.text:
            clock, zone = _time_pattern(time)
            return TimePattern(f"{clock} {later.text}", zone)
    return None


def _date_pattern(found: re.Match[str], order: DateOrder) -> str:
    parts = dict(_NAMES)
    if "first" in found.re.groupindex:
        parts["first"], parts["second"] = ("%d", "%m") if order == "day_first" else ("%m", "%d")
    parts["year"] = "%Y" if len(found["year"]) == 4 else "%y"
    for name, short, long in (("name", "%b", "%B"), ("weekday", "%a", "%A")):
        if name in found.re.groupindex and found[name]:
            parts[name] = short if len(found[name]) == 3 else long
    return _replaced(found, parts)


def _time_pattern(found: re.Match[str]) -> tuple[str, Literal["", "offset", "utc"]]:
    parts = dict(_NAMES)
    if found["half"]:
        parts["hour"] = "%I"
    zone: Literal["", "offset", "utc"] = ""
    if found["zone"]:
        zone = "offset" if found["zone"][0] in "+-" else "utc"
        parts["zone"] = "%z" if zone == "offset" else found["zone"]
    return _replaced(found, parts), zone


def _replaced(found: re.Match[str], parts: dict[str, str]) -> str:
    """Return the text that was found, each of its parts as a directive."""
    result, end = "", found.start()
    for name in sorted(found.re.groupindex, key=found.re.groupindex.__getitem__):
        if found[name] is None or name not in parts:
            continue
        result += found.string[end : found.start(name)].replace("%", "%%") + parts[name]
        end = found.end(name)
    return result + found.string[end : found.end()].replace("%", "%%")
