"""The event service in this process, over a file and settings of its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from aggregators import SqliteEventStore
from aggregators.catalog import CATALOG
from aggregators.standard_sources import ORDERS
from aggregators.stores.redis import liveness as redis_check
from services import events
from services.event_store.feature_lookup import FeatureLookup
from tests.aggregators.stores.servers import RedisServer, needs_redis
from tests.services.asgi import AsgiClient
from tests.services.building import cloud_event


def test_a_file_that_is_deleted_under_a_service_is_said_at_once_and_brought_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(events, "freeze_garbage", lambda: None)
    monkeypatch.setattr(FeatureLookup, "warm_up", lambda self: None)
    folder, away = tmp_path / "volume", tmp_path / "away"
    folder.mkdir()
    monkeypatch.setenv("DOORSTEP_STORE", str(folder / "events.db"))
    with AsgiClient(events.EventService) as client:
        assert client.get("/readyz").status_code == 200
        assert client.post("/events", json=[cloud_event()]).status_code == 200
        (folder / "events.db").unlink()
        assert client.get("/readyz").status_code == 503
        assert client.get("/readyz").status_code == 200
        (folder / "events.db").unlink()
        assert client.post("/events", json=[cloud_event(subject="o-2")]).json()["applied"] == 1
        folder.rename(away)
        assert client.get("/readyz").status_code == 503
        response = client.post("/events", json=[cloud_event(subject="o-3")])
        assert response.status_code == 503
        assert str(tmp_path) not in response.text
        away.rename(folder)
        assert client.get("/readyz").status_code == 200
        assert client.post("/events", json=[cloud_event(subject="o-3")]).json()["applied"] == 1
    with SqliteEventStore(folder / "events.db", CATALOG.sources) as event_store:
        assert sorted(event_store.table(ORDERS)["order_id"]) == ["o-1", "o-2", "o-3"]


def test_a_redis_server_that_is_gone_is_said_at_once_and_its_return_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    needs_redis()
    monkeypatch.setattr(events, "freeze_garbage", lambda: None)
    monkeypatch.setattr(FeatureLookup, "warm_up", lambda self: None)
    monkeypatch.setattr(redis_check, "AGAIN_S", 0.0)
    server = RedisServer(tmp_path / "redis")
    monkeypatch.setenv("DOORSTEP_STORE", server.url)
    try:
        with AsgiClient(events.EventService) as client:
            assert client.get("/readyz").status_code == 200
            server.kill()
            answer = client.get("/readyz")
            assert answer.status_code == 503
            reason = "the event store in Redis does not answer: connection refused"
            assert answer.json()["reason"] == reason
            server.start()
            assert client.get("/readyz").status_code == 200
            with server.paused():
                answer = client.get("/readyz")
                assert answer.status_code == 503
                assert answer.json()["reason"] == "the event store in Redis does not answer in time"
            assert client.get("/readyz").status_code == 200
    finally:
        server.stop()


@pytest.mark.parametrize("damage", ["cut off", "overwritten"])
def test_a_file_that_is_damaged_in_place_is_said_and_takes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: str
) -> None:
    monkeypatch.setattr(events, "freeze_garbage", lambda: None)
    monkeypatch.setattr(FeatureLookup, "warm_up", lambda self: None)
    path = tmp_path / "events.db"
    monkeypatch.setenv("DOORSTEP_STORE", str(path))
    with AsgiClient(events.EventService) as client:
        assert client.post("/events", json=[cloud_event()]).status_code == 200
        if damage == "cut off":
            os.truncate(path, 1000)
        else:
            path.write_bytes(b"garbage" * 1000)
        for _ in range(2):
            assert client.post("/events", json=[cloud_event(subject="o-2")]).status_code == 503
            response = client.get("/readyz")
            assert response.status_code == 503
            assert "the event store events.db is damaged" in response.json()["reason"]
            assert str(tmp_path) not in response.text


@pytest.mark.parametrize("is_relative", [False, True])
def test_a_folder_that_is_gone_is_named_in_no_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_relative: bool
) -> None:
    monkeypatch.setattr(events, "freeze_garbage", lambda: None)
    monkeypatch.setattr(FeatureLookup, "warm_up", lambda self: None)
    folder = tmp_path / "somewhere" / "volume"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))  # a setting that is part of the path
    path = folder / "events.db"
    monkeypatch.setenv("DOORSTEP_STORE", str(path.relative_to(tmp_path) if is_relative else path))
    with AsgiClient(events.EventService) as client:
        assert client.get("/readyz").status_code == 200
        shutil.rmtree(folder)
        response = client.get("/readyz")
        assert response.status_code == 503
        assert "'volume'" in response.json()["reason"]
        assert "somewhere" not in response.text
        assert "somewhere" not in client.post("/events", json=[cloud_event()]).text


def test_a_file_that_is_deleted_is_brought_back_when_the_service_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(events, "freeze_garbage", lambda: None)
    monkeypatch.setattr(FeatureLookup, "warm_up", lambda self: None)
    path = tmp_path / "events.db"
    monkeypatch.setenv("DOORSTEP_STORE", str(path))
    with AsgiClient(events.EventService) as client:
        for number in range(5):
            event = cloud_event(subject=f"o-{number}")
            assert client.post("/events", json=[event]).status_code == 200
        path.unlink()
    assert [one.name for one in tmp_path.iterdir()] == ["events.db"]
    with SqliteEventStore(path, CATALOG.sources) as event_store:
        assert sorted(event_store.table(ORDERS)["order_id"]) == [
            f"o-{number}" for number in range(5)
        ]


def test_a_setting_refuses_unknown_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "freeze_garbage", lambda: None)
    monkeypatch.setattr(FeatureLookup, "warm_up", lambda self: None)
    event = cloud_event(data={"store_id": "s-1", "currency": "EUR"})
    for setting, status in (("", 200), ("ignore", 200), ("refuse", 400)):
        monkeypatch.setenv("DOORSTEP_UNKNOWN_DATA", setting)
        with AsgiClient(events.EventService) as client:
            response = client.post("/events", json=event)
            assert response.status_code == status, response.text
            if status == 400:
                assert response.json()["field"] == "data.currency"
