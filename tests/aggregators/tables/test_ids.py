"""Sample ids come in ascending order, whatever the order of the rows; Python's sort is the oracle.

Tests `aggregators.tables.attribute_values` and `aggregators.tables.values` too.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aggregators import SampleIdError
from aggregators.tables.attribute_values import attribute_values
from aggregators.tables.ids import as_index, ordered_ids
from aggregators.tables.values import SHOWN_MAX, shown
from tests.aggregators.random_data import TROUBLED_INTEGERS, TROUBLED_TEXTS, seeds

EXTREMES = (-(2**63), 2**63 - 1, -(2**61), 2**61)


def random_ids(rng: random.Random, kind: str) -> list[Any]:
    if kind == "text":
        found: set[Any] = {*TROUBLED_TEXTS, *(f"o-{rng.randrange(10**6)}" for _ in range(300))}
    else:
        found = {*TROUBLED_INTEGERS, *(rng.randrange(10**6) for _ in range(300))}
    if kind == "extreme integers":
        found |= set(EXTREMES)
    ids = sorted(found)
    rng.shuffle(ids)
    return ids


@pytest.mark.parametrize("seed", seeds(3))
@pytest.mark.parametrize("kind", ["integers", "extreme integers", "text"])
def test_ids_are_sorted(seed: int, kind: str) -> None:
    ids = random_ids(random.Random(seed), kind)
    found, order = ordered_ids(pd.Series(ids), "column 'order_id'")
    assert order is not None
    assert as_index(found).tolist() == sorted(ids)
    assert [ids[row] for row in order.tolist()] == sorted(ids)


@pytest.mark.parametrize("ids", [[], [3], [-5, 2, 7], ["A", "a", "é"]])
def test_ids_that_ascend_are_left_as_they_are(ids: list[Any]) -> None:
    found, order = ordered_ids(pd.Series(ids, dtype=None if ids else "str"), "column 'order_id'")
    assert order is None
    assert as_index(found).tolist() == ids


@pytest.mark.parametrize("ids", [[2, 1, 2], [1, 1, 2], [2**63 - 1, 0, 2**63 - 1], ["b", "a", "b"]])
def test_a_sample_that_stands_twice_is_named_with_its_rows(ids: list[Any]) -> None:
    column = pd.Series(ids, index=["x", "y", "z"])
    rows = [label for label, one in column.items() if ids.count(one) == 2]
    with pytest.raises(SampleIdError, match=f"rows '{rows[0]}' and '{rows[1]}' .duplicate."):
        ordered_ids(column, "column 'order_id'")


@pytest.mark.parametrize("dtype", ["float64", "float32", "int8", "uint64", "bool"])
def test_numbers_of_numpy_are_taken_as_floats(dtype: str) -> None:
    column = pd.Series([0, 1, 0], dtype=dtype)
    values = attribute_values(column, "column 'amount'")
    assert values.dtype == np.float64
    assert values.tolist() == [0.0, 1.0, 0.0]
    values[0] = 5.0  # a copy
    assert column.tolist() == [0, 1, 0]


def test_a_negative_zero_is_a_zero() -> None:
    values = attribute_values(pd.Series([-0.0, np.nan]), "column 'amount'")
    assert not np.signbit(values[0])


def test_a_long_value_is_cut() -> None:
    assert shown("short") == "'short'"
    assert len(shown("x" * 1_000)) == SHOWN_MAX + len("...")
