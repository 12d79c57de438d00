"""Dimensions become numbers; a dictionary is the oracle."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from aggregators import ColumnError
from aggregators.tables.groups import group_codes
from tests.aggregators.random_data import seeds

Values = list[int | None]

RANGES: dict[str, tuple[int, int]] = {
    "few": (-3, 4),
    "within a table": (10**12, 10**12 + 60_000),
    "too far for a table": (-(2**63), 2**63 - 1),
}
INTEGER_KINDS: dict[str, Callable[[Values], Any]] = {
    "numpy": lambda values: pd.Series(np.array(values, np.int64)),
    "nullable": lambda values: pd.Series(values, dtype="Int64"),
    "Arrow": lambda values: pd.Series(values, dtype="int64[pyarrow]"),
    "categories": lambda values: pd.Series(values, dtype="Int64").astype("category"),
}


def oracle(values: list[Any]) -> tuple[list[int], list[Any]]:
    numbers: dict[Any, int] = {}
    codes = [-1 if one is None else numbers.setdefault(one, len(numbers)) for one in values]
    return codes, list(numbers)


@pytest.mark.parametrize("seed", seeds(3))
@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("kind", INTEGER_KINDS)
def test_integers_are_numbered_in_the_order_in_which_they_appear(
    seed: int, name: str, kind: str
) -> None:
    rng = random.Random(seed)
    low, high = RANGES[name]
    values: Values = [rng.choice((low, high, rng.randint(low, high))) for _ in range(200)]
    if kind != "numpy":
        values[::7] = [None] * len(values[::7])
    found = group_codes(INTEGER_KINDS[kind](values), "column 'store_id'")
    assert (found.codes.tolist(), found.values.tolist()) == oracle(values)
    assert found.codes.dtype == np.int32
    assert found.values.dtype == np.int64


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint16", "uint64", "int64[pyarrow]", "Int64"])
def test_the_width_of_integers_changes_nothing(dtype: str) -> None:
    values = [7, 3, 7, 100, 3]
    found = group_codes(pd.Series(values, dtype=dtype), "column 'store_id'")
    assert (found.codes.tolist(), found.values.tolist()) == oracle(values)


def test_nothing_makes_no_group() -> None:
    for column in (pd.Series([], dtype="int64"), pd.Series([], dtype="str")):
        found = group_codes(column, "column 'store_id'")
        assert (len(found.codes), len(found.values)) == (0, 0)


def test_texts_with_gaps_are_numbered() -> None:
    values = ["b", None, "a", "b", ""]
    dictionary = pa.array(values).dictionary_encode()
    for column in (
        pd.Series(values, dtype="str"),
        pd.Series(values, dtype=object),
        pd.Series(values, dtype="category"),
        pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([dictionary]))),
    ):
        found = group_codes(column, "column 'store_id'")
        assert (found.codes.tolist(), found.values.tolist()) == oracle(values)


def test_what_is_no_group_is_refused() -> None:
    with pytest.raises(ColumnError, match="expected integers or strings"):
        group_codes(pd.Series([True, False]), "column 'store_id'")


def test_categories_that_no_row_has_make_no_group() -> None:
    categories = pd.CategoricalDtype(["z", "a", "b"])
    for values in (["b", None, "a", "b"], ["a", "b"], [None, None], []):
        found = group_codes(pd.Series(values, dtype=categories), "column 'store_id'")
        assert (found.codes.tolist(), found.values.tolist()) == oracle(values)
        assert found.codes.dtype == np.int32


@pytest.mark.parametrize("categories", [[0.5, 1.5], ["a", 1], [True, False]])
def test_categories_that_are_no_keys_are_refused(categories: list[Any]) -> None:
    with pytest.raises(ColumnError, match="expected integers or strings"):
        group_codes(pd.Series(categories).astype("category"), "column 'store_id'")
