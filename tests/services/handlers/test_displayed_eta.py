"""Ranges for a list of stores: those of the policy, steady in a session, each store on its own."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec
import numpy as np
import pytest

from estimators.core.distribution import Distribution
from estimators.quantiles.calibration import GRID_LEVELS
from services.core.errors import InvalidRequest
from services.core.limits import MAX_STORES
from services.estimation.rows import RequestRows
from services.handlers.display_policy import DisplayPolicy
from services.prediction_log.entries import MAX_LOGGED_STORES
from services.schemas.decoding import decode
from services.schemas.displayed_eta import DisplayedEtaAnswer, DisplayedEtaRequest, Shown
from tests.services.fake_parts import _SPREAD, SECONDS, City, elapsed_of, run

STORES = {"store_id": ["s-1", "s-2"], "facts": {"distance_m": [1_000.0, 4_000.0]}}


def request(**changes: Any) -> DisplayedEtaRequest:
    body: dict[str, Any] = {"stores": STORES, "order": {"zone": "z-1", "products": 2}}
    return decode(msgspec.json.encode({**body, **changes}), DisplayedEtaRequest)


def answer_of(asked: DisplayedEtaRequest, city: City | None = None) -> DisplayedEtaAnswer:
    return run((city or City()).displayed.answer(asked, request_id="r"))


def test_ranges_are_those_of_the_policy() -> None:
    found = answer_of(request()).ranges
    estimate = Distribution(GRID_LEVELS, np.array([[1_100.0], [2_600.0]]) * _SPREAD)
    expected = DisplayPolicy().ranges(estimate)
    assert found.low_s == expected.low_s.tolist()
    assert found.high_s == expected.high_s.tolist()
    assert found.late == pytest.approx(expected.late.tolist(), abs=1e-4)
    assert found.inside == pytest.approx(expected.inside.tolist(), abs=1e-4)
    assert found.status == ["ok", "ok"]


def test_the_order_does_not_exist_yet_and_only_the_wall_eta_is_asked() -> None:
    city = City()
    answer_of(request(), city)
    ((part, rows),) = city.parts.asked[0].items()
    assert part == "direct"
    assert elapsed_of(rows) == {}
    assert list(rows.sample_ids) == [None, None]
    assert list(rows.columns["zone"]) == ["z-1", "z-1"]
    assert list(rows.columns["distance_m"]) == [1_000.0, 4_000.0]


def test_a_request_may_want_another_policy() -> None:
    found = answer_of(request(policy={"level": 0.5, "greatest_width_s": 900.0}))
    widths = [
        high - low  # type: ignore[operator]
        for low, high in zip(found.ranges.low_s, found.ranges.high_s, strict=True)
    ]
    assert max(widths) <= 900.0
    assert found.policy == {**asdict(DisplayPolicy()), "level": 0.5, "greatest_width_s": 900.0}


def drifting(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the Wall ETA of every store be so much more than it was."""
    monkeypatch.setitem(SECONDS, "direct", lambda rows: _direct(rows) + seconds)


def _direct(rows: RequestRows) -> Any:
    return 600.0 + np.array(rows.columns["distance_m"]) / 2.0


def test_a_number_that_was_shown_stays_until_there_is_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    city = City()
    first = answer_of(request(), city)
    assert (first.seen, first.changed, first.jump_rate) == (0, 0, 0.0)
    drifting(monkeypatch, 140.0)
    alone = answer_of(request(), city).ranges.high_s
    assert alone != first.ranges.high_s, "without memory the number would jump"
    second = answer_of(request(shown=msgspec.to_builtins(first.shown)), city)
    assert second.ranges.high_s == first.ranges.high_s
    assert (second.seen, second.changed, second.jump_rate) == (2, 0, 0.0)
    drifting(monkeypatch, 900.0)
    third = answer_of(request(shown=msgspec.to_builtins(second.shown)), city)
    assert (third.seen, third.changed, third.jump_rate) == (2, 2, 1.0)
    assert third.ranges.changed == [True, True]
    outcomes = {
        outcome: city.registry.get_sample_value(
            "doorstep_displayed_ranges_total", {"outcome": outcome}
        )
        for outcome in ("first", "kept", "changed")
    }
    assert outcomes == {"first": 4.0, "kept": 2.0, "changed": 2.0}


def test_stores_are_known_by_their_ids_not_their_places() -> None:
    city = City()
    first = answer_of(request(), city)
    swapped = {"store_id": ["s-2", "s-9"], "facts": {"distance_m": [4_000.0, 500.0]}}
    second = answer_of(request(stores=swapped, shown=msgspec.to_builtins(first.shown)), city)
    assert second.seen == 1
    assert second.ranges.low_s[0] == first.ranges.low_s[1]
    # The store of the other page is remembered, too.
    assert second.shown.store_id == ["s-2", "s-9", "s-1"]


def test_what_is_remembered_is_bounded() -> None:
    many = {"store_id": [f"s-{k}" for k in range(MAX_STORES)]}
    first = answer_of(request(stores=many))
    others = {"store_id": [f"t-{k}" for k in range(MAX_STORES)]}
    second = answer_of(request(stores=others, shown=msgspec.to_builtins(first.shown)))
    assert second.shown.store_id == others["store_id"]


def test_a_bad_store_refuses_itself_alone() -> None:
    city = City()
    stores = {"store_id": ["s-1", "s-2"], "facts": {"distance_m": ["far", 4_000.0]}}
    found = answer_of(request(stores=stores), city)
    assert found.ranges.low_s[0] is None
    assert found.ranges.status == [None, "ok"]
    assert found.ranges.low_s[1] == answer_of(request()).ranges.low_s[1]
    (problem,) = found.problems
    assert (problem.row, problem.field) == (0, "stores.facts.distance_m[0]")
    assert found.shown.store_id == ["s-2"]
    assert (city.counted("ok"), city.counted("refused")) == (1.0, 1.0)


def test_only_bad_stores_are_an_answer() -> None:
    stores = {"store_id": ["s-1"], "facts": {"distance_m": ["far"]}}
    found = answer_of(request(stores=stores))
    assert found.ranges.status == [None]
    assert found.shown == Shown(store_id=[], low_s=[], high_s=[])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"order": {"zoen": "z"}}, "order.zoen"),
        ({"order": {"products": "two"}}, "order.products"),
        ({"stores": {"store_id": [1], "facts": {"distance_m": []}}}, "stores.facts.distance_m"),
        ({"stores": {"store_id": [1], "facts": {"far": [1]}}}, "stores.facts.far"),
        ({"policy": {"level": 0.2}}, "policy.level"),
        ({"policy": {"step_s": 7_000.0}}, "policy.step_s"),
        ({"policy": {"step_s": 240.0, "least_width_s": 600.0}}, "policy"),
        ({"shown": {"store_id": ["s-1"], "low_s": [], "high_s": [1.0]}}, "shown.low_s"),
        ({"shown": {"store_id": ["s-1"], "low_s": [2.0], "high_s": [1.0]}}, "shown.high_s[0]"),
    ],
)
def test_what_does_not_fit_refuses_the_request(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        answer_of(request(**changes))
    assert refusal.value.field == field


def test_some_stores_of_a_long_list_are_logged() -> None:
    city = City()
    answer_of(request(stores={"store_id": [f"s-{k}" for k in range(MAX_STORES)]}), city)
    assert len(city.log.rows) == MAX_LOGGED_STORES
    assert {row.order["zone"] for row in city.log.rows} == {"z-1"}
    assert {row.model_tag for row in city.log.rows} == {"eta_direct:test"}


def test_a_fallback_is_said_of_each_store() -> None:
    city = City()
    city.parts.statuses = {"direct": "fallback"}
    found = answer_of(request(), city)
    assert found.ranges.status == ["fallback", "fallback"]
    assert found.ranges.notes[1] == ["direct is not itself"]
    assert city.counted("fallback") == 2
