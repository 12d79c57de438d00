"""Put queries and samples into the order in which the kernels walk them."""

from __future__ import annotations

import numpy as np

from aggregators.kernels.argument_types import INT, INTS, INTS32, INTS_2D
from aggregators.kernels.numba_cache import compiled
from aggregators.typing import Int32Array, Int64Array

__all__ = ["gather_rows", "number_integers", "order_queries", "own_places", "pack_times"]

NEVER = np.iinfo(np.int64).max


@compiled(INTS, INT, INT, INT, INTS, INTS, is_for_training=True)
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


@compiled(INTS32, INTS32, INT, INTS, INTS, INTS, INTS, INTS, INTS, INTS, is_for_training=True)
def order_queries(
    codes: Int32Array,
    in_time: Int32Array,
    n_groups: int,
    as_of: Int64Array,
    own_rows: Int64Array,
    next_place: Int64Array,
    groups_out: Int64Array,
    as_of_out: Int64Array,
    own_rows_out: Int64Array,
    places_out: Int64Array,
) -> int:
    """Write queries by (group, given order); return how many have no group and stand first.

    Args:
        codes: each query's group, -1 for none.
        in_time: the queries in the order of time.
        n_groups: all codes are below.
        as_of: each query's moment.
        own_rows: each query's own sample, or -1.
        next_place: zeros, shape (n_groups + 2,); used up.
        groups_out: the groups in the new order, shape (n_queries,); likewise the others.
        as_of_out: the moments.
        own_rows_out: the own samples.
        places_out: the queries.
    """
    for query in in_time:
        next_place[codes[query] + 2] += 1
    n_missing = next_place[1]
    for group in range(n_groups):
        next_place[group + 2] += next_place[group + 1]
    for query in in_time:
        group = codes[query]
        place = next_place[group + 1]
        next_place[group + 1] = place + 1
        groups_out[place] = group
        as_of_out[place] = as_of[query]
        own_rows_out[place] = own_rows[query]
        places_out[place] = query
    return int(n_missing)


@compiled(INTS_2D, INTS, INTS32, INTS_2D, is_for_training=True)
def gather_rows(
    table: Int64Array, wanted: Int64Array, rows: Int32Array, result: Int64Array
) -> None:
    """Write some of a table's columns in another order of their samples.

    Args:
        table: shape (n_columns, n_samples).
        wanted: which columns.
        rows: which samples.
        result: shape (n_wanted, n_rows).
    """
    for k in range(len(wanted)):
        column = table[wanted[k]]
        target = result[k]
        for i in range(len(rows)):
            target[i] = column[rows[i]]


@compiled(INTS32, INTS, INTS32, INTS, is_for_training=True)
def own_places(
    rows: Int32Array, own_rows: Int64Array, place_of: Int32Array, result: Int64Array
) -> None:
    """Write where each query's own sample stands in an index, -1 where it does not.

    Args:
        rows: the index's samples in its order.
        own_rows: each query's own sample, or -1.
        place_of: shape (n_samples,), all -1; used up.
        result: shape (n_queries,).
    """
    for i in range(len(rows)):
        place_of[rows[i]] = i
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
