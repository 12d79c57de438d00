"""What ``transform`` returns: the types that mypy tells are those of the values.

``assert_type`` is checked when mypy reads this file; here it does nothing.

Tests `aggregators.features.feature_queries`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, assert_type

import pandas as pd
import polars as pl
import pyarrow as pa
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
FEATURES = FeatureSet([LAST])
LATER = datetime(2026, 1, 2, tzinfo=UTC)
TABLE = pd.DataFrame(
    {
        "order_id": [1, 2],
        "store_id": ["a", "a"],
        "amount": [5.0, 7.0],
        "ready": pd.to_datetime(["2026-01-01 10:00", "2026-01-01 10:05"], utc=True),
    }
)
SPINE = pd.DataFrame({"store_id": ["a"], "as_of": [LATER], "order_id": [9]})
ARROW: Any = pa.Table.from_pandas(TABLE)
ARROW_SPINE: Any = pa.Table.from_pandas(SPINE)


def test_a_pandas_table_gives_a_series_or_a_frame() -> None:
    column = LAST.transform(TABLE, "training", as_of="ready")
    frame = FEATURES.transform(TABLE, "training", as_of="ready")
    assert_type(column, "pd.Series[float]")
    assert_type(frame, pd.DataFrame)
    assert isinstance(column, pd.Series)
    assert isinstance(frame, pd.DataFrame)
    assert column.dtype == frame.dtypes.iloc[0] == "float64"


def test_a_polars_table_gives_a_series_or_a_frame_of_polars() -> None:
    table = pl.from_pandas(TABLE)
    column = LAST.transform(table, "training", as_of="ready")
    frame = FEATURES.transform(table, "training", as_of="ready")
    assert_type(column, pl.Series)
    assert_type(frame, pl.DataFrame)
    assert isinstance(column, pl.Series)
    assert isinstance(frame, pl.DataFrame)


def test_a_pyarrow_table_gives_a_column_or_a_table_of_pyarrow() -> None:
    column = LAST.transform(ARROW, "training", as_of="ready")
    frame = FEATURES.transform(ARROW, "training", as_of="ready")
    assert isinstance(column, pa.ChunkedArray)
    assert isinstance(frame, pa.Table)


@pytest.mark.parametrize("table", [TABLE, pl.from_pandas(TABLE), ARROW], ids=["pd", "pl", "pa"])
def test_a_table_of_queries_decides_the_kind(table: Any) -> None:
    column = LAST.transform(table, "training", at=SPINE)
    frame = FEATURES.transform(table, "training", at=SPINE)
    assert_type(column, "pd.Series[float]")
    assert_type(frame, pd.DataFrame)
    assert isinstance(column, pd.Series)
    assert isinstance(frame, pd.DataFrame)
    spine = pl.from_pandas(SPINE)
    polars_column = LAST.transform(table, "training", at=spine)
    polars_frame = FEATURES.transform(table, "training", at=spine)
    assert_type(polars_column, pl.Series)
    assert_type(polars_frame, pl.DataFrame)
    assert isinstance(polars_column, pl.Series)
    assert isinstance(polars_frame, pl.DataFrame)
    assert isinstance(LAST.transform(table, "training", at=ARROW_SPINE), pa.ChunkedArray)
    assert isinstance(FEATURES.transform(table, "training", at=ARROW_SPINE), pa.Table)


def test_inference_gives_a_float_or_a_dict() -> None:
    store = MemoryEventStore([ORDERS])
    store.append_table(ORDERS, TABLE)
    for data in (store, TABLE):
        value = LAST.transform(data, "inference", as_of=LATER, key="a", sample_id=None)
        values = FEATURES.transform(
            data, "inference", as_of=LATER, keys={"store_id": "a"}, sample_id=None
        )
        assert_type(value, float)
        assert_type(values, dict[str, float])
        assert type(value) is float
        assert values == {LAST.name: 7.0}


def test_another_mode_is_refused() -> None:
    mode: Any = "serving"
    with pytest.raises(QueryError, match="'serving'; expected 'training' or 'inference'"):
        LAST.transform(TABLE, mode, as_of="ready")
    with pytest.raises(QueryError, match="'serving'; expected 'training' or 'inference'"):
        FEATURES.transform(TABLE, mode, as_of="ready")
