"""Compute values of the selected samples, and functions of them, for many queries in one walk.

Training is many queries, inference is one, and nothing else differs.
"""

from __future__ import annotations

import numpy as np

from aggregators.kernels.argument_types import FLOATS, FLOATS_2D, INT, INTS, INTS32, INTS_2D
from aggregators.kernels.attribute_kernels import (
    STACK_SIZE,
    is_of_column,
    keys_side_by_side,
    kind_of,
    known_keys,
)
from aggregators.kernels.buffered_answers import BUFFERED_QUERIES, write_answers
from aggregators.kernels.exact.keys import FLOAT, value_of
from aggregators.kernels.exact.window_sums import WORDS_WIDTH
from aggregators.kernels.function_kernels import apply_function
from aggregators.kernels.numba_cache import compiled, inlined, inner
from aggregators.kernels.pairwise_sum import MAX_SPLITS
from aggregators.kernels.pairwise_sum import STACK_SIZE as SUM_STACK_SIZE
from aggregators.kernels.selection import (
    AFTER_EVENT,
    BETWEEN_EVENTS,
    EVENT,
    GATE,
    HIGH,
    KIND,
    KNOWN,
    LAST_N,
    LOW,
    WINDOW_US,
    N,
    bounds_of,
    first_at_or_after,
    select,
)
from aggregators.typing import Float64Array, Int32Array, Int64Array

NOWHERE = -1

__all__ = ["aggregate", "answer_queries", "collect", "group_rows", "largest_group"]


@inner
def largest_group(offsets: Int64Array, groups: Int64Array) -> int:
    """Return the size of the largest group that the queries ask for."""
    result = 0
    for group in groups:
        if group >= 0:
            result = max(result, offsets[group + 1] - offsets[group])
    return result


@inlined
def _side_by_side(
    spec: Int64Array,
    rows: Int32Array,
    offsets: Int64Array,
    group: int,
    as_of: int,
    own_row: int,
    times: Int64Array,
    state: Int64Array,
) -> tuple[int, int]:
    """Return from where to where the selected rows stand, if they stand side by side.

    For samples that stand in the order of their index, so that position and row are the same.
    Returns ``(0, NOWHERE)`` where one between them does not count, or where this is not known.
    """
    if group < 0 or spec[GATE] != KNOWN or spec[KIND] == BETWEEN_EVENTS:
        return 0, NOWHERE
    low, stop = bounds_of(offsets, group, state)
    event = spec[EVENT]
    if spec[KIND] == AFTER_EVENT:
        since = as_of - spec[WINDOW_US]
        low = first_at_or_after(rows, state[LOW], stop, times, event, since)
        state[LOW] = low
    high = first_at_or_after(rows, max(low, state[HIGH]), stop, times, event, as_of)
    state[HIGH] = high
    if spec[KIND] == LAST_N:
        low = max(low, high - spec[N])
    return (0, NOWHERE) if low <= own_row < high else (low, high)


@inner
def answer_queries(
    spec: Int64Array,
    programs: Int64Array,
    program_bounds: Int64Array,
    functions: Int64Array,
    arguments: Float64Array,
    rows: Int32Array,
    offsets: Int64Array,
    groups: Int64Array,
    as_of: Int64Array,
    own_rows: Int64Array,
    times: Int64Array,
    columns: Float64Array,
    targets: Int64Array,
    result: Float64Array,
    picked: Int32Array,
    opened: Int32Array,
    keys: Int64Array,
    scratch: Int64Array,
    floats: Float64Array,
    words: Int64Array,
    stack: Float64Array,
    state: Int64Array,
    integers: Int64Array,
    partial_sums: Float64Array,
    is_clustered: bool,
) -> None:
    """Compute what :func:`aggregate` describes, in buffers that it has made.

    With ``is_clustered``, the samples stand in the order of ``rows``.
    """
    for q in range(len(groups)):
        moment = as_of[q]
        low, high = 0, NOWHERE
        if is_clustered:
            low, high = _side_by_side(
                spec, rows, offsets, groups[q], moment, own_rows[q], times, state
            )
        if high == NOWHERE:
            n_picked = select(
                spec, rows, offsets, groups[q], moment, own_rows[q], times, state, opened, picked,
                len(programs) == 0,
            )  # fmt: skip
        else:
            n_picked = high - low
        are_picked = high == NOWHERE
        current, n, kind = -1, 0, FLOAT
        for f in range(functions.shape[0]):
            attribute, code = functions[f, 0], functions[f, 1]
            if attribute == -1:
                result[functions[f, 2], targets[q]] = n_picked
                continue
            if attribute != current:
                current = attribute
                first, last = program_bounds[attribute], program_bounds[attribute + 1]
                kind = kind_of(programs, first, last)
                if high != NOWHERE and is_of_column(programs, first, last):
                    n = keys_side_by_side(programs, first, low, high, columns, keys)
                else:
                    if not are_picked:
                        for i in range(n_picked):
                            picked[i] = low + i
                        are_picked = True
                    n = known_keys(
                        programs, first, last, picked, n_picked, moment, times, columns, stack, keys
                    )
            result[functions[f, 2], targets[q]] = apply_function(
                code, arguments[f], kind, keys, n, moment, scratch, floats, words, integers,
                partial_sums,
            )  # fmt: skip


@compiled(
    INTS, INTS_2D, INTS, INTS_2D, FLOATS, INTS32, INTS, INTS, INTS, INTS, INTS_2D, FLOATS_2D, INTS,
    FLOATS_2D, is_for_training=True,
)  # fmt: skip
def aggregate(
    spec: Int64Array,
    programs: Int64Array,
    program_bounds: Int64Array,
    functions: Int64Array,
    arguments: Float64Array,
    rows: Int32Array,
    offsets: Int64Array,
    groups: Int64Array,
    as_of: Int64Array,
    own_rows: Int64Array,
    times: Int64Array,
    columns: Float64Array,
    targets: Int64Array,
    result: Float64Array,
) -> None:
    """Compute several functions of several attributes over one selection, for many queries.

    Args:
        spec: the selection.
        programs: the attributes' steps, shape (n_steps, 3), one program after the other.
        program_bounds: where each program starts and ends, shape (n_attributes + 1,).
        functions: (attribute, code, output row), in the order of attributes; attribute -1 counts
            the selected samples.
        arguments: the functions' arguments, shape (n_functions,).
        rows: table rows by (group, event time, sample id).
        offsets: where each group starts and ends in ``rows``.
        groups: each query's group, -1 for a missing key; queries stand in the order of
            (group, as_of).
        as_of: each query's moment.
        own_rows: each query's own sample, -1 where it is not in the table.
        times: event times in microseconds, shape (n_events, n_samples).
        columns: attribute columns, shape (n_columns, n_samples).
        targets: the output column of each query.
        result: shape (n_outputs, n_output_columns); written in place.
    """
    size = largest_group(offsets, groups) + 1
    is_clustered = True
    for place in range(len(rows)):
        is_clustered &= rows[place] == place
    picked = np.empty(size, np.int32)
    opened = np.empty(size if spec[KIND] == BETWEEN_EVENTS else 1, np.int32)
    keys, floats = np.empty(size, np.int64), np.empty(size)
    words, stack = np.empty((1, WORDS_WIDTH), np.int64), np.empty(STACK_SIZE)
    state = np.full(4, -1, np.int64)
    integers, partial_sums = np.empty(SUM_STACK_SIZE, np.int64), np.empty(MAX_SPLITS)
    buffer, places = np.empty((len(functions), BUFFERED_QUERIES)), np.arange(BUFFERED_QUERIES)
    buffered = functions.copy()
    for f in range(len(functions)):
        buffered[f, 2] = f
    for start in range(0, len(groups), BUFFERED_QUERIES):
        stop = min(start + BUFFERED_QUERIES, len(groups))
        answer_queries(
            spec, programs, program_bounds, buffered, arguments, rows, offsets,
            groups[start:stop], as_of[start:stop], own_rows[start:stop], times, columns, places,
            buffer, picked, opened, keys, floats.view(np.int64), floats, words, stack, state,
            integers, partial_sums, is_clustered,
        )  # fmt: skip
        write_answers(buffer, stop - start, functions, targets, start, result)


@compiled(
    INTS, INTS_2D, INTS32, INTS, INTS, INTS, INTS, INTS_2D, FLOATS_2D, INTS, INTS, FLOATS,
)  # fmt: skip
def collect(
    spec: Int64Array,
    program: Int64Array,
    rows: Int32Array,
    offsets: Int64Array,
    groups: Int64Array,
    as_of: Int64Array,
    own_rows: Int64Array,
    times: Int64Array,
    columns: Float64Array,
    window_of: Int64Array,
    window_ends: Int64Array,
    values: Float64Array,
) -> tuple[int, int]:
    """Gather the values of each query's window, one after the other, equal neighbours once.

    Stops when ``values`` is full. Returns how many queries were done and how many windows written;
    query q's values are those of window ``window_of[q]``, which ends at ``window_ends`` of it.
    """
    size = largest_group(offsets, groups) + 1
    picked = np.empty(size, np.int32)
    opened = np.empty(size, np.int32)
    keys, kind = np.empty(size, np.int64), kind_of(program, 0, len(program))
    stack = np.empty(STACK_SIZE)
    state = np.full(4, -1, np.int64)
    n_windows, start, end = 0, 0, 0
    for q in range(len(groups)):
        if end + size > len(values) or n_windows == len(window_ends):
            return q, n_windows
        moment = as_of[q]
        n_picked = select(
            spec, rows, offsets, groups[q], moment, own_rows[q], times, state, opened, picked, False
        )
        n = known_keys(
            program, 0, len(program), picked, n_picked, moment, times, columns, stack, keys
        )
        for i in range(n):
            values[end + i] = value_of(kind, keys[i], moment)
        same = n_windows > 0 and n == end - start
        for i in range(n):
            if not same:
                break
            same = values[start + i] == values[end + i]
        if not same:
            start, end = end, end + n
            window_ends[n_windows] = end
            n_windows += 1
        window_of[q] = n_windows - 1
    return len(groups), n_windows


@compiled(INTS32, INTS32, INT)
def group_rows(codes: Int32Array, rows: Int32Array, n_groups: int) -> tuple[Int32Array, Int64Array]:
    """Return rows by (group, given order), and where each group starts and ends.

    Rows without a group (code -1) are left out. A counting sort: stable, and linear in the rows.
    """
    offsets = np.zeros(n_groups + 1, np.int64)
    for row in rows:
        if codes[row] >= 0:
            offsets[codes[row] + 1] += 1
    for group in range(n_groups):
        offsets[group + 1] += offsets[group]
    place = offsets[:-1].copy()
    grouped = np.empty(offsets[n_groups], np.int32)
    for row in rows:
        code = codes[row]
        if code >= 0:
            grouped[place[code]] = row
            place[code] += 1
    return grouped, offsets
