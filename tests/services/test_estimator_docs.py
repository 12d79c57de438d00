"""The page about the services of estimators says what they take, give and can be told."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from commands.main import app
from estimators.core.stages import ELAPSED
from estimators.registry import models as registry
from services.bento.startup import RETRY_S
from services.client import circuit_breaker
from services.composition import remote_parts
from services.core import limits
from services.core.settings.models import CourierTravelSettings
from services.courier_travel import CourierTravelService
from services.estimator_service import ACCESS
from services.schemas.common import PredictColumnsAnswer, TravelColumnsRequest, TravelRequest
from services.schemas.decoding import decode
from tests.readme import blocks_of, commands_of
from tests.services.asgi import AsgiClient

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "estimator_services.md").read_text(encoding="utf-8")
ETP_PAGE = (ROOT / "docs" / "etp_service.md").read_text(encoding="utf-8")
ONE, COLUMNS, ANSWER = (block.text for block in blocks_of(PAGE) if block.language == "json")


@pytest.fixture(scope="module")
def travel(saved_eta: str) -> Iterator[AsgiClient]:
    tags = registry.load_eta(saved_eta, parts=()).tags
    told = CourierTravelSettings(
        to_store_model=tags["to_store"],
        to_customer_model=tags["to_customer"],
        parking_model=tags["parking"],
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in told.to_environment().items():
            patch.setenv(name, value)
        with AsgiClient(CourierTravelService) as client:
            yield client


def test_examples_are_what_is_taken_and_given() -> None:
    assert decode(ONE.encode(), TravelRequest).leg == "to_store"
    assert len(decode(COLUMNS.encode(), TravelColumnsRequest).sample_ids) == 2
    decode(ANSWER.encode(), PredictColumnsAnswer)


def test_requests_are_answered_in_the_shape_that_is_shown(travel: AsgiClient) -> None:
    assert travel.post("/predict", json=json.loads(ONE)).status_code == 200
    answer = travel.post("/predict_columns", json=json.loads(COLUMNS))
    assert answer.status_code == 200
    shown, given = json.loads(ANSWER), answer.json()
    assert set(given) == set(shown)
    assert set(given["model"]) == set(shown["model"])
    assert len(given["levels"]) == 23
    assert "(two of its 23 levels are shown)" in PAGE


def test_commands_and_their_options_are_there() -> None:
    lines = [shlex.split(line) for line in commands_of(PAGE)]
    assert len(lines) == 5
    for name, *arguments in lines:
        assert name == "doorstep"
        command: Any = get_command(app)
        while arguments and not arguments[0].startswith("-"):
            command = command.commands[arguments.pop(0)]
        known = {option for one in command.params for option in one.opts}
        assert {part for part in arguments if part.startswith("--")} <= known


@pytest.mark.parametrize(
    "text",
    [
        f"up to {limits.MAX_ROWS:,} orders",
        f"up to {limits.MAX_COLUMN_ROWS:,} orders",
        f"More than {limits.FEW_ROWS} rows are computed beside",
        f"less {limits.PART_RESERVE_S * 1e3:g} ms to compose",
        f"every {RETRY_S:g} s",
        f"does not answer within {limits.EVENT_STORE_TIMEOUT_S:g} s",
        f"more than {limits.MAX_COLUMN_ROWS:,} rows become several requests",
        *(f"`{name}`" for name in ELAPSED),
        *(f"`POST {path}`" for path in ACCESS),
    ],
)
def test_the_page_names_what_there_is(text: str) -> None:
    assert text in PAGE


def test_how_a_service_is_left_alone_is_as_it_is_said() -> None:
    assert (circuit_breaker.FAILURES_TO_OPEN, circuit_breaker.OPEN_S) == (3, 1.0)
    assert remote_parts.RETRIES == 1
    assert "three times in a row is not asked for a second" in PAGE
    assert "sent again at most once" in PAGE


@pytest.mark.parametrize("page", [PAGE, ETP_PAGE])
def test_links_lead_to_pages_that_there_are(page: str) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page)
    assert links
    assert not [link for link in links if not (ROOT / "docs" / link).exists()]
