"""Numbers that cannot be are refused, everywhere alike; those in another unit are noted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from aggregators.times import moment_to_us
from estimators.core.distribution import Distribution
from estimators.core.stages import ELAPSED
from estimators.fallback.model import Fallback
from estimators.features.facts import Facts
from estimators.monitoring.statistics import NumberStatistics
from estimators.monitoring.validation import Validator
from services.core.errors import InvalidRequest
from services.estimation.fallback import FallbackModel
from services.estimation.rows import RequestRows
from services.estimation.unit_hints import UnitHints
from services.schemas.fact_bounds import BOUNDS, impossible
from services.schemas.order_values import check_value, is_good_column, kinds_of
from services.schemas.vocabulary import Vocabulary
from tests.services.building import FEATURES, NOON, FakeEstimator, make_model, make_store
from tests.services.fake_parts import VOCABULARY

NOON_US = moment_to_us(NOON, "NOON")
IMPOSSIBLE = [
    ("distance_m", -0.1),
    ("distance_m", 1_000_001),
    ("distance_to_store_m", -3),
    ("distance_to_store_m", 1e9),
    ("amount", -5),
    ("amount", 1e10),
    ("products", -1),
    ("products", 1e6),
    ("floor", -21),
    ("floor", 1e9),
    *((name, -1.0) for name in ELAPSED),
    ("since_accepted_s", 1_772_452_800_000.0),
]
POSSIBLE = [
    ("distance_m", 0),
    ("distance_m", 2),
    ("distance_m", 1.85),
    ("distance_to_store_m", 0.0),
    ("amount", 0),
    ("amount", 250_000.0),
    ("products", 1),
    ("floor", -2),
    ("since_ready_s", 0.0),
    ("mood", -1e300),
]


@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE)
def test_what_no_order_has_is_refused_alone_and_in_a_column(name: str, value: float) -> None:
    assert "expected" in impossible(name, value)
    with pytest.raises(InvalidRequest) as caught:
        check_value("order", name, value, is_number=True)
    assert caught.value.field == f"order.{name}"
    for column in ([value], [None, 1.0, value], [1.0, value, None, 0]):
        assert not is_good_column(name, column, is_number=True)
    vocabulary = Vocabulary(frozenset(BOUNDS), frozenset(BOUNDS))
    assert set(vocabulary.bad_values(name, [1.0, None, value, 0], "stores.facts")) == {2}
    without_model = FallbackModel(Fallback.constant([1.0] * 23), tag="etp:gone", why="there is no")
    for number in (value, int(value)):
        if impossible(name, number):
            with pytest.raises(InvalidRequest):
                without_model.check({name: number})


@pytest.mark.parametrize(("name", "value"), POSSIBLE)
def test_what_an_order_can_have_is_taken(name: str, value: float) -> None:
    assert impossible(name, value) == ""
    check_value("order", name, value, is_number=True)
    assert is_good_column(name, [value, None, value], is_number=True)


def test_bounds_are_those_of_every_number_that_is_known() -> None:
    assert set(ELAPSED) < set(BOUNDS)
    assert all(one.low < one.high for one in BOUNDS.values())


HINTS: list[tuple[str, float, dict[str, Any], str]] = [
    ("distance_m", 1.85, {}, "kilometres"),
    ("distance_m", 12.4, {}, "kilometres"),
    ("distance_m", 3, {}, "kilometres"),
    ("distance_m", 3, {"since_courier_assigned_s": 90.0}, "kilometres"),
    ("distance_m", 2, {"since_picked_up_s": 300.0}, ""),  # a courier at the door
    ("distance_m", 1.85, {"since_picked_up_s": 300.0}, ""),
    ("distance_m", 1.85, {"since_courier_at_customer_s": 5.0}, ""),
    ("distance_m", 0, {}, ""),
    ("distance_m", 60, {}, ""),
    ("distance_m", 1_850, {}, ""),
    ("distance_m", 250_000, {}, "millimetres"),
    ("distance_to_store_m", 1.85, {}, "kilometres"),
    ("distance_to_store_m", 0.31, {"since_courier_assigned_s": 1.0}, "kilometres"),
    ("distance_to_store_m", 2, {}, ""),  # the courier stands in the store
    ("distance_to_store_m", 3.271828182845, {}, ""),  # from positions
    ("distance_to_store_m", 2.5, {"since_courier_assigned_s": 400.0}, ""),  # nearly there
    ("distance_to_store_m", 2.5, {"since_courier_at_store_s": 4.0}, ""),
    ("distance_to_store_m", 900.5, {}, ""),
    ("since_accepted_s", 300_000.0, {}, "milliseconds"),
    ("since_accepted_s", 300.0, {}, ""),
    ("amount", 1.85, {}, ""),
]


@pytest.mark.parametrize(("name", "value", "order", "unit"), HINTS)
def test_what_looks_like_another_unit_is_noted(
    name: str, value: float, order: dict[str, Any], unit: str
) -> None:
    hints = UnitHints((name,))
    alone = hints.of_one([float(value)], order)
    columns = {event: [None, seconds] for event, seconds in order.items()}
    together = hints.of_rows(np.array([[math.nan], [float(value)]]), columns)
    assert together.get(1, []) == alone
    assert 0 not in together
    assert [unit in note for note in alone] == ([True] if unit else [])
    if unit:
        assert alone[0].startswith(f"{name} is {value:.7g}, which looks like {unit}; expected ")


SEEN = {
    "amount": (3.0, 120.0),
    "distance_m": (15.0, 9_000.0),
    "since_accepted_s": (0.0, 400_000.0),
    "distance_to_store_m": (0.0, 8_880.0),
    "since_ready_s": (-math.inf, math.inf),  # a model without statistics
}


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [
        ("amount", 1850, "cents (hundredths)"),
        ("amount", 11_900, "cents (hundredths)"),
        ("amount", 0.185, "hundreds"),
        ("amount", 0.0185, "thousands"),
        ("amount", 18.5, ""),
        ("amount", 300, ""),  # a large order
        ("amount", 1.5, ""),
        ("amount", 0, ""),
        ("amount", 5e6, ""),  # in no unit of those
        ("distance_m", 17, ""),  # training saw some as short
        ("distance_m", 16.5, ""),
        ("distance_m", 1.85, "kilometres"),
        ("distance_to_store_m", 1.85, "kilometres"),  # that some had 0 m to go says nothing of it
        ("distance_to_store_m", 2, ""),
        ("distance_to_store_m", 250_000, "millimetres"),
        ("since_ready_s", 300_000, "milliseconds"),
        ("since_accepted_s", 300_000, ""),
        ("since_accepted_s", 500_000, "milliseconds"),
    ],
)
def test_what_training_saw_is_in_the_right_unit(name: str, value: float, unit: str) -> None:
    hints = UnitHints((name,), SEEN)
    alone = hints.of_one([float(value)], {})
    assert [f"looks like {unit};" in note for note in alone] == ([True] if unit else [])
    together = hints.of_rows(np.array([[math.nan], [float(value)]]), {})
    assert together == ({1: alone} if unit else {})


def test_a_model_holds_prices_and_distances_against_what_it_was_trained_on() -> None:
    class Two(FakeEstimator):
        features = FEATURES

        def predict(self, inputs: Any, incomplete: Any = None) -> Distribution:
            return Distribution([0.1, 0.9], np.tile([[100.0, 200.0]], (len(inputs), 1)))

    facts = Facts(numbers=("amount", "distance_m"), categories={"city": ("BCN",)})
    numbers = {name: NumberStatistics.of(np.array(SEEN[name])) for name in facts.numbers}
    model = make_model(make_store(), Two(facts), validator=Validator.of(numbers, facts))
    order = {"amount": 1_850, "distance_m": 17, "city": "BCN", "store_id": "s-1"}
    alone = model.estimate_one(order, None, NOON_US)
    assert alone.status == ["input_clipped"]
    assert alone.notes == {
        0: [
            "amount is 1850, beyond what training saw; taken as 120",
            "amount is 1850, which looks like cents (hundredths); expected whole units of the"
            " currency, as in training",
        ]
    }
    assert model.estimate(RequestRows.one(order, None, NOON_US)).notes == alone.notes


def test_a_model_notes_the_unit_and_its_status_stays() -> None:
    facts = Facts(numbers=("products", "distance_m"), categories={"city": ("BCN",)})

    class Two(FakeEstimator):
        features = FEATURES

        def predict(self, inputs: Any, incomplete: Any = None) -> Distribution:
            return Distribution([0.1, 0.9], np.tile([[100.0, 200.0]], (len(inputs), 1)))

    model = make_model(make_store(), Two(facts))
    order = {"products": 2, "distance_m": 1.85, "city": "BCN", "store_id": "s-1"}
    alone = model.estimate_one(order, None, NOON_US)
    assert alone.status == ["ok"]
    assert alone.notes == {0: ["distance_m is 1.85, which looks like kilometres; expected metres"]}
    columns = {name: [value, value] for name, value in order.items()}
    columns["distance_m"] = [1_850.0, 1.85]
    both = model.estimate(
        RequestRows(columns=columns, sample_ids=[None, None], as_of_us=np.full(2, NOON_US))
    )
    assert both.notes == {1: alone.notes[0]}
    assert both.status == ["ok", "ok"]


def test_a_category_of_another_type_than_in_training_is_refused_with_its_field() -> None:
    kinds = kinds_of({"city": ("BCN", "WAW"), "store_id": (1, 2), "zone": ("a", 1)})
    for name, wrong, right in (("city", 5, "Atlantis"), ("store_id", "1", 77)):
        with pytest.raises(InvalidRequest, match="as the model knows it") as caught:
            check_value("order", name, wrong, is_number=False, kind=kinds[name])
        assert caught.value.field == f"order.{name}"
        check_value("order", name, right, is_number=False, kind=kinds[name])
        assert not is_good_column(name, [right, wrong], is_number=False, kind=kinds[name])
        assert is_good_column(name, [right, None], is_number=False, kind=kinds[name])
    assert "zone" not in kinds
    with pytest.raises(InvalidRequest, match=r"order\.city"):
        VOCABULARY.check({"city": 5}, "order")
    model = make_model(make_store(), FakeEstimator(Facts(numbers=(), categories={"city": ("B",)})))
    with pytest.raises(InvalidRequest, match=r"order\.city"):
        model.check({"city": 5})
    assert set(model.check_columns({"city": ["B", 5, None, "C"]})) == {1}


def test_how_long_ago_is_in_seconds_where_it_was_looked_up() -> None:
    hints = UnitHints(("since_accepted_s",))
    known = {"since_accepted_s": 300_000.0}
    assert hints.of_one([300_000.0], known, given={}) == []
    assert hints.of_rows(np.array([[300_000.0]]), {"since_accepted_s": [300_000.0]}, given={}) == {}
    assert len(hints.of_one([300_000.0], known, given=known)) == 1
