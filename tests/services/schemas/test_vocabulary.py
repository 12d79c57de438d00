"""What an order may say: names from sources and models, values within their bounds."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from aggregators.standard_sources import ORDERS
from estimators.core.stages import ELAPSED
from estimators.eta.parts import PART_SPECS
from services.core.errors import InvalidRequest
from services.schemas.vocabulary import OpenVocabulary, RowErrors, Vocabulary, check_length


def test_every_fact_of_models_and_sources_can_be_said() -> None:
    class Takes:
        inputs = ("mood", "since_ready_s")
        numbers = ("mood", "since_ready_s")
        categories: ClassVar[dict[str, tuple[str, ...]]] = {}

    vocabulary = Vocabulary.of([Takes()], [ORDERS])
    vocabulary.check({"mood": 3, "store_id": "s", "vehicle": "bike", "floor": 2}, "order")
    for name, value in (("mood", "good"), ("store_id", 1.5), ("since_ready_s", 3.0)):
        with pytest.raises(InvalidRequest, match=name):
            vocabulary.check({name: value}, "order")


def test_parts_of_other_processes_are_told_what_they_need() -> None:
    vocabulary = Vocabulary.of([], [])
    for spec in PART_SPECS.values():
        vocabulary.check_names((*spec.numbers, *spec.categories), "order")
        assert vocabulary.numbers >= {*spec.numbers} - {*ELAPSED}
        assert not vocabulary.numbers & {*spec.categories}


def test_only_estimators_are_told_how_long_ago_events_were() -> None:
    assert not Vocabulary.of([], [ORDERS]).names & {*ELAPSED}
    alone = Vocabulary.of([], [ORDERS], elapsed=True)
    assert alone.names & alone.numbers >= {*ELAPSED}
    alone.check({"since_ready_s": 3.0}, "order")


def test_what_a_model_learned_as_a_category_is_no_number() -> None:
    class Takes:
        inputs = ("floor",)
        numbers = ()
        categories: ClassVar[dict[str, tuple[str, ...]]] = {"floor": ("low", "high")}

    vocabulary = Vocabulary.of([Takes()], [ORDERS])
    vocabulary.check({"floor": "low"}, "order")
    with pytest.raises(InvalidRequest, match="floor"):
        vocabulary.check({"floor": 2}, "order")


def test_several_models_take_what_all_of_them_take() -> None:
    first = Vocabulary(frozenset("abc"), frozenset("a"), {"b": str, "c": str})
    second = Vocabulary(frozenset("abd"), frozenset("d"), {"b": str, "d": int})
    assert Vocabulary.shared([first, second]) == Vocabulary(
        frozenset("ab"), frozenset("a"), {"b": str}
    )
    assert Vocabulary.shared([first]) == first


def test_rows_have_one_problem_each_and_other_columns_have_none() -> None:
    vocabulary = Vocabulary.of([], [ORDERS])
    columns: dict[str, list[Any]] = {
        "mood": ["good", [1], None],
        "amount": [2.0, "x", True],
        "store_id": ["s", [1], "s"],
    }
    bad = vocabulary.bad_rows(columns, "columns")
    assert {row: error.field for row, error in bad.items()} == {
        1: "columns.amount", 2: "columns.amount"
    }  # fmt: skip


def test_without_a_model_any_name_is_taken_and_values_are_checked() -> None:
    vocabulary = OpenVocabulary()
    vocabulary.check({"mood": "good", "level": 0.5, "distance_m": 3, "zone": None}, "order")
    for name, value in (("mood", True), ("distance_m", -1), ("level", float("nan"))):
        with pytest.raises(InvalidRequest, match=name):
            vocabulary.check({name: value}, "order")
        assert list(vocabulary.bad_values(name, [None, value], "columns")) == [1]
    vocabulary.check_names(["mood"], "order")


@pytest.mark.parametrize("values", [[1, None, "x"], [True], [float("inf")], [10**400], [[1]]])
def test_bad_values_are_found_where_they_stand(values: list[Any]) -> None:
    vocabulary = Vocabulary.of([], [ORDERS])
    bad = vocabulary.bad_values("amount", [2.0, *values], "facts")
    assert list(bad) == [len(values)]
    assert vocabulary.bad_values("store_id", ["s", 1, None], "facts") == {}
    assert list(vocabulary.bad_values("store_id", ["s", [1], "x" * 999], "facts")) == [1, 2]


def test_a_column_of_another_length_is_refused_with_its_field() -> None:
    check_length(["a", "b"], 2, "orders.city", "order")
    with pytest.raises(InvalidRequest, match="has 1 values; expected 2, one per order") as caught:
        check_length(["a"], 2, "orders.city", "order")
    assert caught.value.field == "orders.city"


def test_values_that_cannot_be_refuse_their_rows_and_are_missing() -> None:
    vocabulary = Vocabulary(frozenset(("city", "amount")), frozenset(("amount",)))
    errors: RowErrors = {2: InvalidRequest("it was refused before", field="x")}
    columns: dict[str, list[Any]] = {"city": ["BCN", [1], None], "amount": [1, 2.5, "much"]}
    checked = vocabulary.checked_columns(columns, 3, path="facts", of="order", errors=errors)
    assert checked == {"city": ["BCN", None, None], "amount": [1, 2.5, None]}
    assert {row: error.field for row, error in errors.items()} == {1: "facts.city[1]", 2: "x"}
