"""Decide what each column is that is no event: dimension, attribute, or left out with a reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from commands.data.plausible_numbers import FOLLOWS, closeness
from commands.data.units.conversions import fits_unit
from commands.data.units.names import proposed_unit
from commands.guessing.durations import event_after
from commands.guessing.guessed import GuessedMapping
from commands.guessing.places import stands_at_places
from commands.guessing.words import is_estimate, is_outcome, known_name, spelled, unaccented

__all__ = ["place_columns"]

VALUES_OF_DIMENSION = 0.5
"""A known dimension has fewer distinct values than this part of the rows."""
VALUES_OF_OTHERS = 0.2
"""The same of columns that nobody knows: of customers, most come once or twice."""
KM_BELOW = 100.0
"""A distance without a unit whose median is below is one of kilometres."""
DISTANCES = ("distance_m", "distance_to_store_m")
AFTERWARDS = (
    "seems to be known only when all is over: as an attribute it would tell the answer, unless"
    " known_from says from which event on"
)


def place_columns(
    guessed: GuessedMapping,
    table: pd.DataFrame,
    columns: Sequence[str],
    ends: dict[str, str],
    seconds: pd.DataFrame,
) -> None:
    """Put columns among the dimensions or attributes, or say why they are left out.

    Args:
        guessed: is filled; its events are named already.
        table: the rows.
        columns: that are no times and no id.
        ends: column -> attribute of the coordinates of both ends.
        seconds: the times of the events.
    """
    for column, attribute in ends.items():
        _add(guessed.attributes, guessed, attribute, column)
    rest = [column for column in columns if column not in ends]
    for column in rest:
        found = event_after(guessed, column, table[column])
        if found is not None:
            guessed.later[found[0]] = found[1]
    durations = {one.column for one in guessed.later.values()}

    def unlike_a_key(column: str) -> tuple[bool, int]:
        return not spelled(column).endswith("id"), -table[column].nunique()

    # Several columns may be called a store: the known name is that of an id, and of the finest.
    for column in sorted(rest, key=unlike_a_key):
        if column not in durations:
            _place(guessed, table, column, ends, seconds)
    for part in (guessed.dimensions, guessed.attributes):
        order = sorted(part.items(), key=lambda one: list(table.columns).index(one[1]))
        part.clear()
        part.update(order)


def _place(
    guessed: GuessedMapping,
    table: pd.DataFrame,
    column: str,
    ends: dict[str, str],
    seconds: pd.DataFrame,
) -> None:
    values = table[column]
    known = values.dropna()
    distinct = known.nunique()
    is_number = pd.api.types.is_numeric_dtype(values.dtype)
    if is_estimate(column) and is_number and distinct > 1:
        _add_number(guessed, "", column, values)
        guessed.questions.append(
            f"Is {column!r} told before the order is placed? Otherwise known_from says from when"
        )
        return
    number = known_name(column, "attributes") if is_number else ""
    name = "" if number else known_name(column, "dimensions")
    if name == "store_id" and not stands_at_places(table, column, ends):
        name = ""
    is_id = not number and bool(name or spelled(column).endswith("id"))
    if distinct < 2 and not (distinct == 1 and name and not is_number):
        guessed.left_out[column] = "has no two values"
    elif is_outcome(column) or (is_number and not number and _is_time_between(values, seconds)):
        guessed.left_out[column] = AFTERWARDS
    elif is_number and not (is_id and _are_whole(known)):
        _add_number(guessed, number, column, values)
    elif not is_number and not known.map(lambda one: isinstance(one, str)).all():
        guessed.left_out[column] = "holds neither numbers nor texts"
    elif distinct > max((VALUES_OF_DIMENSION if name else VALUES_OF_OTHERS) * len(known), 2):
        guessed.left_out[column] = (
            f"has {distinct:,} values in {len(known):,} rows: too few rows of each to learn from"
        )
    else:
        _add(guessed.dimensions, guessed, name, column)


def _add_number(guessed: GuessedMapping, number: str, column: str, values: pd.Series[Any]) -> None:
    proposed = proposed_unit(unaccented(column), number)
    unit = proposed.unit if proposed else ""
    name = proposed.attribute if proposed else number
    has_unit = bool(unit) or re.search(r"_(?:m|met\w*)$", spelled(column)) is not None
    if number in DISTANCES and not has_unit and values.median() < KM_BELOW:
        unit = "km"
        guessed.questions.append(f"Is {column!r} in km? Its numbers are small for metres")
    name = _add(guessed.attributes, guessed, name, column)
    if unit and fits_unit(name, unit):
        guessed.units[name] = unit


def _is_time_between(values: pd.Series[Any], seconds: pd.DataFrame) -> bool:
    """Return whether a number follows the time between two events."""
    return any(
        closeness(values, seconds[second] - seconds[first]) > FOLLOWS
        for first, second in combinations(seconds.columns, 2)
    )


def _are_whole(known: pd.Series[Any]) -> bool:
    if pd.api.types.is_integer_dtype(known.dtype):
        return True
    if not pd.api.types.is_float_dtype(known.dtype):
        return False
    return bool(np.all(np.isfinite(known)) and (known % 1 == 0).all())


def _add(part: dict[str, str], guessed: GuessedMapping, name: str, column: str) -> str:
    name = guessed.free_name(name, column)
    part[name] = column
    return name
