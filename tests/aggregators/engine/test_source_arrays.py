"""What is read and sorted of a table, once for all features that use it.

Tests `aggregators.engine.folding` and `aggregators.engine.query_order` too.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aggregators import Duration, Ratio, Source, StatsLastNSamples
from aggregators.attributes import Attribute
from aggregators.engine.queries import Queries
from aggregators.engine.query_order import in_order_of_time, ordered_queries
from aggregators.engine.source_arrays import SourceArrays
from aggregators.times import NEVER

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("placed", "ready"),
    dimensions=("store_id", "city"),
    attributes=("amount", "items"),
    known_from={"items": "ready"},
)
START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def moments(minutes: list[int | None]) -> pd.Series[Any]:
    times = [None if one is None else START + timedelta(minutes=one) for one in minutes]
    return pd.Series(times, dtype="datetime64[us, UTC]")


def orders() -> pd.DataFrame:
    """Four orders; by their ids they stand in the order of rows 1, 3, 0, 2."""
    return pd.DataFrame(
        {
            "order_id": [7, 2, 9, 5],
            "store_id": ["a", "b", "a", None],
            "city": ["x", "x", "x", "x"],
            "amount": [10.0, 20.0, 30.0, np.nan],
            "items": [2, 4, 0, 1],
            "placed": moments([3, 1, 0, 2]),
            "ready": moments([5, None, 9, 4]),
        }
    )


def feature(attribute: Attribute, dimension: str = "store_id") -> StatsLastNSamples:
    return StatsLastNSamples(
        ORDERS, dimension=dimension, function="mean", event="ready", n=3, attribute=attribute
    )


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_a_column_is_read_when_a_feature_needs_it() -> None:
    arrays = SourceArrays(ORDERS, orders())
    first = arrays.layout_for([feature("amount")])
    assert list(first.columns) == ["amount"]
    assert list(arrays.table.groups) == ["store_id"]
    second = arrays.layout_for([feature("items", "city")])
    assert list(arrays.table.groups) == ["store_id", "city"]
    values = arrays.table.columns
    assert values[second.columns["items"]].tolist() == [4.0, 1.0, 2.0, 0.0]
    assert values[first.columns["amount"]][[0, 2, 3]].tolist() == [20.0, 10.0, 30.0]


def test_an_attribute_is_computed_once_for_all_features() -> None:
    arrays = SourceArrays(ORDERS, orders())
    pace: Any = Ratio(Duration("placed", "ready"), "items")
    first = arrays.layout_for([feature(pace)])
    column, known = first.folded[pace]
    again = arrays.layout_for([feature(pace, "city"), feature(Duration("placed", "ready"))])
    assert again.folded[pace] == (column, known)
    ready_us = arrays.table.times[first.events["ready"]]
    assert arrays.table.times[known].tolist() == ready_us.tolist()
    assert arrays.table.n_columns == len(again.columns) + 2


def test_an_index_holds_groups_in_the_order_of_time(pool: ThreadPoolExecutor) -> None:
    arrays = SourceArrays(ORDERS, orders())
    arrays.layout_for([feature("amount"), feature("amount", "city")])
    arrays.sort({("store_id", "ready"), ("city", "ready")}, pool)
    rows, offsets = arrays.index("city", "ready")
    # By id: order 2 has not been ready, 5 at 4 min, 7 at 5 min, 9 at 9 min.
    assert (rows.tolist(), offsets.tolist()) == ([1, 2, 3], [0, 3])
    rows, offsets = arrays.index("store_id", "ready")
    groups = dict(
        zip(arrays.table.groups["store_id"].values, np.split(rows, offsets[1:-1]), strict=True)
    )
    assert {store: found.tolist() for store, found in groups.items()} == {"a": [2, 3], "b": []}


def test_events_are_compared_once_for_all_features() -> None:
    arrays = SourceArrays(ORDERS, orders())
    layout = arrays.layout_for([feature("amount")])
    events = layout.events
    assert layout.precedes == {(events["placed"], events["ready"])}
    assert (arrays.table.times[events["ready"]] == NEVER).tolist() == [True, False, False, False]


def test_queries_are_ordered_by_group_and_moment() -> None:
    queries = Queries(np.array([50, 10, 30, 20, 40]))
    queries.codes["orders", "store_id"] = np.array([1, 0, -1, 1, 0], np.int32)
    queries.own_rows["orders"] = np.array([4, 3, 2, -1, 0])
    in_time = in_order_of_time(queries, 0, 5)
    assert in_time.tolist() == [1, 3, 2, 4, 0]
    ordered, missing = ordered_queries(queries, "orders", "store_id", 0, in_time)
    assert ordered.groups.tolist() == [0, 0, 1, 1]
    assert ordered.as_of.tolist() == [10, 40, 20, 50]
    assert ordered.own_rows.tolist() == [3, 0, -1, 4]
    assert ordered.places.tolist() == [1, 4, 3, 0]
    assert missing.tolist() == [2]


def test_a_part_of_the_queries_is_counted_from_its_start() -> None:
    queries = Queries(np.array([50, 10, 30, 20, 40]))
    queries.codes["orders", "store_id"] = np.array([1, 0, -1, 1, 0], np.int32)
    queries.own_rows["orders"] = np.array([4, 3, 2, -1, 0])
    in_time = in_order_of_time(queries, 2, 5)
    ordered, missing = ordered_queries(queries, "orders", "store_id", 2, in_time)
    assert ordered.places.tolist() == [2, 1]
    assert ordered.as_of.tolist() == [40, 20]
    assert missing.tolist() == [0]
