"""The ETA of one order at any stage: what is past is fact, and the parts add up exactly."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.core.errors import InvalidRequest
from services.schemas.decoding import decode
from services.schemas.eta import EtaAnswer, EtaRequest
from tests.services.building import NOON, at
from tests.services.fake_parts import City, run

LIFE: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("not_placed", "", {}),
    ("placed", "activated", {"store_id": "s-1", "products": 6, "distance_m": 1_234.0}),
    ("accepted", "accepted", {}),
    ("courier_assigned", "courier_assigned", {"courier_id": "c", "distance_to_store_m": 777.0}),
    ("courier_at_store", "courier_at_store", {}),
    ("both_at_store", "ready", {}),
    ("picked_up", "picked_up", {}),
    ("courier_at_customer", "courier_at_customer", {}),
    ("delivered", "delivered", {}),
)
PAST = {
    "courier_at_store": {"to_store"},
    "both_at_store": {"to_store", "wait"},
    "picked_up": {"to_store", "wait"},
    "courier_at_customer": {"to_store", "wait", "to_customer"},
}


def answer_of(city: City, **changes: Any) -> EtaAnswer:
    body = msgspec.json.encode({"order_id": "o-1", **changes})
    return run(city.eta.answer(decode(body, EtaRequest), request_id="r"))


@pytest.mark.parametrize("last", range(len(LIFE) - 1))
def test_parts_sum_exactly_in_the_json_at_every_stage(last: int) -> None:
    city = City()
    for k, (_, event, facts) in enumerate(LIFE[: last + 1]):
        if event:
            city.happens("o-1", event, at(k / 10.0 - 1.0), **facts)
    said: dict[str, Any] = {} if last else {"order": {"products": 3}}
    answer = msgspec.json.decode(msgspec.json.encode(answer_of(city, **said)))
    stage = LIFE[last][0]
    assert answer["stage"] == stage
    parts = answer["expected_s"]
    assert sum(parts.values()) == answer["expected_eta_s"]
    assert all((8.0 * seconds).is_integer() for seconds in parts.values())
    assert {name for name, seconds in parts.items() if not seconds} == PAST.get(stage, set())
    assert answer["eta_s"]["0.1"] < answer["eta_s"]["0.9"]
    assert (answer["at_store_s"] is None) == ("to_store" in PAST.get(stage, set()))
    expected_at = datetime.fromisoformat(answer["expected_at"])
    assert expected_at - NOON == timedelta(seconds=answer["expected_eta_s"])


def test_a_delivered_order_has_nothing_to_estimate() -> None:
    city = City()
    city.happens("o-1", "activated", at(-30))
    city.happens("o-1", "delivered", at(-2))
    found = answer_of(city)
    assert (found.stage, found.ended_at) == ("delivered", at(-2))
    assert found.expected_eta_s is None
    assert found.notes == ["the order is delivered: there is nothing to estimate"]
    assert city.parts.asked == []
    city.happens("o-2", "cancelled", at(-1))
    assert answer_of(city, order_id="o-2").stage == "cancelled"


def test_an_order_that_does_not_exist_yet() -> None:
    found = answer_of(City(), order_id=None, order={"products": 2, "distance_m": 900.0})
    assert (found.stage, found.status, found.notes) == ("not_placed", "ok", [])
    assert found.expected_s is not None
    assert found.expected_s["to_customer"] == pytest.approx(240.0, abs=1.0)


def test_an_order_that_nobody_recorded_is_said_to_be_so() -> None:
    found = answer_of(City(), order={"products": 2})
    assert found.status == "degraded"
    assert "no event of the order" in found.notes[0]
    told = answer_of(City(), happened={"activated": at(-1).isoformat()})
    assert (told.stage, told.status) == ("placed", "ok")


def test_the_request_counts_more_than_the_store() -> None:
    city = City()
    city.happens("o-1", "activated", at(-9), products=2, distance_m=1_000.0)
    answer_of(city, order={"products": 5, "distance_m": None})
    columns = city.parts.asked[-1]["ready"].columns
    assert columns["products"] == [5]
    assert columns["distance_m"] == [1_000.0]


def test_what_is_known_from_a_later_event_is_not_known_before() -> None:
    city = City()
    city.happens("o-1", "activated", at(-9), products=2)
    city.happens("o-1", "courier_assigned", at(-1), courier_id="c", distance_to_store_m=7.0)
    answer_of(city, as_of=at(-5).isoformat())
    assert "distance_to_store_m" not in city.parts.asked[-1]["to_store"].columns
    answer_of(city)
    assert city.parts.asked[-1]["to_store"].columns["distance_to_store_m"] == [7.0]


def test_a_store_that_is_down_degrades() -> None:
    city = City()
    city.event_store.is_down = True
    found = answer_of(city, order={"products": 2}, happened={"activated": at(-2).isoformat()})
    assert found.expected_eta_s is not None
    city.parts.statuses = {"ready": "fallback"}
    worse = answer_of(city)
    assert worse.status == "fallback"
    assert any("cannot be read now" in note for note in worse.notes)
    assert "ready is not itself" in worse.notes


def test_what_answered_is_named_and_logged() -> None:
    city = City()
    city.happens("o-1", "activated", at(-9), products=2)
    found = answer_of(city, levels=[0.25, 0.75])
    assert {name: info.tag for name, info in found.models.items()} == {
        "eta": "eta:test",
        **{
            part: f"eta_{part}:test"
            for part in ("ready", "to_store", "to_customer", "parking", "conditions")
        },
    }
    (row,) = city.log.rows
    assert (row.mean_s, row.sample_id) == (found.expected_eta_s, "o-1")
    assert found.eta_s is not None
    assert list(row.quantiles_s) == list(found.eta_s.values())
    assert city.counted("ok") == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"order": {"prodcts": 2}}, "order.prodcts"),
        ({"order": {"products": "2"}}, "order.products"),
        ({"order": {"since_accepted_s": 3.0}}, "order.since_accepted_s"),
        ({"happened": {"acepted": None}}, "happened.acepted"),
        ({"happened": {"activated": "0001-01-01T00:00:00+05:00"}}, "happened.activated"),
        ({"as_of": "9999-12-31T23:30:00Z"}, "as_of"),
    ],
)
def test_refuses_what_cannot_be(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        answer_of(City(), **changes)
    assert refusal.value.field == field
