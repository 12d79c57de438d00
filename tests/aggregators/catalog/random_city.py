"""A random evening in a small city: every event of the catalog's orders, with trouble.

Times lie on whole minutes, so that orders tie with each other and with the edges of windows. Some
events are lost, some orders are cancelled at any stage, some events come in the wrong order, some
keys and numbers are missing.
"""

from __future__ import annotations

import random
from typing import Any

import pandas as pd

from aggregators import Event
from aggregators.catalog import ORDERS

MINUTE_US = 60_000_000
START_US = 1_774_742_400_000_000 + 17 * 60 * MINUTE_US
"""2026-03-29 17:00 UTC."""

Row = dict[str, Any]

STAGES: tuple[tuple[str, str, int], ...] = (
    ("dispatched", "activated", 2),
    ("accepted", "dispatched", 3),
    ("courier_assigned", "dispatched", 8),
    ("courier_at_store", "courier_assigned", 9),
    ("ready", "accepted", 25),
    ("picked_up", "ready", 6),
    ("courier_at_customer", "picked_up", 15),
    ("delivered", "courier_at_customer", 7),
)
"""Event, the event it follows, and the most minutes between them."""


def random_city(seed: int, orders: int = 160) -> list[Row]:
    """Rows of orders: ids, keys and numbers (None: missing), and per event microseconds or None."""
    rng = random.Random(f"city {seed}")
    return [_order(rng, f"o-{number:04d}") for number in rng.sample(range(10_000), orders)]


def table_of(rows: list[Row]) -> pd.DataFrame:
    """The rows as a pandas table with UTC datetimes."""
    columns: dict[str, pd.Series] = {}
    for name in (ORDERS.sample_id, *ORDERS.dimensions):
        columns[name] = pd.Series([row[name] for row in rows], dtype="str")
    for name in ORDERS.attributes:
        columns[name] = pd.Series([row[name] for row in rows], dtype="float64")
    for name in ORDERS.events:
        micros = pd.Series([row[name] for row in rows], dtype="Int64")
        columns[name] = micros.astype("datetime64[us, UTC]")
    return pd.DataFrame(columns)


def stream_of(rows: list[Row], seed: int) -> list[Event]:
    """The same rows as events: shuffled, every third of them delivered more than once."""
    rng = random.Random(f"stream {seed}")
    stream = []
    for row in rows:
        for event in ORDERS.events:
            if row[event] is not None:
                copies = rng.choice((1, 1, rng.randint(2, 3)))
                stream += [_event(row, event)] * copies
    rng.shuffle(stream)
    return stream


def _event(row: Row, event: str) -> Event:
    data = {
        column: row[column]
        for column in ORDERS.columns
        if ORDERS.known_from_event(column) == event and row[column] is not None
    }
    return Event(ORDERS.name, row[ORDERS.sample_id], event, row[event], data)


def _order(rng: random.Random, order_id: str) -> Row:
    row: Row = {ORDERS.sample_id: order_id, "cancelled": None}
    row["activated"] = START_US + rng.randrange(180) * MINUTE_US
    last = row["activated"]
    for event, before, most in STAGES:
        last = row[before] + rng.randint(-1 if rng.random() < 0.03 else 0, most) * MINUTE_US
        row[event] = last
    if rng.random() < 0.1:
        _cancel(rng, row, until=last)
    for event, _, _ in STAGES:
        if rng.random() < 0.04:
            row[event] = None
    assigned = row["courier_assigned"] is not None
    row["store_id"] = _maybe(rng, rng.choice(("s-1", "s-1", "s-2", "s-3")))
    row["store_category"] = _maybe(rng, rng.choice(("BCN pizza", "BCN sushi")))
    row["courier_id"] = rng.choice(("c-1", "c-2", "c-3", "c-4")) if assigned else None
    row["city"] = _maybe(rng, rng.choice(("BCN", "BCN", "BCN", "WAW")))
    row["zone"] = _maybe(rng, rng.choice(("BCN-north", "BCN-south", "WAW-centre")))
    row["amount"] = _maybe(rng, round(rng.uniform(5, 80), 2))
    row["products"] = _maybe(rng, float(rng.randint(0, 9)))
    row["distance_m"] = _maybe(rng, float(rng.randint(0, 6_000)))
    row["distance_to_store_m"] = _maybe(rng, float(rng.randint(0, 3_000))) if assigned else None
    return row


def _cancel(rng: random.Random, row: Row, until: int) -> None:
    at = rng.randint(row["activated"], max(until, row["activated"]))
    row["cancelled"] = at
    for event, _, _ in STAGES:
        if row[event] >= at:
            row[event] = None


def _maybe(rng: random.Random, value: object) -> object:
    return None if rng.random() < 0.03 else value
