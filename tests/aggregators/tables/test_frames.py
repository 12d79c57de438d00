"""Tables of all kinds are read and made without a change to their values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from aggregators.errors import ColumnError
from aggregators.tables.frames import is_table, like_input, n_rows, to_pandas

LARGE = 2**60 + 1
COLUMNS: dict[str, Any] = {"id": [LARGE, None, 3], "name": ["a", "b", None]}
KINDS: dict[str, Any] = {
    "pandas": pd.DataFrame({**COLUMNS, "id": pd.array(COLUMNS["id"], dtype="Int64")}),
    "polars": pl.DataFrame(COLUMNS),
    "arrow": pa.table(COLUMNS),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_a_table_is_known_and_has_rows(kind: str) -> None:
    assert is_table(KINDS[kind])
    assert n_rows(KINDS[kind]) == 3


@pytest.mark.parametrize("data", [None, [1], {"a": [1]}, np.zeros(3), "a table"])
def test_what_is_no_table_is_refused(data: object) -> None:
    assert not is_table(data)
    with pytest.raises(ColumnError, match=f"orders is {type(data).__name__}; expected a pandas"):
        to_pandas(data, ["id"], "orders")


@every_kind
def test_integers_with_gaps_keep_all_digits(kind: str) -> None:
    frame = to_pandas(KINDS[kind], ["name", "id", "id"], "orders")
    assert list(frame.columns) == ["name", "id"]
    assert int(frame["id"][0]) == LARGE
    assert frame["id"].isna().tolist() == [False, True, False]


@every_kind
def test_columns_that_are_lacking_are_named(kind: str) -> None:
    with pytest.raises(ColumnError, match=r"lacks the column\(s\) 'x', 'y'; it has 'id', 'name'"):
        to_pandas(KINDS[kind], ["x", "id", "y"], "orders")


def test_a_column_that_stands_twice_is_refused() -> None:
    twice = pa.table([pa.array([1]), pa.array([2])], names=["id", "id"])
    for table in (twice, pd.DataFrame([[1, 2]], columns=["id", "id"])):
        with pytest.raises(ColumnError, match="'id' more than once"):
            to_pandas(table, ["id"], "orders")


@every_kind
def test_values_come_back_in_the_kind_of_the_table(kind: str) -> None:
    values = np.array([[1.0, 2.0, np.nan], [4.0, 5.0, 6.0]])
    made = like_input(KINDS[kind], values, ["a", "b"])
    assert type(made) is type(KINDS[kind])
    np.testing.assert_array_equal(to_pandas(made, ["a", "b"], "made").to_numpy(float), values.T)


def test_pandas_keeps_its_index() -> None:
    data = pd.DataFrame({"a": [1, 2]}, index=[7, 3])
    assert like_input(data, np.zeros((1, 2)), ["x"]).index.tolist() == [7, 3]
