"""What is asked of a model and what it answers, row by row: the inside of every estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aggregators.stores import EventStore
from aggregators.typing import SampleId
from estimators.core.distribution import Distribution
from estimators.eta.part_question import PartQuestion
from services.core.errors import InvalidRequest
from services.schemas.common import ModelInfo, Status

__all__ = ["Estimates", "RowModel", "Rows", "concatenated", "estimate_where_possible", "one_row"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Orders, and the moments at which they are asked about.

    Args:
        columns: by name one value per row; None: not known. Numbers may be arrays, NaN as None.
            A column that is absent was not given.
        sample_ids: the order's id, None where it does not exist yet, shape (n_rows,).
        as_of_us: microseconds UTC, shape (n_rows,).
        realtime: values of the model's real-time features where they were computed already, shape
            (n_rows, n_features).
    """

    columns: Mapping[str, Sequence[Any]]
    sample_ids: Sequence[SampleId | None]
    as_of_us: IntArray
    realtime: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.sample_ids)

    def __getitem__(self, rows: slice) -> Rows:
        """Return some rows.

        >>> rows = Rows({"city": ["BCN", "WAW"]}, [1, 2], np.zeros(2, np.int64))
        >>> rows[1:].columns
        {'city': ['WAW']}
        """
        columns = {name: column[rows] for name, column in self.columns.items()}
        realtime = None if self.realtime is None else self.realtime[rows]
        return Rows(columns, self.sample_ids[rows], self.as_of_us[rows], realtime)

    def some(self, places: Sequence[int]) -> Rows:
        """Return the rows of some places."""
        columns = {name: [column[row] for row in places] for name, column in self.columns.items()}
        return Rows(columns, [self.sample_ids[row] for row in places], self.as_of_us[list(places)])

    def with_features(self, realtime: FloatArray) -> Rows:
        """Return the same rows with the values of real-time features."""
        return Rows(self.columns, self.sample_ids, self.as_of_us, realtime)

    def but(self, columns: Mapping[str, Sequence[Any]]) -> Rows:
        """Return the same rows with other columns."""
        return Rows(columns, self.sample_ids, self.as_of_us)


def one_row(order: Mapping[str, Any], sample_id: SampleId | None, as_of_us: int) -> Rows:
    """Return one order as rows."""
    columns = {name: [value] for name, value in order.items()}
    return Rows(columns, [sample_id], np.array([as_of_us], np.int64))


@dataclass(slots=True)
class Estimates:
    """Answers, one per row.

    Args:
        distribution: seconds.
        status: how each came about.
        notes: in words, what made a status other than ok.
        realtime: values of the real-time features, shape (n_rows, n_features); no columns where no
            model was asked.
        model: what answered.
    """

    distribution: Distribution
    status: list[Status]
    notes: list[list[str]]
    realtime: FloatArray
    model: ModelInfo


class RowModel(Protocol):
    """What answers rows: a model, or what is there instead of one."""

    info: ModelInfo

    @property
    def question(self) -> PartQuestion | None:
        """What it estimates; None: there is no model."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the real-time features that it computes."""

    def check(self, order: Mapping[str, Any]) -> None:
        """Refuse an order with :class:`InvalidRequest` for the field that cannot be."""

    def takes(self, name: str) -> bool:
        """Return whether an order may have this field."""

    def check_columns(self, columns: Mapping[str, Sequence[Any]]) -> dict[int, InvalidRequest]:
        """Return what is wrong with rows."""

    def estimate(self, rows: Rows) -> Estimates:
        """Answer rows; refuse all with :class:`InvalidRequest` if one cannot be answered."""

    def estimate_one(
        self, order: Mapping[str, Any], sample_id: SampleId | None, as_of_us: int
    ) -> Estimates:
        """Answer one row, as quickly as that can be done."""

    def use_event_store(self, event_store: EventStore) -> None:
        """Take the features from this store from now on."""

    def warm_up(self) -> None:
        """Answer something, so that the first real question is quick."""

    def close(self) -> None:
        """End what runs in the background."""


def concatenated(parts: Sequence[Estimates]) -> Estimates:
    """Return the answers of one model to several groups of rows, one group after the other."""
    if len(parts) == 1:
        return parts[0]
    levels = parts[0].distribution.levels
    values = [
        one.distribution.values
        if np.array_equal(one.distribution.levels, levels)
        else one.distribution.quantile(levels)
        for one in parts
    ]
    return Estimates(
        Distribution(levels, np.concatenate(values)),
        [status for one in parts for status in one.status],
        [notes for one in parts for notes in one.notes],
        np.concatenate([one.realtime for one in parts]),
        parts[0].model,
    )


def estimate_where_possible(
    model: RowModel,
    rows: Rows,
    numbers: Sequence[int],
    problems: dict[int, InvalidRequest],
) -> list[tuple[Estimates, Sequence[int]]]:
    """Answer rows, together where none is bad; half by half where one is, until it is alone.

    Args:
        model: answers.
        rows: that were checked as far as that can be done without the store.
        numbers: of the rows, to say which were answered and which are bad.
        problems: takes what is wrong with bad rows.
    """
    if not len(rows):
        return []
    try:
        return [(model.estimate(rows), numbers)]
    except InvalidRequest as error:
        if len(rows) == 1:
            problems[numbers[0]] = error
            return []
    half = len(rows) // 2
    return [
        *estimate_where_possible(model, rows[slice(None, half)], numbers[:half], problems),
        *estimate_where_possible(model, rows[slice(half, None)], numbers[half:], problems),
    ]
