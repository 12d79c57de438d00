"""Stages of an order and what is pending in each: truth tables, and the twins for tables."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from aggregators.times import NEVER
from estimators.core.stages import (
    DIRECT,
    ELAPSED,
    LIFE,
    OPEN_STAGES,
    PARTS,
    STAGES,
    elapsed_columns,
    elapsed_facts,
    elapsed_name,
    is_elapsed,
    pending,
    pending_at,
    rest_s,
    stage_of,
    stages_of,
)

KITCHEN, COURIER, BOTH = "accepted ready", "accepted courier_at_store", "courier_at_store ready"

TRUTH = {
    "": "not_placed",
    "activated": "placed",
    "activated dispatched": "placed",
    "dispatched accepted": "accepted",
    "accepted courier_assigned": "courier_assigned",
    "courier_assigned": "courier_assigned",
    KITCHEN: "ready",
    f"{KITCHEN} courier_assigned": "ready",
    COURIER: "courier_at_store",
    f"{COURIER} courier_assigned": "courier_at_store",
    BOTH: "both_at_store",
    f"{BOTH} courier_assigned accepted": "both_at_store",
    f"{BOTH} picked_up": "picked_up",
    "picked_up": "picked_up",
    "picked_up courier_at_customer": "courier_at_customer",
    "courier_at_customer": "courier_at_customer",
    "courier_at_customer delivered": "delivered",
    "activated cancelled": "cancelled",
    "activated accepted cancelled": "cancelled",
    "activated delivered cancelled": "delivered",
}

PENDING = {
    "not_placed": ("to_store", "ready", "to_customer", "parking", "conditions"),
    "placed": ("to_store", "ready", "to_customer", "parking", "conditions"),
    "accepted": ("to_store", "ready", "to_customer", "parking", "conditions"),
    "courier_assigned": ("to_store", "ready", "to_customer", "parking", "conditions"),
    "courier_at_store": ("ready", "to_customer", "parking", "conditions"),
    "ready": ("to_store", "to_customer", "parking", "conditions"),
    "both_at_store": ("to_customer", "parking", "conditions"),
    "picked_up": ("to_customer", "parking", "conditions"),
    "courier_at_customer": ("parking", "conditions"),
    "delivered": (),
    "cancelled": (),
}


@pytest.mark.parametrize(("happened", "stage"), TRUTH.items())
def test_stages(happened: str, stage: str) -> None:
    assert stage_of(happened.split()) == stage
    assert pending(happened.split()) == PENDING[stage]


def test_every_stage_is_in_the_tables() -> None:
    assert set(TRUTH.values()) == set(STAGES) == set(PENDING)
    assert {stage for stage in STAGES if pending_at(stage)} == set(OPEN_STAGES)


def test_the_stage_of_many_is_the_stage_of_each() -> None:
    events = (*LIFE, "cancelled")
    lives = [set(some) for n in range(4) for some in combinations(events, n)]
    as_of_us = np.full(len(lives), 1_000)
    event_us = {
        event: np.array([999 if event in life else 1_000 for life in lives]) for event in events
    }
    assert stages_of(event_us, as_of_us).tolist() == [stage_of(life) for life in lives]


def test_an_event_at_the_very_moment_has_not_happened() -> None:
    facts = elapsed_facts({"activated": 0, "accepted": 5_000_000}, 5_000_000)
    assert facts["since_activated_s"] == 5.0
    assert math.isnan(facts["since_accepted_s"])
    assert elapsed_facts({"accepted": 5_000_000}, 5_000_001)["since_accepted_s"] == 1e-6


def test_elapsed_facts_of_one_are_those_of_many() -> None:
    rng = np.random.default_rng(5)
    event_us = {event: rng.integers(0, 2_000, 200) for event in LIFE}
    event_us["ready"][::3] = NEVER
    as_of_us = rng.integers(0, 2_000, 200)
    columns = elapsed_columns(event_us, as_of_us)
    assert tuple(columns) == ELAPSED
    for row in range(200):
        one = elapsed_facts({e: int(t[row]) for e, t in event_us.items()}, int(as_of_us[row]))
        assert all(
            math.isnan(one[name])
            if math.isnan(columns[name][row])
            else one[name] == columns[name][row]
            for name in ELAPSED
        )


def test_only_elapsed_facts_are_elapsed() -> None:
    assert all(is_elapsed(elapsed_name(event)) for event in LIFE[:-1])
    assert not is_elapsed("since_delivered_s")
    assert not is_elapsed("distance_m")


def _lives(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Times of orders in which courier and kitchen work side by side."""

    def after(*events: str) -> np.ndarray:
        last: np.ndarray = np.maximum.reduce([life[event] for event in events])
        return last + rng.integers(1, 10**9, n)

    life = {"activated": rng.integers(1, 10**9, n)}
    for event, before in (
        ("dispatched", ("activated",)),
        ("accepted", ("dispatched",)),
        ("courier_assigned", ("dispatched",)),
        ("courier_at_store", ("courier_assigned",)),
        ("ready", ("accepted",)),
        ("picked_up", ("courier_at_store", "ready")),
        ("courier_at_customer", ("picked_up",)),
        ("delivered", ("courier_at_customer",)),
    ):
        life[event] = after(*before)
    return life


def test_the_labels_of_pending_parts_add_up_to_the_rest() -> None:
    rng = np.random.default_rng(11)
    life = _lives(rng, 4_000)
    as_of_us = rng.integers(0, life["delivered"])
    stage = stages_of(life, as_of_us)
    assert set(stage) >= {"not_placed", "courier_at_store", "ready", "picked_up"}
    labels = {
        part: rest_s(part, life, as_of_us) for part in (*PARTS, DIRECT) if part != "conditions"
    }
    for name in set(stage):
        rows = stage == name
        asked = pending_at(name)
        for part in PARTS:
            if part != "conditions":
                assert np.isnan(labels[part][rows]).all() == (part not in asked), (name, part)
        first = np.maximum(np.nan_to_num(labels["to_store"]), np.nan_to_num(labels["ready"]))
        total = first + np.nan_to_num(labels["to_customer"]) + labels["parking"]
        np.testing.assert_allclose(total[rows], labels[DIRECT][rows], atol=1e-5)


def test_what_was_not_recorded_has_no_label() -> None:
    life = _lives(np.random.default_rng(1), 10)
    life["ready"][:] = NEVER
    before = life["activated"] + 1
    assert np.isnan(rest_s("ready", life, before)).all()
    assert np.isnan(rest_s("to_customer", life, before)).all()
    assert not np.isnan(rest_s("to_customer", life, life["picked_up"] + 1)).any()
    assert not np.isnan(rest_s(DIRECT, life, before)).any()


def test_food_that_was_ready_before_anybody_said_so_needs_no_time() -> None:
    life = _lives(np.random.default_rng(2), 50)
    as_of_us = life["ready"] - 1
    really_us = life["ready"] - 10**7
    said = rest_s("ready", life, as_of_us)
    assert (said > 0.0).all()
    assert (rest_s("ready", life, as_of_us, ready_us=really_us) == 0.0).all()
    assert np.isnan(rest_s("ready", life, life["ready"] + 1, ready_us=really_us)).all()
    earlier = rest_s("to_customer", life, life["activated"] + 1, ready_us=really_us)
    later = rest_s("to_customer", life, life["activated"] + 1)
    waits = life["ready"] > life["courier_at_store"]
    assert (earlier >= later).all()
    assert (earlier > later)[waits].all()
