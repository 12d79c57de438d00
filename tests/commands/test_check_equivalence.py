"""`doorstep check-equivalence`: equal where all is right, exit code 1 and a report where not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from aggregators import AppendResult, Event, FeatureSet, MemoryEventStore, Source
from aggregators.catalog import ORDERS, features_for
from aggregators.parity.training_queries import Questions
from commands.console.output import UserError
from commands.equivalence.replayed_data import ReplayedTables, replayed_dataset
from commands.equivalence.service_store import ServiceAnswers
from commands.main import app
from estimators.datasets import load_dataset
from services.client import EventClient, RequestRefused
from services.event_store import opening as event_store
from services.event_store.opening import load_catalog
from simulator import CityPlan, simulate
from tests.aggregators.stores.servers import RedisServer, needs_redis
from tests.commands.reports.html_pages import check_page
from tests.commands.running import doorstep

NEW_YEAR_US = 1_767_225_600_000_000
SMALL = ("--data", "synthetic", "--stores", "2", "--days", "4", "--max-rows", "150")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check-equivalence", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the command prints as errors."""
    printed: list[str] = []
    monkeypatch.setattr(
        "commands.console.output.error_console.print",
        lambda *parts, **_: printed.extend(str(part) for part in parts),
    )
    return printed


def planted(monkeypatch: pytest.MonkeyPatch, fault: Callable[[Event], Event | None]) -> None:
    """Let the command open a store that keeps other events than it is given."""

    class Faulty(MemoryEventStore):
        def append(self, events: Iterable[Event]) -> AppendResult:
            return super().append([e for event in events if (e := fault(event)) is not None])

    def open_faulty(where: str, sources: Iterable[Source]) -> MemoryEventStore:
        return Faulty(sources)

    monkeypatch.setattr(event_store, "open_event_store", open_faulty)


def test_a_city_is_equal_and_the_report_says_what_was_compared(tmp_path: Path) -> None:
    shown = doorstep("check-equivalence", *SMALL, "--report", str(tmp_path / "report"))
    assert shown.returncode == 0, shown.stdout + shown.stderr
    content = json.loads((tmp_path / "report" / "equivalence.json").read_text())
    (one,) = content["runs"]
    assert content["mismatches"] == 0
    asked = one["queries"] + one["asked_again"]
    assert content["compared"] == asked * one["features"] > 100_000
    assert one["missing"] < content["compared"] / 2
    assert one["samples"] == 150
    assert one["features"] == len(features_for(ORDERS))
    assert tuple(one["asked_at"]) == ORDERS.events
    assert one["history"]["orders"] == {
        "samples": 150, "cells": 150 * 19, "absent": 0, "foreign": 0, "different": 0,
    }  # fmt: skip
    assert min(one["repeated"], one["corrected"], one["retracted"], one["superseded"]) > 0
    assert f"{content['compared']:,} values compared bit for bit, 0 mismatches" in shown.stdout
    page = check_page((tmp_path / "report" / "equivalence.html").read_text())
    assert f"{content['compared']:,} values compared bit for bit, 0 mismatches." in page.said
    counted = {row[0]: row[1:3] for row in page.rows[1:]}
    assert counted == {name: [f"{asked:,}", "0"] for name in one["by_feature"]}


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["memory", "sqlite", "redis"])
def test_millions_of_values_are_equal(
    kind: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    server: RedisServer | None = None
    if kind == "redis":
        needs_redis()
        server = RedisServer(tmp_path / "redis", durable=False)
    try:
        shown = doorstep(
            *("check-equivalence", "--data", "synthetic", "--stores", "20", "--days", "10"),
            *("--store", kind if server is None else server.url, "--max-rows", "5000"),
            *("--report", str(tmp_path / "report")),
        )
    finally:
        if server is not None:
            server.stop()
    assert shown.returncode == 0, shown.stdout + shown.stderr
    content = json.loads((tmp_path / "report" / "equivalence.json").read_text())
    assert content["mismatches"] == 0
    assert content["compared"] > 10_000_000
    record_property("values compared", f"{content['compared']:,}")


FAULTS: dict[str, Callable[[Event], Event | None]] = {
    "a lost event": lambda e: None if (e.sample_id, e.event) == ("o-000070", "ready") else e,
    "an event of the future that counts": lambda e: (
        replace(e, time=e.time_us - 7_200_000_000)
        if (e.sample_id, e.event) == ("o-000070", "delivered")
        else e
    ),
    "corrections that are ignored": lambda e: replace(e, recorded_at=None),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_error_is_found_and_explained(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(monkeypatch, FAULTS[fault])
    code, printed = run(*SMALL, "--report", str(tmp_path))
    assert code == 1
    content = json.loads((tmp_path / "equivalence.json").read_text())
    (one,) = content["runs"]
    assert 0 < content["mismatches"] == sum(one["by_feature"].values())
    assert f"{content['mismatches']:,} mismatches" in printed
    assert one["history"]["orders"]["different"] > 0
    example = one["examples"][0]
    assert example["feature"] in printed
    assert example["training"] != example["inference"]
    assert example["training_explained"] != example["inference_explained"]
    page = check_page((tmp_path / "equivalence.html").read_text())
    counted = {row[0]: int(row[2].replace(",", "")) for row in page.rows[1:]}
    assert counted == one["by_feature"]
    for text in (example["feature"], example["training_explained"]):
        assert " ".join(text.split()) in page.said


def test_the_file_of_a_store_is_as_good_as_memory() -> None:
    code, printed = run(*SMALL, "--store", "sqlite", "--max-queries", "50", "--seed", "3")
    assert code == 0
    assert f"{2 * 50 * len(features_for(ORDERS)):,} values compared" in printed
    assert "sqlite" in printed


def test_redis_is_as_good_as_memory_and_must_be_empty(tmp_path: Path, errors: list[str]) -> None:
    needs_redis()
    server = RedisServer(tmp_path / "redis")
    try:
        options = (*SMALL, "--store", server.url, "--max-queries", "200")
        code, printed = run(*options, "--report", str(tmp_path))
        assert code == 0, printed
        (one,) = json.loads((tmp_path / "equivalence.json").read_text())["runs"]
        assert (one["store"], one["mismatches"]) == ("redis", 0)  # no address of a server
        assert not one["history"]["orders"]["different"]
        assert run(*options)[0] == 1
        assert "another database" in " ".join(errors)
    finally:
        server.stop()


def test_a_store_is_compacted_on_the_way(tmp_path: Path) -> None:
    city = ("--data", "synthetic", "--stores", "2", "--days", "10", "--max-queries", "200")
    code, printed = run(*city, "--compact", "6h", "--report", str(tmp_path))
    assert code == 0, printed
    (one,) = json.loads((tmp_path / "equivalence.json").read_text())["runs"]
    assert one["samples_dropped"] > 0
    assert one["history"] == {}
    assert f"{one['samples_dropped']:,} dropped" in printed


def test_ones_own_table_is_checked(tmp_path: Path) -> None:
    orders = simulate(CityPlan(stores=2, days=1, seed=2))
    own = orders.rename(columns={"activated": "placed", "store_id": "shop"})
    own = own[["order_id", "shop", "city", "placed", "ready", "accepted"]]
    own["placed"] = own["placed"].dt.tz_convert("Europe/Madrid").dt.tz_localize(None)
    own.to_csv(tmp_path / "own.csv", index=False)
    options = ["--data", str(tmp_path / "own.csv"), "--time-zone", "Europe/Madrid"]
    options += ["--rename", "placed=activated", "--rename", "shop=store_id"]
    code, printed = run(*options, "--report", str(tmp_path))
    assert code == 0, printed
    (one,) = json.loads((tmp_path / "equivalence.json").read_text())["runs"]
    assert one["asked_at"] == ["activated", "accepted", "ready"]
    assert "store_prep_last_5_mean_s" in one["by_feature"]
    assert one["mismatches"] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--data", "synthetic", "--dataset", "wolt"), "wolt needs its folder"),
        (("--data", "docs"), "no public data set in 'docs'"),
        ((*SMALL, "--compact", "1d", "--through-service"), "--compact is for stores"),
        (("--data", "none.csv"), "no file 'none.csv'"),
        (("--data", "none.csv", "--dataset", "wolt"), "goes with a folder"),
        ((*SMALL, "--store", "postgres"), "expected memory, sqlite or redis://"),
        ((*SMALL, "--lateness", "soon"), "lateness is 'soon'"),
        ((*SMALL, "--report", "pyproject.toml"), "which is a file"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    options: tuple[str, ...], said: str, errors: list[str]
) -> None:
    code, _ = run(*options)
    assert code == 1
    assert said in " ".join(errors)


def test_a_store_that_knows_something_is_refused(
    monkeypatch: pytest.MonkeyPatch, errors: list[str]
) -> None:
    full = MemoryEventStore([ORDERS])
    full.append([Event("orders", "o-1", "ready", NEW_YEAR_US)])
    monkeypatch.setattr(event_store, "open_event_store", lambda where, sources: full)
    code, _ = run(*SMALL)
    assert code == 1
    assert "has 1 samples of source 'orders' already" in " ".join(errors)


@pytest.mark.parametrize("name", ["deliveroo", "wolt", "jumpman"])
def test_the_public_data_are_equal(name: str, data_folder: Path) -> None:
    code, printed = run("--data", str(data_folder), "--dataset", name, "--max-rows", "400")
    assert code == 0, printed
    assert " 0 mismatches" in printed
    assert " same " in printed


def test_a_folder_is_looked_through(data_folder: Path) -> None:
    code, printed = run("--data", str(data_folder), "--max-rows", "20", "--lateness", "1h")
    assert code == 0
    assert all(name in printed for name in ("deliveroo", "wolt", "jumpman"))


@pytest.mark.parametrize("name", ["deliveroo", "wolt", "jumpman"])
def test_a_service_finds_the_features_of_a_data_set(name: str, data_folder: Path) -> None:
    replayed = replayed_dataset(load_dataset(name, data_folder))
    served = load_catalog(replayed.catalog)
    assert FeatureSet(served.features).fingerprint == replayed.features.fingerprint
    assert {source.name for source in served.sources} == set(replayed.tables)


def test_the_earliest_samples_are_replayed() -> None:
    orders = simulate(CityPlan(stores=2, days=1, seed=2))
    whole = ReplayedTables(
        name="city", tables={"orders": orders[::-1]}, features=FeatureSet(features_for(ORDERS))
    )
    earliest = sorted(orders["order_id"])[:10]
    assert whole.first(10).tables["orders"]["order_id"].tolist() == earliest


@pytest.mark.slow
def test_a_service_gives_the_same_bits() -> None:
    shown = doorstep("check-equivalence", *SMALL, "--through-service")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert " 0 mismatches" in shown.stdout
    assert "memory, service" in shown.stdout


def questions() -> tuple[FeatureSet, Questions]:
    orders = simulate(CityPlan(stores=2, days=1, seed=2))
    features = FeatureSet(features_for(ORDERS)).pick(["store_queue_orders", "city_open_orders"])
    return features, Questions.of_tables(features, {"orders": orders}, ["delivered"])


def answering(features: FeatureSet, *answers: tuple[int, Any]) -> ServiceAnswers:
    """Asks a service that gives these answers, one after the other."""
    waiting = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        status, content = waiting.pop(0)
        return httpx.Response(status, content=msgspec.json.encode(content))

    transport = httpx.MockTransport(answer)
    return ServiceAnswers(EventClient("http://events", transport=transport), features)


EVENTS = [
    Event("orders", "o-1", "ready", NEW_YEAR_US),
    Event("orders", "o-2", "ready", NEW_YEAR_US),
]
ACCEPTED = {
    "request_id": "r", "accepted": 2, "refused": 0, "applied": 1, "duplicates": 1,
    "superseded": 0, "events": [{"id": "1", "status": "accepted"}] * 2,
}  # fmt: skip
REFUSED = {
    **ACCEPTED, "accepted": 1, "refused": 1,
    "events": [
        {"id": "1", "status": "accepted"},
        {"id": "2", "status": "refused", "field": "time", "reason": "is too late"},
    ],
}  # fmt: skip


def test_events_that_a_service_refuses_end_the_check() -> None:
    features, _ = questions()
    answers = answering(features, (200, ACCEPTED), (200, REFUSED), (413, {"reason": "large"}))
    assert answers.append(EVENTS) == AppendResult(1, 1, 0)
    with pytest.raises(UserError, match="refused 1 of 2 events, first 2: time is too late"):
        answers.append(EVENTS)
    with pytest.raises(RequestRefused, match="413"):
        answers.append(EVENTS)


def test_answers_of_a_service_become_values() -> None:
    features, asked = questions()
    values = {"store_queue_orders": 0.1 + 0.2, "city_open_orders": None}
    catalog = {"name": "c", "version": "1.0.0", "fingerprint": "f"}
    row = {"as_of": pd.Timestamp(0, tz="UTC").to_pydatetime(), "keys": {}, "sample_id": None}
    problem = {"error": "invalid", "field": "keys", "reason": "unknown", "request_id": "r"}
    answered = [{"row": 0, "answer": {**row, "features": values}}, {"row": 1, "problem": problem}]
    batch = {"request_id": "r", "catalog": catalog, "refused": 0, "rows": answered[:1]}
    explained = {
        "request_id": "r", "catalog": catalog, "feature": "store_queue_orders", "unit": "orders",
        "definition": "d", "as_of": row["as_of"], "key": "s", "value": 0.1 + 0.2, "n_samples": 1,
        "samples": [{"sample_id": "o-1", "event_time": row["as_of"], "value": None}],
    }  # fmt: skip
    answers = answering(
        features, (200, batch), (200, {**batch, "rows": answered}), (200, explained)
    )
    first = answers.ask(asked, 0, 1)
    assert first[0, 0] == 0.1 + 0.2
    assert np.isnan(first[0, 1])
    with pytest.raises(UserError, match="refused row"):
        answers.ask(asked, 0, 2)
    assert answers.explain(features.features[0], asked, 0).splitlines() == [
        "0.30000000000000004 of 1 samples",
        "'o-1'  1970-01-01T00:00:00+00:00",
    ]
