"""The facts of a table and of a single request are encoded alike."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from estimators import DatasetError, InputError
from estimators.features.facts import Facts, learn_facts

TABLE = pd.DataFrame(
    {
        "amount": [10.0, np.nan, 30.5, 7.25],
        "store_id": [12, 7, 12, 9_000_000_000],
        "food": ["thai", None, "thai", "pizza"],
        "city": ["BCN", "WAW", None, "nowhere"],
    }
)
TIMEZONES = {"BCN": "Europe/Madrid", "WAW": "Europe/Warsaw"}


def facts() -> Facts:
    return learn_facts(
        TABLE,
        numbers=["amount"],
        categories=["store_id", "food"],
        timezone_by="city",
        timezones=TIMEZONES,
    )


def moments(*texts: str) -> np.ndarray:
    return np.array([pd.Timestamp(text).value // 1_000 for text in texts])


def test_categories_are_the_values_of_training_in_a_fixed_order() -> None:
    assert facts().categories == {"store_id": (7, 12, 9_000_000_000), "food": ("pizza", "thai")}
    shuffled = learn_facts(TABLE.iloc[::-1], numbers=["amount"], categories=["store_id", "food"])
    assert shuffled.categories == facts().categories


def test_a_table_and_its_rows_one_by_one_give_the_same_bits() -> None:
    asked_us = moments(
        "2026-03-29T00:59:59.999999Z", "2026-03-29T01:00Z", "2026-07-01T12:00Z", "2026-01-01T00:00Z"
    )
    whole = facts().encode(TABLE, asked_us)
    rows = [
        facts().encode_one({str(name): TABLE[name].iloc[i] for name in TABLE}, int(asked_us[i]))
        for i in range(len(TABLE))
    ]
    assert whole.shape == (4, 5)
    np.testing.assert_array_equal(whole, np.array(rows))


def test_columns_and_rows_one_by_one_give_the_same_bits() -> None:
    asked_us = moments(
        "2026-03-29T00:59:59.999999Z",
        "2026-03-29T01:00Z",
        "2026-07-01T12:00Z",
        "2026-01-01T00:00Z",
        "2026-01-04T23:30Z",
    )
    columns: dict[str, list[Any]] = {
        "amount": [10.0, None, 3, math.nan, np.float64(7.25)],
        "store_id": [12, 7.0, True, 9_000_000_000, math.nan],
        "food": ["thai", None, "pizza", "sushi", 3],
        "city": ["BCN", "WAW", None, "nowhere", "WAW"],
    }
    made = facts()
    for names in (tuple(columns), ("amount",), ("city",), ()):
        given = {name: columns[name] for name in names}
        rows = [
            made.encode_one({name: given[name][i] for name in given}, int(asked_us[i]))
            for i in range(5)
        ]
        np.testing.assert_array_equal(made.encode_columns(given, asked_us), np.array(rows))
    plain = made.encode_columns({"amount": [1, None, 2.5]}, asked_us[:3])
    assert plain[:, 0].tolist()[::2] == [1.0, 2.5]
    amount = np.array([1.5, np.nan])
    np.testing.assert_array_equal(
        made.encode_columns({"amount": amount}, asked_us[:2])[:, 0], amount
    )
    assert made.encode_columns({"city": []}, asked_us[:0]).shape == (0, 5)
    with pytest.raises(InputError, match="amount is True"):
        made.encode_columns({"amount": [1.0, True]}, asked_us[:2])


def test_local_time_follows_the_clocks() -> None:
    made = facts()
    hour = made.names.index("local_hour")
    before, after = moments("2026-03-29T00:59:00Z", "2026-03-29T01:00:00Z")
    assert made.encode_one({"city": "BCN"}, int(before))[hour] == pytest.approx(1 + 59 / 60)
    assert made.encode_one({"city": "BCN"}, int(after))[hour] == 3.0
    sunday_night = int(moments("2026-03-01T23:30:00Z")[0])
    assert made.encode_one({"city": "WAW"}, sunday_night)[-2:].tolist() == [0.5, 0.0]


@pytest.mark.parametrize("given", [None, math.nan, "unheard of", -1])
def test_what_training_has_not_seen_is_missing(given: object) -> None:
    row = facts().encode_one({"store_id": given, "food": given, "city": given}, 0)
    assert np.isnan(row).all()


def test_an_integer_column_with_gaps_means_the_same_stores() -> None:
    gaps = pd.DataFrame({**TABLE, "store_id": [12.0, np.nan, 12.0, 7.0]})
    codes = facts().encode(gaps, np.zeros(4, dtype=np.int64))[:, 1]
    assert codes[[0, 2, 3]].tolist() == [1.0, 1.0, 0.0]
    assert np.isnan(codes[1])


def test_without_timezones_there_is_no_local_time() -> None:
    made = learn_facts(TABLE, numbers=["amount"], categories=[])
    assert made.names == made.inputs == ("amount",)


def test_json_gives_back_the_same_facts() -> None:
    again = Facts.from_json(json.loads(json.dumps(facts().to_json())))
    assert again.names == facts().names
    assert again.categories == facts().categories
    asked_us = np.zeros(4, dtype=np.int64)
    np.testing.assert_array_equal(again.encode(TABLE, asked_us), facts().encode(TABLE, asked_us))


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="amount is 'ten'"):
        facts().encode_one({"amount": "ten"}, 0)
    with pytest.raises(InputError, match="amount is True"):
        facts().encode_one({"amount": True}, 0)
    with pytest.raises(InputError, match="lacks food"):
        facts().encode(TABLE.drop(columns="food"), np.zeros(4, dtype=np.int64))
    with pytest.raises(InputError, match="3 moments for 4 rows"):
        facts().encode(TABLE, np.zeros(3, dtype=np.int64))
    with pytest.raises(InputError, match="expected numbers"):
        facts().encode(TABLE.assign(amount="x"), np.zeros(4, dtype=np.int64))
    with pytest.raises(DatasetError, match="lacks colour"):
        learn_facts(TABLE, numbers=["colour"], categories=[])
    with pytest.raises(DatasetError, match="'Mars/Base' is not known"):
        Facts(numbers=(), categories={}, timezone_by="city", timezones={"BCN": "Mars/Base"})
    with pytest.raises(DatasetError, match="stand twice"):
        Facts(numbers=("a",), categories={"a": ()})
