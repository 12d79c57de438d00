"""`doorstep simulate`: tables, events, a page, and events sent to a service in their own time.

Tests `commands.reports.simulation_page` and `simulator.records.stream`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from aggregators import Event
from aggregators.catalog import CATALOG
from commands.main import app
from commands.simulation.stream import BATCH_EVENTS, WINDOW_S, send, windows
from services.intake.cloudevents import from_cloud_event
from services.schemas.common import CloudEvent, EventsAnswer, EventStatus
from simulator import SOURCES, Scenario, simulate_cities
from tests.commands.reports.html_pages import check_page

CITY = ("simulate", "--orders", "300", "--days", "1", "--cities", "1", "--seed", "3")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*CITY, *arguments])


def test_a_folder_has_a_table_per_source_and_the_truth(tmp_path: Path) -> None:
    out = tmp_path / "city"
    shown = run("--out", str(out), "--imperfect", "--truth", "2")
    assert shown.exit_code == 0, shown.output
    assert re.search(r"\d+ orders of \d+ stores and \d+ couriers in BCN; days: 1", shown.output)
    simulation = simulate_cities(Scenario(orders=300, days=1, cities=1, seed=3))
    for source in SOURCES:
        table = pd.read_parquet(out / f"{source.name}.parquet")
        assert len(table) == len(simulation.tables[source.name])
    truth = pd.read_parquet(out / "truth.parquet")
    assert truth["delivered"].equals(simulation.truth_table["delivered"])
    drawn = pd.read_parquet(out / "true_distributions.parquet")
    assert drawn["order_id"].nunique() == 2
    scenario = json.loads((out / "scenario.json").read_text())
    assert scenario["imperfections"]["ready_missing_share"] > 0.0
    assert run("--out", str(out)).exit_code == 1
    assert run("--out", str(out), "--overwrite").exit_code == 0


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_file_has_the_orders(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"orders{suffix}"
    assert run("--out", str(path)).exit_code == 0
    table = pd.read_parquet(path) if suffix == ".parquet" else pd.read_csv(path)
    assert 200 < len(table) < 400
    assert table["order_id"].is_unique


def test_events_are_cloudevents_in_the_order_of_arrival(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert run("--out", str(path), "--source", "orders", "--source", "weather").exit_code == 0
    sources = {source.name: source for source in CATALOG.sources}
    decoder = msgspec.json.Decoder(CloudEvent)
    lines = path.read_bytes().splitlines()
    read = [from_cloud_event(decoder.decode(line), sources) for line in lines]
    simulation = simulate_cities(Scenario(orders=300, days=1, cities=1, seed=3))
    expected = [event for event in simulation.events() if event.source != "local_events"]
    assert [repr(event) for event in read] == [repr(event) for event in expected]


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    shown = run("--report", str(path))
    assert shown.exit_code == 0, shown.output
    page = check_page(path.read_text(encoding="utf-8"))
    assert len(page.all("svg")) == 1 + 6 * 3 + 1  # a map, three for each of six parts, the truth
    parts = ("Streets", "Demand", "Kitchens", "Rides", "The last metres", "The whole",
             "Weather and local events", "Truth")  # fmt: skip
    assert page.headings == list(parts)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--out", "city.xml"), "ends in .parquet, .csv or"),
        (("--report", "page.pdf"), "ends in .html"),
        (("--out", "no/such/folder/x.csv"), "no folder"),
        (("--imperfection", "gone_share=0.1"), "there is no 'gone_share'"),
        (("--imperfection", "late_share=many"), "not a number"),
        (("--imperfection", "late_share=3"), "late_share is 3.0"),
        (("--start", "soon"), "--start"),
        (("--regime", "flood:from=1"), "there is no regime 'flood'; expected one of creep,"),
        (("--regime", "creep"), "--regime 'creep': creep needs from=DAY"),
        (("--out", "x.jsonl", "--source", "trams"), "a city has orders"),
        (("--out", "x.jsonl", "--truth", "5"), "--truth is written into a folder"),
        (("--to", "http://127.0.0.1:9"), "no service that is ready"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = run(*arguments)
    assert shown.exit_code == 1
    assert message in " ".join(shown.output.split())


def test_the_switches_reach_the_scenario(tmp_path: Path) -> None:
    out = tmp_path / "city"
    shown = run(
        "--out", str(out), "--shock-day", "0", "--new-stores", "0", "--courier-supply", "2",
        "--start", "2026-05-04", "--imperfection", "clock_skew_s=7", "--stores", "9",
        "--regime", "creep:from=7,percent=2", "--regime", "strike:from=0,days=0.5,share=0.4",
    )  # fmt: skip
    assert shown.exit_code == 0, shown.output
    scenario = json.loads((out / "scenario.json").read_text())
    assert scenario["shock_day"] == 0
    assert scenario["new_store_share"] == 0.0
    assert scenario["courier_supply"] == 2.0
    assert scenario["stores_per_city"] == 9
    assert scenario["start"].startswith("2026-05-04")
    assert scenario["imperfections"]["clock_skew_s"] == 7.0
    assert scenario["regimes"] == [
        "creep:from=7,percent=2",
        "strike:from=0,days=0.5,share=0.4",
    ]


class _Service(BaseHTTPRequestHandler):
    """Takes events; refuses every order that is cancelled."""

    received: list[CloudEvent]

    def do_GET(self) -> None:
        self._answer(b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        events = msgspec.json.decode(body, type=list[CloudEvent])
        self.received.extend(events)
        self._answer(msgspec.json.encode(answer_to(events)))

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


def answer_to(events: list[CloudEvent]) -> EventsAnswer:
    statuses = [
        EventStatus(id=event.id, status="refused", field="type", reason="no thanks")
        if event.type == "cancelled"
        else EventStatus(id=event.id, status="accepted")
        for event in events
    ]
    refused = sum(status.status == "refused" for status in statuses)
    accepted = len(statuses) - refused
    return msgspec.convert(
        {
            "request_id": "r", "accepted": accepted, "refused": refused, "applied": accepted,
            "duplicates": 0, "superseded": 0, "events": msgspec.to_builtins(statuses),
        },
        EventsAnswer,
    )  # fmt: skip


@pytest.fixture
def service() -> Iterator[tuple[str, list[CloudEvent]]]:
    received: list[CloudEvent] = []
    handler = type("Handler", (_Service,), {"received": received})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


def test_events_are_sent_to_a_service(service: tuple[str, list[CloudEvent]]) -> None:
    url, received = service
    shown = run("--to", url, "--speed-up", "0", "--start", "2026-03-02")
    assert shown.exit_code == 0, shown.output
    simulation = simulate_cities(Scenario(orders=300, days=1, cities=1, seed=3))
    expected = [event for event in simulation.events() if event.source != "local_events"]
    assert [(e.subject, e.type) for e in received] == [(e.sample_id, e.event) for e in expected]
    refused = sum(event.event == "cancelled" for event in expected)
    assert f"sent {len(expected):,} events" in shown.output
    assert f"refused {refused} times: type: no thanks" in shown.output


def event(name: str) -> Event:
    return Event("orders", "o-1", name, 1_767_225_600_000_000)


def test_events_wait_for_their_time() -> None:
    """A minute of the city per second: the clock decides, and who is late does not wait."""
    now = [100.0]
    sent: list[tuple[float, list[str]]] = []

    def post(events: list[CloudEvent]) -> EventsAnswer:
        sent.append((now[0], [one.type for one in events]))
        now[0] += 5.0 if len(sent) == 2 else 0.0  # the second answer takes long
        return answer_to(events)

    def sleep(seconds: float) -> None:
        now[0] += seconds

    minute_us = 60_000_000
    arrivals = [
        (0, event("activated")),
        (1_000, event("dispatched")),
        (2 * minute_us, event("accepted")),
        (4 * minute_us, event("ready")),
        (20 * minute_us, event("delivered")),
    ]
    counts: list[int] = []
    done = send(
        windows(arrivals, 60.0), post, report=counts.append, clock=lambda: now[0], sleep=sleep
    )
    assert sent == [
        (100.0, ["activated", "dispatched"]),
        (102.0, ["accepted"]),
        (107.0, ["ready"]),
        (120.0, ["delivered"]),
    ]
    assert counts == [2, 3, 4, 5]
    assert (done.accepted, done.refused.total()) == (5, 0)


def test_batches_have_a_limit_and_a_window() -> None:
    arrivals = [(i, event("ready")) for i in range(2 * BATCH_EVENTS + 1)]
    assert [len(batch) for _, batch in windows(arrivals, 0.0)] == [BATCH_EVENTS, BATCH_EVENTS, 1]
    apart_us = round(WINDOW_S * 1e6) + 1
    two = [(0, event("ready")), (apart_us, event("delivered"))]
    assert [len(batch) for _, batch in windows(two, 1.0)] == [1, 1]
    assert [len(batch) for _, batch in windows(two, 10.0)] == [2]
    assert list(windows([], 1.0)) == []


def test_a_nature_is_taken_by_its_name() -> None:
    assert run("--nature", "lively").output == run().output
    shown = run("--nature", "wild")
    assert shown.exit_code == 1
    assert "nature is 'wild'; expected one of lively, realistic" in shown.output
