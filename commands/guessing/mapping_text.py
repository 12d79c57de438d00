"""Write a guessed mapping as YAML, with comments that say what to look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from commands.data.yaml_text import in_unit, path_from, quoted
from commands.guessing.guessed import GuessedMapping

__all__ = ["CITY", "mapping_text"]

CITY = "city"


def mapping_text(guessed: GuessedMapping, folder: Path | None = None) -> str:
    """Return the YAML of a guess.

    Args:
        guessed: the meaning of the columns.
        folder: in which the YAML will lie, from which it names the table; None: the table's.
    """
    lines = [
        f"# A first guess at the columns of {guessed.file.name}: look at every line.",
        "# docs/own_data.md says what each field means.",
        *_table(guessed, path_from(folder, guessed.file)),
        *_events(guessed),
        *_columns(guessed),
        *_timezone(guessed),
        *_further(guessed),
    ]
    return "\n".join(lines) + "\n"


def _table(guessed: GuessedMapping, path: str) -> Iterator[str]:
    yield f"file: {quoted(path)}  # from the folder of this file; --data takes its place"
    if guessed.encoding != "utf-8":
        yield f"encoding: {guessed.encoding}"
    if not guessed.id:
        yield "# id: no column has each value once, so the rows are numbered; one row per sample?"
        return
    yield f"id: {quoted(guessed.id)}" + ("" if guessed.has_repeated_ids else "  # each value once")
    if guessed.has_repeated_ids:
        yield "repeated_ids: first  # rows of one id have the same events: one of them counts"


def _events(guessed: GuessedMapping) -> Iterator[str]:
    yield "events:  # in the order in which they happen; a name the estimators know on the left"
    first = next((name for name, column in guessed.events.items() if column in guessed.days), "")
    for name, column in guessed.events.items():
        yield f"  {name}: {_time(guessed, column, first if name != first else '')}"
    for name, one in guessed.later.items():
        yield f"  {name}: {{after: {one.after}, {one.unit}: {quoted(one.column)}}}"
    if guessed.naive:
        yield "# The times carry no offset from UTC. A guess: put the clock they were read from."
        yield "clock: UTC"


def _time(guessed: GuessedMapping, column: str, after: str) -> str:
    """Return how the mapping says the times of an event; one of a day may follow another event."""
    date = guessed.days.get(column)
    parts = {
        "date": None if date is None else quoted(date),
        "after": after if date is not None and after else None,
        "format": guessed.formats.get(column if date is None else date),
    }
    said = "".join(f", {key}: {text}" for key, text in parts.items() if text)
    return f"{{column: {quoted(column)}{said}}}" if said else quoted(column)


def _columns(guessed: GuessedMapping) -> Iterator[str]:
    if guessed.columns:
        yield "columns:  # derived of others"
        yield from (f"  {name}: {quoted(text)}" for name, text in guessed.columns.items())
    for part in ("dimensions", "attributes"):
        found: dict[str, str] = getattr(guessed, part)
        what = "what groups the rows" if part == "dimensions" else "numbers"
        yield f"{part}:{'' if found else ' {}'}  # {what}"
        for name, column in found.items():
            yield f"  {name}: {in_unit(column, guessed.units.get(name))}"
    if CITY not in guessed.dimensions:
        mark = "" if guessed.is_one_city else "# "
        yield "# A value that is the same in all rows; without a city there are no features of it."
        yield f"{mark}constants: {{city: my-city}}"
    if guessed.known_from:
        yield "known_from:  # what is known only later; the rest is known from the first event on"
        yield from (f"  {name}: {event}" for name, event in guessed.known_from.items())


def _timezone(guessed: GuessedMapping) -> Iterator[str]:
    early = [name for name in guessed.dimensions if name not in guessed.known_from]
    if CITY in early or guessed.is_one_city:
        by = CITY
    elif early:
        by = next((name for name in ("zone", "store_id") if name in early), early[0])
    else:
        return
    yield f"# The timezone people live in, one for all or one per {by}; without it no model"
    yield "# knows the local hour and weekday."
    yield "# timezone: Europe/Madrid"
    if by != CITY:
        yield f"# timezone_by: {by}"


def _further(guessed: GuessedMapping) -> Iterator[str]:
    if guessed.longest_s is None:
        yield "# label_bounds_s: [60, 7200]  # shorter and longer durations are damaged records"
    else:
        yield f"label_bounds_s: [0, {guessed.longest_s:.0f}]  # other durations are no labels"
    yield 'test_from: "20%"  # the last part of the rows, or a moment such as 2026-03-02'
    for column, why in guessed.left_out.items():
        yield f"# left out: {column!r} {why}"
    for question in guessed.questions:
        yield f"# question: {question}"
