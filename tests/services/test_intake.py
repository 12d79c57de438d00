"""Events from JSON into a store: the good ones are kept, a bad one refuses itself alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aggregators import Event, MemoryEventStore, StoreError
from services.cloudevents import from_cloud_event, to_cloud_event
from services.decoding import decode
from services.errors import InvalidRequest, Unavailable
from services.intake import split_batch, take_events
from services.limits import MAX_EVENTS
from services.schemas import CloudEvent, EventsAnswer
from tests.services.building import ORDERS, at, cloud_event, make_store


def take(store: MemoryEventStore, *events: Any) -> EventsAnswer:
    return take_events(split_batch(msgspec.json.encode(events)), store, request_id="r-1")


def test_events_are_in_the_store_when_the_answer_is_there() -> None:
    store = make_store()
    answer = take(
        store, cloud_event(), cloud_event(id="e-2", type="ready", time="2026-03-02T12:09:00Z")
    )
    assert (answer.accepted, answer.refused, answer.applied) == (2, 0, 2)
    row = store.table(ORDERS).iloc[0]
    assert row["store_id"] == "s-1"
    assert (row["ready"] - row["dispatched"]).total_seconds() == 540.0


def test_one_event_needs_no_list() -> None:
    body = msgspec.json.encode(cloud_event())
    assert take_events(split_batch(body), make_store(), request_id="r").accepted == 1


def test_a_second_delivery_changes_nothing() -> None:
    store = make_store()
    take(store, cloud_event())
    again = take(store, cloud_event(id="another id"))
    assert (again.accepted, again.applied, again.duplicates) == (1, 0, 1)


def test_a_later_record_corrects_and_an_earlier_one_is_superseded() -> None:
    store = make_store()
    take(store, cloud_event(recordedtime="2026-03-02T12:00:05Z"))
    corrected = cloud_event(time="2026-03-02T12:01:00Z", recordedtime="2026-03-02T12:00:09Z")
    assert take(store, corrected).applied == 1
    assert take(store, cloud_event(recordedtime="2026-03-02T12:00:01Z")).superseded == 1
    assert store.table(ORDERS)["dispatched"].iloc[0] == at(1)


def test_a_retraction_removes() -> None:
    store = make_store()
    take(store, cloud_event())
    take(store, cloud_event(retracted=True, recordedtime="2026-03-02T13:00:00Z"))
    table = store.table(ORDERS)
    assert not len(table) or table["dispatched"].isna().all()


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"specversion": "0.3"}, "specversion", "0.3"),
        ({"source": "weather"}, "source", "known: orders"),
        ({"source": None}, "source", "required"),
        ({"type": "redy"}, "type", "did you mean 'ready'?"),
        ({"subject": None}, "subject", "required"),
        ({"subject": 1.5}, "subject", "got `float`"),
        ({"time": "2026-03-02T12:00:00"}, "time", "timezone"),
        ({"time": None}, "time", "required"),
        ({"datacontenttype": "text/plain"}, "datacontenttype", "text/plain"),
        ({"data": {"stor_id": "s"}}, "data.stor_id", "did you mean 'store_id'?"),
        ({"data": {"products": "two"}}, "data", "'two'"),
        ({"data": {"store_id": [1]}}, "data", "[1]"),
        ({"data": "x"}, "data", "got `str`"),
        ({"priority": 1}, "priority", "unknown field"),
        ({"subject": 2**70}, "", "64-bit"),
    ],
)
def test_a_bad_event_says_why_and_harms_no_other(
    changes: dict[str, Any], field: str, reason: str
) -> None:
    store = make_store()
    good = [cloud_event(id=f"good-{i}", subject=f"o-{i}") for i in range(3)]
    bad = cloud_event(**{"id": "bad", **changes})
    answer = take(store, good[0], bad, *good[1:])
    assert [status.status for status in answer.events] == [
        "accepted", "refused", "accepted", "accepted"
    ]  # fmt: skip
    refused = answer.events[1]
    assert refused.id == "bad"
    assert refused.field == field
    assert reason in refused.reason
    assert (answer.accepted, answer.refused, answer.applied) == (3, 1, 3)
    assert len(store.table(ORDERS)) == 3


def test_an_event_that_is_no_object_has_no_id() -> None:
    answer = take(make_store(), 7, cloud_event())
    assert answer.events[0].id is None
    assert [status.status for status in answer.events] == ["refused", "accepted"]


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'[{"id": 1},', b"\xff"])
def test_a_body_that_is_no_batch_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        split_batch(body)


def test_the_limit_of_events_is_exact() -> None:
    assert len(split_batch(msgspec.json.encode([1] * MAX_EVENTS))) == MAX_EVENTS
    with pytest.raises(InvalidRequest, match=str(MAX_EVENTS)):
        split_batch(msgspec.json.encode([1] * (MAX_EVENTS + 1)))


def test_a_store_that_fails_acknowledges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store()

    def fail(events: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(store, "append", fail)
    with pytest.raises(Unavailable) as caught:
        take(store, cloud_event())
    assert caught.value.http_status == 503
    assert "send it again" in caught.value.reason


def test_events_survive_the_way_over_the_wire() -> None:
    events = [
        Event("orders", "o-1", "dispatched", at(0), {"store_id": "s", "products": 0.1 + 0.2}),
        Event("orders", 7, "ready", at(1.000001), {}, at(5), True),
    ]
    for event in events:
        message = decode(msgspec.json.encode(to_cloud_event(event)), CloudEvent)
        back = from_cloud_event(message, {"orders": ORDERS})
        assert (back.sample_id, back.event, back.time_us) == (
            event.sample_id, event.event, event.time_us
        )  # fmt: skip
        assert (back.recorded_us, back.retracted) == (event.recorded_us, event.retracted)
        assert back.checked_data(ORDERS) == event.checked_data(ORDERS)
