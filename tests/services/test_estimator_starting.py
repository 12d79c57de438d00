"""What services of estimators answer without their models, without a store, and while it hangs.

Tests `services.bento.readiness`.
"""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from aggregators import MemoryEventStore
from estimators import Dataset
from estimators.registry import models as registry
from services.bento.endpoints import Call
from services.client.circuit_breaker import CircuitBreaker
from services.courier_travel import CourierTravelService
from services.etp import EtpService
from services.wall_eta import WallEtaService
from tests.services.estimator_city import City


@pytest.fixture(scope="module")
def city(saved_eta: str, eta_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> City:
    return City(saved_eta, eta_dataset, tmp_path_factory.mktemp("city"))


def opened(service: Any) -> Any:
    """An instance of a service that has started, as BentoML starts it."""
    instance = service.inner()
    instance.begin()
    instance.start.wait()
    return instance


def call(endpoint: Any, body: Any) -> tuple[int, Any]:
    content = json.dumps(body, default=str).encode()
    response = asyncio.run(endpoint(Call(content, "application/json", "r-1")))
    return response.status_code, json.loads(response.body)


def test_without_its_model_a_service_answers_what_is_usual_and_is_not_ready(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in city.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DOORSTEP_PARKING_MODEL", "eta_parking:gone")
    service = opened(CourierTravelService)
    try:
        assert not service.__is_ready__()
        status, answer = call(service.predict, city.request("parking", 0))
        assert (status, answer["status"]) == (200, "fallback")
        assert answer["notes"][0].startswith("the service has no model: answered from")
        assert answer["model"]["catalog_version"] == ""
        assert call(service.predict, city.request("to_store", 0))[1]["status"] != "fallback"
        rows = {"rows": [city.request("parking", 0), city.request("to_store", 0), {}]}
        status, batch = call(service.predict_batch, rows)
        assert (status, batch["refused"]) == (200, 1)
        columns = {"leg": "parking", "columns": city.columns, "sample_ids": city.ids}
        status, whole = call(service.predict_columns, {**columns, "as_of": city.as_of.isoformat()})
        assert set(whole["status"]) == {"fallback"}
    finally:
        asyncio.run(service.finish())


def test_a_store_that_is_missing_at_the_start_is_tried_again(
    city: City,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, value in city.environment().items():
        monkeypatch.setenv(name, value)
    late = tmp_path / "later" / "events.db"
    monkeypatch.setenv("DOORSTEP_STORE", str(late))
    monkeypatch.setattr("services.bento.startup.RETRY_S", 3_600.0)  # the test tries itself
    service = opened(WallEtaService)
    try:
        assert not service.__is_ready__()
        request = city.request("direct", 0)
        status, answer = call(service.predict, request)
        assert (status, answer["status"]) == (200, "degraded")
        assert answer["notes"][-1] == (
            "real-time features are missing: the event store is not open yet"
        )
        status, problem = call(service.events, [{}])
        assert (status, problem["error"]) == (503, "unavailable")
        assert "no event store" in problem["reason"]
        assert not service.complete()
        told = [one for one in caplog.messages if "no event store" in one]
        assert len(told) == 1  # not at every attempt
        late.parent.mkdir()
        assert service.complete()
        assert service.__is_ready__()
        assert call(service.predict, {**request, "sample_id": None})[1]["status"] == "ok"
    finally:
        asyncio.run(service.finish())


class HangingStore(MemoryEventStore):
    """A store that does not answer while it is told not to."""

    def __init__(self, sources: Any) -> None:
        super().__init__(sources=sources)
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.reads = 0

    def read(self, *arguments: Any, **named: Any) -> Any:
        self.reads += 1
        self.goes_on.wait()
        return super().read(*arguments, **named)


def test_a_store_over_the_network_that_hangs_is_not_waited_for(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_store = HangingStore(city.model.parts["ready"].features.sources)
    for name, value in city.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DOORSTEP_STORE", "redis://127.0.0.1:1")
    monkeypatch.setattr(
        "services.estimator_service.open_event_store_of_models", lambda *_: event_store
    )
    service = opened(EtpService)
    request = {**city.request("ready", 0), "sample_id": None}

    async def ask() -> list[str]:
        seen = []

        async def one() -> None:
            body = json.dumps(request).encode()
            response = await service.predict(Call(body, "application/json", "r-1"))
            answer = json.loads(response.body)
            seen.append(answer["status"])
            if answer["status"] == "degraded":
                assert answer["notes"][-1] == (
                    "real-time features are missing: the event store in Redis does not answer in"
                    " time"
                )

        service._wait._timeout_s = 60.0
        await one()
        event_store.goes_on.clear()
        service._wait._timeout_s = 0.01
        for _ in range(3):
            await one()
        before = event_store.reads
        await one()  # left alone now: answered without a look
        seen.append("left alone" if event_store.reads == before else "asked again")
        event_store.goes_on.set()
        service._wait._timeout_s = 60.0
        service._wait._breaker = CircuitBreaker("the event store")
        await one()
        return seen

    try:
        assert service.__is_ready__()
        degraded = ["degraded"] * 4
        assert asyncio.run(ask()) == ["ok", *degraded, "left alone", "ok"]
    finally:
        event_store.goes_on.set()
        asyncio.run(service.finish())


def test_a_model_that_fails_while_it_is_loaded_is_as_one_that_is_missing(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(tag: str) -> None:
        raise ZeroDivisionError(tag)

    for name, value in city.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(registry, "load", damaged)
    service = opened(EtpService)
    try:
        assert not service.__is_ready__()
        status, answer = call(service.predict, city.request("ready", 0))
        assert (status, answer["status"]) == (200, "fallback")
        reason = call(service.events, [{}])[1]["reason"]
        assert "cannot be loaded: ZeroDivisionError" in reason
    finally:
        asyncio.run(service.finish())


def test_a_model_of_something_else_is_refused(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in city.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DOORSTEP_ETP_MODEL", city.model.tags["parking"])
    service = opened(EtpService)
    try:
        assert not service.__is_ready__()
        _, problem = call(service.events, [{}])
        assert "expected etp or eta_ready" in problem["reason"]
    finally:
        asyncio.run(service.finish())


def test_a_setting_that_cannot_be_is_said_and_not_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOORSTEP_MAX_CLOCK_SKEW_S", "soon")
    service = opened(EtpService)
    try:
        assert not service.__is_ready__()
        status, problem = call(service.predict, {"order": {}, "sample_id": None})
        assert status == 503
        assert "DOORSTEP_MAX_CLOCK_SKEW_S" in problem["reason"]
    finally:
        asyncio.run(service.finish())
