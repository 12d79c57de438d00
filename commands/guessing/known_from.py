"""Find from which event on a column is filled."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from aggregators.standard_sources import COURIER_EVENTS
from commands.guessing.guessed import GuessedMapping
from commands.guessing.words import is_of_courier

__all__ = ["known_later"]

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
        if is_of_courier(column) or name == "distance_to_store_m":
            if assigned != first:
                yield name, assigned
            continue
        filled = table[column].notna()
        if filled.all() or filled.equals(table[guessed.events[first]].notna()):
            continue
        agreement = {
            event: float((filled == there).mean())
            for event, there in happened.items()
            if not there.all()
        }
        event = max(agreement, key=lambda one: agreement[one], default=None)
        if event is not None and agreement[event] >= AGREEMENT and (~filled).mean() > 1 - AGREEMENT:
            yield name, event
