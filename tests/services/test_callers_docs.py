"""The page about the callers: its requests run, its answers are of the shape that is shown."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from commands.main import app
from services.bento.process import ServiceProcess
from services.core import limits
from services.core.settings.models import EtaSettings
from services.eta import EtaService
from services.handlers.display_policy import DisplayPolicy
from services.handlers.display_settings import BOUNDS
from services.handlers.pair_cost import MAX_WEIGHT
from services.prediction_log.entries import MAX_LOGGED_STORES
from services.schemas.courier_selection import CourierSelectionAnswer
from services.schemas.decoding import decode
from services.schemas.displayed_eta import DisplayedEtaAnswer
from services.schemas.eta import CourierArrivalAnswer, EtaAnswer
from tests.readme import blocks_of
from tests.services.every_service import LONG_S
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "callers.md").read_text(encoding="utf-8")
REQUESTS = [
    block.text for block in blocks_of(PAGE) if block.language == "sh" and "curl" in block.text
]
SHOWN = [json.loads(block.text) for block in blocks_of(PAGE) if block.language == "json"]
KINDS: list[Any] = [CourierSelectionAnswer, DisplayedEtaAnswer, CourierArrivalAnswer, EtaAnswer]


@pytest.fixture(scope="module")
def printed(saved_eta: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:
    """What each request of the page gets, in their order, of one service."""
    folder = tmp_path_factory.mktemp("callers")
    settings = EtaSettings(
        model=saved_eta, event_store=str(folder / "events.db"), max_clock_skew_s=LONG_S
    )
    with ServiceProcess(
        "services.eta:EtaService", log=folder / "log", settings=settings.to_environment()
    ) as service:

        def run(request: str) -> Any:
            done = subprocess.run(
                ["bash", "-e", "-c", request.replace("http://127.0.0.1:3000", service.url)],
                env=os.environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{request}\n{done.stdout}\n{done.stderr}"
            return json.loads(done.stdout)

        yield [run(request) for request in REQUESTS]


def shape(value: Any) -> Any:
    """Which fields there are and of which types; numbers, texts and moments are theirs alone."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items() if name != "models"}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return float if isinstance(value, int | float) else type(value)


def without_notes(value: Any) -> Any:
    """An answer without what depends on how much the model has learned."""
    if isinstance(value, dict):
        return {k: without_notes(one) for k, one in value.items() if k not in ("notes", "status")}
    return [without_notes(one) for one in value] if isinstance(value, list) else value


def test_the_events_are_taken(printed: list[Any]) -> None:
    assert printed[0]["refused"] == 0


@pytest.mark.parametrize("place", range(4))
def test_answers_are_of_the_shape_that_is_shown(printed: list[Any], place: int) -> None:
    decode(json.dumps(SHOWN[place]).encode(), KINDS[place])
    assert shape(without_notes(SHOWN[place])) == shape(without_notes(printed[place + 1]))


def test_what_the_examples_are_about(printed: list[Any]) -> None:
    _, selection, displayed, arrival, eta = printed
    assert selection["orders"]["stage"] == ["accepted"]
    assert displayed["seen"] == 1
    couriers = [row["answer"] and row["answer"]["courier"] for row in arrival["rows"]]
    assert couriers == ["not_assigned", "on_the_way", "at_store", None]
    assert sum(eta["expected_s"].values()) == eta["expected_eta_s"]


def test_an_order_id_is_enough_where_events_said_the_rest(printed: list[Any]) -> None:
    _, selection, _, arrival, eta = printed
    notes = [*selection["orders"]["notes"], eta["notes"]]
    notes += [row["answer"]["notes"] for row in arrival["rows"][:3]]
    assert not [note for some in notes for note in some if "missing" in note]
    for shown in SHOWN[0]["orders"]["status"], [SHOWN[3]["status"]]:
        assert shown == ["ok"]
    assert [row["answer"]["status"] for row in SHOWN[2]["rows"][:3]] == ["ok"] * 3


def test_the_policy_is_documented() -> None:
    for name, value in asdict(DisplayPolicy()).items():
        low, high = BOUNDS[name]
        assert f"| `{name}` | {value:g} | {low:g} to {high:g} |" in PAGE


def test_limits_are_documented() -> None:
    assert f"{limits.MAX_ORDERS} orders and {limits.MAX_COURIERS} couriers" in PAGE
    assert f"{limits.MAX_PAIRS:,} pairs, {limits.MAX_STORES} stores" in PAGE
    assert f"{limits.MAX_ARRIVALS} orders of arrivals" in PAGE
    assert f"{limits.MAX_QUEUED_PAIRS:,} pairs under way" in PAGE
    assert f"from 0 to {MAX_WEIGHT:,.0f}" in PAGE
    assert f"{ {10: 'ten'}[MAX_LOGGED_STORES] } stores of each list" in PAGE


def test_every_endpoint_is_documented_with_its_scope() -> None:
    service: Any = EtaService
    (_, options), *_ = service.middlewares
    for path, scopes in options["access"].items():
        (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| `POST {path}`")]
        assert all(f"`{scope}`" in line for scope in scopes)


def test_commands_are_there() -> None:
    known: Any = get_command(app)
    lines = [line for block in blocks_of(PAGE) for line in block.text.splitlines()]
    commands = [line.split()[1:3] for line in lines if line.startswith("doorstep ")]
    assert commands == [["train", "eta"], ["serve", "eta"]]
    for group, name in commands:
        assert name in known.commands[group].commands


def test_links_to_files_resolve() -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", PAGE)
    assert links
    assert not [link for link in links if not (ROOT / "docs" / link).exists()]
