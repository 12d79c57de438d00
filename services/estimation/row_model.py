"""Define the protocol of a model that answers rows, and handle rows that it refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from aggregators.stores import EventStore
from aggregators.typing import SampleId
from estimators.core.typing import FloatArray
from estimators.eta.part_question import PartQuestion
from services.core.errors import InvalidRequest
from services.estimation.results import RowResults
from services.estimation.rows import RequestRows
from services.schemas.common import ModelInfo

__all__ = ["RowModel", "estimate_where_possible"]


class RowModel(Protocol):
    """A model that answers rows, or its fallback."""

    info: ModelInfo

    @property
    def question(self) -> PartQuestion | None:
        """What it estimates; None: there is no model."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the real-time features that it computes."""

    def check(self, order: Mapping[str, Any]) -> None:
        """Raise :class:`InvalidRequest` for an invalid field of an order."""

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
        """Answer one row on the fast path."""

    def use_event_store(self, event_store: EventStore) -> None:
        """Take the features from this store from now on."""

    def warm_up(self) -> None:
        """Answer a sample row, so that the first request is quick."""

    def close(self) -> None:
        """End the background threads."""


def estimate_where_possible(
    model: RowModel,
    rows: RequestRows,
    numbers: Sequence[int],
    problems: dict[int, InvalidRequest],
) -> list[tuple[RowResults, Sequence[int]]]:
    """Answer rows in one call; where a row is refused, bisect until it is alone.

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
