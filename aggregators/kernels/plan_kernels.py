"""Compute all selections of one source in one call: a single one is too little to call for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aggregators.kernels.argument_types import (
    FLOATS,
    FLOATS_2D,
    INTS,
    INTS32,
    INTS_2D,
    struct,
    tuple_type,
)
from aggregators.kernels.attribute_kernels import STACK_SIZE
from aggregators.kernels.exact.window_sums import WORDS_WIDTH
from aggregators.kernels.numba_cache import compiled, inlined
from aggregators.kernels.pairwise_sum import MAX_SPLITS
from aggregators.kernels.pairwise_sum import STACK_SIZE as SUM_STACK_SIZE
from aggregators.kernels.query_kernels import answer_queries, largest_group
from aggregators.typing import Float64Array, Int32Array, Int64Array

__all__ = ["INDEXES_AT_A_TIME", "PackedPlans", "PackedQueries", "aggregate_plans"]

INDEXES_AT_A_TIME = 16
"""The kernel takes exactly so many indexes; those without a selection are empty."""


class PackedPlans(NamedTuple):
    """Holds the arrays of several selections, one after the other; see ``kernels.aggregate``.

    Args:
        specs: one row per selection, filled up with zeros.
        programs: steps of all attributes.
        program_bounds: of each selection's attributes, from 0 on in each.
        functions: of all selections, their attributes numbered from 0 on in each.
        arguments: of the functions.
        ends: where each selection's steps, bounds and functions end, shape (n_plans + 1, 3), the
            first row being 0.
        indexes: which index each reads.
        kinds: which queries each answers.
    """

    specs: Int64Array
    programs: Int64Array
    program_bounds: Int64Array
    functions: Int64Array
    arguments: Float64Array
    ends: Int64Array
    indexes: Int64Array
    kinds: Int64Array


class PackedQueries(NamedTuple):
    """Holds the different queries of each kind (dimension, with or without the sample itself).

    Args:
        ends: where those of each kind end, shape (n_kinds + 1,), the first being 0.
        groups: of each, in the order of (group, as_of) within a kind.
        as_of: of each.
        own_rows: of each.
        inverse: which of a kind's queries each row asks, shape (n_kinds, n_rows).
    """

    ends: Int64Array
    groups: Int64Array
    as_of: Int64Array
    own_rows: Int64Array
    inverse: Int64Array


@inlined
def _without_kept(groups: Int64Array, first: int, n: int, kept: Int64Array, p: int) -> int:
    """Let queries that a kept window has answered ask for no group; return how many there are."""
    n_kept = 0
    for q in range(n):
        if kept[p, q] >= 0:
            groups[first + q] = -1
            n_kept += 1
    return n_kept


@compiled(
    struct(PackedPlans, INTS_2D, INTS_2D, INTS, INTS_2D, FLOATS, INTS_2D, INTS, INTS),
    tuple_type(INTS32, INDEXES_AT_A_TIME),
    tuple_type(INTS, INDEXES_AT_A_TIME),
    struct(PackedQueries, INTS, INTS, INTS, INTS, INTS_2D),
    INTS_2D,
    FLOATS_2D,
    INTS_2D,
    FLOATS_2D,
    is_large=True,
)
def aggregate_plans(
    plans: PackedPlans,
    rows: tuple[Int32Array, ...],
    offsets: tuple[Int64Array, ...],
    queries: PackedQueries,
    times: Int64Array,
    columns: Float64Array,
    kept: Int64Array,
    result: Float64Array,
) -> None:
    """Compute the functions of all selections for many rows.

    Args:
        plans: the selections.
        rows: of each of ``INDEXES_AT_A_TIME`` indexes, rows by (group, event time, sample id).
        offsets: of each index, where each group starts and ends in its rows.
        queries: what is asked.
        times: event times in microseconds, shape (n_events, n_samples).
        columns: attribute columns, shape (n_columns, n_samples).
        kept: not below 0 where a selection's query has been answered from a kept window, shape
            (n_plans, n_queries).
        result: shape (n_rows, n_features); written in place.
    """
    size, most = 1, 1
    for p in range(len(plans.indexes)):
        first, last = queries.ends[plans.kinds[p]], queries.ends[plans.kinds[p] + 1]
        groups = queries.groups[first:last]
        size = max(size, largest_group(offsets[plans.indexes[p]], groups) + 1)
        most = max(most, last - first)
    # Allocated once for all selections, at the size of the largest group.
    picked, opened = np.empty(size, np.int32), np.empty(size, np.int32)
    keys, floats = np.empty(size, np.int64), np.empty(size)
    scratch, words = floats.view(np.int64), np.empty((1, WORDS_WIDTH), np.int64)
    stack, state = np.empty(STACK_SIZE), np.empty(4, np.int64)
    integers, partial_sums = np.empty(SUM_STACK_SIZE, np.int64), np.empty(MAX_SPLITS)
    # Computed once per different query, then copied to the rows that ask it.
    found = np.empty((result.shape[1], most))
    places = np.empty(most, np.int64)
    for q in range(most):
        places[q] = q
    asked = queries.groups.copy()
    for p in range(len(plans.indexes)):
        kind, index = plans.kinds[p], plans.indexes[p]
        first, last = queries.ends[kind], queries.ends[kind + 1]
        for q in range(first, last):
            asked[q] = queries.groups[q]
        if _without_kept(asked, first, last - first, kept, p) == last - first:
            continue
        functions = plans.functions[plans.ends[p, 2] : plans.ends[p + 1, 2]]
        for i in range(len(state)):  # each selection walks its own index from the beginning
            state[i] = -1
        answer_queries(
            plans.specs[p],
            plans.programs[plans.ends[p, 0] : plans.ends[p + 1, 0]],
            plans.program_bounds[plans.ends[p, 1] : plans.ends[p + 1, 1]],
            functions,
            plans.arguments[plans.ends[p, 2] : plans.ends[p + 1, 2]],
            rows[index], offsets[index], asked[first:last], queries.as_of[first:last],
            queries.own_rows[first:last], times, columns, places, found, picked, opened, keys,
            scratch, floats, words, stack, state, integers, partial_sums, False,
        )  # fmt: skip
        for f in range(len(functions)):
            output = functions[f, 2]
            for row in range(len(result)):
                q = queries.inverse[kind, row]
                if kept[p, q] < 0:
                    result[row, output] = found[output, q]
