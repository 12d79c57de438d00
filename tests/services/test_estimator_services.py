"""The services of estimators over ASGI: one model of the same tiny ETA each, here and from afar."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from aggregators.stores import EventStore
from estimators import Dataset, registry
from estimators.stages import LIFE, elapsed_name
from services.client_connections import AsyncServiceClient
from services.courier_travel import CourierTravelService
from services.etp import EtpService
from services.event_store import open_store
from services.http import Call
from services.parts import PartAnswer, PartRows, Parts, open_parts, sources_of
from services.remote_parts import Pause, RemotePart
from services.settings import PartSettings
from services.wall_eta import WallEtaService
from tests.services.asgi import AsgiClient

VARIABLES = {
    "ready": "DOORSTEP_ETP_MODEL",
    "to_store": "DOORSTEP_TO_STORE_MODEL",
    "to_customer": "DOORSTEP_TO_CUSTOMER_MODEL",
    "parking": "DOORSTEP_PARKING_MODEL",
    "direct": "DOORSTEP_WALL_ETA_MODEL",
}
FACTS = (
    "store_id", "courier_id", "city", "zone", "store_category", "store_zone", "vehicle", "building",
    "floor", "amount", "products", "distance_m", "distance_to_store_m",
)  # fmt: skip
ROWS = 40
SERVICES: dict[str, Any] = {
    "etp": EtpService, "courier_travel": CourierTravelService, "wall_eta": WallEtaService
}  # fmt: skip
LEGS = {"to_store", "to_customer", "parking"}
SERVICE_OF = {"ready": "etp", "direct": "wall_eta", **dict.fromkeys(LEGS, "courier_travel")}


class City:
    """A tiny ETA in the model store, a file with the events of its cities, and questions."""

    def __init__(self, tag: str, dataset: Dataset, folder: Path) -> None:
        self.model = registry.load_eta(tag)
        self.path = folder / "events.db"
        table = dataset.table
        middle = len(table) // 2
        self.asked = table.iloc[middle : middle + ROWS]
        assigned = self.asked["courier_assigned"].dropna().sort_values()
        self.as_of: datetime = assigned.iloc[len(assigned) // 2].to_pydatetime()
        self.ids: list[Any] = self.asked[dataset.source.sample_id].tolist()
        self.columns = {name: [_plain(one) for one in self.asked[name]] for name in FACTS}
        with open_store(str(self.path), sources_of(self.model)) as store:
            _fill(store, dataset)

    def environment(self) -> dict[str, str]:
        tags = {variable: self.model.tags[part] for part, variable in VARIABLES.items()}
        return {"DOORSTEP_STORE": str(self.path), **tags}

    def rows(self) -> PartRows:
        return PartRows(columns=self.columns, sample_ids=self.ids, as_of=self.as_of)

    def elapsed(self, row: int) -> dict[str, float | None]:
        """What has happened to an order, from its table."""
        found: dict[str, float | None] = {}
        for event in LIFE[:-1]:
            moment = self.asked[event].iloc[row]
            happened = not pd.isna(moment) and moment < self.as_of
            found[elapsed_name(event)] = (
                (self.as_of - moment.to_pydatetime()) / timedelta(seconds=1) if happened else None
            )
        return found

    def request(self, part: str, row: int, **order: Any) -> dict[str, Any]:
        """A question about one order; what the model of the part does not take is left out."""
        facts = self.model.parts[part].facts.inputs
        keys = self.model.parts[part].features.dimensions
        said = {name: self.columns[name][row] for name in FACTS if name in (*facts, *keys)}
        leg = {"leg": part} if part in LEGS else {}
        return {
            **leg,
            "order": {**said, **order},
            "sample_id": self.ids[row],
            "as_of": self.as_of.isoformat(),
        }


def _plain(value: Any) -> Any:
    if value is None or value != value:
        return None
    return value.item() if isinstance(value, np.generic) else value


def _fill(store: EventStore, dataset: Dataset) -> None:
    store.append_table(dataset.source, dataset.table)
    for source, table in dataset.others.items():
        if source.name in store.sources:
            store.append_table(source, table)


@pytest.fixture(scope="module")
def city(saved_eta: str, eta_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> City:
    return City(saved_eta, eta_dataset, tmp_path_factory.mktemp("city"))


@pytest.fixture(scope="module")
def clients(city: City) -> Iterator[dict[str, AsgiClient]]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in city.environment().items():
            patch.setenv(name, value)
        opened = {name: AsgiClient(service).__enter__() for name, service in SERVICES.items()}
        yield opened
        for client in opened.values():
            client.__exit__(None, None, None)


def post(client: AsgiClient, path: str, body: Any) -> Any:
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_services_are_ready_with_their_models_and_a_store(clients: dict[str, AsgiClient]) -> None:
    for client in clients.values():
        assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("part", SERVICE_OF)
def test_an_order_alone_in_a_batch_and_in_columns_has_one_answer(
    city: City, clients: dict[str, AsgiClient], part: str
) -> None:
    client = clients[SERVICE_OF[part]]
    requests = [city.request(part, row) for row in range(ROWS)]
    batch = post(client, "/predict_batch", {"rows": requests})["rows"]
    names = requests[0]["order"]
    columns = post(
        client,
        "/predict_columns",
        {
            **({"leg": part} if part in LEGS else {}),
            "columns": {name: [one["order"][name] for one in requests] for name in names},
            "sample_ids": city.ids,
            "as_of": city.as_of.isoformat(),
        },
    )
    assert columns["ignored"] == []
    places = [columns["levels"].index(level) for level in (0.1, 0.5, 0.9)]
    for row in range(ROWS):
        alone = post(client, "/predict", requests[row])
        for name in ("status", "notes", "mean_s", "quantiles_s", "model", "as_of"):
            assert batch[row]["answer"][name] == alone[name]
        told = [columns["values_s"][row][place] for place in places]
        assert told == list(alone["quantiles_s"].values())
        assert columns["status"][row] == alone["status"]
        assert columns["notes"][row] == alone["notes"]
    assert columns["model"]["tag"] == city.model.tags[part]


@pytest.mark.parametrize("part", ["ready", "to_store", "direct"])
def test_what_happened_to_an_order_is_looked_up(
    city: City, clients: dict[str, AsgiClient], part: str
) -> None:
    client = clients[SERVICE_OF[part]]
    found = [
        row for row in range(ROWS) if sum(one is not None for one in city.elapsed(row).values()) > 2
    ]
    assert found
    for row in found[:5]:
        looked_up = post(client, "/predict", city.request(part, row))
        said = post(client, "/predict", city.request(part, row, **city.elapsed(row)))
        nothing = dict.fromkeys(city.elapsed(row))
        unborn = post(client, "/predict", city.request(part, row, **nothing))
        assert looked_up["quantiles_s"] == said["quantiles_s"] != unborn["quantiles_s"]


def asked_of(parts: Parts, city: City) -> dict[str, PartAnswer]:
    async def ask() -> dict[str, PartAnswer]:
        try:
            return await parts.ask_many(dict.fromkeys(SERVICE_OF, city.rows()))
        finally:
            await parts.close()

    return asyncio.run(ask())


def test_parts_answer_from_afar_what_they_answer_here(
    city: City, clients: dict[str, AsgiClient]
) -> None:
    with open_store(str(city.path), sources_of(city.model)) as store:
        near = open_parts(city.model, store=store, settings=PartSettings(timeout_ms=60_000))
        near.warm_up()
        here = asked_of(near, city)
    remote = {}
    for part, service in SERVICE_OF.items():
        app = clients[service].app
        client = AsyncServiceClient("http://127.0.0.1", transport=httpx.ASGITransport(app))
        leg: Any = part if part in LEGS else None
        remote[part] = RemotePart(client, pause=Pause("http://127.0.0.1"), leg=leg)
    there = asked_of(Parts({}, remote, timeout_s=60.0), city)
    for part in SERVICE_OF:
        assert there[part].distribution == here[part].distribution, part  # every bit
        assert there[part].status == here[part].status
        assert there[part].notes == here[part].notes
        assert there[part].model == here[part].model
        assert "fallback" not in here[part].status


def test_rows_of_a_batch_may_ask_for_different_legs(
    city: City, clients: dict[str, AsgiClient]
) -> None:
    client = clients["courier_travel"]
    legs = ["to_store", "parking", "to_customer", "parking"]
    rows: list[Any] = [city.request(leg, row) for row, leg in enumerate(legs)]
    rows.insert(2, {**rows[0], "leg": "to_the_moon"})
    rows.append({name: value for name, value in rows[0].items() if name != "leg"})
    answer = post(client, "/predict_batch", {"rows": rows})
    assert answer["refused"] == 2
    tags = [city.model.tags[leg] for leg in legs]
    answered = [row["answer"] for row in answer["rows"] if row["answer"]]
    assert [one["model"]["tag"] for one in answered] == tags
    problems = [row["problem"]["field"] for row in answer["rows"] if row["problem"]]
    assert problems == ["leg", "leg"]
    alone = post(client, "/predict", rows[1])
    assert answered[1]["quantiles_s"] == alone["quantiles_s"]


def test_a_bad_row_of_columns_is_refused_alone(city: City, clients: dict[str, AsgiClient]) -> None:
    body = {
        "columns": {
            "store_id": [*city.columns["store_id"][:2], 7, [1], city.columns["store_id"][4]],
            "products": [1, "many", 2, 3, 4],
            "the_weather": "fine",
        },
        "sample_ids": [None] * 5,
        "as_of": city.as_of.isoformat(),
    }
    answer = post(clients["etp"], "/predict_columns", body)
    assert answer["ignored"] == ["the_weather"]
    refused = ["refused" if status == "refused" else "answered" for status in answer["status"]]
    assert refused == ["answered", "refused", "refused", "refused", "answered"]
    assert [one["row"] for one in answer["problems"]] == [1, 2, 3]
    assert answer["problems"][0]["field"] == "columns.products"
    assert [values is None for values in answer["values_s"]] == [False, True, True, True, False]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"columns": {"products": [1, 2, 3]}}, "columns.products"),
        ({"sample_ids": []}, "sample_ids"),
        ({"as_of": "2026-03-02T12:00:00"}, "as_of"),
        ({"order": {}}, "order"),
    ],
)
def test_bad_columns_name_their_field(
    city: City, clients: dict[str, AsgiClient], change: dict[str, Any], field: str
) -> None:
    body = {"columns": {"products": [1, 2]}, "sample_ids": [None, None], **change}
    response = clients["etp"].post("/predict_columns", json=body)
    assert response.status_code == 400
    assert response.json()["field"] == field


# --- starting without what is needed -------------------------------------------------------------


def opened(service: Any) -> Any:
    """An instance of a service that has started, as BentoML starts it."""
    instance = service.inner()
    instance.warm_up()
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
        service.finish()


def test_a_store_that_is_missing_at_the_start_is_tried_again(
    city: City, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in city.environment().items():
        monkeypatch.setenv(name, value)
    late = tmp_path / "later" / "events.db"
    monkeypatch.setenv("DOORSTEP_STORE", str(late))
    monkeypatch.setattr("services.estimator_service.RETRY_S", 3_600.0)  # the test tries itself
    service = opened(WallEtaService)
    try:
        assert not service.__is_ready__()
        request = city.request("direct", 0)
        status, answer = call(service.predict, request)
        assert (status, answer["status"]) == (200, "degraded")
        assert answer["notes"][-1] == "real-time features are missing: StoreError"
        status, problem = call(service.events, [{}])
        assert (status, problem["error"]) == (503, "unavailable")
        assert "no event store" in problem["reason"]
        late.parent.mkdir()
        assert service.complete()
        assert service.__is_ready__()
        assert call(service.predict, {**request, "sample_id": None})[1]["status"] == "ok"
    finally:
        service.finish()


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
        service.finish()


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
        service.finish()
