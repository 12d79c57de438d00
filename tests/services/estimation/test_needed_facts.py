"""What an order should say to an estimator, one order and many columns alike."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from estimators.core.stages import ANY_MOMENT
from services.estimation.needed_facts import NeededFacts


def needed(as_of: str = ANY_MOMENT) -> NeededFacts:
    estimator: Any = SimpleNamespace(
        as_of=as_of,
        features=SimpleNamespace(dimensions=("store_id", "courier_id")),
        facts=SimpleNamespace(
            numbers=("amount", "distance_to_store_m", "since_ready_s"),
            inputs=("amount", "distance_to_store_m", "since_ready_s", "store_id", "vehicle"),
        ),
    )
    return NeededFacts(estimator)


def test_facts_and_keys_are_needed_and_elapsed_facts_are_not() -> None:
    assert needed().names == (
        "store_id", "courier_id", "amount", "distance_to_store_m", "vehicle"
    )  # fmt: skip
    assert needed().elapsed == ("since_ready_s",)


ORDERS: tuple[tuple[dict[str, Any], list[str]], ...] = (
    ({}, ["store_id", "amount"]),
    ({"store_id": "s", "amount": 1.0, "vehicle": None}, []),
    ({"store_id": "s", "amount": 1.0, "since_courier_assigned_s": 9.0, "vehicle": "bike"},
     ["courier_id", "distance_to_store_m"]),
    ({"store_id": "s", "amount": None, "since_courier_assigned_s": None}, ["amount"]),
)  # fmt: skip
"""Orders, and what each of them lacks: nobody knows a courier before there is one."""


@pytest.mark.parametrize(("order", "lacks"), ORDERS)
def test_an_order_lacks_what_could_be_known(order: dict[str, Any], lacks: list[str]) -> None:
    assert needed().missing(order) == [f"{name} is missing" for name in lacks]


@pytest.mark.parametrize("kind", [list, lambda values: np.array(values, dtype=object)])
def test_columns_lack_what_their_orders_lack(kind: Any) -> None:
    names = {name for order, _ in ORDERS for name in order}
    columns = {name: kind([order.get(name) for order, _ in ORDERS]) for name in names}
    assert needed().missing_of(columns, len(ORDERS)) == {
        row: [f"{name} is missing" for name in lacks]
        for row, (_, lacks) in enumerate(ORDERS)
        if lacks
    }


def test_an_estimator_that_is_asked_with_a_courier_needs_it() -> None:
    assert "vehicle is missing" in needed("courier_assigned").missing({"store_id": "s"})
