"""An ETA that is composed over the network while one of the services that it asks is unwell.

Whatever a peer does, every caller gets an answer in time, made of what is usual in place of what
the peer did not say, and labelled so. When the peer is well again, so are the answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aggregators import SqliteEventStore
from benchmarks.load_test import broken_connections, sustained
from estimators.registry import models as registry
from services.client import AsyncServiceClient, EtpClient, ServiceUnreachable
from services.composition.opening import sources_of
from tests.services.faults.city import City, ask, statuses
from tests.services.faults.proxy import FAULTS, Fault
from tests.services.faults.questions import WELL, answers_of, is_well, notes_of, same, width_of
from tests.services.faults.running import (
    PEERS,
    Composed,
    composed,
    kill,
    process_of,
    stopped,
)
from tests.services.scripted import ScriptedServer
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

CONNECTIONS = 8
PARTS_OF = {
    "etp": {"ready"},
    "courier_travel": {"to_store", "to_customer", "parking"},
    "wall_eta": {"direct"},
}
ASKED_BY = {"etp": "/eta", "courier_travel": "/eta", "wall_eta": "/displayed_eta"}


@pytest.fixture(scope="module")
def event_store(tmp_path_factory: pytest.TempPathFactory, city: City, saved_eta: str) -> str:
    """An SQLite file that has what has happened; all services share it."""
    path = tmp_path_factory.mktemp("store") / "events.db"
    events = SqliteEventStore(path, sources=sources_of(registry.load_eta(saved_eta)))
    city.fill(events)
    events.close()
    return str(path)


@pytest.fixture(scope="module")
def services(event_store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    with composed(event_store, tmp_path_factory.mktemp("services")) as services:
        yield services


@pytest.fixture
def well(services: Composed, city: City) -> dict[str, Any]:
    """The answers while all is well; a test begins with it."""
    wait_until(lambda: is_well(services.http, city))
    return answers_of(services.http, city)


def check_unwell(peer: str, before: dict[str, Any], answers: dict[str, Any]) -> None:
    """Answers that lack a peer say so and reach farther; those that do not need it are as ever."""
    for path, answer in answers.items():
        lost = PARTS_OF[peer] & set(before[path]["models"])
        kept = set(before[path]["models"]) - PARTS_OF[peer]
        assert set(answer["models"]) == kept, path
        if lost:
            assert "fallback" in statuses(answer), path
        else:
            assert statuses(answer) <= WELL, path
    asked = ASKED_BY[peer]
    assert PARTS_OF[peer] & set(before[asked]["models"])
    if peer == "courier_travel":
        assert width_of(answers["/courier_arrival"]) > width_of(before["/courier_arrival"])
    notes = "; ".join(notes_of(answers[asked]))
    assert any(part in notes for part in PARTS_OF[peer]), notes


def test_all_parts_are_asked_over_the_network(well: dict[str, Any]) -> None:
    assert {"eta", "ready", "to_store", "to_customer", "parking"} <= set(well["/eta"]["models"])
    assert "direct" in well["/displayed_eta"]["models"]
    parts = well["/eta"]["expected_s"]
    assert sum(parts.values()) == well["/eta"]["expected_eta_s"]


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_peer_that_fails_costs_no_answer(
    services: Composed, city: City, well: dict[str, Any], peer: str, fault: Fault
) -> None:
    with services.proxies[peer].fault(fault):
        answers = answers_of(services.http, city)
        assert services.http.get("/readyz").status_code == 200
    check_unwell(peer, well, answers)
    wait_until(lambda: is_well(services.http, city))


def test_a_process_that_hangs_costs_no_answer(
    services: Composed, city: City, well: dict[str, Any]
) -> None:
    with stopped(services.peers["courier_travel"]):
        answers = answers_of(services.http, city)
    check_unwell("courier_travel", well, answers)


def test_a_connection_that_breaks_is_found_in_a_log() -> None:
    with (
        ScriptedServer(lambda connection: connection.reset()) as server,
        EtpClient(server.url, retries=0) as client,
        pytest.raises(ServiceUnreachable) as caught,
    ):
        client.predict({}, sample_id=None)
    assert broken_connections(f"part ready: ServiceUnreachable: {caught.value}")
    assert not broken_connections("part ready: NoAnswerInTime: no time is left")


def test_all_peers_may_be_gone_at_once(
    services: Composed, city: City, well: dict[str, Any]
) -> None:
    with (
        services.proxies["etp"].fault("hang"),
        services.proxies["courier_travel"].fault("refuse"),
        services.proxies["wall_eta"].fault("error"),
    ):
        answers = answers_of(services.http, city)
        assert services.http.get("/readyz").status_code == 200
    for path, answer in answers.items():
        assert "fallback" in statuses(answer), path
        assert set(answer["models"]) <= {"eta", "conditions"}, path
    assert width_of(answers["/eta"]) > width_of(well["/eta"])
    assert sum(answers["/eta"]["expected_s"].values()) == answers["/eta"]["expected_eta_s"]


def test_little_time_is_enough_for_an_answer(
    services: Composed, city: City, well: dict[str, Any]
) -> None:
    assert well
    with services.proxies["courier_travel"].fault("hang"):
        response = ask(services.http, "/eta", city.questions["/eta"], limit_ms=400)
    assert response.status_code == 200, response.text
    assert "fallback" in statuses(response.json())


def test_many_callers_at_once_are_all_answered(
    services: Composed, city: City, well: dict[str, Any]
) -> None:
    before = len(services.log.read_text())

    async def ask_all() -> list[list[dict[str, Any]]]:
        async with AsyncServiceClient(services.eta.url, retries=0) as client:

            async def caller() -> list[dict[str, Any]]:
                return [await client.ask(path, body, dict) for path, body in city.questions.items()]

            return await asyncio.gather(*(caller() for _ in range(CONNECTIONS)))

    answers = asyncio.run(ask_all())
    # A part may be late on a busy machine, but no connection may break.
    assert broken_connections(services.log.read_text()[before:]) == []
    for of_caller in answers:
        assert [set(one) for one in of_caller] == [set(well[path]) for path in city.questions]


@pytest.mark.soak
def test_callers_are_answered_for_minutes_while_events_come_in(
    services: Composed, city: City, well: dict[str, Any]
) -> None:
    assert well
    before = len(services.log.read_text())
    questions = list(city.questions.items())
    load = asyncio.run(
        sustained(services.eta.url, questions, connections=32, seconds=120.0, rate=40.0)
    )
    assert load.failed == 0, load.failures
    assert {path for path, _ in load.calls} == set(city.questions)
    assert load.events > 0
    assert broken_connections(services.log.read_text()[before:]) == []


def test_a_process_that_was_killed_is_asked_again_where_it_is_started_anew(
    services: Composed, city: City, well: dict[str, Any], event_store: str, tmp_path: Path
) -> None:
    kill(services.peers["etp"])
    check_unwell("etp", well, answers_of(services.http, city))
    with process_of("etp", event_store, tmp_path) as another:
        services.proxies["etp"].url_behind = another.url
        wait_until(lambda: is_well(services.http, city))
        assert same(answers_of(services.http, city), well)
