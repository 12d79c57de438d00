"""Recognise how a column writes its times, from the column as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from commands.data.times.patterns import DateOrder, TimePattern, pattern_of

__all__ = ["UNITS", "TimeFormat", "normalised", "recognise", "recognise_numbers"]

SHAPES_MAX = 300
"""Times have fewer shapes, digits taken for alike; other texts have more."""
UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 0}
"""Microseconds of the units of numbers since 1970; nanoseconds are divided."""
_SPANS = (("s", 1e8, 1e10), ("ms", 1e11, 1e13), ("us", 1e14, 1e16), ("ns", 1e17, 1e19))
"""Numbers since 1970 of each unit: from the year 1973 on, to where no other unit begins."""
_NUMBER = r"^-?\d+(\.\d+)?$"
_CLOCK = r"\d\d(:?\d\d(:?\d\d([.,]\d+)?)?)?\s?(Z|[+-]\d\d(:?\d\d)?)?"
_ISO = rf"^(\d{{4}}-\d\d-\d\d([T ]{_CLOCK})?|\d{{8}}T{_CLOCK})$"
_NUMERIC = [
    rf"(?:^|[^\d/.-])(?P<first>\d{{1,2}}){mark}(?P<second>\d{{1,2}}){mark}(?P<third>\d{{4}}|\d\d)"
    r"(?:$|\D)"
    for mark in ("/", r"\.", "-")
]
_DATE_8 = r"^(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])$"


class TimeFormat(msgspec.Struct, frozen=True, kw_only=True):
    """How a column writes its times.

    Args:
        patterns: that read its texts, the most frequent first; ISO 8601 is not among them.
        unit: of numbers since 1970; empty: it has none.
        order: of days and months in dates of numbers; empty: it has no such date, "ambiguous":
            every date can be read twice (a year of two digits may be the first number, too),
            "mixed": some can only be read with the day first, others only with the month first.
        example: a text that shows it.
        share: of the texts that are times.
        has_iso: whether some of the texts are ISO 8601.
    """

    patterns: tuple[TimePattern, ...] = ()
    unit: str = ""
    order: Literal["", "day_first", "month_first", "ambiguous", "mixed"] = ""
    example: str = ""
    share: float = 0.0
    has_iso: bool = False

    @property
    def words(self) -> str:
        """How it is read, in words; empty: nothing but ISO 8601 was found."""
        if self.unit:
            return f"numbers of {self.unit} since 1970"
        order = f", {self.order.replace('_', ' ')}" if self.order else ""
        return f"{self.patterns[0].text}{order}" if self.patterns else ""


def normalised(texts: pa.Array) -> pa.Array:
    """Return texts with one space where there are several, and am or pm without points."""
    texts = pc.utf8_trim_whitespace(texts)
    texts = pc.replace_substring_regex(texts, r"\s+", " ")
    return pc.replace_substring_regex(texts, r"(?i)\b([ap])\. ?m\.?", r"\1m")


def recognise(pieces: Iterable[pa.Array], order: DateOrder | None = None) -> TimeFormat:
    """Return how the texts of a column write times.

    Args:
        pieces: of the column, null where missing.
        order: what the first number of dates such as 5/11/2027 is; None: it follows from the
            column, where a number above 12 can be no month.

    >>> recognise([pa.array(["5/11/2027 8:15", "13/11/2027 20:30"])]).words
    '%d/%m/%Y %H:%M, day first'
    >>> recognise([pa.array(["5/11/2027 8:15", "12/11/2027 20:30"])]).order
    'ambiguous'
    """
    seen = _Evidence()
    for piece in pieces:
        seen.add(normalised(piece.drop_null()))
    return seen.decided(order)


def recognise_numbers(pieces: Iterable[pa.Array]) -> TimeFormat:
    """Return how the numbers of a column count the time since 1970; no unit: in no known way."""
    low, high = np.inf, -np.inf
    for piece in pieces:
        bounds = pc.min_max(pc.cast(piece, pa.float64(), safe=False)).as_py()
        if bounds["min"] is not None:
            low, high = min(low, bounds["min"]), max(high, bounds["max"])
    return _of_span(low, high, f"{high:.15g}")


def _of_span(low: float, high: float, example: str) -> TimeFormat:
    for unit, least, most in _SPANS:
        if least <= low <= high < most:
            return TimeFormat(unit=unit, example=example, share=1.0)
    return TimeFormat(example=example)


class _Evidence:
    """What the texts of a column have shown so far."""

    def __init__(self) -> None:
        self.n = self.n_numbers = self.n_iso = 0
        self.low, self.high = np.inf, -np.inf
        self.shapes: dict[str, int] = {}
        self.examples: dict[str, str] = {}
        self.first_max = self.second_max = 0
        self.firsts, self.thirds = set[int](), set[int]()
        self.twice = ""
        self.number = ""

    def add(self, texts: pa.Array) -> None:
        """Look at more texts, none of them missing."""
        self.n += len(texts)
        is_number = pc.match_substring_regex(texts, _NUMBER)
        is_date = pc.match_substring_regex(texts, _DATE_8)
        numbers = texts.filter(pc.and_not(is_number, is_date))
        if len(numbers):
            bounds = pc.min_max(pc.cast(numbers, pa.float64())).as_py()
            self.low = min(self.low, bounds["min"])
            self.high = max(self.high, bounds["max"])
            self.n_numbers += len(numbers)
            self.number = self.number or numbers[0].as_py()
        is_iso = pc.match_substring_regex(texts, _ISO)
        self.n_iso += pc.sum(is_iso).as_py() or 0
        self._add_shapes(texts.filter(pc.invert(pc.or_(pc.and_not(is_number, is_date), is_iso))))

    def _add_shapes(self, texts: pa.Array) -> None:
        if not len(texts) or len(self.shapes) > SHAPES_MAX:
            return
        shapes = pc.replace_substring_regex(texts, r"\d", "9")
        for letters, mark in ((r"[A-Za-z]{4,}", "\u2261"), (r"[A-Za-z]{3}", "\u2262")):
            shapes = pc.replace_substring_regex(shapes, letters, mark)
        encoded = shapes.dictionary_encode()
        codes = encoded.indices.to_numpy()
        _, first, counts = np.unique(codes, return_index=True, return_counts=True)
        for shape, row, count in zip(encoded.dictionary.to_pylist(), first, counts, strict=True):
            self.shapes[shape] = self.shapes.get(shape, 0) + int(count)
            self.examples.setdefault(shape, texts[int(row)].as_py())
        for numeric in _NUMERIC:
            self._add_dates(texts, pc.extract_regex(texts, numeric))

    def _add_dates(self, texts: pa.Array, dates: pa.Array) -> None:
        """Look at the first two numbers of dates; keep one that can be read as two days."""
        found = dates.drop_null()
        if not len(found):
            return
        first, second, third = (
            pc.cast(pc.struct_field(found, name), pa.int64())
            for name in ("first", "second", "third")
        )
        is_short = pc.less(third, 100)
        self.firsts |= {*pc.unique(first.filter(is_short)).to_pylist()}
        self.thirds |= {*pc.unique(third.filter(is_short)).to_pylist()}
        self.first_max = max(self.first_max, pc.max(first).as_py())
        self.second_max = max(self.second_max, pc.max(second).as_py())
        differ = pc.not_equal(first, second).to_numpy(zero_copy_only=False)
        if not self.twice and differ.any():
            self.twice = texts.filter(pc.is_valid(dates))[int(np.argmax(differ))].as_py()

    def decided(self, order: DateOrder | None) -> TimeFormat:
        """Return the format that all texts show."""
        if self.n_numbers > (self.n - self.n_numbers):
            found = _of_span(self.low, self.high, self.number)
            share = self.n_numbers / self.n if found.unit else 0.0
            return msgspec.structs.replace(found, share=share)
        found_order: Any = ""
        if self.first_max:
            found_order = order or self._order()
        reading: DateOrder = "month_first" if found_order == "month_first" else "day_first"
        counts: dict[TimePattern, int] = {}
        for shape, count in self.shapes.items():
            pattern = pattern_of(self.examples[shape], reading)
            if pattern is not None:
                counts[pattern] = counts.get(pattern, 0) + count
        patterns = sorted(counts, key=lambda one: -counts[one])
        if len(self.shapes) > SHAPES_MAX:
            patterns = []
        known = sum(counts[one] for one in patterns) + self.n_iso
        example = self.twice or next(
            (self.examples[s] for s in sorted(self.shapes, key=lambda s: -self.shapes[s])), ""
        )
        return TimeFormat(
            patterns=tuple(patterns),
            order=found_order if patterns else "",
            example=example,
            share=known / self.n if self.n else 0.0,
            has_iso=self.n_iso > 0,
        )

    def _order(self) -> str:
        if self.first_max > 12 and self.second_max > 12:
            return "mixed"
        if self.second_max > 12:
            return "month_first"
        # 27-11-05: the year may be the first number, unless it varies more than the last one.
        if self.thirds and max(self.thirds) <= 31 and len(self.thirds) >= len(self.firsts):
            return "ambiguous"
        if self.first_max > 12:
            return "day_first"
        return "ambiguous" if self.twice else "day_first"
