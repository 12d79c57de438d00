"""What training did not see is moved, filled or said: one row as many, nothing else is touched."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from estimators.features.facts import Facts
from estimators.monitoring import CategoryStatistics, Note, NumberStatistics, Validator
from estimators.monitoring.statistics import Statistics

SEED = 3
FACTS = Facts(
    numbers=("distance_m", "floor", "since_ready_s"),
    categories={"store_id": ("s1", "s2"), "city": ("BCN",)},
    timezone_by="city",
    timezones={"BCN": "Europe/Madrid"},
)
NOON_US = 1_767_268_800_000_000


@pytest.fixture(scope="module")
def validator() -> Validator:
    rng = np.random.default_rng(SEED)
    floor = np.where(rng.random(1_000) < 0.3, np.nan, rng.integers(0, 9, 1_000))
    inputs: dict[str, Statistics] = {
        "distance_m": NumberStatistics.of(np.linspace(100.0, 9_000.0, 1_001)),
        "floor": NumberStatistics.of(floor),
        "since_ready_s": NumberStatistics.of(np.linspace(5.0, 600.0, 101)),
        "store_id": CategoryStatistics.of(np.array([0.0, 1.0]), ("s1", "s2")),
    }
    return Validator.of(inputs, FACTS)


def checked(validator: Validator, **order: Any) -> tuple[list[float], list[Note]]:
    """One order as its own row and as a column; both ways must agree."""
    facts = FACTS.encode_one(order, NOON_US)
    before = facts.copy()
    one, notes = validator.clip_one(facts, order)
    many, by_row = validator.clip(facts[np.newaxis, :], {k: [v] for k, v in order.items()})
    np.testing.assert_array_equal(one, many[0])
    np.testing.assert_array_equal(facts, before)
    assert by_row == ({0: notes} if notes else {})
    return one.tolist(), notes


USUAL = {"distance_m": 500.0, "floor": 2, "since_ready_s": None, "store_id": "s2", "city": "BCN"}


def test_what_training_saw_is_left_alone(validator: Validator) -> None:
    facts = FACTS.encode_one(USUAL, NOON_US)
    same, notes = validator.clip_one(facts, USUAL)
    assert same is facts
    assert notes == []
    bounds = {**USUAL, "distance_m": 100.0, "floor": 8, "since_ready_s": 600.0}
    assert checked(validator, **bounds)[1] == []


def test_an_event_may_have_been_a_moment_ago(validator: Validator) -> None:
    values, notes = checked(validator, **{**USUAL, "since_ready_s": 0.25})
    assert notes == []
    assert values[FACTS.numbers.index("since_ready_s")] == 0.25


@pytest.mark.parametrize(
    ("field", "value", "taken", "words"),
    [
        ("distance_m", 250_000.0, 9_000.0, "250000, beyond what training saw; taken as 9000"),
        ("distance_m", -3, 100.0, "-3, beyond what training saw; taken as 100"),
        ("floor", 40, 8.0, "40, beyond what training saw; taken as 8"),
        ("since_ready_s", 7_200.0, 600.0, "7200, beyond what training saw; taken as 600"),
        ("since_ready_s", math.inf, 600.0, "inf, beyond what training saw; taken as 600"),
    ],
)
def test_numbers_are_moved_to_the_bound(
    validator: Validator, field: str, value: float, taken: float, words: str
) -> None:
    values, (note,) = checked(validator, **{**USUAL, field: value})
    assert note == Note(field, "clipped", float(value), taken)
    assert str(note) == f"{field} is {words}"
    assert values[FACTS.numbers.index(field)] == taken


def test_a_number_that_is_always_there_is_filled_with_the_median(validator: Validator) -> None:
    for missing in (None, math.nan):
        values, (note,) = checked(validator, **{**USUAL, "distance_m": missing})
        assert note == Note("distance_m", "filled", None, values[0])
        assert values[0] == pytest.approx(4_550.0, rel=0.01)
        assert str(note).startswith("distance_m is taken as 4")


def test_what_training_missed_stays_missing(validator: Validator) -> None:
    values, notes = checked(validator, **{**USUAL, "floor": None, "since_ready_s": None})
    assert notes == []
    assert math.isnan(values[1])
    assert math.isnan(values[2])


def test_unknown_categories_are_said(validator: Validator) -> None:
    _, notes = checked(validator, **{**USUAL, "store_id": "s9", "city": 7})
    assert notes == [Note("store_id", "unknown", "s9", None), Note("city", "unknown", 7, None)]
    assert str(notes[0]) == "store_id is 's9', which training did not see"
    assert checked(validator, **{**USUAL, "store_id": None})[1] == []
    absent = {name: value for name, value in USUAL.items() if name != "store_id"}
    assert checked(validator, **absent)[1] == []


def test_notes_are_of_their_rows(validator: Validator) -> None:
    columns: dict[str, list[Any]] = {
        "distance_m": [500.0, 1e9, None, 700.0],
        "floor": [1, 2, None, 99],
        "store_id": ["s1", "nobody", "s2", "s1"],
        "city": ["BCN"] * 4,
    }
    facts = FACTS.encode_columns(columns, np.full(4, NOON_US))
    moved, notes = validator.clip(facts, columns)
    said = {row: [(note.field, note.what) for note in some] for row, some in notes.items()}
    assert said == {
        1: [("distance_m", "clipped"), ("store_id", "unknown")],
        2: [("distance_m", "filled")],
        3: [("floor", "clipped")],
    }
    for row in range(4):
        order = {name: column[row] for name, column in columns.items()}
        one, some = validator.clip_one(facts[row], order)
        np.testing.assert_array_equal(one, moved[row])
        assert some == notes.get(row, [])


def test_a_model_without_statistics_has_no_bounds() -> None:
    for reference in (None, {}, {"distance_m": NumberStatistics.of(np.array([np.nan]))}):
        idle = Validator.of(reference, FACTS)
        values, notes = checked(idle, **{**USUAL, "distance_m": 1e12})
        assert (values[0], notes) == (1e12, [])
        assert checked(idle, **{**USUAL, "distance_m": None})[1] == []


def test_facts_without_numbers_have_no_bounds() -> None:
    bare = Facts(numbers=(), categories={"city": ("BCN",)})
    validator = Validator.of({}, bare)
    facts = bare.encode_columns({"city": ["BCN", "WAW"]}, np.zeros(2, dtype=np.int64))
    assert list(validator.clip(facts, {"city": ["BCN", "WAW"]})[1]) == [1]


def test_the_median_is_that_of_the_values() -> None:
    rng = np.random.default_rng(SEED)
    for values in (rng.normal(size=1_001), np.zeros(50), rng.integers(0, 3, 999).astype(float)):
        seen = NumberStatistics.of(values)
        assert seen.median == pytest.approx(np.median(values), abs=0.1), f"seed {SEED}"
        assert NumberStatistics.from_json(seen.to_json()).median == seen.median
    assert math.isnan(NumberStatistics.of(np.array([np.nan])).median)
