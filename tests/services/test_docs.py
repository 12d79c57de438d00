"""The page about the eTP service says what the service takes: examples, limits, settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.core import limits
from services.schemas.common import CloudEvent, EventsAnswer, PredictAnswer, PredictRequest
from services.schemas.decoding import decode

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "etp_service.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(
    ("example", "kind"),
    list(zip(EXAMPLES, (CloudEvent, EventsAnswer, PredictRequest, PredictAnswer), strict=True)),
)
def test_examples_are_what_the_service_takes_and_gives(example: str, kind: type) -> None:
    decode(example.encode(), kind)


@pytest.mark.parametrize(
    "text",
    [
        f"{limits.MAX_BODY_BYTES // 2**20} MiB",
        f"| {limits.MAX_ROWS:,} |",
        f"| {limits.MAX_EVENTS:,} |",
        f"| {limits.MAX_LEVELS} |",
        f"| {limits.MAX_TEXT_CHARACTERS} |",
        f"| {limits.REQUEST_TIMEOUT_S:g} s,",
    ],
)
def test_limits_are_those_of_the_service(text: str) -> None:
    assert text in PAGE
