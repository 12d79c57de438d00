"""What is known of an order at a moment: the store's word, the request's, and never the future."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from aggregators.times import moment_to_us
from estimators.core.stages import ELAPSED, elapsed_facts
from services.composition.order_book import KnownOrder, elapsed_columns_of
from simulator import ORDERS
from tests.services.building import NOON, at
from tests.services.fake_parts import City, run

NOON_US = moment_to_us(NOON, "noon")


def known(city: City, order_id: Any, happened: Any = None, facts: Any = None) -> KnownOrder:
    def look(samples: Any) -> Any:
        order = city.book.known(
            order_id,
            None if samples is None else samples[0],
            facts or {},
            happened or {},
            NOON_US,
            was_read=samples is not None,
        )
        return order, ()

    found: KnownOrder = run(city.book.find([order_id], NOON_US, look))[0]
    return found


def test_the_strict_rule_of_time() -> None:
    city = City()
    city.happens("o-1", "activated", NOON - timedelta(microseconds=1), amount=9.0)
    city.happens("o-1", "accepted", NOON)
    found = known(city, "o-1")
    assert set(found.happened_us) == {"activated"}
    assert (found.stage, found.facts["amount"]) == ("placed", 9.0)
    same = known(city, "o-1", happened={"accepted": NOON, "ready": at(1)})
    assert same.stage == "placed"


def test_the_request_says_more_and_takes_back() -> None:
    city = City()
    city.happens("o-1", "activated", at(-5), products=2, amount=9.0)
    city.happens("o-1", "accepted", at(-4))
    found = known(
        city,
        "o-1",
        happened={"accepted": None, "courier_assigned": at(-1)},
        facts={"products": 7, "amount": None},
    )
    assert set(found.happened_us) == {"activated", "courier_assigned"}
    assert (found.facts["products"], found.facts["amount"]) == (7, 9.0)


def test_facts_of_events_are_known_from_their_event_on() -> None:
    city = City()
    city.happens("o-1", "activated", at(-5), building="tower", floor=2, vehicle="bike")
    city.happens("o-1", "courier_assigned", at(0), vehicle="car")
    found = known(city, "o-1")
    assert {name: found.facts.get(name) for name in ORDERS.facts} == {
        "building": "tower", "floor": 2, "store_zone": None, "vehicle": None
    }  # fmt: skip
    assert known(city, "o-1", facts={"floor": 7, "building": None}).facts["floor"] == 7
    city.happens("o-2", "courier_assigned", at(-1), vehicle="scooter")
    assert known(city, "o-2").facts["vehicle"] == "scooter"


@pytest.mark.parametrize("floor", ["third", True])
def test_a_recorded_fact_of_the_wrong_type_counts_as_missing_and_is_said(floor: Any) -> None:
    city = City()
    city.happens("o-1", "activated", at(-5), building="tower", floor=floor, store_zone=2.5)
    found = known(city, "o-1")
    assert "floor" not in found.facts
    assert "store_zone" not in found.facts
    assert found.facts["building"] == "tower"
    assert set(found.notes) == {
        "floor is 'third' in the event store, which is no number: it counts as missing"
        if floor == "third"
        else "floor is True in the event store, which cannot be: it counts as missing",
        "store_zone is 2.5 in the event store, which cannot be: it counts as missing",
    }


def test_ids_that_no_order_can_have_are_unknown_and_harm_no_other() -> None:
    city = City()
    city.happens("o-1", "activated", at(-5))
    ids: list[Any] = ["o-1", 7, "nobody", None]
    samples, _ = run(city.book.find(ids, NOON_US, lambda samples: (samples, ())))
    assert samples is not None
    assert [one is not None for one in samples] == [True, False, False, False]


def test_a_store_that_cannot_be_read_is_said() -> None:
    city = City()
    city.event_store.is_down = True
    assert "cannot be read now" in known(city, "o-1").notes[0]
    assert known(city, None).notes == []
    assert known(city, "o-1", happened={"activated": at(-1)}).notes == []


def test_elapsed_facts_are_those_of_training() -> None:
    past = [
        {"activated": NOON_US - 7_654_321, "ready": NOON_US - 1, "delivered": NOON_US - 1},
        {},
        {"courier_assigned": NOON_US - 10**13},
    ]
    columns = elapsed_columns_of(past, NOON_US)
    assert set(columns) == set(ELAPSED)
    for row, happened in enumerate(past):
        for name, seconds in elapsed_facts(happened, NOON_US).items():
            found = columns[name][row]
            assert found == seconds or (found is None and seconds != seconds)
