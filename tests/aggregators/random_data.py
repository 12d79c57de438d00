"""Random tables of orders, designed for trouble.

Times lie on a grid of minutes, most of them exactly on it and some one microsecond beside it,
across the hour in which Europe's clocks change. Windows are whole minutes too, so that samples lie
on, just before and just after the edges of windows, tie with each other and with queries.
Events are missing, equal, and in the wrong order; keys and attributes are missing; ids sort
differently as text and as numbers.

Everything follows from the seed, which every failure prints. `DOORSTEP_TEST_SEED=1000 pytest ...`
adds 1000 to all seeds, for other tables than the usual ones.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import pandas as pd

from tests.aggregators.specs import MINUTE, Query, Row, SourceSpec

IdKind = Literal["int", "str"]
ID_KINDS: tuple[IdKind, ...] = ("int", "str")

SEED_OFFSET = int(os.environ.get("DOORSTEP_TEST_SEED", "0"))

EVENTS = ("activated", "dispatched", "accepted", "ready", "courier_assigned", "cancelled")
DIMENSIONS = ("store_id", "courier_id", "city")
ATTRIBUTES = ("amount", "products", "distance_m")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# 00:40 UTC on the day when Europe's clocks jump from 01:00 to 02:00 UTC+1.
START_US = (datetime(2026, 3, 29, 0, 40, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)

# As numbers -5 < 9 < 10 < 2**53 < 2**53 + 1, which neither text nor float64 order tells apart.
TROUBLED_INTEGERS = (-5, 0, 2**53, 2**53 + 1, 2**62, -(2**53) - 1)
# By code point "Z" < "a" < "é" < "￿" < "😀"; a locale or UTF-16 would say otherwise.
TROUBLED_TEXTS = ("o-é", "o-Z", "o-a", "o-\uffff", "o-😀", "O-1", "o-", "9")

KNOWN_FROM_CHOICES: tuple[dict[str, str], ...] = (
    {"courier_id": "courier_assigned"},
    {"courier_id": "courier_assigned", "distance_m": "ready", "products": "accepted"},
    {"store_id": "dispatched", "amount": "dispatched", "city": "cancelled"},
    {},
)


IS_UNCOMPILED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
"""Kernels run as plain Python, only for their lines to be seen by coverage: little data does."""


def seeds(count: int) -> list[int]:
    """The seeds of a randomised test: `count` of them, moved by `DOORSTEP_TEST_SEED`."""
    if IS_UNCOMPILED:
        count = (count + 2) // 3
    return [SEED_OFFSET + number for number in range(count)]


@dataclass(frozen=True)
class RandomTable:
    """Rows for the oracles, and the same as a pandas table for the package."""

    seed: int
    ids: IdKind
    source: SourceSpec
    rows: list[Row]

    def frame(self) -> pd.DataFrame:
        """The rows as a table whose index says nothing about their order."""
        return frame_of(self.rows, self.source, self.ids)

    def __str__(self) -> str:
        return f"random_table(seed={self.seed}, ids={self.ids!r}, rows={len(self.rows)})"


def frame_of(rows: Sequence[Row], source: SourceSpec, ids: IdKind) -> pd.DataFrame:
    """Rows as a pandas table: microsecond UTC timestamps, missing keys and values as missing."""
    columns: dict[str, pd.Series] = {
        source.sample_id: pd.Series(
            [row[source.sample_id] for row in rows], dtype="int64" if ids == "int" else "str"
        )
    }
    for event in source.events:
        columns[event] = times_of([row[event] for row in rows])
    for dimension in source.dimensions:
        columns[dimension] = keys_of([row[dimension] for row in rows], ids)
    for attribute in source.attributes:
        columns[attribute] = pd.Series([row[attribute] for row in rows], dtype="float64")
    frame = pd.DataFrame(columns)
    frame.index = pd.Index([(7 * position) % 1009 for position in range(len(rows))], name="line")
    return frame


def times_of(times_us: Sequence[int | None]) -> pd.Series:
    """Microseconds since 1970 as a column of timestamps."""
    return pd.Series(list(times_us), dtype="Int64").astype("datetime64[us, UTC]")


def keys_of(keys: Sequence[int | str | None], ids: IdKind) -> pd.Series:
    """Dimension values or sample ids, which may be missing, as a column."""
    return pd.Series(list(keys), dtype="Int64" if ids == "int" else "str")


def random_table(
    seed: int,
    ids: IdKind = "str",
    *,
    rows: int | None = None,
    always: Sequence[str] = ("activated",),
    source: SourceSpec | None = None,
) -> RandomTable:
    """A table of 20 to 60 samples; the events in `always` are missing nowhere."""
    rng = random.Random(f"table {seed} {ids} {sorted(always)}")
    source = source or random_source(rng)
    count = rng.randint(20, 60) if rows is None else rows
    sample_ids = random_ids(rng, ids, count)
    minutes = rng.choice((6, 20, 45))
    missing = rng.choice((0.05, 0.3))
    orderly = rng.random() < 0.25
    made = []
    for sample_id in sample_ids:
        row: Row = {source.sample_id: sample_id}
        if orderly:
            row |= _orderly_events(rng, source, minutes, always)
        else:
            row |= _random_events(rng, source, minutes, missing, always)
        for dimension in source.dimensions:
            row[dimension] = random_key(rng, dimension, ids)
        for attribute in source.attributes:
            row[attribute] = random_value(rng, attribute)
        made.append(row)
    return RandomTable(seed, ids, source, made)


def random_source(rng: random.Random) -> SourceSpec:
    """The source of the random tables; from which event its columns are known varies."""
    return SourceSpec(
        events=EVENTS,
        dimensions=DIMENSIONS,
        attributes=ATTRIBUTES,
        known_from=dict(rng.choice(KNOWN_FROM_CHOICES)),
    )


def random_ids(rng: random.Random, ids: IdKind, count: int) -> list[int] | list[str]:
    """Distinct ids in random order, some of which sort differently as text than as numbers."""
    numbers = list(range(1, 3 * count + 10))
    if ids == "int":
        pool = [*rng.sample(numbers, count), *TROUBLED_INTEGERS]
        return rng.sample(list(dict.fromkeys(pool)), count)
    texts = [*(f"o-{number}" for number in rng.sample(numbers, count)), *TROUBLED_TEXTS]
    return rng.sample(texts, count)


def random_moment(rng: random.Random, minutes: int) -> int:
    """A time on the grid of minutes, on it or one microsecond beside it or anywhere."""
    if rng.random() < 0.15:
        return START_US + rng.randrange(minutes * MINUTE)
    return START_US + rng.randrange(minutes) * MINUTE + rng.choice((0, 0, 0, -1, 1))


def _random_events(
    rng: random.Random, source: SourceSpec, minutes: int, missing: float, always: Sequence[str]
) -> Row:
    """Event times: mostly later than the event before, else anywhere, equal, or missing."""
    row: Row = {}
    previous = random_moment(rng, minutes)
    for event in source.events:
        draw = rng.random()
        if draw < 0.2:
            previous = random_moment(rng, minutes)
        elif draw < 0.85:
            previous += rng.choice((0, 1, MINUTE, MINUTE, 2 * MINUTE, 5 * MINUTE, 61_234_567))
        is_missing = event not in always and rng.random() < missing
        row[event] = None if is_missing else previous
    if "cancelled" in source.events and "cancelled" not in always and rng.random() < 0.5:
        row["cancelled"] = None
    return row


def _orderly_events(
    rng: random.Random, source: SourceSpec, minutes: int, always: Sequence[str]
) -> Row:
    """Event times as life mostly goes: one after the other, up to some event, then none."""
    needed = [place for place, event in enumerate(source.events, start=1) if event in always]
    met = rng.randint(max(needed, default=0), len(source.events))
    time = random_moment(rng, minutes)
    row: Row = {}
    for place, event in enumerate(source.events):
        row[event] = time if place < met else None
        time += rng.choice((0, 1, MINUTE, MINUTE, 3 * MINUTE, 61_234_567))
    return row


def random_key(
    rng: random.Random, dimension: str, ids: IdKind, strangers: bool = False
) -> int | str | None:
    """A dimension value, sometimes missing; with `strangers` sometimes one that no sample has."""
    if rng.random() < 0.12:
        return None
    if strangers and rng.random() < 0.1:
        return 404 if ids == "int" else "nowhere"
    choices = {"store_id": 3, "courier_id": 5, "city": 2}.get(dimension, 3)
    number = rng.randrange(choices)
    if ids == "int":
        return (-7, 7, 2**53 + 1, 12, 2**53)[number]
    return ("s-10", "s-9", "S-9", "é", "s-😀")[number]


def random_value(rng: random.Random, attribute: str) -> float:
    """An attribute value: NaN, either zero, negative, a small integer, dyadic or long."""
    if rng.random() < 0.2:
        return float("nan")
    if attribute == "products":
        return float(rng.choice((0, 1, 1, 2, 3, 5, -2)))
    if attribute == "distance_m":
        return rng.choice((0.0, -0.0, 0.25, 512.5, 1024.75, -3.5, rng.randrange(4000) / 8))
    return rng.choice((rng.gauss(20, 8), rng.uniform(-1, 1) * 1e-3, rng.uniform(0, 1e9)))


def random_as_of(rng: random.Random, table: RandomTable) -> list[int]:
    """One moment per row: on or beside an event of any row, or anywhere."""
    return [_moment_near_an_event(rng, table) for _ in table.rows]


def random_queries(rng: random.Random, table: RandomTable, count: int = 30) -> list[Row]:
    """Rows of a spine: `as_of`, every dimension, and a sample id or None."""
    queries = []
    for _ in range(count):
        known = rng.choice(table.rows)
        query: Row = {
            "as_of": _moment_near_an_event(rng, table),
            table.source.sample_id: known[table.source.sample_id] if rng.random() < 0.6 else None,
        }
        for dimension in table.source.dimensions:
            own = rng.random() < 0.4
            query[dimension] = (
                known[dimension] if own else random_key(rng, dimension, table.ids, strangers=True)
            )
        queries.append(query)
    return queries


def spine_of(queries: Sequence[Row], table: RandomTable) -> pd.DataFrame:
    """Queries as the table that `transform(..., at=spine)` takes."""
    columns = {"as_of": times_of([query["as_of"] for query in queries])}
    for name in (table.source.sample_id, *table.source.dimensions):
        columns[name] = keys_of([query[name] for query in queries], table.ids)
    spine = pd.DataFrame(columns)
    spine.index = pd.Index([f"query {number}" for number in range(len(queries))])
    return spine


def spine_queries(queries: Sequence[Row], dimension: str, source: SourceSpec) -> list[Query]:
    """The same queries for the oracle: keys are taken as given."""
    return [Query(each[dimension], each["as_of"], each[source.sample_id]) for each in queries]


def _moment_near_an_event(rng: random.Random, table: RandomTable) -> int:
    times = [
        row[event] for row in table.rows for event in table.source.events if row[event] is not None
    ]
    edge = rng.choice((0, 0, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE))
    # The later of two events, so that most queries have a past.
    time = int(max(rng.choice(times), rng.choice(times)))
    return time + edge + rng.choice((0, 0, -1, 1, 30_000_000))
