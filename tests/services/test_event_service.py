"""The event service over HTTP: what it answers is what training computes, with every store."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pandas as pd
import psutil  # type: ignore[import-untyped]
import pytest

from aggregators import Event, FeatureSet, SqliteEventStore
from aggregators.catalog import CATALOG, ORDERS
from aggregators.times import from_us
from services.bento.process import ServiceProcess
from services.client import EventClient, RequestRefused
from services.core.settings.events import EventSettings
from services.intake.cloudevents import to_cloud_event
from services.schemas.common import CloudEvent
from services.schemas.features import FeatureRow
from tests.aggregators.catalog.random_city import Row, random_city, stream_of, table_of
from tests.aggregators.stores.servers import RedisServer, needs_redis
from tests.patient_http import get, metric_of
from tests.services.building import cloud_event
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

SEED = 20_261_122
QUEUE = ("store_queue_orders",)
TARGET = "services.events:EventService"
LONG_S = 1e10
"""A clock skew under which the events of every year are taken, whatever this machine's clock."""


@dataclass(frozen=True)
class Served:
    """A running service that was sent a whole city."""

    client: EventClient
    url: str
    rows: list[Row]
    event_store: str
    service: ServiceProcess

    def get(self, path: str, **params: Any) -> httpx.Response:
        return get(self.url + path, params=params)


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("events")
    server: RedisServer | None = None
    event_store = str(folder / "events.db")
    if request.param == "redis":
        needs_redis()
        server = RedisServer(folder / "redis", durable=False)
        event_store = server.url
    settings = EventSettings(event_store=event_store, max_clock_skew_s=LONG_S, compact_every_s=0.0)
    rows = random_city(SEED)
    sent = stream_of(rows, SEED)
    with (
        ServiceProcess(TARGET, log=folder / "log", settings=settings.to_environment()) as service,
        EventClient(service.url) as client,
    ):
        answers = [
            client.send_events(map(to_cloud_event, sent[i : i + 500]))
            for i in range(0, len(sent), 500)
        ]
        assert sum(answer.refused for answer in answers) == 0
        happened = {(event.sample_id, event.event) for event in sent}
        assert sum(answer.applied for answer in answers) == len(happened), f"seed {SEED}"
        yield Served(client, service.url, rows, event_store, service)
    if server is not None:
        server.stop()


FEATURES = FeatureSet([feature for feature in CATALOG if feature.source == ORDERS])


def questions(rows: list[Row]) -> list[tuple[Row, str]]:
    """Each order that was dispatched, asked at one of its events."""
    names = ("dispatched", "ready", "courier_assigned", "delivered")
    asked = [(row, names[i % len(names)]) for i, row in enumerate(rows)]
    return [(row, event) for row, event in asked if row[event] is not None]


def keys_of(row: Row, event: str) -> dict[str, Any]:
    """What the request that is made at an event knows."""
    keys = {name: row[name] for name in FEATURES.dimensions}
    assigned = row["courier_assigned"]
    if assigned is None or assigned > row[event]:
        keys["courier_id"] = None
    return keys


def assert_equal_to_training(
    rows: list[Row], asked: list[tuple[Row, str]], given: list[dict[str, float | None]]
) -> None:
    spine = pd.DataFrame([keys_of(row, event) for row, event in asked], dtype="str")
    spine["order_id"] = pd.Series([row["order_id"] for row, _ in asked], dtype="str")
    spine["as_of"] = [from_us(row[event]) for row, event in asked]
    expected = FEATURES.transform(table_of(rows), "training", at=spine)
    frame = pd.DataFrame(given, dtype=np.float64)
    pd.testing.assert_frame_equal(frame[list(expected.columns)], expected, check_exact=True)
    assert expected.notna().to_numpy().mean() > 0.5, "hardly any feature had a value to compare"


def test_a_batch_of_rows_is_answered_as_training_computes(served: Served) -> None:
    asked = questions(served.rows)
    rows = [
        FeatureRow(keys=keys_of(row, event), sample_id=row["order_id"], as_of=from_us(row[event]))
        for row, event in asked
    ]
    answer = served.client.features_batch(rows, names=FEATURES.names)
    assert answer.refused == 0
    assert answer.catalog.fingerprint == FEATURES.fingerprint
    given = [row.answer.features for row in answer.rows if row.answer]
    assert_equal_to_training(served.rows, asked, given)


def test_single_questions_are_answered_as_training_computes(served: Served) -> None:
    asked = questions(served.rows)[:40]
    given = []
    for number, (row, event) in enumerate(asked):
        keys, as_of = keys_of(row, event), from_us(row[event])
        if number % 2:
            answer = served.client.features(
                keys,
                sample_id=row["order_id"],
                names=FEATURES.names,
                as_of=as_of,
                event_times=number % 4 == 1,
            )
            given.append(answer.features)
        else:
            params = {name: "" if value is None else value for name, value in keys.items()}
            params |= {"as_of": as_of.isoformat(), "sample_id": row["order_id"]}
            got = served.get("/features", feature=list(FEATURES.names), **params)
            assert got.status_code == 200, got.text
            given.append(got.json()["features"])
    assert_equal_to_training(served.rows, asked, given)


def now_event(name: str, order: str, event_store: str, **changes: Any) -> CloudEvent:
    moment = datetime.now(UTC) - timedelta(seconds=1)
    return msgspec.convert(
        cloud_event(
            **{
                "type": name,
                "subject": order,
                "id": f"{order} {name}",
                "time": moment.isoformat(),
                "data": {"store_id": event_store, "city": "BCN"},
                **changes,
            }
        ),
        CloudEvent,
    )


def test_what_was_acknowledged_is_in_the_next_answer(served: Served) -> None:
    for number in range(1, 6):
        order = f"next-{number}"
        two = [now_event(name, order, "next") for name in ("activated", "dispatched")]
        assert served.client.send_events(two).applied == 2
        answer = served.client.features(
            {"store_id": "next"}, sample_id=None, names=["store_queue_orders"]
        )
        assert answer.features == {"store_queue_orders": float(number)}
    explained = served.client.explain(
        "store_queue_orders", {"store_id": "next"}, sample_id="next-1", why="next-1"
    )
    assert explained.value == 4.0
    assert explained.n_samples == len(explained.samples) == 4
    assert explained.why is not None
    assert "left out" in explained.why
    got = served.get("/explain", feature="store_queue_orders", store_id="next", why="next-2")
    assert got.json()["value"] == 5.0
    assert "selected" in got.json()["why"]


def test_many_at_once_each_get_their_own_status_and_read_what_they_sent(served: Served) -> None:
    senders, rounds = 8, 10

    def send(number: int) -> list[float | None]:
        event_store = f"at-once-{number}"
        seen: list[float | None] = []
        with EventClient(served.url) as client:
            for i in range(rounds):
                order = f"{event_store}-{i}"
                sent = [now_event(n, order, event_store) for n in ("activated", "dispatched")]
                sent.insert(i % 3, now_event("redy", order, event_store))
                answer = client.send_events(sent)
                assert answer.applied == 2
                assert [status.status for status in answer.events].index("refused") == i % 3
                asked = client.features({"store_id": event_store}, sample_id=None, names=QUEUE)
                seen += asked.features.values()
        return seen

    with ThreadPoolExecutor(senders) as pool:
        for seen in pool.map(send, range(senders)):
            assert seen == [float(i + 1) for i in range(rounds)]


def test_what_is_wrong_is_said_with_its_field(served: Served) -> None:
    with pytest.raises(RequestRefused) as caught:
        served.client.features({"store_id": "s"}, sample_id=None, names=["store_queue_order"])
    assert (caught.value.http_status, caught.value.problem.field) == (400, "features[0]")
    got = served.get("/features", stor_id="s")
    assert (got.status_code, got.json()["field"]) == (400, "stor_id")
    got = get(f"{served.url}/explain", headers={"x-request-id": "r-7"})
    assert got.status_code == 400
    assert got.headers["x-request-id"] == got.json()["request_id"] == "r-7"


def test_unknown_paths_do_not_grow_the_metrics(served: Served) -> None:
    for number in range(3):
        assert served.get(f"/nowhere/{number}").status_code == 404
    shown = served.get("/metrics").text
    assert "nowhere" not in shown
    assert 'endpoint="other",http_response_code="404"' in shown
    for name in (
        'doorstep_events_total{event="delivered",outcome="accepted",source="orders"}',
        'doorstep_event_lateness_seconds_bucket{event="delivered",le="0.0",source="orders"}',
        "doorstep_event_write_seconds_count",
        "doorstep_events_waiting",
        "doorstep_compaction_timestamp_seconds",
        'doorstep_request_total{endpoint="/events"',
    ):
        assert name in shown


def test_openapi_has_every_endpoint_with_its_types(served: Served) -> None:
    document = served.get("/docs.json").json()
    for path, taken, given in (
        ("/features", "FeaturesRequest", "FeaturesAnswer"),
        ("/features_batch", "FeaturesBatchRequest", "FeaturesBatchAnswer"),
        ("/explain", "ExplainRequest", "ExplainAnswer"),
    ):
        post = document["paths"][path]["post"]
        body = post["requestBody"]["content"]["application/json"]["schema"]
        answer = post["responses"]["200"]["content"]["application/json"]["schema"]
        assert body == {"$ref": f"#/components/schemas/{taken}"}
        assert answer == {"$ref": f"#/components/schemas/{given}"}
        assert {taken, given} <= set(document["components"]["schemas"])
    assert document["paths"]["/events"]["post"]["description"]
    for path in ("/features", "/explain"):
        parameters = {item.get("name") for item in document["paths"][path]["get"]["parameters"]}
        assert {"feature", "as_of", "sample_id", "store_id", "city"} <= parameters


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/docs.json"])
def test_the_paths_of_operation_answer(served: Served, path: str) -> None:
    assert served.get(path).status_code == 200


def test_acknowledged_events_survive_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "events.db"
    settings = EventSettings(event_store=str(file), compact_every_s=0.0).to_environment()
    with (
        ServiceProcess(TARGET, log=tmp_path / "log", settings=settings) as service,
        EventClient(service.url) as client,
    ):
        sent = [now_event("activated", f"o-{i}", "s") for i in range(100)]
        for event in sent[:20]:
            assert client.send_events([event]).applied == 1
        assert client.send_events(sent[20:]).applied == 80
        server = psutil.Process(service.pid)
        for process in (server, *server.children(recursive=True)):
            process.kill()  # nothing is written on the way out
    with SqliteEventStore(file, sources=CATALOG.sources) as event_store:
        assert event_store.count(ORDERS) == 100


def test_a_redis_server_that_dies_costs_answers_and_no_events(tmp_path: Path) -> None:
    needs_redis()
    server = RedisServer(tmp_path / "redis")
    settings = EventSettings(event_store=server.url).to_environment()
    sent = [now_event(name, "o-1", "s") for name in ("activated", "dispatched")]
    with (
        ServiceProcess(TARGET, log=tmp_path / "log", settings=settings) as service,
        EventClient(service.url, retries=0) as client,
    ):
        assert client.send_events(sent[:1]).applied == 1
        server.kill()
        for ask in (
            lambda: client.send_events(sent[1:]),
            lambda: client.features({"store_id": "s"}, sample_id=None),
        ):
            with pytest.raises(RequestRefused) as caught:
                ask()
            assert caught.value.http_status == 503
        assert get(f"{service.url}/livez").status_code == 200
        server.start()
        with EventClient(service.url) as patient:
            assert patient.send_events(sent).applied == 1
            answer = patient.features({"store_id": "s"}, sample_id=None)
        assert answer.features["store_queue_orders"] == 1.0
    server.stop()


def test_the_store_is_compacted_while_the_service_answers(tmp_path: Path) -> None:
    settings = EventSettings(
        event_store=str(tmp_path / "events.db"),
        max_clock_skew_s=LONG_S,
        compact_every_s=0.2,
        keep="1h",
    )
    names = [feature.name for feature in CATALOG if feature.dimension == "store_id"]
    long_ago = datetime.now(UTC) - timedelta(days=30)
    sent = [
        Event("orders", f"o-{i}", name, long_ago + timedelta(minutes=10 * i + late), data)
        for i in range(200)
        for name, late, data in (
            ("activated", 0, {"store_id": "s", "city": "BCN", "products": i % 4}),
            ("dispatched", 1, {}),
            ("accepted", 2, {}),
            ("ready", 9, {}),
            ("delivered", 30, {}),
        )
    ]
    # The store is compacted up to what the latest event says, less what is to be kept.
    lately = Event("orders", "o-200", "activated", datetime.now(UTC) - timedelta(hours=2), {})

    with (
        ServiceProcess(TARGET, log=tmp_path / "log", settings=settings.to_environment()) as service,
        EventClient(service.url) as client,
    ):
        assert client.send_events(map(to_cloud_event, [*sent, lately])).applied == 1_001
        as_of = datetime.now(UTC)
        # Without it nothing says that the others are old: the clock alone is not trusted.
        now = Event("orders", "now", "activated", as_of, {"store_id": "another"})
        assert client.send_events([to_cloud_event(now)]).applied == 1
        before = client.features({"store_id": "s"}, sample_id=None, names=names, as_of=as_of)
        wait_until(
            lambda: metric_of(service.url, "doorstep_compaction_samples_dropped_total") > 0.0,
            (tmp_path / "log").read_text,
        )
        after = client.features({"store_id": "s"}, sample_id=None, names=names, as_of=as_of)
        np.testing.assert_equal(after.features, before.features)
        assert 0.0 < metric_of(service.url, "doorstep_compaction_samples_kept") < 200.0
        assert metric_of(service.url, "doorstep_compaction_timestamp_seconds") > 0.0
        with pytest.raises(RequestRefused) as caught:
            client.features({"store_id": "s"}, sample_id=None, names=names, as_of=long_ago)
        assert caught.value.problem.field == "as_of"
