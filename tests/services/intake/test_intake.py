"""Events from JSON into a store: the good ones are kept, a bad one refuses itself alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from aggregators import Event, StoreError
from aggregators.stores import EventStore
from aggregators.value_checks import MAX_TEXT_CHARACTERS
from services.core import limits
from services.core.errors import InvalidRequest, Unavailable
from services.core.limits import LARGE_BODY_BYTES, MAX_EVENTS
from services.core.settings.events import UnknownData
from services.intake.cloudevents import from_cloud_event, to_cloud_event
from services.intake.intake import Intake, split_batch
from services.intake.metrics import MAX_NAMED, IntakeMetrics
from services.schemas.common import CloudEvent, EventsAnswer
from services.schemas.decoding import decode
from tests.services.building import FEATURES, ORDERS, at, cloud_event, make_store

SKEW_S = 60.0


def take_body(
    event_store: EventStore,
    body: bytes,
    *,
    headers: Mapping[str, str] | None = None,
    registry: CollectorRegistry | None = None,
    now_min: float = 60.0,
    unknown_data: UnknownData = "ignore",
) -> EventsAnswer:
    """Take one body, an hour after noon unless told otherwise."""
    intake = Intake(
        event_store,
        IntakeMetrics(registry or CollectorRegistry()),
        max_clock_skew_s=SKEW_S,
        unknown_data=unknown_data,
        clock=lambda: at(now_min),
    )
    try:
        return asyncio.run(intake.take(body, request_id="r-1", headers=headers))
    finally:
        intake.close()


def take(event_store: EventStore, *events: Any) -> EventsAnswer:
    return take_body(event_store, msgspec.json.encode(events))


def test_events_are_in_the_store_when_the_answer_is_there() -> None:
    event_store = make_store()
    answer = take(
        event_store, cloud_event(), cloud_event(id="e-2", type="ready", time="2026-03-02T12:09:00Z")
    )
    assert (answer.accepted, answer.refused, answer.applied) == (2, 0, 2)
    row = event_store.table(ORDERS).iloc[0]
    assert row["store_id"] == "s-1"
    assert (row["ready"] - row["dispatched"]).total_seconds() == 540.0


def test_one_event_needs_no_list() -> None:
    body = msgspec.json.encode(cloud_event())
    assert take_body(make_store(), body).accepted == 1


def test_a_second_delivery_changes_nothing() -> None:
    event_store = make_store()
    take(event_store, cloud_event())
    again = take(event_store, cloud_event(id="another id"))
    assert (again.accepted, again.applied, again.duplicates) == (1, 0, 1)


def test_a_later_record_corrects_and_an_earlier_one_is_superseded() -> None:
    event_store = make_store()
    take(event_store, cloud_event(recordedtime="2026-03-02T12:00:05Z"))
    corrected = cloud_event(time="2026-03-02T12:01:00Z", recordedtime="2026-03-02T12:00:09Z")
    assert take(event_store, corrected).applied == 1
    assert take(event_store, cloud_event(recordedtime="2026-03-02T12:00:01Z")).superseded == 1
    assert event_store.table(ORDERS)["dispatched"].iloc[0] == at(1)


def test_a_retraction_removes() -> None:
    event_store = make_store()
    take(event_store, cloud_event())
    take(event_store, cloud_event(retracted=True, recordedtime="2026-03-02T12:59:00Z"))
    table = event_store.table(ORDERS)
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
        ({"data": {"products": "two"}}, "data", "'two'"),
        ({"data": {"store_id": [1]}}, "data", "[1]"),
        ({"data": {"products": 10**400}}, "data", "64-bit float"),
        ({"data": "x"}, "data", "got `str`"),
        ({"data": {"store_id": "s" * 3_000_000}}, "data", "at most 256"),
        ({"subject": "o" * 257}, "subject", "256"),
        ({"recorded_time": "x"}, "recorded_time", "did you mean 'recordedtime'?"),
        ({"data_base64": "eA=="}, "data_base64", "send data as JSON"),
        ({"datacontenttype": "application/json; charset=latin-1"}, "datacontenttype", "UTF-8"),
        ({"subject": 2**70}, "subject", "64-bit"),
        ({"time": "0001-01-01T00:00:00+14:00"}, "time", "outside the span"),
    ],
)
def test_a_bad_event_says_why_and_harms_no_other(
    changes: dict[str, Any], field: str, reason: str
) -> None:
    event_store = make_store()
    good = [cloud_event(id=f"good-{i}", subject=f"o-{i}") for i in range(3)]
    bad = cloud_event(**{"id": "bad", **changes})
    answer = take(event_store, good[0], bad, *good[1:])
    assert [status.status for status in answer.events] == [
        "accepted", "refused", "accepted", "accepted"
    ]  # fmt: skip
    refused = answer.events[1]
    assert refused.id == "bad"
    assert refused.field == field
    assert reason in refused.reason
    assert (answer.accepted, answer.refused, answer.applied) == (3, 1, 3)
    assert len(event_store.table(ORDERS)) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"partitionkey": "a", "sequence": 7, "comexample9": True},
        {"datacontenttype": "application/json; charset=utf-8"},
        {"datacontenttype": 'Application/JSON;charset="UTF-8"'},
        {"datacontenttype": "application/vnd.orders+json"},
        {"datacontenttype": None},
        {"retracted": None},
    ],
)
def test_what_cloudevents_allow_is_taken(changes: dict[str, Any]) -> None:
    event_store = make_store()
    body = msgspec.json.encode([cloud_event() | changes])
    answer = take_body(event_store, body)
    assert [status.status for status in answer.events] == ["accepted"]
    assert event_store.table(ORDERS)["store_id"].tolist() == ["s-1"]


def test_unknown_data_are_left_out_and_counted_and_their_first_names_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry, event_store = CollectorRegistry(), make_store()
    known = {"store_id": "s-1", "products": 2}
    body = msgspec.json.encode(
        [
            cloud_event(data={**known, "currency": "EUR"}),
            cloud_event(subject="o-2", data={**known, "currency": "EUR", "tip": {"cents": [3]}}),
            cloud_event(subject="o-3", priority=1),
            cloud_event(subject="o-4", type="never", data={"currency": "EUR"}),
        ]
    )
    answer = take_body(event_store, body, registry=registry)
    assert [status.status for status in answer.events] == ["accepted"] * 3 + ["refused"]
    table = event_store.table(ORDERS)
    assert table["store_id"].tolist() == ["s-1"] * 3
    assert table["products"].tolist()[:2] == [2.0, 2.0]
    name = "doorstep_event_fields_ignored_total"
    assert registry.get_sample_value(name, {"source": "orders", "part": "data"}) == 3.0
    assert registry.get_sample_value(name, {"source": "orders", "part": "attribute"}) == 1.0
    said = [record.getMessage() for record in caplog.records]
    for field in ("currency", "tip", "priority"):
        assert sum(repr(field) in line for line in said) == 1


def test_requests_and_stores_have_the_same_limit_of_characters() -> None:
    assert limits.MAX_TEXT_CHARACTERS == MAX_TEXT_CHARACTERS  # clients import the former alone


def test_senders_cannot_fill_the_log_with_names(caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    data = {f"{number}" + "x" * 1_000: number for number in range(2 * MAX_NAMED)}
    body = msgspec.json.encode([cloud_event(data=data)])
    assert take_body(make_store(), body, registry=registry).accepted == 1
    assert len(caplog.records) == MAX_NAMED
    assert max(len(record.getMessage()) for record in caplog.records) < 400
    name, labels = "doorstep_event_fields_ignored_total", {"source": "orders", "part": "data"}
    assert registry.get_sample_value(name, labels) == 2.0 * MAX_NAMED


def test_unknown_data_refuse_their_event_where_that_is_the_setting() -> None:
    event_store = make_store()
    body = msgspec.json.encode(
        [cloud_event(data={"stor_id": "s"}), cloud_event(subject="o-2", priority=1)]
    )
    answer = take_body(event_store, body, unknown_data="refuse")
    assert [(status.status, status.field) for status in answer.events] == [
        ("refused", "data.stor_id"), ("accepted", "")
    ]  # fmt: skip
    assert "did you mean 'store_id'?" in answer.events[0].reason


@pytest.mark.parametrize(
    "broken",
    [
        b"7",
        b'"text"',
        b"null",
        b"[]",
        b'{"id": "\xff"}',
        b'{"id": "\\ud800"}',
        b'{"id": "a", "data": {"products": NaN}}',
        b'{"id": "a", "data": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"id": "],"}',
        b"tru",
    ],
)
def test_a_broken_element_never_refuses_its_batch(broken: bytes) -> None:
    good = msgspec.json.encode(cloud_event())
    event_store = make_store()
    answer = take_body(event_store, b"[" + good + b", " + broken + b"]")
    assert [status.status for status in answer.events] == ["accepted", "refused"]
    assert answer.events[1].reason
    assert len(event_store.table(ORDERS)) == 1


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
    event_store = make_store()

    def fail(events: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(event_store, "append", fail)
    with pytest.raises(Unavailable) as caught:
        take(event_store, cloud_event())
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


def test_a_type_that_only_the_store_knows_refuses_its_event_alone() -> None:
    event_store = make_store()
    take(event_store, cloud_event())
    kinds = [cloud_event(id=str(i), subject=f"o-{i}") for i in range(1, 8)]
    kinds[3]["data"] = {"store_id": 7}
    kinds[5]["subject"] = 5
    answer = take(event_store, *kinds)
    refused = [status.id for status in answer.events if status.status == "refused"]
    assert refused == ["4", "6"]
    assert (answer.accepted, answer.refused) == (5, 2)
    assert (answer.applied, answer.duplicates) == (4, 1)
    assert "is 7, an integer; expected a string" in answer.events[3].reason


@pytest.mark.parametrize("name", ["time", "recordedtime"])
def test_the_future_is_refused_beyond_the_clock_skew_alone(name: str) -> None:
    event_store = make_store()
    within = cloud_event(**{name: at(60.0 + SKEW_S / 60.0).isoformat()})
    beyond = cloud_event(**{name: at(60.0 + SKEW_S / 60.0 + 0.001).isoformat()})
    answer = take(event_store, beyond, within)
    assert [status.status for status in answer.events] == ["refused", "accepted"]
    assert answer.events[0].field == name
    assert "60.1 s ahead" in answer.events[0].reason


def test_an_event_within_the_clock_skew_takes_effect_when_its_time_comes() -> None:
    event_store = make_store()
    assert take(event_store, cloud_event(time=at(60.5).isoformat())).accepted == 1
    keys = {"store_id": "s-1", "city": "BCN"}
    seen = [
        FEATURES.transform(event_store, "inference", as_of=at(m), keys=keys, sample_id=None)
        for m in (60.0, 60.5, 60.6)
    ]
    assert [values["open_orders"] for values in seen] == [0.0, 0.0, 1.0]


def test_lateness_and_outcomes_are_counted_under_declared_names() -> None:
    registry = CollectorRegistry()
    event_store = make_store()
    body = msgspec.json.encode(
        [
            cloud_event(time=at(59.9).isoformat()),  # 6 s late
            cloud_event(subject="o-2", time=at(60.5).isoformat()),  # 30 s early
            cloud_event(subject="o-3", time=at(0).isoformat(), data={"store_id": []}),
            cloud_event(source="nobody"),
            cloud_event(type="never"),
            7,
        ]
    )
    assert take_body(event_store, body, registry=registry).accepted == 2
    names = {"source": "orders", "event": "dispatched"}

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert value("doorstep_event_lateness_seconds_bucket", **names, le="0.0") == 1.0
    assert value("doorstep_event_lateness_seconds_bucket", **names, le="5.0") == 1.0
    assert value("doorstep_event_lateness_seconds_bucket", **names, le="15.0") == 2.0
    assert value("doorstep_event_lateness_seconds_count", **names) == 2.0
    assert value("doorstep_event_lateness_seconds_sum", **names) == pytest.approx(6.0 - 30.0)
    assert value("doorstep_events_total", **names, outcome="accepted") == 2.0
    assert value("doorstep_events_total", **names, outcome="refused") == 1.0
    unknown = {"source": "unknown", "event": "unknown", "outcome": "refused"}
    assert value("doorstep_events_total", **unknown) == 2.0
    unknown["source"] = "orders"
    assert value("doorstep_events_total", **unknown) == 1.0
    assert value("doorstep_event_effects_total", effect="applied") == 2.0
    assert value("doorstep_event_effects_total", effect="duplicates") == 0.0
    assert value("doorstep_event_effects_total", effect="superseded") == 0.0


HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "e%201",
    "ce-source": "orders",
    "ce-type": "dispatched",
    "ce-subject": "o-1",
    "ce-time": "2026-03-02T12:00:00Z",
}


def test_the_attributes_may_stand_in_headers() -> None:
    event_store = make_store()
    answer = take_body(event_store, b'{"store_id": "s-1", "products": 2}', headers=HEADERS)
    assert [(status.id, status.status) for status in answer.events] == [("e 1", "accepted")]
    assert event_store.table(ORDERS)["products"].tolist() == [2.0]


def test_an_event_in_headers_needs_no_data_and_can_take_back() -> None:
    event_store = make_store()
    take_body(event_store, b"", headers=HEADERS)
    headers = {**HEADERS, "ce-retracted": "true", "ce-recordedtime": "2026-03-02T12:30:00Z"}
    assert take_body(event_store, b"", headers=headers).applied == 1
    assert not len(event_store.table(ORDERS))


@pytest.mark.parametrize(
    ("header", "text", "field"),
    [("ce-type", "redy", "type"), ("ce-time", "noon", "time"), ("ce-my-own", "1", "my-own")],
)
def test_a_bad_header_names_its_attribute(header: str, text: str, field: str) -> None:
    answer = take_body(make_store(), b"", headers={**HEADERS, header: text})
    assert [(status.status, status.field) for status in answer.events] == [("refused", field)]


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{}, "id": "another"'])
def test_data_beside_headers_must_be_json(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="not JSON"):
        take_body(make_store(), body, headers=HEADERS)


def test_a_large_body_is_taken_like_a_small_one() -> None:
    events = [cloud_event(subject=f"o-{i}", id=f"{i}" * 50) for i in range(2_000)]
    body = msgspec.json.encode(events)
    assert len(body) > LARGE_BODY_BYTES
    assert take_body(make_store(), body).applied == 2_000
