"""A Series beside a table, or beside another Series, is taken by its labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from aggregators import FeatureSet, MemoryEventStore, QueryError, Source, StatsLastNSamples

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("ready",),
    dimensions=("store_id",),
    attributes=("amount",),
)
LAST = StatsLastNSamples(
    ORDERS, dimension="store_id", function="last", attribute="amount", event="ready", n=1
)
LABELS = ["x", "y", "z"]
MINUTES = pd.date_range("2026-03-02 12:00", periods=4, freq="min", tz="UTC")


def table(labels: Any = LABELS) -> pd.DataFrame:
    return pd.DataFrame(
        {"order_id": [1, 2, 3], "store_id": "a", "amount": [5.0, 6.0, 7.0], "ready": MINUTES[:3]},
        index=labels,
    )


def moments(labels: Any = LABELS) -> pd.Series[Any]:
    """Each row a minute after its own event: it sees the row before it."""
    return pd.Series(MINUTES[1:], index=labels)


EXPECTED = [np.nan, 5.0, 6.0]


@pytest.mark.parametrize("order", [["x", "y", "z"], ["z", "x", "y"], ["y", "x", "z"]])
def test_a_series_of_moments_is_aligned_by_its_labels(order: list[str]) -> None:
    values = LAST.transform(table(), "training", as_of=moments().loc[order])
    np.testing.assert_array_equal(values.to_numpy(), EXPECTED)
    assert values.index.tolist() == LABELS


def test_moments_without_labels_are_taken_by_place() -> None:
    for given in (moments().to_numpy(), pd.DatetimeIndex(moments()), list(moments())):
        values = LAST.transform(table(), "training", as_of=given)
        np.testing.assert_array_equal(values.to_numpy(), EXPECTED)
    column = LAST.transform(pl.from_pandas(table()), "training", as_of=pl.from_pandas(moments()))
    np.testing.assert_array_equal(column.to_numpy(), EXPECTED)


def test_a_series_beside_a_table_without_labels_is_aligned_by_row_numbers() -> None:
    frame = pl.from_pandas(table())
    values = LAST.transform(frame, "training", as_of=moments([0, 1, 2]).loc[[2, 0, 1]])
    np.testing.assert_array_equal(values.to_numpy(), EXPECTED)
    with pytest.raises(QueryError, match=r"as_of is a Series with other labels.*nothing for 0"):
        LAST.transform(frame, "training", as_of=moments([1, 2, 3]))


def test_equal_labels_need_not_be_unique() -> None:
    values = LAST.transform(table(["x", "x", "z"]), "training", as_of=moments(["x", "x", "z"]))
    np.testing.assert_array_equal(values.to_numpy(), EXPECTED)


@pytest.mark.parametrize(
    ("labels", "of_table", "reason"),
    [
        (["x", "y", "w"], LABELS, r"has nothing for 'z'.*Series\.to_numpy"),
        ([0, 1, 2], LABELS, "has nothing for 'x'"),
        (["z", "x", "x"], LABELS, "the label 'x' of as_of repeats"),
        (["z", "x", "y"], ["x", "x", "y"], "the label 'x' of the table's rows repeats"),
    ],
)
def test_labels_that_do_not_match_are_refused(
    labels: list[Any], of_table: list[Any], reason: str
) -> None:
    with pytest.raises(QueryError, match=reason):
        LAST.transform(table(of_table), "training", as_of=moments(labels))


def test_series_of_one_question_are_aligned_with_each_other() -> None:
    store = MemoryEventStore(sources=[ORDERS])
    store.append_table(ORDERS, table())
    features = FeatureSet([LAST])
    as_of: Any = moments()
    keys = pd.Series(["b", "a", "a"], index=LABELS)
    ids = pd.Series([1, 2, 3], index=LABELS)
    expected = [[np.nan], [5.0], [6.0]]
    for order in (LABELS, ["z", "x", "y"]):
        answers = features.transform_many(
            store, as_of=as_of, keys={"store_id": keys.loc[order]}, sample_id=ids.loc[order]
        )
        np.testing.assert_array_equal(answers, expected)
    with pytest.raises(QueryError, match=r"key 'store_id' is a Series with other labels"):
        features.transform_many(
            store, as_of=as_of, keys={"store_id": keys.reset_index(drop=True)}, sample_id=None
        )
