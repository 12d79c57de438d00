"""Compute values of the selected samples, and functions of them, for many queries in one walk.

Training is many queries, inference is one, and nothing else differs.
"""

from __future__ import annotations

import numpy as np

from aggregators.kernels.argument_types import FLOATS, FLOATS_2D, INT, INTS, INTS32, INTS_2D
from aggregators.kernels.function_kernels import MAX_SPLITS, apply_function, needs_order
from aggregators.kernels.function_kernels import STACK_SIZE as SUM_STACK_SIZE
from aggregators.kernels.numba_cache import compiled, inlined, inner
from aggregators.kernels.selection import BETWEEN_EVENTS, KIND, KNOWN, happened, select
from aggregators.typing import Float64Array, Int32Array, Int64Array

__all__ = ["aggregate", "collect", "group_rows", "materialise", "values_at"]

# The steps of an attribute's program: (operation, operand, operand), in postfix order.
COLUMN, DURATION, ELAPSED, DIVIDE = range(4)
STACK_SIZE = 16
US_PER_S = 1e6


@inlined
def evaluate_step(
    operation: int,
    a: int,
    b: int,
    row: int,
    as_of: int,
    times: Int64Array,
    columns: Float64Array,
) -> float:
    """Return a column, a duration or the time elapsed; NaN while missing or not known yet."""
    if operation == COLUMN:
        if b == KNOWN or happened(times[b, row], as_of):
            return columns[a, row]
    elif operation == DURATION:
        if happened(times[a, row], as_of) and happened(times[b, row], as_of):
            return (times[b, row] - times[a, row]) / US_PER_S
    elif happened(times[a, row], as_of):
        return (as_of - times[a, row]) / US_PER_S
    return np.nan


@inlined
def evaluate_attribute(
    programs: Int64Array,
    first: int,
    last: int,
    row: int,
    as_of: int,
    times: Int64Array,
    columns: Float64Array,
    stack: Float64Array,
) -> float:
    """Return one sample's attribute at ``as_of``: steps ``first`` to ``last`` of the programs."""
    depth = 0
    for step in range(first, last):
        operation, a, b = programs[step, 0], programs[step, 1], programs[step, 2]
        if operation == DIVIDE:
            depth -= 1
            divisor = stack[depth]
            dividend = stack[depth - 1]
            # Adding 0.0 turns -0.0 into 0.0: equal windows are equal to the bit.
            stack[depth - 1] = dividend / divisor + 0.0 if divisor != 0.0 else np.nan
        else:
            stack[depth] = evaluate_step(operation, a, b, row, as_of, times, columns)
            depth += 1
    return stack[0]


@compiled(INTS_2D, INTS_2D, FLOATS_2D, FLOATS, is_for_training=True)
def materialise(
    program: Int64Array, times: Int64Array, columns: Float64Array, result: Float64Array
) -> None:
    """Write every sample's attribute once all its events have happened, shape (n_samples,)."""
    stack = np.empty(STACK_SIZE)
    at_the_end = np.iinfo(np.int64).max  # all that happens has happened; never still has not
    for row in range(len(result)):
        result[row] = evaluate_attribute(
            program, 0, len(program), row, at_the_end, times, columns, stack
        )


@compiled(INTS_2D, INTS32, INT, INTS_2D, FLOATS_2D, FLOATS)
def values_at(
    program: Int64Array,
    rows: Int32Array,
    as_of: int,
    times: Int64Array,
    columns: Float64Array,
    result: Float64Array,
) -> None:
    """Write the attribute of some samples at ``as_of``, shape (n_rows,); missing: NaN."""
    stack = np.empty(STACK_SIZE)
    for i in range(len(rows)):
        result[i] = evaluate_attribute(
            program, 0, len(program), rows[i], as_of, times, columns, stack
        )


@inlined
def known_values(
    programs: Int64Array,
    first: int,
    last: int,
    picked: Int32Array,
    n_picked: int,
    as_of: int,
    times: Int64Array,
    columns: Float64Array,
    stack: Float64Array,
    values: Float64Array,
    start: int,
) -> int:
    """Write the picked samples' known values from ``values[start]`` on; return how many."""
    n = start
    operation, a, b = programs[first, 0], programs[first, 1], programs[first, 2]
    # No branch depends on a value: what is missing is overwritten by the next one.
    if last - first > 1:
        for i in range(n_picked):
            row = picked[i]
            value = evaluate_attribute(programs, first, last, row, as_of, times, columns, stack)
            values[n] = value
            n += value == value
    elif operation == COLUMN and b == KNOWN:
        for i in range(n_picked):
            value = columns[a, picked[i]]
            values[n] = value
            n += value == value
    else:
        for i in range(n_picked):
            value = evaluate_step(operation, a, b, picked[i], as_of, times, columns)
            values[n] = value
            n += value == value
    return n - start


@inner
def largest_group(offsets: Int64Array, groups: Int64Array) -> int:
    """Return the size of the largest group that the queries ask for."""
    result = 0
    for group in groups:
        if group >= 0:
            result = max(result, offsets[group + 1] - offsets[group])
    return result


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
    values: Float64Array,
    scratch: Float64Array,
    stack: Float64Array,
    state: Int64Array,
    integers: Int64Array,
    partial_sums: Float64Array,
) -> None:
    """Compute what :func:`aggregate` describes, in buffers that it has made."""
    for q in range(len(groups)):
        moment = as_of[q]
        n_picked = select(
            spec,
            rows,
            offsets,
            groups[q],
            moment,
            own_rows[q],
            times,
            state,
            opened,
            picked,
            len(programs) == 0,
        )
        current, n = -1, 0
        for f in range(functions.shape[0]):
            attribute, code = functions[f, 0], functions[f, 1]
            if attribute == -1:
                result[functions[f, 2], targets[q]] = n_picked
                continue
            if attribute != current:
                current = attribute
                n = known_values(
                    programs,
                    program_bounds[attribute],
                    program_bounds[attribute + 1],
                    picked,
                    n_picked,
                    moment,
                    times,
                    columns,
                    stack,
                    values,
                    0,
                )
            if needs_order(code):
                for i in range(n):
                    scratch[i] = values[i]
            result[functions[f, 2], targets[q]] = apply_function(
                code, arguments[f], values, n, scratch, integers, partial_sums
            )


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
    answer_queries(
        spec,
        programs,
        program_bounds,
        functions,
        arguments,
        rows,
        offsets,
        groups,
        as_of,
        own_rows,
        times,
        columns,
        targets,
        result,
        np.empty(size, np.int32),
        np.empty(size if spec[KIND] == BETWEEN_EVENTS else 1, np.int32),
        np.empty(size),
        np.empty(size),
        np.empty(STACK_SIZE),
        np.full(4, -1, np.int64),
        np.empty(SUM_STACK_SIZE, np.int64),
        np.empty(MAX_SPLITS),
    )


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
        n = known_values(
            program,
            0,
            len(program),
            picked,
            n_picked,
            moment,
            times,
            columns,
            stack,
            values,
            end,
        )
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
