"""Random expressions, each with a plain Python function of one row that says what it means."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st

Row = dict[str, Any]
START = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Meaning(NamedTuple):
    """The text of an expression, and its value in a row; None: missing."""

    text: str
    value: Callable[[Row], Any]


NUMBERS = st.none() | st.sampled_from([0.0, 1.0, -1.0, 2.5, 1e308, -1e308, 7.0])
TEXTS = st.none() | st.sampled_from(["a", "B", " ab ", "ño", "-1", "done", "%"])
TIMES = st.none() | st.sampled_from([START + timedelta(seconds=n) for n in (-90, 0, 1, 3_600)])
ROWS = st.lists(
    st.fixed_dictionaries(
        {"a": NUMBERS, "b": NUMBERS, "s": TEXTS, "t": TEXTS, "u": TIMES, "v": TIMES}
    ),
    min_size=1,
    max_size=4,
)


def known(function: Callable[..., Any], *parts: Meaning) -> Callable[[Row], Any]:
    """The value of a function, missing where one of its arguments is."""

    def value(row: Row) -> Any:
        found = [part.value(row) for part in parts]
        return None if any(one is None for one in found) else function(*found)

    return value


def plain(number: float) -> float | None:
    return None if math.isnan(number) else number


def floored(number: float) -> float:
    return float(math.floor(number)) if math.isfinite(number) else number


ARITHMETIC: dict[str, Callable[[float, float], float | None]] = {
    "+": lambda x, y: plain(x + y),
    "-": lambda x, y: plain(x - y),
    "*": lambda x, y: plain(x * y),
    "/": lambda x, y: None if y == 0 else plain(x / y),
    "//": lambda x, y: None if y == 0 or math.isnan(x / y) else floored(x / y),
}
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda x, y: x == y,
    "!=": lambda x, y: x != y,
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
}


def column(*names: str) -> st.SearchStrategy[Meaning]:
    return st.sampled_from(names).flatmap(
        lambda name: st.sampled_from([name, f'column("{name}")']).map(
            lambda text: Meaning(text, lambda row: row[name])
        )
    )


@st.composite
def numbers(draw: st.DrawFn, depth: int) -> Meaning:
    kind = draw(st.integers(0, 9 if depth else 1))
    if kind == 0:
        value = draw(st.sampled_from([0, 1, 2.5, 60, 1e300]))
        return Meaning(repr(value), lambda _: float(value))
    if kind == 1:
        return draw(column("a", "b"))
    x, y = draw(numbers(depth - 1)), draw(numbers(depth - 1))
    if kind <= 4:
        symbol = draw(st.sampled_from(list(ARITHMETIC)))
        return Meaning(f"({x.text} {symbol} {y.text})", known(ARITHMETIC[symbol], x, y))
    if kind == 5:
        name, extreme = draw(st.sampled_from([("min", min), ("max", max)]))
        return Meaning(f"{name}({x.text}, {y.text})", known(extreme, x, y))
    if kind == 6:
        return Meaning(f"abs(-{x.text})", known(abs, x))
    if kind == 7:
        u, v = draw(times(depth - 1)), draw(times(depth - 1))
        name, unit = draw(st.sampled_from([("seconds", 1), ("minutes", 60), ("hours", 3_600)]))
        passed = known(
            lambda one, two: (two - one) / timedelta(microseconds=1) / (1e6 * unit), u, v
        )
        return Meaning(f"{name}({u.text}, {v.text})", passed)
    if kind == 8:
        s = draw(texts(depth - 1))
        return Meaning(f"length({s.text})", known(lambda text: float(len(text)), s))
    return draw(choice(x, y, depth))


@st.composite
def choice(draw: st.DrawFn, first: Meaning, second: Meaning, depth: int) -> Meaning:
    test = draw(conditions(depth - 1))

    def value(row: Row) -> Any:
        holds = test.value(row)
        if holds is None:
            return None
        return first.value(row) if holds else second.value(row)

    return Meaning(f"({first.text} if {test.text} else {second.text})", value)


@st.composite
def texts(draw: st.DrawFn, depth: int) -> Meaning:
    kind = draw(st.integers(0, 5 if depth else 1))
    if kind == 0:
        text = draw(st.sampled_from(["a", "done", "", "ño", "%"]))
        return Meaning(repr(text), lambda _: text)
    if kind == 1:
        return draw(column("s", "t"))
    x, y = draw(texts(depth - 1)), draw(texts(depth - 1))
    if kind == 2:
        return draw(choice(x, y, depth))
    if kind == 3:
        return Meaning(f"join({x.text}, {y.text})", known(lambda one, two: one + two, x, y))
    name = draw(st.sampled_from(["lower", "upper", "strip"]))
    return Meaning(f"{name}({x.text})", known(getattr(str, name), x))


@st.composite
def times(draw: st.DrawFn, depth: int) -> Meaning:
    kind = draw(st.integers(0, 3 if depth else 1))
    if kind == 0:
        return Meaning('time("2026-03-02T13:00+01:00")', lambda _: START)
    if kind == 1:
        return draw(column("u", "v"))
    x, y = draw(times(depth - 1)), draw(times(depth - 1))
    if kind == 2:
        return draw(choice(x, y, depth))
    name, extreme = draw(st.sampled_from([("min", min), ("max", max)]))
    return Meaning(f"{name}({x.text}, {y.text})", known(extreme, x, y))


@st.composite
def conditions(draw: st.DrawFn, depth: int) -> Meaning:
    kind = draw(st.integers(0, 7 if depth else 0))
    if kind == 0:
        is_true = draw(st.booleans())
        return Meaning(
            draw(st.sampled_from([str(is_true), str(is_true).lower()])), lambda _: is_true
        )
    x, y = draw(numbers(depth - 1)), draw(numbers(depth - 1))
    s, t = draw(texts(depth - 1)), draw(texts(depth - 1))
    if kind == 1:
        symbol, pair = draw(st.sampled_from(list(ORDER))), (x, y)
        if draw(st.booleans()):
            pair = draw(times(depth - 1)), draw(times(depth - 1))
        return Meaning(f"({pair[0].text} {symbol} {pair[1].text})", known(ORDER[symbol], *pair))
    if kind == 2:
        symbol = draw(st.sampled_from(["==", "!="]))
        return Meaning(f"({s.text} {symbol} {t.text})", known(ORDER[symbol], s, t))
    if kind == 3:
        word = draw(st.sampled_from(["is", "is not"]))
        one = draw(st.sampled_from([x, s]))
        return Meaning(
            f"({one.text} {word} missing)", lambda row: (one.value(row) is None) == (word == "is")
        )
    if kind == 4:
        word = draw(st.sampled_from(["in", "not in"]))
        found = known(lambda text: (text in ["a", "done"]) == (word == "in"), s)
        return Meaning(f'({s.text} {word} ["a", "done"])', found)
    if kind == 5:
        name, method = draw(
            st.sampled_from(
                [
                    ("contains", str.__contains__),
                    ("starts_with", str.startswith),
                    ("ends_with", str.endswith),
                ]
            )
        )
        return Meaning(f'{name}({s.text}, "a")', known(lambda text: method(text, "a"), s))
    first, second = draw(conditions(depth - 1)), draw(conditions(depth - 1))
    if kind == 6:
        return Meaning(f"(not {first.text})", known(lambda holds: not holds, first))
    word = draw(st.sampled_from(["and", "or"]))

    def value(row: Row) -> bool | None:
        found = [first.value(row), second.value(row)]
        if (word == "or") in found:
            return word == "or"
        return None if None in found else word == "and"

    return Meaning(f"({first.text} {word} {second.text})", value)
