"""How columns and questions of a table are told.

Tests `commands.own_table.understanding`.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from aggregators import Duration, Source
from commands.own_table.understanding import asked_questions, print_understood, understood
from estimators import Dataset, Question
from simulator import CityPlan, simulate


def dataset(table: pd.DataFrame) -> Dataset:
    orders = Source(
        "orders",
        sample_id="order_id",
        events=("dispatched", "accepted", "ready"),
        dimensions=("store_id",),
        attributes=("amount",),
    )
    return Dataset(
        name="city",
        source=orders,
        table=table,
        target=Duration("dispatched", "ready"),
        as_of="dispatched",
        numbers=("amount",),
        categories=("store_id",),
        test_from=table["dispatched"].sort_values().iloc[-len(table) // 5],
        questions=(Question(target=Duration("accepted", "ready"), as_of="accepted"),),
    )


@pytest.fixture(scope="module")
def city() -> pd.DataFrame:
    return simulate(CityPlan(stores=3, days=3, seed=4))


def test_columns_and_questions_are_told(city: pd.DataFrame) -> None:
    found = understood(dataset(city))
    kinds = {one["name"]: one["kind"] for one in found["columns"]}
    assert (kinds["ready"], kinds["store_id"], kinds["amount"]) == (
        "event", "dimension", "attribute",
    )  # fmt: skip
    own, other = found["questions"]
    assert (own["target"], own["facts"]) == (["dispatched", "ready"], ["amount", "store_id"])
    assert (other["target"], other["facts"]) == (["accepted", "ready"], [])
    assert own["rows_to_test"] == int(dataset(city).tests.sum()) > 0
    assert len(asked_questions(dataset(city))) == 2


def test_rows_of_neither_period_are_told(
    city: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = city.iloc[(city["ready"] - city["dispatched"]).argmax()]
    halfway = slow["dispatched"] + (slow["ready"] - slow["dispatched"]) / 2
    some = replace(dataset(city), test_from=halfway)
    cooked = city["dispatched"].lt(some.test_from) & city["ready"].ge(some.test_from)
    own = understood(some)["questions"][0]
    assert own["rows_between"] == cooked.sum() > 0
    counted = own["rows_to_train"] + own["rows_to_test"] + own["rows_between"]
    assert counted == some.labelled.sum()
    print_understood(some)
    said = " ".join(capsys.readouterr().out.split())
    assert f"{cooked.sum():,} in neither as they ended only after that" in said
