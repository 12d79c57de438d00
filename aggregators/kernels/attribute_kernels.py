"""Compute attributes of samples: a program of steps, evaluated as a float or as a key."""

from __future__ import annotations

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

__all__ = [
    "COLUMN",
    "DIVIDE",
    "DURATION",
    "ELAPSED",
    "KEY",
    "STACK_SIZE",
    "evaluate_key",
    "kind_of",
    "known_keys",
    "materialise",
    "values_at",
]

# The steps of an attribute's program: (operation, operand, operand), in postfix order.
COLUMN, DURATION, ELAPSED, DIVIDE, KEY = range(5)
STACK_SIZE = 16


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
    """Return a column, a duration or the time elapsed; NaN while missing or not known yet.

    A ``KEY`` is a duration that was computed beforehand: its microseconds are the column's bits.
    """
    if operation == COLUMN:
        if b == KNOWN or happened(times[b, row], as_of):
            return columns[a, row]
    elif operation == DURATION:
        if happened(times[a, row], as_of) and happened(times[b, row], as_of):
            return (times[b, row] - times[a, row]) / US_PER_S
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


@inlined
def kind_of(programs: Int64Array, first: int, last: int) -> int:
    """Return the kind of an attribute's keys."""
    if last - first > 1 or programs[first, 0] == COLUMN:
        return FLOAT
    return MOMENT if programs[first, 0] == ELAPSED else MICROSECONDS


@inlined
def key_step(
    operation: int,
    a: int,
    b: int,
    row: int,
    as_of: int,
    times: Int64Array,
    columns: Float64Array,
) -> int:
    """Return what ``evaluate_step`` does, as a key."""
    if operation == COLUMN:
        if b == KNOWN or happened(times[b, row], as_of):
            return key_of_float(columns[a, row])
    elif operation == DURATION:
        if happened(times[a, row], as_of) and happened(times[b, row], as_of):
            return times[b, row] - times[a, row]
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
    operation, a, b = programs[first, 0], programs[first, 1], programs[first, 2]
    return key_step(operation, a, b, row, as_of, times, columns)


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
    operation, a, b = programs[first, 0], programs[first, 1], programs[first, 2]
    # No branch depends on a value: what is missing is overwritten by the next one.
    if last - first > 1:
        for i in range(n_picked):
            keys[n] = evaluate_key(programs, first, last, picked[i], as_of, times, columns, stack)
            n += keys[n] != MISSING
    elif operation == COLUMN and b == KNOWN:
        for i in range(n_picked):
            keys[n] = key_of_float(columns[a, picked[i]])
            n += keys[n] != MISSING
    else:
        for i in range(n_picked):
            keys[n] = key_step(operation, a, b, picked[i], as_of, times, columns)
            n += keys[n] != MISSING
    return n
