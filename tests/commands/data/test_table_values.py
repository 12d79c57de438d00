"""Values of tables keep their kind and their digits."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from commands.data.table_values import fact_of, to_microseconds, to_number, to_series


def test_whole_numbers_with_gaps_stay_whole() -> None:
    large = 2**63 - 1
    series = to_series(pa.array([large, None, -1]))
    assert series.dtype == "Int64"
    assert series[0] == large
    assert series.isna().tolist() == [False, True, False]


def test_other_columns_are_as_pandas_has_them() -> None:
    assert to_series(pa.array(["a", None])).tolist()[0] == "a"
    np.testing.assert_array_equal(to_series(pa.array([0.5, None])), [0.5, np.nan])


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("7", 7), ("-7", -7), ("0", 0), ("1.50", 1.5), ("2e3", 2000.0), ("007", "007"),
        ("+7", "+7"), ("7.", "7."), ("", ""), ("NaN", "NaN"), ("1e999", "1e999"),
        ("1_000", "1_000"),
        ("123456789012345678", 123456789012345678), ("1234567890123456789", 1.2345678901234568e18),
    ],
)  # fmt: skip
def test_a_fact_that_reads_like_a_json_number_is_one(text: str, fact: object) -> None:
    found = fact_of(text)
    assert (found, type(found)) == (fact, type(fact))


@pytest.mark.parametrize(("text", "number"), [("1.5", 1.5), (" 2 ", 2.0), ("inf", math.inf)])
def test_a_number_is_the_nearest_float(text: str, number: float) -> None:
    assert to_number(text) == number


@pytest.mark.parametrize("text", ["1_000", "", "two", "1,5"])
def test_what_is_no_number_is_nan(text: str) -> None:
    assert math.isnan(to_number(text))


def test_what_is_below_a_microsecond_is_cut_and_nothing_else() -> None:
    times = pd.Series(["2026-03-02 12:00:00.1234567+01:00", "2026-03-02T12:00:00.5Z", "x"])
    assert to_microseconds(times).tolist() == [
        "2026-03-02 12:00:00.123456+01:00", "2026-03-02T12:00:00.5Z", "x",
    ]  # fmt: skip
