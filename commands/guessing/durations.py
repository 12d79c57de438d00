"""Recognise columns of the time between two events, which give the second event."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from commands.guessing.guessed import GuessedMapping, TimeAfter
from commands.guessing.words import is_estimate, spelled

__all__ = ["event_after"]

SECONDS_FROM = 300.0
"""A median duration without a unit is one of seconds from here on, of minutes below."""
LONGEST = 86_400.0 * 30
"""With a larger median numbers are no durations, in whatever unit."""
NEGATIVE_SHARE = 0.02
"""With more negative values a column is a difference and no duration."""

_UNITS = (("minutes", r"min|mins|minutes?"), ("seconds", r"s|sec|secs|seconds?"))
_IS_DURATION = r"durat\w*|took|taken|elapsed|time|min|mins|minutes?|s|sec|secs|seconds?"
_NO_DURATION = (
    r"wait\w*|delay\w*|late\w*|diff\w*|vs|minus|error|deviation|hours?|avg|average|mean|median"
    r"|hist\w*|of|day|local|zone|timezone|start\w*"
)
_ENDS: tuple[tuple[str, str, Sequence[str]], ...] = (
    (r"prep\w*|cook\w*|kitchen", "ready", ("accepted", "dispatched", "activated")),
    (
        r"trip|ride|travel|transit|driv\w*",
        "courier_at_customer",
        ("picked_up",),
    ),
    (r"deliver\w*|fulfil\w*|order|total|door|took|taken|elapsed|duration", "delivered",
     ("activated",)),
    (r"trip|ride|travel|took|taken|elapsed|duration", "delivered", ("activated",)),
    (r"deliver\w*|took|taken|elapsed|duration", "courier_at_customer", ("picked_up",)),
)  # fmt: skip
"""What lasts -> the event that ends it, and the events that may begin it, the likeliest first."""


def event_after(
    guessed: GuessedMapping, column: str, values: pd.Series[Any]
) -> tuple[str, TimeAfter] | None:
    """Return the event that a column of durations gives, and how; None: it gives none.

    An event with a column of its own times is not given twice.

    Args:
        guessed: its events are named already.
        column: name of the column.
        values: of it.
    """
    if is_estimate(column) or not pd.api.types.is_numeric_dtype(values.dtype):
        return None
    if not _has(_IS_DURATION, column) or _has(_NO_DURATION, column):
        return None
    if (values < 0).mean() > NEGATIVE_SHARE or not 0.0 < values.median() < LONGEST:
        return None
    found = _ended(column, {**guessed.events, **guessed.later})
    if found is None or found[1] not in guessed.events:
        return None
    unit = next((unit for unit, words in _UNITS if _has(words, column)), "")
    if not unit:
        unit = "seconds" if values.median() >= SECONDS_FROM else "minutes"
        guessed.questions.append(f"Are the numbers of {column!r} {unit}? Its name does not say it")
    return found[0], TimeAfter(found[1], unit, column)


def _ended(column: str, events: Mapping[str, object]) -> tuple[str, str] | None:
    for words, end, starts in _ENDS:
        start = next((one for one in starts if one in events), None)
        if _has(words, column) and end not in events and start is not None:
            return end, start
    return None


def _has(words: str, column: str) -> bool:
    return re.search(rf"(?:^|_)(?:{words})(?:_|$)", spelled(column)) is not None
