"""Answer queries with windows that slide, and directly what cannot slide."""

from __future__ import annotations

import numpy as np

from aggregators.engine.execution import Index, OrderedQueries, answer_queries
from aggregators.kernels.attribute_kernels import STACK_SIZE
from aggregators.kernels.plan import SelectionPlan
from aggregators.kernels.sliding.short_windows import has_short_windows
from aggregators.kernels.sliding.walk import KEEP_NOTHING
from aggregators.kernels.sliding.window import IndexedSamples
from aggregators.kernels.sliding.windows import SlidingWindows, sliding_part
from aggregators.typing import Float64Array

__all__ = ["KEPT_ROWS", "PlanAnswers"]

KEPT_ROWS = 256
"""A window is kept from chunk to chunk if it would take so many samples to read it again."""


class PlanAnswers:
    """Answers the queries of one selection, but for functions that run in Python.

    Args:
        plan: the selection and what is computed over it.
        index: the samples; short windows are computed directly.
        is_continued: whether later queries go on where these end. Then open intervals without an
            age limit are kept, however few they are: they are read from the first sample on.
    """

    def __init__(self, plan: SelectionPlan, index: Index, *, is_continued: bool = False) -> None:
        self._exclude_self = plan.exclude_self
        is_direct = has_short_windows(plan, _samples(index)) and not (
            is_continued and plan.is_endless
        )
        sliding, self._direct = (None, plan) if is_direct else sliding_part(plan)
        n_groups = len(index.offsets) - 1
        self._windows = None if sliding is None else SlidingWindows(sliding, n_groups)

    @property
    def n_windows(self) -> int:
        """How many windows are kept for later queries."""
        return 0 if self._windows is None else int(np.count_nonzero(self._windows.slot_of))

    def answer(
        self,
        index: Index,
        queries: OrderedQueries,
        result: Float64Array,
        *,
        keep_rows: int = KEEP_NOTHING,
    ) -> None:
        """Write the features of queries.

        Args:
            index: the samples.
            queries: what is asked.
            result: shape (n_features, n_columns); written in place.
            keep_rows: windows of so many samples are kept for later queries.
        """
        if self._direct is not None:
            answer_queries(self._direct, index, queries, result)
        if self._windows is None:
            return
        own_rows = queries.own_rows
        self._windows.answer(
            _samples(index),
            queries.groups,
            queries.as_of,
            own_rows if self._exclude_self else np.full_like(own_rows, -1),
            queries.places,
            result,
            keep_rows=keep_rows,
        )


def _samples(index: Index) -> IndexedSamples:
    return IndexedSamples(
        index.rows, index.offsets, index.times, index.columns, np.empty(STACK_SIZE)
    )
