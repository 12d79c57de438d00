"""Guess a first mapping from the names and values of a table's columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from commands.console.output import UserError
from commands.guessing.columns import place_columns
from commands.guessing.days import times_of_days
from commands.guessing.derived_columns import derive_promises, derive_stores
from commands.guessing.event_names import candidates, name_events
from commands.guessing.guessed import GuessedMapping
from commands.guessing.ids import differ_within_ids, id_of, numbers_rows, repeated_id_of
from commands.guessing.known_from import known_later
from commands.guessing.label_bounds import bound_labels
from commands.guessing.mapping_text import CITY
from commands.guessing.places import ends_of, is_in_one_city
from commands.guessing.sampled_rows import first_rows
from commands.guessing.times import FoundTimes, as_seconds, order_of_all, times_beside, times_of
from commands.guessing.words import is_estimate, is_record_keeping

__all__ = ["guess_mapping"]

SAME_SHARE = 0.95
"""A time that nobody knows and that is that of another column in so many rows says nothing."""

_Times: TypeAlias = "dict[str, pd.Series[Any]]"

FAR_S = 5 * 86_400.0
"""A time that nobody knows and that lies so far from all others is none of the order's life."""


def guess_mapping(path: Path, encoding: str | None = None) -> GuessedMapping:
    """Look at the first rows of a table and guess what its columns are.

    Times become events, named by what they are called and by their order. What repeats and groups
    rows becomes a dimension, other numbers attributes. Known names are recognised in English, and
    the usual ones in Spanish, Portuguese, German and French.

    Args:
        path: the table.
        encoding: of a CSV file; None: it is recognised.

    Raises:
        UserError: the file cannot be read, a column stands twice, or no column holds times.
    """
    table, encoding = first_rows(path, encoding)
    guessed = GuessedMapping(file=path, encoding=encoding)
    times, promised = _times(guessed, table)
    seconds = _name_events(guessed, times)
    taken = {*times, *promised, *guessed.days.values(), *guessed.left_out}
    rest = [one for one in table.columns if one not in taken]
    rest = _plain(guessed, table, rest)
    guessed.id = id_of(table, rest)
    if not guessed.id:
        guessed.id = repeated_id_of(table, rest, [*seconds.columns])
        guessed.has_repeated_ids = bool(guessed.id)
    rest = [column for column in rest if column != guessed.id]
    if guessed.has_repeated_ids:
        why = f"differs between rows of one {guessed.id!r}: sum it up before"
        differing = differ_within_ids(table, guessed.id, rest)
        guessed.left_out.update(dict.fromkeys(differing, why))
        rest = [column for column in rest if column not in differing]
    ends = ends_of(table, rest)
    place_columns(guessed, table, rest, ends, seconds)
    derive_stores(guessed, table, ends)
    derive_promises(guessed, promised, times[next(iter(guessed.events.values()))])
    guessed.known_from = dict(known_later(guessed, table))
    guessed.is_one_city = CITY not in guessed.names and (
        is_in_one_city(table, [*ends]) or not guessed.dimensions
    )
    bound_labels(guessed, table, seconds)
    guessed.questions = [*_questions(guessed), *guessed.questions]
    return guessed


def _times(guessed: GuessedMapping, table: pd.DataFrame) -> tuple[_Times, _Times]:
    """Return the columns of times of what happened, and of what was promised or estimated."""
    times: _Times = {}
    promised: _Times = {}
    for column in table.columns:
        found = times_of(table[column])
        if found is None:
            continue
        if is_record_keeping(column):
            guessed.left_out[column] = "tells when the row was written"
            continue
        if found.is_ambiguous:
            found = _decided(guessed, table, column, found)
        (promised if is_estimate(column) else times)[column] = found.moments
        guessed.naive += [column] if found.is_naive else []
    unnamed = [one for one in table.columns if one not in {*times, *promised, *guessed.left_out}]
    for column in unnamed:
        found = times_beside(table[column], times)
        if found is not None:
            (promised if is_estimate(column) else times)[column] = found.moments
    days = times_of_days(table, times)
    for column, (date, found) in days.items():
        guessed.days[column] = date
        guessed.naive += [column] if found.is_naive else []
        times[column] = found.moments
    for date in {*guessed.days.values()}:
        del times[date]
    if not times:
        raise UserError(
            f"{guessed.file.name}: no column holds times (2026-03-02T12:00:00+01:00); it has"
            f" {', '.join(table.columns)}"
        )
    return times, promised


def _decided(
    guessed: GuessedMapping, table: pd.DataFrame, column: str, found: FoundTimes
) -> FoundTimes:
    """Return times whose first rows do not say whether the day or the month stands first."""
    order = order_of_all(guessed.file, guessed.encoding, column)
    if not order:
        guessed.formats[column] = "day_first"
        guessed.questions.append(
            f"is {found.example!r} in {column!r} day/month or month/day? No date tells; the mapping"
            " says format: day_first"
        )
    decided = times_of(table[column], order or "day_first")
    return found if decided is None else decided


def _name_events(guessed: GuessedMapping, times: _Times) -> pd.DataFrame:
    """Name the events, and return their times in seconds."""
    seconds = _near(guessed, as_seconds(times))
    named = name_events(seconds)
    for column in seconds.columns:
        guessed.events[guessed.free_name(named.get(column, ""), column)] = column
    names = {column: name for name, column in guessed.events.items()}
    guessed.naive = [names.get(column, column) for column in guessed.naive]
    return seconds


def _near(guessed: GuessedMapping, seconds: pd.DataFrame) -> pd.DataFrame:
    """Return the times without those that are unknown and far from all others."""
    known = [column for column in seconds.columns if candidates(column)]
    if not known:
        return seconds
    for column in seconds.columns.difference(known):
        gaps_s = seconds[known].sub(seconds[column], axis=0).abs().min(axis=1)
        if gaps_s.median() > FAR_S:
            guessed.left_out[column] = "is a time days away from all others"
        elif (gaps_s == 0.0).mean() > SAME_SHARE:
            guessed.left_out[column] = "repeats the times of another column"
    return seconds[[one for one in seconds.columns if one not in guessed.left_out]]


def _plain(guessed: GuessedMapping, table: pd.DataFrame, columns: list[str]) -> list[str]:
    """Return the columns that hold one value per row and do not only number the rows."""
    for column in columns:
        if table[column].map(_is_nested).any():
            guessed.left_out[column] = "holds lists or records, not one value per row"
        elif numbers_rows(column, table[column]):
            guessed.left_out[column] = "only numbers the rows"
    return [column for column in columns if column not in guessed.left_out]


def _is_nested(value: object) -> bool:
    return isinstance(value, list | dict | np.ndarray)


def _questions(guessed: GuessedMapping) -> list[str]:
    asked = []
    if guessed.has_repeated_ids:
        asked.append(f"Are rows with one {guessed.id!r} one order? The first of them is taken")
    elif not guessed.id:
        asked.append("Which column identifies a row? Rows are numbered until id: names it")
    if guessed.naive:
        asked.append("From which clock were the times read? clock: UTC is a guess")
    if guessed.is_one_city:
        asked.append("Are all rows of one city? constants: gives them one")
    if len(guessed.events) + len(guessed.later) == 1:
        asked.append(
            "Which column tells when it ended? With one event there is nothing to estimate"
        )
    own = [name for name, column in guessed.events.items() if name not in candidates(column)]
    if own:
        asked.append(f"What happens at {', '.join(own)}? No estimator knows these names")
    afterwards = [column for column, why in guessed.left_out.items() if "known only" in why]
    if afterwards:
        asked.append(f"Is each of these known only afterwards: {', '.join(afterwards)}?")
    return asked
