"""The pattern of a text reads it as Python's own ``strptime`` wrote it."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from commands.data.times.patterns import TimePattern, pattern_of
from tests.aggregators.random_data import seeds

DATES = ["%Y/%m/%d", "%Y.%m.%d", "%d/%m/%Y", "%d.%m.%y", "%Y%m%d", "%d %b %Y", "%d-%b-%y",
         "%d. %B %Y", "%a, %d %b %Y", "%B %d, %Y", "%a %b %d %Y"]  # fmt: skip
CLOCKS = ["%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S%p", "%H.%M", "%Hh%M"]


@pytest.mark.parametrize("seed", seeds(3))
@pytest.mark.parametrize("date", DATES)
def test_a_text_is_read_as_it_was_written(date: str, seed: int) -> None:
    rng = random.Random(seed)
    for clock in CLOCKS:
        for between in (" ", "T", ", "):
            moment = dt.datetime(2027, 1, 1) + dt.timedelta(seconds=rng.randrange(31_536_000))  # noqa: DTZ001
            written = f"{date}{between}{clock}"
            text = moment.strftime(written)
            found = pattern_of(text, "day_first")
            assert found is not None, text
            read = dt.datetime.strptime(text, found.text)  # noqa: DTZ007
            assert read == dt.datetime.strptime(text, written), text  # noqa: DTZ007
            assert found.zone == ""


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("3/5/2027 8:15 UTC", TimePattern("%m/%d/%Y %H:%M UTC", "utc")),
        ("3/5/2027 8:15 +02:00", TimePattern("%m/%d/%Y %H:%M %z", "offset")),
        ("8:15 3/5/2027", TimePattern("%H:%M %m/%d/%Y")),
        ("100% 3/5/2027", None),
        ("3/5/2027 noon", None),
        ("8:15", None),
        ("3/5", None),
        ("123/5/2027", None),
        ("", None),
    ],
)
def test_zones_are_known_and_other_texts_are_not(text: str, pattern: TimePattern | None) -> None:
    assert pattern_of(text, "month_first") == pattern
