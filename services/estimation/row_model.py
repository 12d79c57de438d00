"""What answers rows: a model, or what is there instead of one; and rows that it refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aggregators.stores import EventStore
from aggregators.typing import SampleId
from estimators.eta.part_question import PartQuestion
from services.core.errors import InvalidRequest
from services.estimation.results import RowResults
from services.estimation.rows import RequestRows
from services.schemas.common import ModelInfo

__all__ = ["RowModel", "estimate_where_possible"]

FloatArray = NDArray[np.float64]


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

    def estimate(self, rows: RequestRows, realtime: FloatArray | None = None) -> RowResults:
        """Answer rows; refuse all with :class:`InvalidRequest` if one cannot be answered.

        Args:
            rows: that were checked.
            realtime: its real-time features of them, shape (n_rows, n_features); None: it reads
                them.
        """

    def estimate_one(
        self, order: Mapping[str, Any], sample_id: SampleId | None, as_of_us: int
    ) -> RowResults:
        """Answer one row, as quickly as that can be done."""

    def use_event_store(self, event_store: EventStore) -> None:
        """Take the features from this store from now on."""

    def warm_up(self) -> None:
        """Answer something, so that the first real question is quick."""

    def close(self) -> None:
        """End what runs in the background."""


def estimate_where_possible(
    model: RowModel,
    rows: RequestRows,
    numbers: Sequence[int],
    problems: dict[int, InvalidRequest],
) -> list[tuple[RowResults, Sequence[int]]]:
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
    half, every = len(rows) // 2, np.arange(len(rows))
    return [
        *estimate_where_possible(model, rows.take(every[:half]), numbers[:half], problems),
        *estimate_where_possible(model, rows.take(every[half:]), numbers[half:], problems),
    ]
