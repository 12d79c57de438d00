"""The eTP service in a process of its own, over HTTP: what it answers is what training computed.

Events up to a moment are sent in random order with repetitions, later events and requests in order
of time. Every feature value and every estimate must equal training's, bit for bit.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import psutil  # type: ignore[import-untyped]
import pytest

from aggregators import Event, SqliteEventStore
from commands.data.sources import dataset_of_city
from estimators.datasets import Dataset, load_dataset
from estimators.etp import train_etp
from estimators.quantiles.boosting import BoostingParameters
from estimators.registry import models as registry
from estimators.training.train import TrainedEstimator
from services.bento.endpoints import Call
from services.bento.process import ServiceProcess
from services.client import EtpClient, RequestRefused
from services.core.settings.models import EtpSettings
from services.etp import EtpService
from services.intake.cloudevents import to_cloud_event
from services.middleware.api_keys import ApiKeys, make_key
from services.prediction_log.table import read_predictions
from services.schemas.common import CloudEvent, PredictAnswer, PredictRequest
from simulator import CityPlan, simulate
from tests.aggregators.stores.servers import RedisServer, needs_redis
from tests.patient_http import get, metric_of, post
from tests.services.building import cloud_event
from tests.waiting import wait_until

SEED = 20_260_302
ASKED_ORDERS = 120
LEVELS = (0.1, 0.25, 0.5, 0.9)
FEW_TREES = BoostingParameters(median_trees=40, outer_trees=20)


@dataclass(frozen=True)
class Served:
    """A running service with its model, and the events of the data set that are still to come."""

    client: EtpClient
    url: str
    dataset: Dataset
    trained: TrainedEstimator
    coming: list[Event]


def start(dataset: Dataset, moment: pd.Timestamp, log: Path) -> Iterator[Served]:
    """Train on a data set, serve, and send the events before the moment in random order."""
    trained = train_etp(dataset, baselines=False, parameters=FEW_TREES)
    settings = EtpSettings(model=registry.save(trained, name="etp_test"))
    events = dataset.events()
    past = [event for event in events if event.time_us < moment.value // 1_000]
    coming = events[len(past) :]
    shuffled = random.Random(SEED)
    delivered = past + shuffled.sample(past, len(past) // 10)
    shuffled.shuffle(delivered)
    with (
        ServiceProcess(log=log, settings=settings.to_environment()) as service,
        EtpClient(service.url) as client,
    ):
        applied = 0
        for i in range(0, len(delivered), 2_000):
            answer = client.send_events(map(to_cloud_event, delivered[i : i + 2_000]))
            assert answer.refused == 0, answer.events
            applied += answer.applied
        assert applied == len(past), f"seed {SEED}"
        yield Served(client, service.url, dataset, trained, coming)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    plan = CityPlan(stores=8, days=6, seed=5)
    split = pd.Timestamp(plan.start) + pd.Timedelta(days=4)
    dataset = dataset_of_city(simulate(plan), test_from=split.to_pydatetime())
    yield from start(dataset, split, tmp_path_factory.mktemp("city") / "log")


@pytest.fixture(scope="module")
def deliveroo(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    whole = load_dataset("deliveroo", data_folder)
    end = pd.Timestamp("2015-06-10", tz="UTC")
    split = pd.Timestamp("2015-06-08", tz="UTC")
    table = whole.table[whole.table[whole.as_of] < end].reset_index(drop=True)
    dataset = replace(whole, table=table, test_from=split)
    yield from start(dataset, split, tmp_path_factory.mktemp("deliveroo") / "log")


def replay(served: Served) -> list[PredictAnswer]:
    """Ask the next orders in the order of time, each after all events before it were sent."""
    dataset = served.dataset
    id_column = dataset.source.sample_id
    rows = dataset.table.set_index(id_column, drop=False)
    facts = dict.fromkeys(
        (*served.trained.estimator.features.dimensions, *served.trained.estimator.facts.inputs)
    )
    answers: list[PredictAnswer] = []
    waiting: list[Event] = []
    for event in served.coming:
        if event.event == dataset.as_of:
            if waiting:
                assert served.client.send_events(map(to_cloud_event, waiting)).refused == 0
                waiting = []
            row = rows.loc[event.sample_id]
            order = {name: _plain(row[name]) for name in facts}
            answers.append(
                served.client.predict(
                    order,
                    sample_id=event.sample_id,
                    as_of=row[dataset.as_of].to_pydatetime(),
                    levels=LEVELS,
                    include_features=True,
                )
            )
            if len(answers) == ASKED_ORDERS:
                break
        waiting.append(event)
    assert len(answers) == ASKED_ORDERS
    return answers


def _plain(value: Any) -> object:
    """A value of a table as JSON has it."""
    if pd.isna(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def assert_equal_to_training(served: Served, answers: list[PredictAnswer]) -> None:
    """Compare features and estimates with those of the whole table, future included."""
    dataset, estimator = served.dataset, served.trained.estimator
    source = dataset.source
    rows = dataset.table.set_index(source.sample_id, drop=False)
    rows = rows.loc[[answer.sample_id for answer in answers]].reset_index(drop=True)
    spine = rows[[source.sample_id, *estimator.features.dimensions]]
    spine = spine.assign(as_of=rows[dataset.as_of])
    expected = estimator.features.transform(dataset.table, "training", at=spine)
    given = pd.DataFrame([answer.features for answer in answers], dtype=np.float64)
    pd.testing.assert_frame_equal(given[list(expected.columns)], expected, check_exact=True)
    assert expected.notna().to_numpy().mean() > 0.5, "hardly any feature had a value to compare"

    as_of_us = rows[dataset.as_of].astype("datetime64[us, UTC]").to_numpy(np.int64)
    inputs = estimator.assemble(estimator.facts.encode(rows, as_of_us), expected.to_numpy())
    offline = estimator.predict(inputs)
    np.testing.assert_array_equal([answer.mean_s for answer in answers], offline.mean())
    for level in LEVELS:
        served_s = [answer.quantiles_s[repr(level)] for answer in answers]
        np.testing.assert_array_equal(served_s, offline.quantile(level))


def test_a_city_is_answered_as_training_computed(city: Served) -> None:
    answers = replay(city)
    assert_equal_to_training(city, answers)
    assert {answer.status for answer in answers} == {"ok"}


@pytest.mark.slow
def test_real_orders_are_answered_as_training_computed(deliveroo: Served) -> None:
    assert_equal_to_training(deliveroo, replay(deliveroo))


ORDER: dict[str, Any] = {
    "store_id": "s-001",
    "store_category": "WAW pizza",
    "city": "WAW",
    "zone": "WAW north",
    "amount": 20.0,
    "products": 2,
}


def test_the_answer_says_where_it_comes_from(city: Served) -> None:
    answer = city.client.predict(ORDER, sample_id=None)
    features = city.trained.estimator.features
    assert answer.model.tag.startswith("etp_test:")
    assert answer.model.catalog_version == features.version
    assert answer.model.fingerprint == features.fingerprint
    age = pd.Timestamp.now("UTC") - answer.as_of
    assert pd.Timedelta(0) <= age < pd.Timedelta(minutes=1)


def test_a_batch_answers_as_single_requests_do(city: Served) -> None:
    moment = city.dataset.test_from.to_pydatetime()
    requests = [
        PredictRequest(order={**ORDER, "products": n}, sample_id=None, as_of=moment)
        for n in range(1, 6)
    ]
    bad = PredictRequest(order={**ORDER, "products": "many"}, sample_id=None)
    answer = city.client.predict_batch([*requests[:2], bad, *requests[2:]])
    assert answer.refused == 1
    problem = answer.rows[2].problem
    assert problem is not None
    assert problem.field == "order.products"
    rows = [row.answer for row in answer.rows if row.answer]
    singles = [
        city.client.predict(request.order, sample_id=None, as_of=moment) for request in requests
    ]
    assert [row.quantiles_s for row in rows] == [single.quantiles_s for single in singles]
    assert [row.mean_s for row in rows] == [single.mean_s for single in singles]


def test_what_is_wrong_is_said_with_its_field(city: Served) -> None:
    with pytest.raises(RequestRefused) as caught:
        city.client.predict({**ORDER, "stor_id": "s"}, sample_id=None)
    assert caught.value.http_status == 400
    assert caught.value.problem.field == "order.stor_id"


@pytest.mark.parametrize("media_type", ["application/vnd.bentoml+pickle", "text/plain"])
@pytest.mark.parametrize("path", ["/predict", "/predict_batch", "/events"])
def test_other_content_types_are_refused(city: Served, path: str, media_type: str) -> None:
    response = post(city.url + path, content=b"{}", headers={"content-type": media_type})
    assert response.status_code == 415


@pytest.mark.parametrize(
    "media_type", ["application/cloudevents+json", "application/cloudevents-batch+json"]
)
def test_cloudevents_have_content_types_of_their_own(city: Served, media_type: str) -> None:
    event = cloud_event(subject=f"o-{media_type}", data={"store_id": "s-001"})
    body = [event] if "batch" in media_type else event
    response = post(
        f"{city.url}/events",
        content=msgspec.json.encode(body),
        headers={"content-type": media_type},
    )
    assert response.status_code == 200
    assert response.json()["accepted"] == 1


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/docs.json"])
def test_the_paths_of_operation_answer(city: Served, path: str) -> None:
    assert get(city.url + path).status_code == 200


def test_metrics_count_answers_and_events(city: Served) -> None:
    city.client.predict(ORDER, sample_id=None)
    shown = get(f"{city.url}/metrics").text
    for name in (
        'doorstep_estimates_total{service="etp",status="ok"}',
        'doorstep_events_total{event="dispatched",outcome="accepted",source="orders"}',
        'doorstep_event_lateness_seconds_bucket{event="dispatched"',
        'doorstep_features_seconds_count{service="etp"}',
        'doorstep_model_seconds_count{service="etp"}',
        "doorstep_request_duration_seconds_bucket",
    ):
        assert name in shown


def test_openapi_has_every_endpoint_with_its_types(city: Served) -> None:
    document = get(f"{city.url}/docs.json").json()
    schemas = document["components"]["schemas"]
    for path, taken, given in (
        ("/predict", "PredictRequest", "PredictAnswer"),
        ("/predict_batch", "PredictBatchRequest", "PredictBatchAnswer"),
    ):
        post = document["paths"][path]["post"]
        body = post["requestBody"]["content"]["application/json"]["schema"]
        answer = post["responses"]["200"]["content"]["application/json"]["schema"]
        assert body == {"$ref": f"#/components/schemas/{taken}"}
        assert answer == {"$ref": f"#/components/schemas/{given}"}
        assert {taken, given} <= set(schemas)
    assert document["paths"]["/events"]["post"]["description"]


def test_accepted_events_are_on_the_disk(city: Served, tmp_path: Path) -> None:
    file = tmp_path / "events.db"
    tag = city.client.predict(ORDER, sample_id=None).model.tag
    settings = EtpSettings(model=tag, event_store=str(file)).to_environment()
    data = {"store_id": "s-001", "city": "WAW", "store_category": "WAW pizza"}
    events = [
        msgspec.convert(cloud_event(type=name, data=data), CloudEvent)
        for name in ("activated", "dispatched")
    ]
    later = events[0].time + timedelta(minutes=1)
    with (
        ServiceProcess(log=tmp_path / "log", settings=settings) as service,
        EtpClient(service.url) as client,
    ):
        assert client.send_events(events).applied == 2
        asked = client.predict(ORDER, sample_id=None, as_of=later, include_features=True)
        server = psutil.Process(service.pid)
        for process in (server, *server.children(recursive=True)):
            process.kill()  # nothing is written on the way out
    assert asked.features is not None
    assert asked.features["store_queue_orders"] == 1.0
    features = city.trained.estimator.features
    event_store = SqliteEventStore(file, sources=features.sources)
    try:
        keys = {name: ORDER.get(name) for name in features.dimensions}
        kept = features.transform(event_store, "inference", as_of=later, keys=keys, sample_id=None)
    finally:
        event_store.close()
    np.testing.assert_equal(
        np.array(list(kept.values())), np.array(list(asked.features.values()), dtype=np.float64)
    )


def test_every_estimate_is_logged_and_a_log_that_fails_costs_none(
    city: Served, tmp_path: Path
) -> None:
    folder, key = tmp_path / "log", make_key("app", ["app"])
    settings = {
        **EtpSettings(model=city.client.predict(ORDER, sample_id=None).model.tag).to_environment(),
        "DOORSTEP_PREDICTION_LOG": str(folder),
        "DOORSTEP_PREDICTION_LOG_PART_S": "0.1",
        "DOORSTEP_API_KEYS": ApiKeys([key[1]]).to_json().decode(),
    }
    folder.write_text("in the way", encoding="utf-8")
    with (
        ServiceProcess(log=tmp_path / "service.log", settings=settings) as service,
        EtpClient(service.url, api_key=key[0]) as client,
    ):
        one = client.predict(ORDER, sample_id="o-1", include_features=True)
        wait_until(lambda: metric_of(service.url, "doorstep_prediction_log_failures_total"))
        folder.unlink()
        good = PredictRequest(order=ORDER, sample_id=None)
        bad = PredictRequest(order={"stor": 1}, sample_id=None)
        rows = client.predict_batch([good, bad, good]).rows
    logged = read_predictions(folder)
    assert logged["request_id"].iloc[0] == one.request_id
    assert logged["row"].tolist() == [0, 0, 2]
    assert logged["mean_s"].tolist() == [
        one.mean_s, *[row.answer.mean_s for row in rows if row.answer]
    ]  # fmt: skip
    assert logged["quantiles_s"].iloc[0].tolist() == list(one.quantiles_s.values())
    assert one.features is not None
    columns = [f"feature_{name}" for name in one.features]
    values = np.array(list(one.features.values()), dtype=np.float64)
    np.testing.assert_array_equal(logged[columns].iloc[0].to_numpy(np.float64), values)


def test_a_redis_server_that_dies_degrades_estimates_and_costs_no_events(
    city: Served, tmp_path: Path
) -> None:
    needs_redis()
    server = RedisServer(tmp_path / "redis")
    tag = city.client.predict(ORDER, sample_id=None).model.tag
    settings = EtpSettings(model=tag, event_store=server.url).to_environment()
    data = {"store_id": "s-001", "city": "WAW", "store_category": "WAW pizza"}
    sent = [
        msgspec.convert(cloud_event(type=name, data=data), CloudEvent)
        for name in ("activated", "dispatched")
    ]
    later = sent[0].time + timedelta(minutes=1)
    answers: list[PredictAnswer] = []
    with (
        ServiceProcess(log=tmp_path / "log", settings=settings) as service,
        EtpClient(service.url) as client,
    ):
        assert client.send_events(sent).applied == 2

        def asked() -> PredictAnswer:
            return client.predict(ORDER, sample_id=None, as_of=later, include_features=True)

        def is_well() -> bool:
            answers.append(asked())
            return answers[-1].status == "ok"

        wait_until(is_well)  # the store may be late for once
        before = answers[-1].features
        server.kill()
        assert asked().status == "degraded"
        assert get(f"{service.url}/livez").status_code == 200
        server.start()
        wait_until(is_well)
    assert answers[-1].features == before
    assert before is not None
    assert before["store_queue_orders"] == 1.0
    server.stop()


def test_without_a_model_a_service_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORSTEP_ETP_MODEL", "etp_of_nobody:latest")
    service = EtpService.inner()  # type: ignore[attr-defined]  # the decorator gives a Service
    service.begin()
    service.start.wait()
    assert not service.__is_ready__()
    for endpoint in (service.predict, service.predict_batch, service.events):
        response = asyncio.run(endpoint(Call(b'{"rows": [1]}', "application/json", "r-1")))
        assert response.status_code in (400, 503)
    response = asyncio.run(service.events(Call(b"[1]", "application/json", "r-1")))
    assert response.status_code == 503
    assert "etp_of_nobody" in json.loads(response.body)["reason"]
    asyncio.run(service.finish())
