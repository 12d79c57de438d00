"""Columns that share their values: each row has what a list would have; values are not copied."""

from __future__ import annotations

import numpy as np
import pytest

from estimators.core.dictionary_column import Column, DictionaryColumn, rows_of_columns
from estimators.features.facts import Facts

VALUES = ["BCN", None, "WAW", "BCN"]
INDICES = np.array([2, 0, 1, 3, 2])
PLAIN = ["WAW", "BCN", None, "BCN", "WAW"]


def test_it_is_the_list_of_its_rows() -> None:
    column = DictionaryColumn(VALUES, INDICES)
    assert len(column) == len(PLAIN)
    assert column.tolist() == list(column) == PLAIN
    assert [column[row] for row in range(5)] == PLAIN
    assert column[1:3].tolist() == PLAIN[1:3]
    assert "WAW" in column
    some = column.take(np.array([4, 4, 0]))
    assert some.tolist() == ["WAW", "WAW", "WAW"]
    assert some.values is column.values, "values are not copied"


def test_rows_are_taken_of_every_kind_of_column() -> None:
    shared = DictionaryColumn(VALUES, INDICES)
    columns: dict[str, Column] = {
        "city": shared,
        "zone": DictionaryColumn([[0], 1, 2, 3], INDICES),
        "distance_m": np.array([1.0, np.nan, 3.0, 4.0, 5.0]),
        "floor": [1, "x", None, [2], 5],
    }
    found = rows_of_columns(columns, np.array([3, 0, 0]))
    assert list(found["city"]) == ["BCN", "WAW", "WAW"]
    assert list(found["zone"]) == [3, 2, 2]
    assert list(found["distance_m"]) == [4.0, 1.0, 1.0]
    assert found["floor"] == [[2], 1, 1]
    city, zone = found["city"], found["zone"]
    assert isinstance(city, DictionaryColumn)
    assert isinstance(zone, DictionaryColumn)
    assert city.indices is zone.indices, "what is about the same thing is taken once"
    assert all(len(one) == 0 for one in rows_of_columns(columns, np.array([], np.int64)).values())


@pytest.mark.parametrize("seed", range(5))
def test_facts_are_encoded_as_those_of_lists_to_the_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    facts = Facts(
        numbers=("amount",),
        categories={"city": ("BCN", "WAW"), "store_id": (1, 2)},
        timezone_by="city",
        timezones={"BCN": "Europe/Madrid", "WAW": "Europe/Warsaw"},
    )
    indices = rng.integers(0, 4, 30)
    columns: dict[str, Column] = {
        "amount": DictionaryColumn([None, 2, 3.5, 1e9], indices),
        "city": DictionaryColumn(VALUES, rng.permutation(indices)),
        "store_id": DictionaryColumn([1, True, "1", 2], indices),
    }
    as_of_us = rng.integers(1_700_000_000, 1_800_000_000, 30) * 1_000_000
    plain: dict[str, Column] = {name: list(column) for name, column in columns.items()}
    expected = facts.encode_columns(plain, as_of_us)
    assert facts.encode_columns(columns, as_of_us).tobytes() == expected.tobytes()
