"""Rows from the request to the model: some of them are the same rows, with all that is known."""

from __future__ import annotations

import numpy as np

from estimators.core.dictionary_column import DictionaryColumn
from services.estimation.rows import RealtimeFeatures, RequestRows


def rows() -> RequestRows:
    return RequestRows(
        columns={
            "city": DictionaryColumn(["BCN", "WAW"], np.array([0, 1, 1])),
            "products": [1, None, 3],
            "distance_m": np.array([1.0, np.nan, 3.0]),
        },
        sample_ids=["o-0", None, "o-2"],
        as_of_us=np.array([5, 6, 7]),
        stages=np.array(["placed", "ready", "accepted"]),
        notes={1: ["it is dark"]},
        features=RealtimeFeatures(np.arange(6.0).reshape(3, 2), {"ready": np.array([1, 0])}),
    )


def test_some_rows_keep_all_that_is_known_of_them() -> None:
    some = rows().take(np.array([2, 1, 1]))
    assert {
        name: list(column) for name, column in some.columns.items() if name != "distance_m"
    } == {
        "city": ["WAW"] * 3,
        "products": [3, None, None],
    }
    assert some.sample_ids == ["o-2", None, None]
    assert some.as_of_us.tolist() == [7, 6, 6]
    assert some.stages is not None
    assert some.stages.tolist() == ["accepted", "ready", "ready"]
    assert some.notes == {1: ["it is dark"], 2: ["it is dark"]}
    assert some.features is not None
    assert some.features.of("parking") is None
    ready = some.features.of("ready")
    assert ready is not None
    assert ready.tolist() == [[5.0, 4.0], [3.0, 2.0], [3.0, 2.0]]


def test_all_rows_in_their_order_are_the_rows_themselves() -> None:
    whole = rows()
    assert whole.take(np.arange(3)) is whole
    assert whole.take(np.array([0, 2, 1])) is not whole


def test_one_order_is_a_row() -> None:
    one = RequestRows.one({"city": "BCN", "products": None}, "o-1", 1_700_000_000_000_000)
    assert len(one) == 1
    assert one.columns == {"city": ["BCN"], "products": [None]}
    assert one.as_of.timestamp() == 1_700_000_000.0
    assert one.without({"city"}).columns == {"products": [None]}
    assert rows().plain_columns()["city"] == ["BCN", "WAW", "WAW"]
