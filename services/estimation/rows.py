"""Hold the orders of a request as columns of rows, from the request to the model.

Callers, composition and models hand on the same rows: some of them, or with more known of them, but
never packed anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from aggregators.times import from_us
from aggregators.typing import SampleId
from estimators.core.dictionary_column import Column, DictionaryColumn, rows_of_columns
from estimators.core.typing import FloatArray, IntArray

__all__ = ["RealtimeFeatures", "RequestRows"]


@dataclass(frozen=True, slots=True, eq=False)
class RealtimeFeatures:
    """Real-time features of rows, read at once for several models.

    Args:
        values: shape (n_rows, n_features), each feature once.
        places: of each model by its name, where its features stand.
    """

    values: FloatArray
    places: Mapping[str, IntArray]

    def of(self, model: str) -> FloatArray | None:
        """Return the features of a model in its order, None where they were not read."""
        places = self.places.get(model)
        return None if places is None else self.values[:, places]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RequestRows:
    """Orders of a request, each with its moment.

    Args:
        columns: facts and elapsed facts by name, one value per row; None or NaN: not known. A
            column that is absent was not given: elapsed facts are then looked up.
        sample_ids: the order's id, None where it does not exist yet, shape (n_rows,).
        as_of_us: microseconds UTC, shape (n_rows,).
        stages: of each row, one of ``estimators.core.stages.OPEN_STAGES``; None: nobody has looked
            the orders up, and a model that needs to know what has happened to them does.
        notes: what is lacking, by row; rows that lack nothing are not there.
        features: real-time features that were read already.
    """

    columns: Mapping[str, Column]
    sample_ids: Sequence[SampleId | None]
    as_of_us: IntArray
    stages: NDArray[np.str_] | None = None
    notes: Mapping[int, list[str]] = field(default_factory=dict)
    features: RealtimeFeatures | None = None

    @classmethod
    def one(cls, order: Mapping[str, Any], sample_id: SampleId | None, as_of_us: int) -> Self:
        """Return one order as rows."""
        columns = {name: [value] for name, value in order.items()}
        return cls(columns=columns, sample_ids=[sample_id], as_of_us=np.array([as_of_us], np.int64))

    def __len__(self) -> int:
        return len(self.sample_ids)

    @property
    def as_of(self) -> datetime:
        """The moment of all rows, where they share one."""
        return from_us(int(self.as_of_us[0]))

    def take(self, rows: IntArray) -> RequestRows:
        """Return some rows, in any order, with repetitions.

        >>> rows = RequestRows(
        ...     columns={"city": ["BCN", "WAW"]},
        ...     sample_ids=[1, 2],
        ...     as_of_us=np.zeros(2, np.int64),
        ...     notes={1: ["it is dark"]},
        ... )
        >>> some = rows.take(np.array([1, 1]))
        >>> some.columns["city"], some.sample_ids, some.notes
        (['WAW', 'WAW'], [2, 2], {0: ['it is dark'], 1: ['it is dark']})
        """
        if len(rows) == len(self) and bool((rows == np.arange(len(self))).all()):
            return self
        ids = self.sample_ids
        notes: Mapping[int, list[str]] = {}
        if self.notes:
            of_row = enumerate(rows.tolist())
            notes = {k: self.notes[row] for k, row in of_row if row in self.notes}
        features = self.features
        if features is not None:
            features = RealtimeFeatures(features.values[rows], features.places)
        return RequestRows(
            columns=rows_of_columns(self.columns, rows),
            sample_ids=ids.take(rows)
            if isinstance(ids, DictionaryColumn)
            else [ids[row] for row in rows.tolist()],
            as_of_us=self.as_of_us[rows],
            stages=None if self.stages is None else self.stages[rows],
            notes=notes,
            features=features,
        )

    def with_columns(self, columns: Mapping[str, Column]) -> RequestRows:
        """Return the same rows with other columns."""
        return replace(self, columns=columns)

    def with_features(self, features: RealtimeFeatures) -> RequestRows:
        """Return the same rows with real-time features."""
        return replace(self, features=features)

    def without(self, names: Collection[str]) -> RequestRows:
        """Return the same rows without some columns."""
        return self.with_columns({k: one for k, one in self.columns.items() if k not in names})

    def plain_columns(self) -> dict[str, Any]:
        """Return the columns as lists, an array of numbers as it is."""
        return {
            name: column.tolist() if isinstance(column, DictionaryColumn) else column
            for name, column in self.columns.items()
        }
