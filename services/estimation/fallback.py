"""Answer without a model: with the baseline of store and hour, city, or anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aggregators.stores import EventStore
from aggregators.typing import SampleId
from estimators.core.typing import FloatArray
from estimators.eta.part_question import PartQuestion
from estimators.fallback.model import Fallback
from services.core.errors import InvalidRequest
from services.estimation.results import FALLBACK, RowResults
from services.estimation.rows import RequestRows
from services.schemas.common import ModelInfo
from services.schemas.vocabulary import OpenVocabulary

__all__ = ["FallbackModel", "fallback_estimates"]


_BASES = {
    "store and hour": "answered from what is usual for the store at this hour",
    "city": "answered from what is usual in the city",
    "constant": "answered from what is usual anywhere",
}
_VOCABULARY = OpenVocabulary()


class FallbackModel:
    """Replaces a model that is not available.

    Without a model nobody knows which fields an order may have, so any are taken whose values could
    be those of an order.

    Args:
        fallback: what answers.
        tag: of the model for which it stands in.
        why: what is the matter with that, for the notes.
    """

    feature_names: tuple[str, ...] = ()
    question: PartQuestion | None = None

    def __init__(self, fallback: Fallback, *, tag: str, why: str) -> None:
        self.info = ModelInfo(tag=tag, catalog_version="", fingerprint="")
        self._fallback = fallback
        self._why = why

    def check(self, order: Mapping[str, Any]) -> None:
        """Refuse a value that no order can have."""
        _VOCABULARY.check(order, "order")

    def takes(self, name: str) -> bool:
        """Return that an order may have this field."""
        return _VOCABULARY.takes(name)

    def check_columns(self, columns: Mapping[str, Sequence[Any]]) -> dict[int, InvalidRequest]:
        """Return the rows with a value that no order can have."""
        return _VOCABULARY.bad_rows(columns, "columns")

    def estimate(self, rows: RequestRows, realtime: FloatArray | None = None) -> RowResults:
        """Answer rows, each labelled ``fallback``; features are not used."""
        return fallback_estimates(self._fallback, rows, why=self._why, model=self.info)

    def estimate_one(
        self, order: Mapping[str, Any], sample_id: SampleId | None, as_of_us: int
    ) -> RowResults:
        """Answer one row."""
        return self.estimate(RequestRows.one(order, sample_id, as_of_us))

    def use_event_store(self, event_store: EventStore) -> None:
        """Do nothing: no event is read."""

    def warm_up(self) -> None:
        """Answer an order about which nothing is known."""
        self.estimate_one({}, None, 0)

    def close(self) -> None:
        """Do nothing: nothing runs in the background."""


def fallback_estimates(
    fallback: Fallback,
    rows: RequestRows,
    *,
    why: str,
    model: ModelInfo | None,
    notes: Mapping[int, Sequence[str]] | None = None,
    n_features: int = 0,
) -> RowResults:
    """Return the baseline for rows, labelled ``fallback`` with the reason.

    Args:
        fallback: what answers.
        rows: that are asked about.
        why: why there is no better answer.
        model: that should have answered.
        notes: what is to be said beside that, by row.
        n_features: the real-time features that the answer is to have, all missing.
    """
    distribution, known = fallback.distribution(rows.plain_columns(), rows.as_of_us)
    before = notes or {}
    return RowResults(
        distribution=distribution,
        codes=np.full(len(rows), FALLBACK, np.int8),
        notes={
            row: [*before.get(row, ()), f"{why}: {_BASES[basis]}"]
            for row, basis in enumerate(known)
        },
        model=model,
        realtime=np.full((len(rows), n_features), np.nan),
    )
