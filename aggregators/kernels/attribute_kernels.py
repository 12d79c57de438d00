"""Compute attributes of samples: a program of steps, evaluated as a float or as a key."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from aggregators.kernels.argument_types import FLOATS, FLOATS_2D, INT, INTS32, INTS_2D
from aggregators.kernels.exact.keys import (
    FLOAT,
    MICROSECONDS,
    MISSING,
    MOMENT,
    US_PER_S,
    bits_of_float,
    key_of_float,
)
from aggregators.kernels.numba_cache import compiled, inlined
from aggregators.kernels.selection import KNOWN, happened
from aggregators.typing import Float64Array, Int32Array, Int64Array

Step: TypeAlias = tuple[int, int, int, int, int]

__all__ = [
    "COLUMN",
    "DIVIDE",
    "DURATIONS",
    "ELAPSED",
    "KEY",
    "NO_BOUNDS",
    "STACK_SIZE",
    "WITHIN",
    "evaluate_key",
    "is_of_column",
    "key_step",
    "keys_side_by_side",
    "kind_of",
    "known_keys",
    "materialise",
    "step_of",
    "values_at",
]

# The steps of an attribute's program: (operation, operand, operand, low, high), in postfix order.
# A duration beyond its bounds counts as the bound, with WITHIN as missing.
COLUMN, DURATION, ELAPSED, DIVIDE, KEY, WITHIN = range(6)
DURATIONS = (DURATION, WITHIN)
NO_BOUNDS = (MISSING + 1, np.iinfo(np.int64).max)
STACK_SIZE = 16


@inlined
def step_of(programs: Int64Array, place: int) -> Step:
    """Return one step of the programs."""
    return (
        programs[place, 0],
        programs[place, 1],
        programs[place, 2],
        programs[place, 3],
        programs[place, 4],
    )


@inlined
def bounded(duration: int, operation: int, low: int, high: int) -> int:
    """Return a duration within its bounds, or ``MISSING``; microseconds."""
    within = min(max(duration, low), high)
    return MISSING if operation == WITHIN and within != duration else within


@inlined
def evaluate_step(
    step: Step,
    row: int,
    as_of: int,
    times: Int64Array,
    columns: Float64Array,
) -> float:
    """Return a column, a duration or the time elapsed; NaN while missing or not known yet.

    A ``KEY`` is a duration that was computed beforehand: its microseconds are the column's bits.
    """
    operation, a, b, low, high = step
    if operation == COLUMN:
        if b == KNOWN or happened(times[b, row], as_of):
            return columns[a, row]
    elif operation in DURATIONS:
        if happened(times[a, row], as_of) and happened(times[b, row], as_of):
            duration = bounded(times[b, row] - times[a, row], operation, low, high)
            return duration / US_PER_S if duration != MISSING else np.nan
    elif operation == KEY:
        key = bits_of_float(columns[a, row])
        if (b == KNOWN or happened(times[b, row], as_of)) and key != MISSING:
            return key / US_PER_S
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
    for place in range(first, last):
        step = step_of(programs, place)
        if step[0] == DIVIDE:
            depth -= 1
            divisor = stack[depth]
            dividend = stack[depth - 1]
            # Adding 0.0 turns -0.0 into 0.0: equal windows are equal to the bit.
            stack[depth - 1] = dividend / divisor + 0.0 if divisor != 0.0 else np.nan
        else:
            stack[depth] = evaluate_step(step, row, as_of, times, columns)
            depth += 1
    return stack[0]


@inlined
def kind_of(programs: Int64Array, first: int, last: int) -> int:
    """Return the kind of an attribute's keys."""
    if last - first > 1 or programs[first, 0] == COLUMN:
        return FLOAT
    return MOMENT if programs[first, 0] == ELAPSED else MICROSECONDS


@inlined
def key_step(
    step: Step,
    row: int,
    as_of: int,
    times: Int64Array,
    columns: Float64Array,
) -> int:
    """Return what ``evaluate_step`` does, as a key."""
    operation, a, b, low, high = step
    if operation == COLUMN:
        if b == KNOWN or happened(times[b, row], as_of):
            return key_of_float(columns[a, row])
    elif operation in DURATIONS:
        if happened(times[a, row], as_of) and happened(times[b, row], as_of):
            return bounded(times[b, row] - times[a, row], operation, low, high)
    elif operation == KEY:
        if b == KNOWN or happened(times[b, row], as_of):
            return bits_of_float(columns[a, row])
    elif happened(times[a, row], as_of):
        return -times[a, row]
    return MISSING


@inlined
def evaluate_key(
    programs: Int64Array,
    first: int,
    last: int,
    row: int,
    as_of: int,
    times: Int64Array,
    columns: Float64Array,
    stack: Float64Array,
) -> int:
    """Return the key of one sample's attribute at ``as_of``, or ``MISSING``."""
    if last - first > 1:
        value = evaluate_attribute(programs, first, last, row, as_of, times, columns, stack)
        return key_of_float(value)
    return key_step(step_of(programs, first), row, as_of, times, columns)


@compiled(INTS_2D, INTS_2D, FLOATS_2D, FLOATS, is_for_training=True)
def materialise(
    program: Int64Array, times: Int64Array, columns: Float64Array, result: Float64Array
) -> None:
    """Write every sample's attribute once all its events have happened, shape (n_samples,).

    A duration is written as the bits of its key.
    """
    stack = np.empty(STACK_SIZE)
    at_the_end = np.iinfo(np.int64).max  # all that happens has happened; never still has not
    if kind_of(program, 0, len(program)) == MICROSECONDS:
        keys = result.view(np.int64)
        for row in range(len(keys)):
            keys[row] = evaluate_key(
                program, 0, len(program), row, at_the_end, times, columns, stack
            )
        return
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
def is_of_column(programs: Int64Array, first: int, last: int) -> bool:
    """Return whether an attribute is a column that is known whenever a sample is selected."""
    is_column = programs[first, 0] == COLUMN or programs[first, 0] == KEY
    return last - first == 1 and is_column and programs[first, 2] == KNOWN


@inlined
def keys_side_by_side(
    programs: Int64Array, first: int, low: int, high: int, columns: Float64Array, keys: Int64Array
) -> int:
    """Write the keys of rows ``low`` to ``high`` of a column; return how many are not missing.

    Loops without a branch are vectorised, and those that write what is not missing are not.
    """
    values = columns[programs[first, 1], low:high]
    n, n_missing = high - low, 0
    if programs[first, 0] == KEY:
        for i in range(n):
            keys[i] = bits_of_float(values[i])
            n_missing += keys[i] == MISSING
    else:
        for i in range(n):
            keys[i] = key_of_float(values[i])
            n_missing += keys[i] == MISSING
    if n_missing == 0:
        return n
    n_known = 0
    for i in range(n):
        key = keys[i]
        keys[n_known] = key
        n_known += key != MISSING
    return n_known


@inlined
def known_keys(
    programs: Int64Array,
    first: int,
    last: int,
    picked: Int32Array,
    n_picked: int,
    as_of: int,
    times: Int64Array,
    columns: Float64Array,
    stack: Float64Array,
    keys: Int64Array,
) -> int:
    """Write the keys of the picked samples' known values; return how many."""
    n = 0
    step = step_of(programs, first)
    # No branch depends on a value: what is missing is overwritten by the next one.
    if last - first > 1:
        for i in range(n_picked):
            keys[n] = evaluate_key(programs, first, last, picked[i], as_of, times, columns, stack)
            n += keys[n] != MISSING
    elif step[0] == COLUMN and step[2] == KNOWN:
        for i in range(n_picked):
            keys[n] = key_of_float(columns[step[1], picked[i]])
            n += keys[n] != MISSING
    else:
        for i in range(n_picked):
            keys[n] = key_step(step, picked[i], as_of, times, columns)
            n += keys[n] != MISSING
    return n
