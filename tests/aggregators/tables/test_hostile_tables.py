"""Tables as libraries make them: encodings, decimals, unsigned and missing ids, odd time zones.

Each is taken with the values that it means, or refused with the column, the row and what to do.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from aggregators import AggregatorError, FeatureSet, Source, StatsAfterEvent, StatsLastNSamples
from aggregators.tables.columns import decimals_as_floats

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("dispatched", "ready"),
    dimensions=("store_id",),
    attributes=("amount",),
)
FEATURES = FeatureSet(
    [
        StatsLastNSamples(
            ORDERS, name="mean", dimension="store_id", function="mean", event="ready", n=5,
            attribute="amount",
        ),
        StatsAfterEvent(
            ORDERS, name="n", dimension="store_id", function="count", event="dispatched",
            window="1h",
        ),
    ]
)  # fmt: skip

START = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
UTC = pa.timestamp("us", "UTC")
NAN = float("nan")


def _moments(after_min: int) -> list[dt.datetime]:
    return [START + dt.timedelta(minutes=5 * i + after_min) for i in range(3)]


READY = _moments(3)
PLAIN: dict[str, pa.Array] = {
    "order_id": pa.array(["a", "b", "c"]),
    "store_id": pa.array(["s", "s", "s"]),
    "amount": pa.array([1.1, 2.2, 3.3]),
    "dispatched": pa.array(_moments(0), UTC),
    "ready": pa.array(READY, UTC),
}
RIGHT = {"mean": [NAN, 1.1, (1.1 + 2.2) / 2], "n": [0.0, 1.0, 2.0]}
NOBODYS = {"mean": [NAN, NAN, NAN], "n": [0.0, 0.0, 0.0]}
"""What rows get whose store is missing."""

Table = Callable[..., Any]


def _arrow(**columns: pa.Array) -> pa.Table:
    return pa.table({**PLAIN, **columns})


def _polars(**columns: pa.Array) -> Any:
    return pl.from_arrow(_arrow(**columns))


def _pandas(**columns: pa.Array) -> pd.DataFrame:
    table: pd.DataFrame = _arrow(**columns).to_pandas(types_mapper=pd.ArrowDtype)
    return table


def _values(table: Any) -> dict[str, list[float]]:
    found = FEATURES.transform(table, "training", as_of="ready")
    return {name: [float(v) for v in np.asarray(found[name], float)] for name in RIGHT}


def _check(table: Any, expected: dict[str, list[float]]) -> None:
    found = _values(table)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


TAKEN: dict[str, tuple[dict[str, pa.Array], dict[str, list[float]]]] = {
    "dictionary-encoded times": ({"ready": PLAIN["ready"].dictionary_encode()}, RIGHT),
    "dictionary-encoded numbers": ({"amount": PLAIN["amount"].dictionary_encode()}, RIGHT),
    "dictionary-encoded ids": ({"order_id": PLAIN["order_id"].dictionary_encode()}, RIGHT),
    "decimals": (
        {"amount": pa.array([Decimal("1.10"), Decimal("2.20"), None], pa.decimal128(10, 2))},
        RIGHT,
    ),
    "decimal ids": (
        {"order_id": pa.array([Decimal(1), Decimal(2), Decimal(3)], pa.decimal128(20, 0))},
        RIGHT,
    ),
    "unsigned ids": ({"order_id": pa.array([1, 2, 2**63 - 1], pa.uint64())}, RIGHT),
    "whole floats as ids": ({"order_id": pa.array([1.0, 2.0, 3.0])}, RIGHT),
    "NaN as store": ({"store_id": pa.array([NAN, NAN, NAN])}, NOBODYS),
    "no store at all": ({"store_id": pa.nulls(3)}, NOBODYS),
    "another zone": ({"ready": pa.array(READY, pa.timestamp("us", "Asia/Kolkata"))}, RIGHT),
    "nanoseconds": ({"ready": pa.array(READY, pa.timestamp("ns", "UTC"))}, RIGHT),
}


@pytest.mark.parametrize("make", [_arrow, _polars, _pandas], ids=["arrow", "polars", "pandas"])
@pytest.mark.parametrize("case", TAKEN)
def test_what_a_library_means_is_taken(case: str, make: Table) -> None:
    columns, expected = TAKEN[case]
    _check(make(**columns), expected)


def test_runs_are_unfolded() -> None:
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([3], pa.int32()), pa.array(["s"]))
    _check(_arrow(store_id=runs), RIGHT)


def test_categories_of_numbers_are_numbers() -> None:
    table = _arrow().to_pandas()
    table["amount"] = table["amount"].astype("category")
    table["ready"] = table["ready"].astype("category")
    _check(table, RIGHT)


@pytest.mark.parametrize("zone", ["+05:30", "Mars/Phobos"])
def test_a_zone_is_only_how_a_moment_is_shown(zone: str) -> None:
    odd = PLAIN["ready"].cast(pa.int64()).cast(pa.timestamp("us", zone))
    _check(_arrow(ready=odd), RIGHT)


REFUSED: dict[str, tuple[dict[str, pa.Array], str]] = {
    "NaN as id": (
        {"order_id": pa.array([1.0, NAN, 3.0])},
        "column 'order_id', row 1: the sample id is missing",
    ),
    "an id of 64 bits without a sign": (
        {"order_id": pa.array([1, 2, 2**64 - 1], pa.uint64())},
        "column 'order_id': row 2 holds 18446744073709551615, .*make the column strings",
    ),
    "a store of 64 bits without a sign": (
        {"store_id": pa.array([2**63, 2, 3], pa.uint64())},
        "column 'store_id': row 0 holds 9223372036854775808, .*make the column strings",
    ),
    "a decimal that is no id": (
        {"order_id": pa.array([Decimal("1.5"), Decimal(2), Decimal(3)], pa.decimal128(9, 1))},
        "column 'order_id': row 0 holds .*1.5",
    ),
    "numbers in lists": ({"amount": pa.array([[1], [2], [3]])}, "column 'amount' is of type"),
    "days": (
        {"ready": pa.array([dt.date(2026, 3, 2)] * 3)},
        "column 'ready' .*expected timezone-aware timestamps",
    ),
}


@pytest.mark.parametrize("make", [_arrow, _polars, _pandas], ids=["arrow", "polars", "pandas"])
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_taken_is_named(case: str, make: Table) -> None:
    columns, told = REFUSED[case]
    with pytest.raises(AggregatorError, match=told):
        _values(make(**columns))


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        ("amount", [10**400, 1, 2], "column 'amount', row 0: 1000"),
        ("amount", [1, Decimal("sNaN"), 2], "column 'amount', row 1: "),
        ("order_id", [1, 10**40, 2], "column 'order_id': row 1 holds 1000"),
    ],
)
def test_objects_that_no_number_holds_are_named(column: str, values: list[Any], told: str) -> None:
    table = _arrow().to_pandas()
    table[column] = pd.Series(values, dtype=object)
    with pytest.raises(AggregatorError, match=told) as caught:
        _values(table)
    assert len(str(caught.value)) < 400


def test_a_column_that_stands_twice_is_refused() -> None:
    twice = pa.table([*PLAIN.values(), PLAIN["store_id"]], names=[*PLAIN, "store_id"])
    with pytest.raises(AggregatorError, match="'store_id' more than once"):
        _values(twice)


def test_a_type_that_only_its_library_knows_is_named() -> None:
    table = _polars().with_columns(pl.Series("order_id", [1, 2, 3], dtype=pl.Int128))
    with pytest.raises(AggregatorError, match="column 'order_id' is of type Int128"):
        _values(table)


def test_decimals_become_the_nearest_floats() -> None:
    seed = 11
    rng = np.random.default_rng(seed)
    given = [Decimal(int(n)).scaleb(-9) for n in rng.integers(-(10**15), 10**15, 2_000)]
    found = decimals_as_floats(pa.array(given, pa.decimal128(30, 9)))
    nearest = [float(Fraction(one)) for one in given]
    assert found.tolist() == nearest, f"seed {seed}"


TEXTS: dict[str, Callable[[list[str]], Any]] = {
    "objects": lambda texts: pd.Series(texts, dtype=object),
    "strings": lambda texts: pd.Series(texts, dtype=pd.StringDtype("python")),
    "strings with NaN": lambda texts: pd.Series(
        pd.array(texts, dtype=pd.StringDtype("python", na_value=np.nan))
    ),
    "categories": lambda texts: pd.Series(
        pd.Categorical.from_codes(range(3), categories=pd.Index(texts, dtype=object))
    ),
}


@pytest.mark.parametrize("made", TEXTS)
@pytest.mark.parametrize("column", ["order_id", "store_id"])
def test_half_a_surrogate_pair_is_named_with_its_row(column: str, made: str) -> None:
    frame = _pandas()
    texts = TEXTS[made](["a", "b\ud800", "c"])
    assert len(frame) == len(texts)
    texts.index = frame.index = pd.Index([10, 20, 30])
    frame[column] = texts
    with pytest.raises(AggregatorError) as caught:
        _values(frame)
    told = f"column '{column}': row 20 holds 'b\\ud800', which is no valid Unicode; expected"
    assert told in str(caught.value)
