"""The event service in this process: readiness, a store that refuses, headers and limits.

Tests `services.event_endpoint`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from aggregators import Event, MemoryEventStore, Source, StoreError
from aggregators.catalog import CATALOG
from aggregators.stores import AppendResult
from services import events
from services.event_store.feature_lookup import FeatureLookup
from tests.services.asgi import AsgiClient
from tests.services.building import cloud_event

JSON = {"content-type": "application/json"}


def test_without_a_store_a_service_lives_but_is_not_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (
        ("DOORSTEP_STORE", "/nowhere/events.db"),
        ("DOORSTEP_CATALOG", "aggregators.catalog:NOTHING"),
        ("DOORSTEP_KEEP", "soon"),
        ("DOORSTEP_UNKNOWN_DATA", "perhaps"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            service = events.EventService.inner()  # type: ignore[attr-defined]
            assert not service.complete()
            assert not service.__is_ready__()
            assert value in service._missing
            asyncio.run(service.finish())


def test_a_service_that_starts_before_its_store_becomes_ready_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[Any] = [StoreError("no server yet"), StoreError("still none")]

    def open_store(where: str, sources: Any) -> MemoryEventStore:
        if given:
            raise given.pop()
        return MemoryEventStore(sources=sources)

    monkeypatch.setattr(events, "open_event_store", open_store)
    monkeypatch.setattr(events, "freeze_garbage", lambda: None)
    service = events.EventService.inner()  # type: ignore[attr-defined]
    assert [service.complete() for _ in range(4)] == [False, False, True, True]
    assert service.__is_ready__()
    asyncio.run(service.finish())


class RefusingStore:
    """A store that cannot take events, until it can."""

    def __init__(self) -> None:
        self.sources = {source.name: source for source in CATALOG.sources}
        self.full = True

    def append(self, events: list[Event]) -> AppendResult:
        if self.full:
            raise StoreError("the disk is full")
        return AppendResult.of(bytes(len(events)))

    def check(self) -> None:
        pass

    def compacted_until(self, source: Source) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def refusing() -> RefusingStore:
    return RefusingStore()


@pytest.fixture(scope="module")
def in_process(refusing: RefusingStore) -> Iterator[AsgiClient]:
    """The service in this process, over a store that refuses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events, "open_event_store", lambda where, sources: refusing)
        patch.setattr(FeatureLookup, "warm_up", lambda self: None)
        patch.setattr(events, "freeze_garbage", lambda: None)
        with AsgiClient(events.EventService) as client:
            yield client


def test_a_store_that_cannot_take_more_says_when_to_come_back(
    in_process: AsgiClient, refusing: RefusingStore
) -> None:
    refusing.full = True
    response = in_process.post("/events", json=[cloud_event()])
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert "nothing of this batch is acknowledged" in response.json()["reason"]
    refusing.full = False
    assert in_process.post("/events", json=[cloud_event()]).json()["accepted"] == 1


@pytest.mark.parametrize("bad", [[cloud_event(type="redy")], [cloud_event(), 7], [7, 8]])
def test_a_list_with_refused_events_is_answered_with_207(
    in_process: AsgiClient, refusing: RefusingStore, bad: list[Any]
) -> None:
    refusing.full = False
    response = in_process.post("/events", json=bad)
    assert response.status_code == 207
    answer = response.json()
    assert [status["status"] for status in answer["events"]].count("refused") == answer["refused"]
    assert answer["refused"] == sum(event != cloud_event() for event in bad)


@pytest.mark.parametrize(
    ("changes", "field"), [({"type": "redy"}, "type"), ({"time": "noon"}, "time")]
)
def test_a_single_event_that_is_refused_is_a_bad_request(
    in_process: AsgiClient, refusing: RefusingStore, changes: dict[str, Any], field: str
) -> None:
    refusing.full = False
    event = {**cloud_event(), **changes}
    data = event.pop("data")
    binary = {f"ce-{name}": str(value) for name, value in event.items()}
    for response in (
        in_process.post("/events", json={**event, "data": data}),
        in_process.post("/events", json=data, headers=binary),
    ):
        assert response.status_code == 400
        assert response.json()["field"] == field
    assert in_process.post("/events", json=cloud_event()).status_code == 200


def test_what_cloudevents_allow_beside_what_is_declared_is_taken(
    in_process: AsgiClient, refusing: RefusingStore
) -> None:
    refusing.full = False
    event = cloud_event(partitionkey="a", datacontenttype="application/json; charset=utf-8")
    event["data"]["currency"] = "EUR"
    assert in_process.post("/events", json=event).json()["accepted"] == 1
    data = event.pop("data")
    binary = {f"ce-{name}": str(value) for name, value in event.items()}
    binary["content-type"] = "application/json; charset=utf-8"
    response = in_process.post("/events", content=json.dumps(data), headers=binary)
    assert response.json()["accepted"] == 1


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=UTF-8", 200),
        ('application/cloudevents-batch+json; charset="utf-8"; v=1', 200),
        ("application/json; charset=latin-1", 415),
        ("application/json;charset = utf-16", 415),
        ("text/plain", 415),
        ("", 415),
        (None, 415),
    ],
)
def test_a_post_says_that_it_is_json_in_utf_8(
    in_process: AsgiClient, refusing: RefusingStore, content_type: str | None, status: int
) -> None:
    refusing.full = False
    headers = {} if content_type is None else {"content-type": content_type}
    body = json.dumps([cloud_event()])
    response = in_process.post("/events", content=body, headers=headers)
    assert response.status_code == status, response.text


def test_an_event_in_headers_without_data_needs_no_content_type(
    in_process: AsgiClient, refusing: RefusingStore
) -> None:
    refusing.full = False
    event = cloud_event()
    del event["data"]
    headers = {f"ce-{name}": str(value) for name, value in event.items()}
    assert in_process.post("/events", headers=headers).json()["accepted"] == 1


def test_attributes_may_stand_in_headers(in_process: AsgiClient, refusing: RefusingStore) -> None:
    refusing.full = False
    event = cloud_event()
    data = event.pop("data")
    headers = {f"ce-{name}": str(value) for name, value in event.items()}
    response = in_process.post("/events", content=json.dumps(data), headers={**headers, **JSON})
    assert response.json()["events"] == [
        {"id": "e-1", "status": "accepted", "field": "", "reason": ""}
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"[]", 400), (b"[" + b"1," * 5_000 + b"1]", 400), (b" " * (4 * 2**20 + 1), 413)],
)
def test_bodies_beyond_the_limits_are_refused(
    in_process: AsgiClient, body: bytes, status: int
) -> None:
    assert in_process.post("/events", content=body, headers=JSON).status_code == status
