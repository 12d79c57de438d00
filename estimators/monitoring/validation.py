"""Validates the facts of a request against the range of the training.

Trees answer a number beyond their range like the farthest one that they know, and a missing one as
if it were small. So a number a little outside the range of the training is kept. A number far
outside (:mod:`estimators.monitoring.bounds`) is replaced by the nearest bound, with a note. A
missing number that training nearly always had is replaced by its median. Categories that training
did not see are missing to the model and get a note. Nothing is refused: the caller gets an answer,
with notes about the changes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from estimators.core.dictionary_column import Column
from estimators.core.typing import FloatArray
from estimators.core.values import Value, plain_value
from estimators.features.facts import Facts
from estimators.monitoring.bounds import InputBounds, bounds_of
from estimators.monitoring.reference import Reference

__all__ = ["Note", "Validator"]


class Note(NamedTuple):
    """The change of one value.

    Args:
        field: its name.
        what: "clipped" to a bound, "filled" where it was missing, or an "unknown" category, which
            is left as it is.
        value: the value of the request; None: none.
        taken: the value that the model gets instead; None: none.

    >>> str(Note("distance_m", "clipped", 250_000.0, 9_800.0))
    'distance_m is 250000, beyond what training saw; taken as 9800'
    >>> str(Note("distance_m", "filled", None, 1_850.5))
    'distance_m is taken as 1850.5, the median that training saw'
    >>> str(Note("store_id", "unknown", "s9", None))
    "store_id is 's9', which training did not see"
    """

    field: str
    what: Literal["clipped", "filled", "unknown"]
    value: Value | float | None
    taken: float | None

    def __str__(self) -> str:
        if self.what == "unknown":
            return f"{self.field} is {self.value!r}, which training did not see"
        if self.what == "filled":
            return f"{self.field} is taken as {self.taken:.7g}, the median that training saw"
        beyond = f"{self.field} is {self.value:.7g}, beyond what training saw"
        return f"{beyond}; taken as {self.taken:.7g}"


@dataclass(frozen=True, slots=True)
class Validator:
    """Moves encoded facts into the range of the training.

    Args:
        numbers: names of the facts that are numbers; the first columns of encoded facts.
        ranges: the bounds of each of them.
        categories: names of those that are categories; the next columns.
        least, most, low, high, fill_value: the same as the ranges, each of shape (n_numbers,).

    >>> facts = Facts(numbers=("distance_m",), categories={"store_id": ("s1",)})
    >>> from estimators.monitoring.statistics import NumberStatistics
    >>> seen = NumberStatistics.of(np.array([100.0, 200.0, 300.0]))
    >>> validator = Validator.of({"distance_m": seen}, facts)
    >>> order = {"distance_m": 9_000, "store_id": "s2"}
    >>> moved, notes = validator.clip_one(facts.encode_one(order, 0), order)
    >>> moved.tolist()
    [300.0, nan]
    >>> [str(note) for note in notes]  # doctest: +NORMALIZE_WHITESPACE
    ['distance_m is 9000, beyond what training saw; taken as 300',
     "store_id is 's2', which training did not see"]
    """

    numbers: tuple[str, ...]
    ranges: tuple[InputBounds, ...]
    categories: tuple[str, ...]
    least: FloatArray
    most: FloatArray
    low: FloatArray
    high: FloatArray
    fill_value: FloatArray

    @classmethod
    def of(cls, reference: Reference | Mapping[str, Any] | None, facts: Facts) -> Validator:
        """Return the validator of a model.

        Args:
            reference: of the model, or the statistics of its inputs by name. None, or a number
                without statistics: saved before there were any; everything is within bounds.
            facts: of the model.
        """
        inputs = reference.inputs if isinstance(reference, Reference) else reference or {}
        ranges = tuple(bounds_of(name, inputs.get(name)) for name in facts.numbers)
        table = np.array(ranges, dtype=np.float64).reshape(-1, len(InputBounds._fields))
        return cls(facts.numbers, ranges, (*facts.categories,), *table.T.copy())

    @property
    def seen(self) -> dict[str, tuple[float, float]]:
        """The least and the greatest value of each number in training; infinite: unknown."""
        spans = ((bounds.low, bounds.high) for bounds in self.ranges)
        return dict(zip(self.numbers, spans, strict=True))

    def clip_one(
        self, facts: FloatArray, order: Mapping[str, Any]
    ) -> tuple[FloatArray, list[Note]]:
        """Return the encoded facts of one request within bounds, and notes of the changes.

        Args:
            facts: as :meth:`Facts.encode_one` gives them, shape (n_facts,); not changed.
            order: what was encoded: says which categories were given.
        """
        notes: list[Note] = []
        values = facts.tolist()
        for i, bounds in enumerate(self.ranges):
            value = values[i]
            if bounds.least <= value <= bounds.most:
                continue
            note = _moved(self.numbers[i], value, bounds)
            if note is not None:
                notes.append(note)
                values[i] = note.taken
        moved = np.array(values) if notes else facts
        for i, name in enumerate(self.categories, start=len(self.ranges)):
            if values[i] != values[i]:  # NaN: no code
                _note_unknown(notes, name, order.get(name))
        return moved, notes

    def clip(
        self, facts: FloatArray, columns: Mapping[str, Column]
    ) -> tuple[FloatArray, dict[int, list[Note]]]:
        """Return the encoded facts of many requests within bounds, and notes of the changes by row.

        Args:
            facts: as :meth:`Facts.encode_columns` gives them, shape (n_rows, n_facts); not changed.
            columns: what was encoded.

        Returns:
            The facts, and the notes of those rows that have any, each as :meth:`clip_one`'s.
        """
        n = len(self.ranges)
        given = facts[:, :n]
        # A missing number is neither below nor above.
        odd = (
            (given < self.least)
            | (given > self.most)
            | (np.isnan(given) & ~np.isnan(self.fill_value))
        )
        notes: dict[int, list[Note]] = {}
        moved = facts
        if bool(odd.any()):
            moved = facts.copy()
            for row, i in np.argwhere(odd).tolist():
                name, value = self.numbers[i], float(given[row, i])
                note = _moved(name, value, self.ranges[i])
                assert note is not None
                assert note.taken is not None
                moved[row, i] = note.taken
                notes.setdefault(row, []).append(note)
        for i, name in enumerate(self.categories, start=n):
            column = columns.get(name)
            if column is not None:
                for row in np.flatnonzero(np.isnan(facts[:, i])).tolist():
                    if column[row] is not None:
                        _note_unknown(notes.setdefault(row, []), name, column[row])
        return moved, {row: some for row, some in notes.items() if some}


def _moved(field: str, value: float, bounds: InputBounds) -> Note | None:
    """Return the replacement of an implausible number; None: it stays missing."""
    if math.isnan(value):
        return (
            None
            if math.isnan(bounds.fill_value)
            else Note(field, "filled", None, bounds.fill_value)
        )
    return Note(field, "clipped", value, bounds.low if value < bounds.least else bounds.high)


def _note_unknown(notes: list[Note], field: str, value: Any) -> None:
    plain = value if type(value) is str else plain_value(value)
    if plain is not None:
        notes.append(Note(field, "unknown", plain, None))
