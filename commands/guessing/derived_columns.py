"""Derive columns by expressions: the seconds until a promised time, the place of a store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from commands.guessing.guessed import GuessedMapping

__all__ = ["derive_promises", "derive_stores"]

ROWS_PER_STORE = 5
"""Places with fewer rows on average are no stores."""
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = frozenset(("and", "or", "not", "in", "is", "if", "else", "true", "false", "missing"))


def derive_promises(
    guessed: GuessedMapping, promised: Mapping[str, pd.Series[Any]], first: pd.Series[Any]
) -> None:
    """Make each promised or estimated time an attribute: the seconds from the first event on.

    Args:
        guessed: its events are named already.
        promised: column -> its times.
        first: the times of the first event.
    """
    begun = next(iter(guessed.events.values()))
    for column, times in promised.items():
        if begun in guessed.days:
            guessed.left_out[column] = (
                "is a promised time; the seconds until then would be a number"
            )
            continue
        if (times - first).dt.total_seconds().nunique() < 2:
            guessed.left_out[column] = "is a promised time that tells nothing"
            continue
        name = guessed.free_name("", f"{column}_in_s")
        guessed.columns[name] = f"seconds({_reference(begun)}, {_reference(column)})"
        guessed.attributes[name] = name
        guessed.questions.append(
            f"Is {column!r} told before the order is placed? Otherwise known_from says from when"
        )


def derive_stores(guessed: GuessedMapping, table: pd.DataFrame, ends: Mapping[str, str]) -> None:
    """Make the place of the store its name, if no column names it and many rows begin there.

    Args:
        guessed: its dimensions are named already.
        table: the rows.
        ends: column -> attribute of the coordinates of both ends.
    """
    coordinates = [name for name, attribute in ends.items() if attribute.startswith("store_")]
    if "store_id" in guessed.dimensions or len(coordinates) < 2:
        return
    known = table[coordinates].dropna()
    if not 1 < len(known.drop_duplicates()) <= len(known) / ROWS_PER_STORE:
        return
    name = "store_at"
    while name in table.columns or name in guessed.names:
        name += "_"
    first, second = (f"text({_reference(one)})" for one in coordinates)
    guessed.columns[name] = f'join({first}, " ", {second})'
    guessed.dimensions = {"store_id": name, **guessed.dimensions}
    guessed.questions.append("No column names the store: is each place of its own a store?")


def _reference(column: str) -> str:
    """Return how an expression names a column.

    >>> _reference("placed_at"), _reference("Placed At")
    ('placed_at', 'column("Placed At")')
    """
    if _PLAIN_NAME.fullmatch(column) and column not in _WORDS:
        return column
    escaped = column.replace("\\", "\\\\").replace('"', '\\"')
    return f'column("{escaped}")'
