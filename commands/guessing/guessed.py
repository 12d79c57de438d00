"""Hold the guessed meaning of a table's columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from aggregators.standard_sources import ORDERS
from commands.data.mapped_tables import COMPUTED
from commands.guessing.words import identifier

__all__ = ["GuessedMapping", "TimeAfter"]

SAMPLE_ID = ORDERS.sample_id
"""What the id is called as it is read, whatever the column is called."""


class TimeAfter(NamedTuple):
    """A column of the time between two events.

    Args:
        after: event that it counts from.
        unit: "seconds" or "minutes".
        column: of the numbers.
    """

    after: str
    unit: str
    column: str


@dataclass(kw_only=True)
class GuessedMapping:
    """The guessed meaning of a table's columns.

    Args:
        file: the table.
        encoding: of a CSV file.
        id: the column that identifies a row; empty: none does.
        has_repeated_ids: whether several rows have one id, all with the same events.
        events: event -> column, in the order in which they happen.
        later: event -> the column of the time since another one.
        columns: derived column -> its expression.
        dimensions: name -> column.
        attributes: name -> column.
        units: attribute -> unit of its column, by the column's name.
        known_from: name of a dimension or attribute -> event from which it seems to be known.
        longest_s: a few durations are longer and damaged records, seconds; None: none is.
        is_one_city: whether all rows seem to be of one city, which no column names.
        days: column of times of day -> column of its days.
        formats: column of times -> how it is written, where it does not show that itself.
        naive: events, and columns of promised times, whose times have no offset from UTC.
        left_out: column -> why.
        questions: what only somebody who knows the table can answer.
    """

    file: Path
    encoding: str = "utf-8"
    id: str = ""
    has_repeated_ids: bool = False
    events: dict[str, str] = field(default_factory=dict)
    later: dict[str, TimeAfter] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    dimensions: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    known_from: dict[str, str] = field(default_factory=dict)
    longest_s: float | None = None
    is_one_city: bool = False
    days: dict[str, str] = field(default_factory=dict)
    formats: dict[str, str] = field(default_factory=dict)
    naive: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)

    @property
    def names(self) -> set[str]:
        """All names that are taken."""
        return {*self.events, *self.later, *self.dimensions, *self.attributes}

    def free_name(self, name: str, column: str) -> str:
        """Return a name for a column: the known one if it is free, else that of the column.

        Args:
            name: the known one; empty: there is none.
            column: the column.
        """
        taken = {*self.names, *self.columns, *COMPUTED, SAMPLE_ID}
        name = name if name and name not in taken else identifier(column)
        while name in taken:
            name += "_"
        return name
