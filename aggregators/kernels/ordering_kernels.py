"""Put queries and samples into the order in which the kernels walk them."""

from __future__ import annotations

import numpy as np

from aggregators.kernels.argument_types import INT, INTS, INTS32, INTS_2D
from aggregators.kernels.numba_cache import compiled
from aggregators.typing import Int32Array, Int64Array

__all__ = ["move_rows", "number_integers", "own_places", "pack_times", "places_of"]

NEVER = np.iinfo(np.int64).max


@compiled(INTS, INT, INT, INT, INTS, INTS)
def pack_times(
    times: Int64Array,
    low: int,
    n_low_bits: int,
    n_row_bits: int,
    ends: Int64Array,
    keys: Int64Array,
) -> None:
    """Write a key of the low bits of the time and the row for each time, segment by segment.

    A segment holds the times of equal high bits. Rows without a time are left out.

    Args:
        times: shape (n_rows,).
        low: the lowest time, from which bits are counted.
        n_low_bits: how many bits of a time stand in its key.
        n_row_bits: how many bits of a key hold the row.
        ends: zeros, shape (n_segments + 1,); holds then where each segment ends in ``keys``, and
            nothing in its last place.
        keys: shape (n_rows,); as many are written as there are times.
    """
    for time in times:
        if time != NEVER:
            ends[((time - low) >> n_low_bits) + 1] += 1
    for segment in range(len(ends) - 1):
        ends[segment + 1] += ends[segment]
    low_bits = (1 << n_low_bits) - 1
    for row in range(len(times)):
        if times[row] != NEVER:
            offset = times[row] - low
            segment = offset >> n_low_bits
            place = ends[segment]
            ends[segment] = place + 1
            keys[place] = ((offset & low_bits) << n_row_bits) | row


@compiled(INTS32, INTS32, is_for_training=True)
def places_of(rows: Int32Array, place_of: Int32Array) -> None:
    """Write at which place of an index each row stands.

    Args:
        rows: the index's rows in its order.
        place_of: shape (n_table_rows,); rows that are not in the index are left as they are.
    """
    for place in range(len(rows)):
        place_of[rows[place]] = place


@compiled(INTS_2D, INTS, INTS32, INTS_2D, is_for_training=True)
def move_rows(
    table: Int64Array, wanted: Int64Array, place_of: Int32Array, result: Int64Array
) -> None:
    """Write some of a table's columns in another order of their rows.

    The table is read from front to back. The groups' places fill from front to back, too, so that
    the memory that is written next is in the processor's cache: this takes half of the time of
    fetching the rows in their new order, of which each lies somewhere else.

    Args:
        table: shape (n_columns, n_rows).
        wanted: which columns.
        place_of: each row's new place, -1 for rows to leave out.
        result: shape (n_wanted, n_places).
    """
    for k in range(len(wanted)):
        column = table[wanted[k]]
        target = result[k]
        for row in range(len(place_of)):
            place = place_of[row]
            if place >= 0:
                target[place] = column[row]


@compiled(INTS32, INTS, INTS, is_for_training=True)
def own_places(place_of: Int32Array, own_rows: Int64Array, result: Int64Array) -> None:
    """Write where each query's own sample stands in an index, -1 where it does not.

    Args:
        place_of: each row's place in the index, or -1.
        own_rows: each query's own sample, or -1.
        result: shape (n_queries,).
    """
    for query in range(len(own_rows)):
        row = own_rows[query]
        result[query] = place_of[row] if row >= 0 else -1


@compiled(INTS, INT, INTS32, INTS32, is_for_training=True)
def number_integers(values: Int64Array, low: int, numbers: Int32Array, codes: Int32Array) -> int:
    """Number the different values in the order in which they appear; return how many they are.

    Args:
        values: integers, shape (n_values,).
        low: the lowest of them.
        numbers: shape (highest - lowest + 1,), all -1; holds then the number of each value.
        codes: the number of each of ``values``, shape (n_values,).
    """
    n = 0
    for i in range(len(values)):
        place = values[i] - low
        if numbers[place] < 0:
            numbers[place] = n
            n += 1
        codes[i] = numbers[place]
    return n
