"""What all endpoints do with orders that nobody knows, that never ended, or whose facts are odd."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.core.errors import UnknownOrder
from services.core.limits import STALE_ORDER_S
from services.schemas.courier_selection import CourierSelectionRequest
from services.schemas.decoding import decode
from services.schemas.displayed_eta import DisplayedEtaRequest
from services.schemas.eta import CourierArrivalRequest, EtaRequest
from tests.services.building import at
from tests.services.fake_parts import City, run

DAY_MINUTES = STALE_ORDER_S / 60.0


def eta(city: City, **body: Any) -> Any:
    request = decode(msgspec.json.encode(body), EtaRequest)
    return run(city.eta.answer(request, request_id="r"))


def arrivals(city: City, *orders: dict[str, Any]) -> Any:
    request = decode(msgspec.json.encode({"orders": list(orders)}), CourierArrivalRequest)
    return run(city.arrival.answer(request, request_id="r"))


def selection(city: City, ids: list[Any], couriers: Any = None, **facts: list[Any]) -> Any:
    body = {
        "orders": {"order_id": ids, "facts": facts},
        "couriers": couriers or {"courier_id": ["c-1"]},
    }
    request = decode(msgspec.json.encode(body), CourierSelectionRequest)
    return run(city.selection.answer(request, request_id="r"))


@pytest.mark.parametrize("order_id", ["nobody", 7])
def test_an_order_that_nobody_knows_and_of_which_nothing_is_said_is_not_found(
    order_id: Any,
) -> None:
    city = City()
    city.happens("o-1", "activated", at(-5), products=2)
    for said in ({}, {"order": {"products": None}}):
        with pytest.raises(UnknownOrder, match="unknown to the event store") as caught:
            eta(city, order_id=order_id, **said)
        assert (caught.value.http_status, caught.value.field) == (404, "order_id")
    found = arrivals(city, {"order_id": order_id}, {"order_id": "o-1"})
    assert found.rows[0].problem.error == "not_found"
    assert found.rows[0].problem.field == "order_id"
    assert found.rows[1].answer.status == "ok"
    chosen = selection(city, [order_id, "o-1"])
    assert [one.field for one in chosen.problems] == ["orders.order_id[0]"]
    assert "unknown to the event store" in chosen.problems[0].reason
    assert (chosen.refused, chosen.pairs.order) == (1, [1])


@pytest.mark.parametrize("order_id", ["nobody", 7])
def test_an_unknown_order_whose_facts_are_said_counts_as_not_placed(order_id: Any) -> None:
    city = City()
    city.happens("o-1", "activated", at(-5), products=2)
    facts = {"products": 2, "distance_m": 900.0}
    expected = eta(city, order_id=None, order=facts)
    found = eta(city, order_id=order_id, order=facts)
    assert (found.status, found.stage) == ("degraded", "not_placed")
    assert "counts as not placed" in found.notes[0]
    assert found.expected_eta_s == expected.expected_eta_s
    assert city.parts.asked[-1]["ready"].sample_ids == [None], "there is nothing to leave out"
    row = arrivals(city, {"order_id": order_id, "order": facts}).rows[0].answer
    assert (row.status, row.courier) == ("degraded", "not_assigned")
    chosen = selection(city, [order_id], products=[2])
    assert chosen.orders.status == ["degraded"]
    assert "counts as not placed" in chosen.orders.notes[0][0]


def test_a_store_that_cannot_be_read_makes_no_order_unknown() -> None:
    city = City()
    city.event_store.is_down = True
    assert eta(city, order_id="o-1").status == "degraded"
    assert arrivals(city, {"order_id": "o-1"}).rows[0].answer.status == "degraded"
    assert selection(city, ["o-1"]).orders.status == ["degraded"]
    assert city.parts.asked[0]["ready"].sample_ids == ["o-1"]


LAST = [
    ("activated", "placed"),
    ("courier_assigned", "courier_assigned"),
    ("courier_at_store", "courier_at_store"),
    ("picked_up", "picked_up"),
]


@pytest.mark.parametrize(("event", "stage"), LAST)
def test_an_order_that_never_ended_is_said_to_be_stale(event: str, stage: str) -> None:
    city = City()
    for minutes, order_id in ((90 * DAY_MINUTES, "old"), (DAY_MINUTES - 1.0, "fresh")):
        city.happens(order_id, "activated", at(-minutes), products=2)
        city.happens(order_id, event, at(-minutes))
    found = eta(city, order_id="old")
    assert (found.status, found.stage) == ("degraded", stage)
    assert found.expected_eta_s is None
    assert found.eta_s is None
    assert f"its last event, {event}, was 90.0 days ago" in found.notes[0]
    assert eta(city, order_id="fresh").expected_eta_s is not None
    stale, fresh = (
        row.answer for row in arrivals(city, {"order_id": "old"}, {"order_id": "fresh"}).rows
    )
    assert stale.expected_in_s is None
    assert (stale.status, "stale" in stale.notes[-1]) == ("degraded", True)
    assert fresh.status == "ok"
    if event in ("activated", "courier_assigned"):
        chosen = selection(city, ["old", "fresh"])
        assert chosen.pairs.order == [1]
        assert "stale" in chosen.problems[0].reason


def test_what_has_ended_is_not_stale_and_what_a_request_says_counts() -> None:
    city = City()
    city.happens("o-1", "activated", at(-90 * DAY_MINUTES))
    city.happens("o-1", "delivered", at(-89 * DAY_MINUTES))
    assert (eta(city, order_id="o-1").status, eta(city, order_id="o-1").stage) == (
        "ok",
        "delivered",
    )
    city.happens("o-2", "activated", at(-90 * DAY_MINUTES))
    assert eta(city, order_id="o-2", happened={"accepted": at(-3).isoformat()}).status == "ok"
    long_ago = {"courier_assigned": at(-90 * DAY_MINUTES).isoformat()}
    assert "stale" in eta(city, order_id="o-3", happened=long_ago).notes[-1]


def test_a_fact_in_the_store_that_cannot_be_counts_as_missing() -> None:
    city = City()
    city.happens("o-1", "activated", at(-5), products=2, amount=-5.0, distance_m=900.0)
    found = eta(city, order_id="o-1")
    assert found.status == "degraded"
    assert found.notes == [
        "amount in the event store is -5; expected the price of the order from 0 to 1e+09: it"
        " counts as missing"
    ]
    assert "amount" not in city.parts.asked[-1]["ready"].columns


def test_notes_of_a_part_that_is_as_it_should_be_are_told() -> None:
    city = City()
    city.parts.notes = {"to_store": "vehicle is 'hovercraft', which training did not see"}
    note = [city.parts.notes["to_store"]]
    city.happens("o-1", "activated", at(-5), products=2)
    found = eta(city, order_id="o-1", order={"vehicle": "hovercraft"})
    assert (found.status, found.notes) == ("ok", note)
    row = arrivals(city, {"order_id": "o-1", "order": {"vehicle": "hovercraft"}}).rows[0].answer
    assert (row.status, row.notes) == ("ok", note)
    chosen = selection(city, ["o-1"])
    assert (chosen.orders.status, chosen.orders.notes) == (["ok"], [note])


def test_ids_of_another_type_than_the_model_knows_refuse_their_row() -> None:
    city = City()
    city.happens("o-1", "activated", at(-5), products=2)
    chosen = selection(
        city, ["o-1"], {"courier_id": ["c-1", 7, "c-3"], "facts": {"vehicle": ["car", "car", 3]}}
    )
    assert {(one.kind, one.field) for one in chosen.problems} == {
        ("courier", "couriers.courier_id[1]"),
        ("courier", "couriers.facts.vehicle[2]"),
    }
    assert chosen.pairs.courier == [0]
    body = {"stores": {"store_id": ["s-1", 7]}, "order": {}}
    request = decode(msgspec.json.encode(body), DisplayedEtaRequest)
    shown = run(city.displayed.answer(request, request_id="r"))
    assert [one.field for one in shown.problems] == ["stores.store_id[1]"]
    assert shown.ranges.low_s[0] is not None
