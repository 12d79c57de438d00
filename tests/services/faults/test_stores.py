"""An ETA service whose event store is gone, hangs, is locked or cannot grow."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from aggregators import SqliteEventStore
from aggregators.stores.redis.store import RedisEventStore
from estimators.registry import models as registry
from services.bento.process import ServiceProcess
from services.composition.opening import sources_of
from services.prediction_log.table import read_predictions
from tests.aggregators.stores.servers import RedisServer, needs_redis
from tests.patient_http import http_client, metric_of
from tests.services.building import cloud_event
from tests.services.faults.city import MOMENT, City, ask, statuses
from tests.services.faults.questions import answers_of, is_well, notes_of, same, well_answers_of
from tests.services.faults.running import family_of, process_of
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow

EVENT = cloud_event(subject="o-new", time=MOMENT.isoformat(), data={"city": "WAW"})
SHORT_MS = 300


def client_of(service: ServiceProcess) -> httpx.Client:
    return http_client(service.url)


def send(http: httpx.Client, name: str, *, limit_ms: int = 9_000) -> httpx.Response:
    """Send one new event."""
    event = {**EVENT, "id": name, "subject": f"o-{name}"}
    return http.post("/events", json=[event], headers={"x-timeout-ms": str(limit_ms)})


def is_taken(http: httpx.Client, name: str) -> bool:
    """Send one event again; whether it is taken, and not refused because the store is away."""
    answer = send(http, name)
    assert answer.status_code in (200, 503, 504), answer.text
    return answer.status_code == 200 and answer.json()["accepted"] == 1


def stays_alive(http: httpx.Client, until: threading.Event) -> int:
    """Ask whether a service lives, again and again; return how often it said so."""
    with http_client(str(http.base_url)) as other:
        count = 0
        while True:
            assert other.get("/livez").status_code == 200
            count += 1
            if until.wait(0.02):
                return count


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory, city: City, saved_eta: str) -> Iterator[Any]:
    needs_redis()
    server = RedisServer(tmp_path_factory.mktemp("redis") / "data")
    try:
        event_store = RedisEventStore(server.url, sources=sources_of(registry.load_eta(saved_eta)))
        city.fill(event_store)
        event_store.close()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def over_redis(
    redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("over_redis")
    with process_of("eta", redis.url, folder) as service, client_of(service) as http:
        yield http


@pytest.mark.parametrize("fault", ["killed", "hanging"])
def test_a_redis_server_that_is_gone_or_hangs_costs_no_answer(
    over_redis: httpx.Client, redis: RedisServer, city: City, fault: str
) -> None:
    well = well_answers_of(over_redis, city)
    done = threading.Event()
    with ThreadPoolExecutor(1) as beside, broken(redis, fault):
        alive = beside.submit(stays_alive, over_redis, done)
        try:
            answers = answers_of(over_redis, city)
            refused = send(over_redis, fault, limit_ms=1_000)
        finally:
            done.set()
        assert alive.result() > 0
    for path, answer in answers.items():
        assert statuses(answer) & {"degraded", "fallback"}, path
        assert list(notes_of(answer)), path
    assert refused.status_code in (503, 504), refused.text
    wait_until(lambda: is_well(over_redis, city))
    wait_until(lambda: same(answers_of(over_redis, city), well))
    wait_until(lambda: is_taken(over_redis, fault))


@contextmanager
def broken(redis: RedisServer, fault: str) -> Iterator[None]:
    if fault == "hanging":
        with redis.paused():
            yield
        return
    redis.kill()
    try:
        yield
    finally:
        redis.start()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, city: City, saved_eta: str) -> Path:
    path = tmp_path_factory.mktemp("store") / "events.db"
    events = SqliteEventStore(path, sources=sources_of(registry.load_eta(saved_eta)))
    city.fill(events)
    events.close()
    return path


@pytest.fixture(scope="module")
def over_file(file: Path) -> Iterator[tuple[ServiceProcess, httpx.Client]]:
    more = {
        "DOORSTEP_PREDICTION_LOG": str(file.parent / "log"),
        "DOORSTEP_PREDICTION_LOG_PART_S": "0.2",
    }
    with (
        process_of("eta", str(file), file.parent, more) as service,
        client_of(service) as http,
    ):
        yield service, http


def test_a_file_that_another_process_has_locked_stops_events_alone(
    over_file: tuple[ServiceProcess, httpx.Client], file: Path, city: City
) -> None:
    _, http = over_file
    well = well_answers_of(http, city)
    other = sqlite3.connect(file, isolation_level=None, timeout=PATIENCE_S)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert send(http, "locked", limit_ms=SHORT_MS).status_code == 504
        wait_until(lambda: same(answers_of(http, city), well))  # a part may be late for once
    finally:
        other.execute("ROLLBACK")
        other.close()
    wait_until(lambda: is_taken(http, "locked"))


@pytest.mark.skipif(sys.platform != "linux", reason="limits of other processes are Linux's")
def test_a_disk_that_is_full_stops_events_and_the_log_alone(
    over_file: tuple[ServiceProcess, httpx.Client], file: Path, city: City
) -> None:
    service, http = over_file
    well = well_answers_of(http, city)
    with full_disk(service):
        failures = metric_of(service.url, "doorstep_prediction_log_failures_total")
        refused = send(http, "full")
        assert refused.status_code == 503, refused.text
        assert refused.headers["retry-after"]
        wait_until(lambda: same(answers_of(http, city), well))
        wait_until(
            lambda: metric_of(service.url, "doorstep_prediction_log_failures_total") > failures
        )
        assert not list((file.parent / "log").glob(".*"))
    wait_until(lambda: is_taken(http, "full"))
    last = ask(http, "/eta", city.questions["/eta"]).json()["request_id"]

    def is_logged() -> bool:
        logged = read_predictions(file.parent / "log")  # without a part, there is no column
        return "request_id" in logged and last in set(logged["request_id"])

    wait_until(is_logged)
    assert metric_of(service.url, "doorstep_prediction_log_dropped_total") == 0.0


@contextmanager
def full_disk(service: ServiceProcess) -> Iterator[None]:
    """Let no file of a service grow: whatever it writes fails, as on a full disk."""
    family = family_of(service)
    before = [one.rlimit(psutil.RLIMIT_FSIZE) for one in family]
    for one, (_, hard) in zip(family, before, strict=True):
        one.rlimit(psutil.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        for one, limits in zip(family, before, strict=True):
            one.rlimit(psutil.RLIMIT_FSIZE, limits)
