"""Find from which event on a column is filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from aggregators.standard_sources import COURIER_EVENTS
from commands.guessing.guessed import GuessedMapping
from commands.guessing.words import is_of_courier

__all__ = ["filled_with", "known_later"]

AGREEMENT = 0.98
"""In so many rows a column is filled exactly if the event has happened."""


def known_later(guessed: GuessedMapping, table: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield name and event of columns that are filled only where that event has happened.

    What is of a courier is known from the assignment on, or the first event of a courier that the
    table has, whatever the table contains in other rows.
    """
    first, *later = guessed.events
    assigned = next((name for name in COURIER_EVENTS if name in guessed.events), first)
    happened = {event: table[guessed.events[event]].notna() for event in later}
    for name, column in {**guessed.dimensions, **guessed.attributes}.items():
        if column in guessed.columns:
            continue
        if is_of_courier(column) or name == "distance_to_store_m":
            if assigned != first:
                yield name, assigned
            continue
        filled = table[column].notna()
        if filled.equals(table[guessed.events[first]].notna()):
            continue
        event = filled_with(filled, happened)
        if event:
            yield name, event


def filled_with(filled: pd.Series[Any], happened: Mapping[str, pd.Series[Any]]) -> str:
    """Return the event in whose rows alone a column is filled; empty: there is none.

    Args:
        filled: which rows have a value.
        happened: event -> the rows in which it has happened.

    >>> rows = pd.Series([True, False] * 50)
    >>> filled_with(rows, {"ready": ~rows, "delivered": rows})
    'delivered'
    """
    if (~filled).mean() <= 1.0 - AGREEMENT:
        return ""
    agreement = {event: float((filled == there).mean()) for event, there in happened.items()}
    event = max(agreement, key=lambda one: agreement[one], default="")
    return event if event and agreement[event] >= AGREEMENT else ""
