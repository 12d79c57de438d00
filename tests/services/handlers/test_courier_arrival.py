"""When couriers walk into a store: estimates while they come, facts afterwards, one row each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from services.schemas.decoding import decode
from services.schemas.eta import ArrivalAnswer, CourierArrivalAnswer, CourierArrivalRequest
from tests.services.building import NOON, at
from tests.services.fake_parts import City, elapsed_of, run


def answer_of(city: City, *orders: Any, **changes: Any) -> CourierArrivalAnswer:
    rows = [{"order_id": one} if isinstance(one, str) else one for one in orders]
    body = msgspec.json.encode({"orders": rows, **changes})
    return run(city.arrival.answer(decode(body, CourierArrivalRequest), request_id="r"))


def the_row(answer: CourierArrivalAnswer, row: int = 0) -> ArrivalAnswer:
    found = answer.rows[row].answer
    assert found is not None, answer.rows[row].problem
    return found


def placed(city: City, order: str = "o-1") -> None:
    city.happens(order, "activated", at(-8), store_id="s-1", products=2)
    city.happens(order, "accepted", at(-4))


def test_an_order_from_placing_to_delivery() -> None:
    city = City()
    placed(city)
    found = the_row(answer_of(city, "o-1"))
    assert found.courier == "not_assigned"
    assert found.expected_in_s == pytest.approx(240.0 + 20.0 + 250.0, abs=1.0)

    city.happens("o-1", "courier_assigned", at(-2), courier_id="c-1", distance_to_store_m=800.0)
    found = the_row(answer_of(city, "o-1"))
    assert found.courier == "on_the_way"
    assert found.expected_in_s == pytest.approx(220.0, abs=1.0)
    assert found.expected_in_s is not None
    assert found.expected_at == NOON + timedelta(seconds=found.expected_in_s)
    assert found.arrival_s is not None
    assert found.arrival_at is not None
    assert found.arrival_at["0.9"] == NOON + timedelta(seconds=found.arrival_s["0.9"])
    assert not found.food_ready
    rows = city.parts.asked[-1]
    assert set(rows) == {"to_store", "ready"}, "what follows at the customer is not asked"
    assert elapsed_of(rows["to_store"])["since_courier_assigned_s"] == 120.0

    city.happens("o-1", "ready", at(-1))
    found = the_row(answer_of(city, "o-1"))
    assert (found.courier, found.food_ready, found.ready_on_arrival) == ("on_the_way", True, 1.0)
    assert found.courier_wait_s == 0.0

    city.happens("o-1", "courier_at_store", at(-0.5))
    found = the_row(answer_of(city, "o-1"))
    assert (found.courier, found.arrived_at) == ("at_store", at(-0.5))
    assert (found.expected_in_s, found.arrival_s) == (None, None)

    city.happens("o-1", "picked_up", at(-0.25))
    assert the_row(answer_of(city, "o-1")).courier == "picked_up"
    city.happens("o-1", "delivered", at(-0.1))
    found = the_row(answer_of(city, "o-1"))
    assert (found.courier, found.arrived_at) == ("delivered", at(-0.5))


def test_what_has_not_happened_by_then_is_not_known() -> None:
    city = City()
    placed(city)
    city.happens("o-1", "courier_assigned", at(-2), courier_id="c-1", distance_to_store_m=800.0)
    city.happens("o-1", "courier_at_store", at(1))
    assert the_row(answer_of(city, "o-1")).courier == "on_the_way"
    earlier = answer_of(city, "o-1", as_of=at(-3).isoformat())
    assert the_row(earlier).courier == "not_assigned"
    assert "courier_id" not in city.parts.asked[-1]["to_store"].columns
    # An event has happened iff its time is before the moment.
    exactly = answer_of(city, "o-1", as_of=at(1).isoformat())
    assert the_row(exactly).courier == "on_the_way"


def test_a_request_may_know_more_than_the_store() -> None:
    city = City()
    placed(city)
    more = {
        "order_id": "o-1",
        "order": {"distance_to_store_m": 400.0},
        "happened": {"courier_assigned": at(-1).isoformat()},
    }
    assert the_row(answer_of(city, more)).expected_in_s == pytest.approx(120.0, abs=1.0)
    taken_back = {**more, "happened": {"accepted": None}}
    answer_of(city, taken_back)
    assert "since_accepted_s" not in elapsed_of(city.parts.asked[-1]["to_store"])


def test_rows_are_apart() -> None:
    city = City()
    placed(city)
    placed(city, "o-2")
    city.happens("o-2", "cancelled", at(-1))
    found = answer_of(
        city,
        "o-1",
        "nobody",
        {"order_id": "o-1", "order": {"amonut": 1}},
        {"order_id": "o-1", "happened": {"asigned": None}},
        {"order_id": None},
        "o-2",
        {"order_id": "new", "order": {"store_id": "s-1"}},
    )
    assert found.refused == 4
    reasons = [row.problem.reason if row.problem else None for row in found.rows]
    assert "unknown to the event store" in str(reasons[1])
    assert "did you mean 'amount'" in str(reasons[2])
    assert "courier_assigned" in str(reasons[3])
    assert found.rows[4].problem is not None
    assert found.rows[4].problem.field == "order_id"
    assert the_row(found, 5).courier == "cancelled"
    assert the_row(found, 6).status == "degraded"
    assert the_row(found) == the_row(answer_of(city, "o-1"))


def test_a_store_that_is_down_degrades_and_does_not_fail() -> None:
    city = City()
    placed(city)
    city.event_store.is_down = True
    found = the_row(answer_of(city, "o-1"))
    assert found.status == "degraded"
    assert "cannot be read now" in found.notes[0]
    assert found.expected_in_s is not None


def test_an_arrival_that_nobody_recorded_is_said_to_be_so() -> None:
    city = City()
    placed(city)
    city.happens("o-1", "picked_up", at(-1))
    found = the_row(answer_of(city, "o-1"))
    assert found.arrived_at == at(-1)
    assert "nobody recorded" in found.notes[0]


def test_only_facts_need_no_model() -> None:
    city = City()
    placed(city)
    city.happens("o-1", "courier_at_store", at(-1))
    found = answer_of(city, "o-1")
    assert city.parts.asked == []
    assert found.models == {}


def test_arrivals_are_logged() -> None:
    city = City()
    placed(city)
    found = the_row(answer_of(city, "o-1", levels=[0.5]))
    (row,) = city.log.rows
    assert row.mean_s == found.expected_in_s
    assert row.sample_id == "o-1"
    assert list(row.levels) == [0.5]
    assert city.counted("ok") == 1
