"""Run the kernels over one index, for training and for inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from aggregators.functions import evaluate
from aggregators.kernels import query_kernels as kernels
from aggregators.kernels.plan import PythonFeature, SelectionPlan
from aggregators.typing import Float64Array, Int32Array, Int64Array

__all__ = ["Index", "OrderedQueries", "answer_expensive", "answer_queries"]

COLLECTED_VALUES = 4_000_000
"""How many values are gathered at a time for functions that run in Python."""


class Index(Protocol):
    """Holds the arrays of the kernels for one index; :func:`kernels.aggregate` describes them."""

    @property
    def rows(self) -> Int32Array:
        """Rows by (group, event time, sample id)."""

    @property
    def offsets(self) -> Int64Array:
        """Where each group starts and ends in ``rows``."""

    @property
    def times(self) -> Int64Array:
        """Event times, shape (n_events, n_samples)."""

    @property
    def columns(self) -> Float64Array:
        """Attribute columns, shape (n_columns, n_samples)."""


@dataclass(frozen=True)
class OrderedQueries:
    """Holds queries of one dimension in the order of (group, as_of), each of shape (n_queries,).

    ``places`` are their output columns.
    """

    groups: Int64Array
    as_of: Int64Array
    own_rows: Int64Array
    places: Int64Array


def answer_queries(
    plan: SelectionPlan, index: Index, queries: OrderedQueries, result: Float64Array
) -> None:
    """Compute a plan's features, except those that run in Python.

    Args:
        plan: the selection and what is computed over it.
        index: the samples.
        queries: what is asked.
        result: shape (n_features, n_columns); written in place.
    """
    if len(plan.functions) == 0:
        return
    own_rows = queries.own_rows
    kernels.aggregate(
        plan.spec,
        plan.programs,
        plan.program_bounds,
        plan.functions,
        plan.arguments,
        index.rows,
        index.offsets,
        queries.groups,
        queries.as_of,
        own_rows if plan.exclude_self else np.full_like(own_rows, -1),
        index.times,
        index.columns,
        queries.places,
        result,
    )


def answer_expensive(
    plan: SelectionPlan,
    item: PythonFeature,
    index: Index,
    queries: OrderedQueries,
    result: Float64Array,
) -> None:
    """Compute a function that runs in Python, once per distinct window."""
    own_rows = queries.own_rows if plan.exclude_self else np.full_like(queries.own_rows, -1)
    largest = int(np.diff(index.offsets).max(initial=0)) + 1
    n_queries = len(queries.groups)
    values = np.empty(max(min(COLLECTED_VALUES, n_queries * largest), largest))
    done = 0
    while done < n_queries:
        left = slice(done, n_queries)
        window_of = np.empty(n_queries - done, np.int64)
        ends = np.empty(n_queries - done, np.int64)
        n_done, n_windows = kernels.collect(
            plan.spec,
            item.program,
            index.rows,
            index.offsets,
            queries.groups[left],
            queries.as_of[left],
            own_rows[left],
            index.times,
            index.columns,
            window_of,
            ends,
            values,
        )
        starts = np.concatenate([[0], ends[:n_windows]])
        found = np.array(
            [
                evaluate(item.function, values[starts[i] : starts[i + 1]], item.feature)
                for i in range(n_windows)
            ]
        )
        result[item.output, queries.places[done : done + n_done]] = found[window_of[:n_done]]
        done += n_done
