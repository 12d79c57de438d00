"""Random samples and queries as the kernels take them, and the slow definition of every answer.

Nothing here shares code with the kernels that slide: sums are fractions, selections double loops.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregators.kernels import attribute_kernels as steps
from aggregators.kernels import selection

NEVER = np.iinfo(np.int64).max
N_EVENTS, N_COLUMNS = 4, 2
ORDERED_BY = 0
"""The event by which the samples are ordered and selected."""

COLUMN_KNOWN, COLUMN_GATED, DURATION, ELAPSED, SAMPLES = range(5)
"""The attributes: a column, one that is known late, a duration, an elapsed time, the samples."""

FUNCTIONS = (
    *("count", "sum", "mean", "std", "var", "min", "max", "median", "first", "last"),
    *("n_unique", "trend", "quantile"),
)
ARGUMENT = 0.3

Value = tuple[Fraction, float]
"""A value exactly, and as the float that order statistics give."""


@dataclass
class Stream:
    """Samples by (group, event time, row), and queries by (group, moment)."""

    times: NDArray[np.int64]
    columns: NDArray[np.float64]
    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    groups: NDArray[np.int64]
    as_of: NDArray[np.int64]
    own_rows: NDArray[np.int64]
    gate: int = selection.KNOWN
    spec: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))


def random_stream(rng: random.Random, *, wide: bool = False, n_rows: int = 80) -> Stream:
    """Some samples of three groups, many at the same moment, and some queries."""
    grid = rng.choice((3, 20, 200))
    times = np.full((N_EVENTS, n_rows), NEVER, np.int64)
    for row in range(n_rows):
        for event in range(N_EVENTS):
            if event == ORDERED_BY or rng.random() < 0.8:
                times[event, row] = rng.randrange(grid) + (event > 0) * rng.randrange(grid)
    groups = sorted(rng.randrange(3) for _ in range(n_rows))
    order = sorted(range(n_rows), key=lambda row: (groups[row], times[ORDERED_BY, row], row))
    is_clustered = rng.random() < 0.5
    if is_clustered:  # rows stand in the order of the index
        times = np.ascontiguousarray(times[:, order])
        order = list(range(n_rows))
    offsets = np.array([0, *(sum(g <= group for g in groups) for group in range(3))], np.int64)
    n_queries = rng.randrange(1, 60)
    asked = sorted((rng.randrange(3), rng.randrange(2 * grid + 2)) for _ in range(n_queries))
    return Stream(
        times=times,
        columns=np.array(
            [[random_value(rng, wide=wide) for _ in range(n_rows)] for _ in range(N_COLUMNS)]
        ),
        offsets=offsets,
        rows=np.array(order, np.int32),
        groups=np.array([group for group, _ in asked], np.int64),
        as_of=np.array([moment for _, moment in asked], np.int64),
        own_rows=np.array([rng.choice((-1, rng.randrange(n_rows))) for _ in asked], np.int64),
    )


def random_value(rng: random.Random, *, wide: bool) -> float:
    """A value as columns hold them; with ``wide`` also such as no fixed point holds."""
    if rng.random() < 0.2:
        return math.nan
    if wide and rng.random() < 0.3:
        return rng.choice((1e300, -1e300, 5e-324, 2.0**80, -3.3e25, 1.1e-20))
    return rng.choice((0.0, -0.0, 1.5, 0.1, float(rng.randrange(5)), rng.gauss(20, 30)))


def random_selection(rng: random.Random, stream: Stream) -> None:
    """Let a stream be selected in one of the three ways, with or without a gate."""
    stream.gate = rng.choice((selection.KNOWN, 3))
    kind = rng.choice((selection.LAST_N, selection.AFTER_EVENT, selection.BETWEEN_EVENTS))
    length = rng.choice((1, 3, 15, 100, 1_000))
    age = rng.choice((selection.NO_LIMIT, length))
    closing = [1, 2][: rng.randrange(1, 3)] if kind == selection.BETWEEN_EVENTS else []
    n = rng.choice((1, 2, 5, 30))
    fields = [kind, ORDERED_BY, stream.gate, n, length, age, len(closing), *closing]
    stream.spec = np.array(fields, np.int64)


def program(attribute: int) -> list[tuple[int, int, int, int, int]]:
    """The step of an attribute."""
    return {
        COLUMN_KNOWN: [(steps.COLUMN, 0, selection.KNOWN, 0, 0)],
        COLUMN_GATED: [(steps.COLUMN, 1, 2, 0, 0)],
        DURATION: [(steps.DURATION, 0, 1, *steps.NO_BOUNDS)],
        ELAPSED: [(steps.ELAPSED, 1, 0, 0, 0)],
    }[attribute]


def value_of(stream: Stream, attribute: int, row: int, as_of: int) -> Value | None:
    """The value of a sample that is known at a moment."""
    times = stream.times[:, row].tolist()
    if attribute in (COLUMN_KNOWN, COLUMN_GATED):
        known = attribute == COLUMN_KNOWN or times[2] < as_of
        x = float(stream.columns[attribute, row])
        return (Fraction(x), x + 0.0) if known and not math.isnan(x) else None
    if attribute == DURATION:
        us = times[1] - times[0]
        return (Fraction(us, 10**6), us / 1e6) if max(times[0], times[1]) < as_of else None
    us = as_of - times[1]
    return (Fraction(us, 10**6), us / 1e6) if times[1] < as_of else None


def selected_rows(stream: Stream, group: int, as_of: int, own_row: int) -> list[int]:
    """The samples that count, in their order."""
    kind, event, gate, n, length, age = stream.spec[:6].tolist()
    chosen = []
    for row in stream.rows[stream.offsets[group] : stream.offsets[group + 1]].tolist():
        time = stream.times[event, row]
        if row == own_row or time >= as_of:
            continue
        if gate != selection.KNOWN and stream.times[gate, row] >= as_of:
            continue
        if kind == selection.AFTER_EVENT and time < as_of - length:
            continue
        if kind == selection.BETWEEN_EVENTS:
            if age != selection.NO_LIMIT and time < as_of - age:
                continue
            if any(stream.times[closing, row] < as_of for closing in stream.spec[7:]):
                continue
        chosen.append(row)
    return chosen[-n:] if kind == selection.LAST_N else chosen


def answer(stream: Stream, attribute: int, function: str, query: int) -> float:
    """The function of one query."""
    as_of = int(stream.as_of[query])
    rows = selected_rows(stream, int(stream.groups[query]), as_of, int(stream.own_rows[query]))
    if attribute == SAMPLES:
        return float(len(rows))
    found = [value_of(stream, attribute, row, as_of) for row in rows]
    values = [value for value in found if value is not None]
    if function == "count":
        return float(len(values))
    if not values:
        return 0.0 if function == "sum" else math.nan
    exact, floats = [value for value, _ in values], [x for _, x in values]
    if function in ("sum", "mean", "std", "var", "trend"):
        return _of_sums(function, exact)
    return _of_order(function, exact, floats)


def _of_sums(function: str, exact: list[Fraction]) -> float:
    n, total = len(exact), sum(exact, Fraction(0))
    if function == "sum":
        return rounded(total)
    if function == "mean":
        return rounded(total) / n
    if function == "trend":
        if n < 2:
            return math.nan
        ranked = sum((i * x for i, x in enumerate(exact)), Fraction(0))
        return rounded((12 * ranked - 6 * (n - 1) * total) / (n * (n * n - 1)))
    variance = rounded((n * sum(x * x for x in exact) - total * total) / Fraction(n * n))
    return variance if function == "var" else math.sqrt(variance)


def _of_order(function: str, exact: list[Fraction], floats: list[float]) -> float:
    array = np.array(floats)
    of_numpy: dict[str, Callable[[Any], Any]] = {
        "min": np.min,
        "max": np.max,
        "median": np.median,
        "quantile": lambda values: np.quantile(values, ARGUMENT),
    }
    if function in of_numpy:
        with np.errstate(all="ignore"):
            return float(of_numpy[function](array))
    if function == "n_unique":
        return float(len(set(exact)))
    return floats[0] if function == "first" else floats[-1]


def rounded(exact: Fraction) -> float:
    """The nearest float64; an infinity beyond the largest."""
    try:
        return float(exact) + 0.0
    except OverflowError:
        return math.inf if exact > 0 else -math.inf
