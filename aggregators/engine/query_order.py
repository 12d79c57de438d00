"""Put the queries of training into the order in which the kernels answer them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregators.engine.execution import OrderedQueries
from aggregators.engine.queries import Queries
from aggregators.kernels.ordering_kernels import move_rows, places_of
from aggregators.kernels.query_kernels import group_rows
from aggregators.kernels.time_order import time_order
from aggregators.typing import Int32Array, Int64Array

__all__ = ["in_order_of_time", "ordered_queries"]


def in_order_of_time(queries: Queries, start: int, stop: int) -> Int32Array:
    """Return a range of queries, counted from its start, in the order of their moments."""
    if stop - start < len(queries.as_of):
        return time_order(queries.as_of[start:stop])
    return queries.kept.get("in order of time", lambda: (time_order(queries.as_of),))[0]


def ordered_queries(
    queries: Queries, source: str, dimension: str, start: int, in_time: Int32Array
) -> tuple[OrderedQueries, Int32Array]:
    """Return queries, given in the order of time and counted from ``start``, by group.

    The second result holds the output columns of queries without a group.
    """
    if len(in_time) < len(queries.as_of):
        found = _ordered(queries, source, dimension, start, in_time)
    else:
        found = queries.kept.get(
            ("queries", source, dimension),
            lambda: _ordered(queries, source, dimension, start, in_time),
        )
    groups, as_of, own_rows, places, missing = found
    return OrderedQueries(groups, as_of, own_rows, places), missing


def _ordered(
    queries: Queries, source: str, dimension: str, start: int, in_time: Int32Array
) -> tuple[NDArray[Any], ...]:
    codes = queries.codes[source, dimension][start:]
    is_whole = len(in_time) == len(codes)
    asked = codes if is_whole else codes[in_time]
    rows, offsets = group_rows(codes, in_time, int(asked.max(initial=-1)) + 1)
    missing = in_time[:0] if len(rows) == len(in_time) else in_time[codes[in_time] < 0]
    place_of = _place_of(rows, len(codes)) if is_whole else None
    places = rows.astype(np.int64)
    own_rows = places
    if not (start == 0 and source in queries.about_rows):
        own_rows = _moved(queries.own_rows[source][start:], rows, place_of)
    groups = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return groups, _moved(queries.as_of[start:], rows, place_of), own_rows, places, missing


def _place_of(rows: Int32Array, n: int) -> Int32Array:
    result = np.full(n, -1, np.int32)
    places_of(rows, result)
    return result


def _moved(values: Int64Array, rows: Int32Array, place_of: Int32Array | None) -> Int64Array:
    """Return the values of rows; of all rows by one pass from front to back."""
    if place_of is None:
        return values[rows]
    result = np.empty(len(rows), np.int64)
    move_rows(values.reshape(1, -1), np.zeros(1, np.int64), place_of, result.reshape(1, -1))
    return result
