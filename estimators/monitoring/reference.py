"""Statistics of a model's inputs, answers and labels in training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from estimators.core.distribution import Distribution
from estimators.core.errors import InputError
from estimators.core.typing import FloatArray, IntArray
from estimators.features.inputs import InputColumn
from estimators.model.explanation import EstimateExplanation
from estimators.monitoring.effects import InputEffect
from estimators.monitoring.statistics import (
    CategoryStatistics,
    NumberStatistics,
    Statistics,
    statistics_from_json,
)

__all__ = ["EXPLAINED_ROWS", "Reference", "places_of", "reference_of"]

ROWS_MAX = 100_000
"""The most rows that are used; of more rows, every second, third ... is used."""

EXPLAINED_ROWS = 1_000
"""The answers that are explained for a reference: 1 to 3 ms each, at every training."""

RANGE_LEVEL = 0.8
"""The central range whose width is kept."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Statistics of a model's training data and answers, saved to compare later data with.

    Args:
        inputs: of the rows that it learned from, by column of X.
        labels_s: of the same rows.
        answered: the rows that the answers are about: "test" (later than the training, as in
            service) or, where there were none, "training".
        median_s: the medians that it predicted.
        width_s: the widths of the central 80% ranges that it predicted.
        effects: by how many seconds each input moved the answers, by its value: the effect of a
            shift of the input.
    """

    inputs: Mapping[str, Statistics]
    labels_s: NumberStatistics
    answered: str
    median_s: NumberStatistics
    width_s: NumberStatistics
    effects: Mapping[str, InputEffect]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :meth:`from_json` reads it."""
        return {
            "inputs": {name: one.to_json() for name, one in self.inputs.items()},
            "labels_s": self.labels_s.to_json(),
            "answered": self.answered,
            "median_s": self.median_s.to_json(),
            "width_s": self.width_s.to_json(),
            "effects": {name: one.to_json() for name, one in self.effects.items()},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Reference:
        """Return the reference that :meth:`to_json` wrote."""
        return cls(
            inputs={k: statistics_from_json(one) for k, one in document["inputs"].items()},
            labels_s=NumberStatistics.from_json(document["labels_s"]),
            answered=document["answered"],
            median_s=NumberStatistics.from_json(document["median_s"]),
            width_s=NumberStatistics.from_json(document["width_s"]),
            effects={k: InputEffect.from_json(one) for k, one in document["effects"].items()},
        )


def reference_of(
    X: FloatArray,
    target_s: FloatArray,
    predicted: Distribution,
    explained: EstimateExplanation,
    *,
    answered: str,
) -> Reference:
    """Return the reference of a model.

    Args:
        X: what it learned from, shape (n_rows, n_columns).
        target_s: the labels, shape (n_rows,).
        predicted: its answers to the rows named by `answered`.
        explained: some of these answers; says what the columns are.
        answered: "test" or "training".

    Raises:
        InputError: shapes do not fit.
    """
    columns = explained.columns
    if X.shape != (len(target_s), len(columns)):
        raise InputError(
            f"X has shape {X.shape}; expected ({len(target_s)}, {len(columns)}): a row per label"
        )
    rows = _some(len(X))
    low, high = predicted.interval(RANGE_LEVEL)
    asked = _some(len(predicted))
    inputs = {column.name: _of_column(column, X[rows, i]) for i, column in enumerate(columns)}
    return Reference(
        inputs=inputs,
        labels_s=NumberStatistics.of(target_s[rows]),
        answered=answered,
        median_s=NumberStatistics.of(predicted.quantile(0.5)[asked]),
        width_s=NumberStatistics.of((high - low)[asked]),
        effects={
            column.name: InputEffect.of(
                places_of(inputs[column.name], column, explained.values[:, i]),
                explained.contributions_s[:, i],
                inputs[column.name].places,
            )
            for i, column in enumerate(columns)
        },
    )


def places_of(statistics: Statistics, column: InputColumn, values: FloatArray) -> IntArray:
    """Return where the values of a column stand in its statistics, -1 where they are missing.

    >>> import numpy as np
    >>> amount = InputColumn(name="amount", topic="order")
    >>> seen = NumberStatistics.of(np.array([1.0, 1.0, 2.0]))
    >>> places_of(seen, amount, np.array([0.5, 9.0, np.nan])).tolist()
    [0, 1, -1]
    """
    if isinstance(statistics, CategoryStatistics):
        return statistics.place(values, column.categories or ())
    return statistics.place(values)


def _of_column(column: InputColumn, values: FloatArray) -> Statistics:
    if column.categories is None:
        return NumberStatistics.of(values)
    return CategoryStatistics.of(values, column.categories)


def _some(n_rows: int) -> slice:
    return slice(None, None, max(1, math.ceil(n_rows / ROWS_MAX)))
