"""Find the facts that an estimator needs of an order, and note the missing ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aggregators.standard_sources import COURIER_EVENTS
from estimators.core.dictionary_column import Column, DictionaryColumn
from estimators.core.stages import ANY_MOMENT, ELAPSED, elapsed_name
from estimators.eta.parts import COURIER_FACTS
from estimators.model.base import Estimator

__all__ = ["NeededFacts"]

_SINCE_COURIER = tuple(elapsed_name(event) for event in COURIER_EVENTS)


class NeededFacts:
    """The facts without which an estimator's answer is less accurate.

    Args:
        estimator: its facts and its features' dimensions are needed. An elapsed fact is not: what
            is absent has not happened. What is known of a courier is not, where the estimator
            answers at any moment and the order has no courier yet.
    """

    def __init__(self, estimator: Estimator) -> None:
        facts = estimator.facts
        inputs = dict.fromkeys((*estimator.features.dimensions, *facts.inputs))
        self.elapsed = tuple(name for name in facts.numbers if name in ELAPSED)
        """The elapsed facts that the estimator takes."""
        self.names = tuple(name for name in inputs if name not in ELAPSED)
        """What makes an answer worse where it is missing."""
        self._with_courier = frozenset(COURIER_FACTS if estimator.as_of == ANY_MOMENT else ())

    def missing(self, order: Mapping[str, Any]) -> list[str]:
        """Return the notes on missing facts of an order whose elapsed facts have been added."""
        found = [name for name in self.names if order.get(name) is None]
        if self._with_courier.intersection(found) and all(
            _is_missing(order.get(name)) for name in _SINCE_COURIER
        ):
            found = [name for name in found if name not in self._with_courier]
        return [f"{name} is missing" for name in found]

    def missing_of(self, columns: Mapping[str, Column], n_rows: int) -> dict[int, list[str]]:
        """Return the notes of :meth:`missing` by row, for rows that have any."""
        notes: dict[int, list[str]] = {}
        unassigned: set[int] | None = None
        for name in self.names:
            column = columns.get(name)
            rows: Sequence[int] = range(n_rows)
            if column is not None:
                rows = _missing_rows(column)
                if not rows:
                    continue
            if name in self._with_courier:
                if unassigned is None:
                    unassigned = _unassigned_rows(columns, n_rows)
                rows = [i for i in rows if i not in unassigned]
            for i in rows:
                notes.setdefault(i, []).append(f"{name} is missing")
        return notes


def _unassigned_rows(columns: Mapping[str, Column], n_rows: int) -> set[int]:
    """Return the rows of orders for which no courier has done anything yet."""
    unassigned = set(range(n_rows))
    for name in _SINCE_COURIER:
        if name in columns:
            unassigned.intersection_update(_missing_rows(columns[name]))
    return unassigned


def _missing_rows(column: Column) -> list[int]:
    """Return the rows in which a column has no value; usually there are none."""
    if isinstance(column, DictionaryColumn):
        absent = _missing_rows(column.values)
        return np.flatnonzero(np.isin(column.indices, absent)).tolist() if absent else []
    if isinstance(column, np.ndarray) and column.dtype == np.float64:
        return np.flatnonzero(np.isnan(column)).tolist()
    return [i for i, value in enumerate(column) if value is None or value != value]


def _is_missing(value: Any) -> bool:
    return value is None or value != value  # NaN is not equal to itself
