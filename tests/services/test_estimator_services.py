"""The services of estimators over ASGI: one model of the same tiny ETA each, here and from afar."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from estimators import Dataset
from estimators.core.distribution import Distribution
from services.client.async_connection import AsyncServiceClient
from services.client.circuit_breaker import CircuitBreaker
from services.composition.opening import open_parts, sources_of
from services.composition.parts import Parts
from services.composition.remote_parts import RemotePart
from services.core.settings.parts import PartSettings
from services.estimation.results import RowResults
from services.event_store.opening import open_event_store
from tests.services.asgi import AsgiClient
from tests.services.estimator_city import LEGS, ROWS, SERVICE_OF, SERVICES, City


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


def asked_of(parts: Parts, city: City) -> dict[str, RowResults]:
    async def ask() -> dict[str, RowResults]:
        try:
            return await parts.ask_many(dict.fromkeys(SERVICE_OF, city.rows()))
        finally:
            await parts.close()

    return asyncio.run(ask())


def test_parts_answer_from_afar_what_they_answer_here(
    city: City, clients: dict[str, AsgiClient]
) -> None:
    with open_event_store(str(city.path), sources_of(city.model)) as event_store:
        near = open_parts(
            city.model, event_store=event_store, settings=PartSettings(timeout_ms=60_000)
        )
        near.warm_up()
        here = asked_of(near, city)
    remote = {}
    for part, service in SERVICE_OF.items():
        app = clients[service].app
        client = AsyncServiceClient("http://127.0.0.1", transport=httpx.ASGITransport(app))
        leg: Any = part if part in LEGS else None
        remote[part] = RemotePart(client, breaker=CircuitBreaker("http://127.0.0.1"), leg=leg)
    there = asked_of(Parts({}, remote, timeout_s=60.0), city)
    for part in SERVICE_OF:
        own = here[part].distribution  # over the network quantiles are sent, without their mean
        assert there[part].distribution == Distribution(own.levels, own.values), part  # every bit
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
