"""Coordinates give the same facts in tables and requests; wrong ones give none."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from estimators.features.facts import Facts, learn_facts
from estimators.features.legs import END_COLUMNS, LEG_FACTS, StreetLegs, learn_legs

HOME = (40.75, -73.99)


def facts(n: int = 500) -> tuple[Facts, pd.DataFrame]:
    rng = np.random.default_rng(7)
    ends = np.column_stack([HOME[i % 2] + 0.05 * rng.random(n) for i in range(4)])
    table = pd.DataFrame(ends, columns=list(END_COLUMNS)).assign(city="NYC")
    took_s = 60.0 + StreetLegs(turn_deg=29.0).of_rows(ends)[:, 3] / 5.0
    learned = learn_facts(
        table,
        numbers=END_COLUMNS,
        categories=["city"],
        timezone_by="city",
        timezones={"NYC": "America/New_York"},
        duration_s=took_s,
    )
    return learned, table


def test_table_columns_and_single_requests_give_the_same_bits_also_after_saving() -> None:
    made, table = facts()
    table.loc[3, "store_lat"] = np.nan
    table.loc[4, "customer_lat"] = 95.0
    asked_us = np.arange(len(table), dtype=np.int64) * 3_600_000_000
    loaded = Facts.from_json(json.loads(json.dumps(made.to_json())))
    whole = made.encode(table, asked_us)
    columns = {str(name): table[name].tolist() for name in table}
    one_by_one = [
        loaded.encode_one({name: column[i] for name, column in columns.items()}, int(asked_us[i]))
        for i in range(len(table))
    ]
    np.testing.assert_array_equal(whole, loaded.encode_columns(columns, asked_us))
    np.testing.assert_array_equal(whole, np.array(one_by_one))
    assert made.names[-len(LEG_FACTS) :] == LEG_FACTS
    assert made.names[5:7] == ("local_hour", "local_weekday")
    assert not np.isnan(whole[:3]).any()
    assert np.isnan(whole[3:5, -len(LEG_FACTS) :]).all()


def test_the_turn_of_the_streets_is_learned() -> None:
    made, _ = facts()
    assert made.legs == StreetLegs(turn_deg=29.0)
    few = np.tile([40.0, -74.0, 40.1, -74.0], (10, 1))
    assert learn_legs(few, np.full(10, 60.0)).turn_deg == 0.0


@pytest.mark.parametrize(
    "wrong", [(95.0, 10.0), (math.nan, 10.0), (10.0, 181.0), (0.0, 0.0), (HOME[1], HOME[0])]
)
def test_wrong_and_missing_ends_give_no_facts(wrong: tuple[float, float]) -> None:
    legs = StreetLegs(turn_deg=10.0)
    assert np.isnan(legs.facts((*wrong, *HOME))).all()
    assert np.isnan(legs.facts((*HOME, *wrong))).all()


def test_a_quarter_of_a_great_circle_scaled_down_and_the_date_line() -> None:
    legs = StreetLegs(turn_deg=0.0)
    metres_per_degree = math.pi * 6_371_008.8 / 180.0
    east = legs.facts((0.0, 179.5, 0.0, -179.5))
    assert east == pytest.approx((metres_per_degree, 0.0, metres_per_degree, metres_per_degree, 90))


def test_without_all_four_coordinates_there_are_no_facts_of_the_way() -> None:
    _, table = facts()
    names = END_COLUMNS[:3]
    made = learn_facts(table, numbers=names, categories=[], duration_s=np.ones(len(table)))
    assert made.names == names
