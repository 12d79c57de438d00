"""Put the queries of training into the order in which the kernels answer them."""

from __future__ import annotations

import numpy as np

from aggregators.engine.execution import OrderedQueries
from aggregators.engine.queries import Queries
from aggregators.kernels.ordering_kernels import order_queries
from aggregators.kernels.time_order import time_order
from aggregators.typing import Int32Array

__all__ = ["in_order_of_time", "ordered_queries"]


def in_order_of_time(queries: Queries, start: int, stop: int) -> Int32Array:
    """Return a range of queries, counted from its start, in the order of their moments."""
    return time_order(queries.as_of[start:stop])


def ordered_queries(
    queries: Queries, source: str, dimension: str, start: int, in_time: Int32Array
) -> tuple[OrderedQueries, Int32Array]:
    """Return queries, given in the order of time and counted from ``start``, by group.

    The second result holds the output columns of queries without a group.
    """
    codes = queries.codes[source, dimension][start:]
    n, n_groups = len(in_time), int(codes[in_time].max(initial=-1)) + 1
    groups, as_of, own_rows, places = (np.empty(n, np.int64) for _ in range(4))
    n_missing = order_queries(
        codes,
        in_time,
        n_groups,
        queries.as_of[start:],
        queries.own_rows[source][start:],
        np.zeros(n_groups + 2, np.int64),
        groups,
        as_of,
        own_rows,
        places,
    )
    known = slice(n_missing, n)
    ordered = OrderedQueries(groups[known], as_of[known], own_rows[known], places[known])
    return ordered, places[:n_missing].astype(np.int32)
