"""The page about running the services says what they do: limits, settings, metrics, examples."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
from dataclasses import fields
from pathlib import Path

import duckdb
import numpy as np
import pytest
from typer.main import get_command

from commands.keys import keys_app
from commands.main import app
from services.core import limits
from services.courier_travel import CourierTravelService
from services.eta import EtaService
from services.etp import EtpService
from services.events import EventService
from services.middleware.api_keys import SCOPES
from services.middleware.guard import OPEN_PATHS
from services.middleware.request_log import JsonFormatter
from services.prediction_log import log as prediction_log
from services.prediction_log.table import Served, read_predictions
from services.transport import admission as gate
from services.transport import process_limits as shared
from services.wall_eta import WallEtaService
from tests.readme import blocks_of, examples_of
from tests.services.prediction_log.test_log import logging_to, served

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        f"under way in a process | {limits.MAX_REQUESTS} | 503",
        f"for one API key | {limits.MAX_REQUESTS_PER_KEY} | 429",
        f"computed or wait | {limits.MAX_QUEUED_ROWS:,} | 503",
        f"for a request | {limits.REQUEST_TIMEOUT_S:g} s | 504",
        f"column by column](estimator_services.md#columns) | {limits.MAX_ROWS:,} and"
        f" {limits.MAX_COLUMN_ROWS:,} | 400",
        f"wait for a part of an ETA | {limits.PART_TIMEOUT_S:g} s",
        f"Redis event store per answer | {limits.EVENT_STORE_TIMEOUT_S:g} s",
        f"body | {limits.MAX_BODY_BYTES // 2**20} MiB | 413",
        f"path with query | {limits.MAX_HEADER_BYTES // 1024} KiB | 414",
        f"with the path | {limits.MAX_HEADER_BYTES // 1024} KiB, {limits.MAX_HEADER_LINES} lines",
        f"trailers) | {limits.MAX_HEADER_BYTES // 1024} KiB | 431",
        f"answer to the first of them | {limits.MAX_PIPELINED} |",
        f"that are being received | {limits.MAX_RECEIVED_BYTES // 2**20} MiB together | 503",
        f"{shared.RESERVED} more are accepted for health checks",
        f"; {gate.BURST_S * 1e3:g} ms in a burst | 503",
        f"do more than {gate.AT_ONCE} progress at once",
        f"or {prediction_log.PART_ROWS:,} estimates",
        f"{prediction_log.MAX_QUEUED:,} estimates may wait",
    ],
)
def test_limits_are_those_of_the_services(text: str) -> None:
    assert text in PAGE


def test_every_metric_is_documented() -> None:
    names: set[str] = set()
    for path in (
        "handlers/display_metrics.py", "middleware/metrics.py", "estimation/metrics.py",
        "prediction_log/metrics.py",
    ):  # fmt: skip
        source = (ROOT / "services" / path).read_text(encoding="utf-8")
        names |= set(re.findall(r'"(doorstep_[a-z_]+)"', source))
    assert len(names) > 8
    assert not {name for name in names if name not in PAGE}


def test_scopes_and_open_paths_are_documented() -> None:
    for scope in SCOPES:
        assert f"`{scope}`" in PAGE
    for path in OPEN_PATHS - {"/healthz", "/schema.json"}:
        assert f"`{path}`" in PAGE


@pytest.mark.parametrize(
    "service", [CourierTravelService, EtaService, EtpService, EventService, WallEtaService]
)
def test_every_endpoint_says_whose_it_is(service: object) -> None:
    (_, options), *_ = service.middlewares  # type: ignore[attr-defined]
    posted = set(service.openapi_spec.asdict()["paths"]) - OPEN_PATHS  # type: ignore[attr-defined]
    own = {path for path in posted if not path.endswith(("livez", "readyz", "healthz", "metrics"))}
    assert own == set(options["access"])
    for path in own:
        assert f"`{path}`" in PAGE


def test_the_line_of_the_log_is_one_that_is_written() -> None:
    (shown,) = [json.loads(block.text) for block in blocks_of(PAGE) if block.language == "json"]
    record = logging.makeLogRecord({"name": "doorstep.requests", "msg": "request", "levelno": 20})
    assert {*json.loads(JsonFormatter("etp").format(record))} <= {*shown}


def test_commands_are_there() -> None:
    known = set(getattr(get_command(app), "commands", {}))
    assert set(re.findall(r"doorstep ([a-z]+) ", PAGE)) <= known
    keys = set(getattr(get_command(keys_app), "commands", {}))
    assert set(re.findall(r"doorstep keys ([a-z]+)", PAGE)) == keys


def test_examples_read_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with logging_to(tmp_path / "predictions") as log:
        queue = {"names": ("store_queue_orders",), "features": np.array([3.0])}
        log.log.add(served(0, **queue))
        log.log.add(served(1, **queue))
    printed = io.StringIO()
    (python,) = examples_of(PAGE)
    with contextlib.redirect_stdout(printed):
        exec(compile(python[0], "operations.md", "exec"), {})
    assert "600.5" in printed.getvalue()
    (sql,) = [block.text for block in blocks_of(PAGE) if block.language == "sql"]
    found = duckdb.sql(sql)
    assert found is not None
    assert found.fetchall() == [("etp:1", "ok", 2, 600.5, 3.0)]


def test_every_column_is_documented(tmp_path: Path) -> None:
    with logging_to(tmp_path) as log:
        log.log.add(served())
    columns = [
        name for name in map(str, read_predictions(tmp_path)) if not name.startswith("feature_")
    ]
    table = PAGE[PAGE.index("| column |") :]
    assert not [name for name in columns if f"`{name}`" not in table]
    kept = {item.name for item in fields(Served)} - {"names", "features"}
    assert set(columns) == kept


def test_links_to_files_resolve() -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", PAGE)
    assert links
    assert not [link for link in links if not (ROOT / "docs" / link).exists()]
