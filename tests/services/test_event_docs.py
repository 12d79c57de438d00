"""The page about the event service: its commands run, its examples are what the service says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.bento.process import ServiceProcess
from services.core import limits
from services.core.settings.events import EventSettings
from services.schemas.common import EventsAnswer
from services.schemas.decoding import decode
from services.schemas.features import ExplainAnswer, FeaturesAnswer
from tests.aggregators.stores.servers import RedisServer, needs_redis
from tests.readme import blocks_of, examples_of
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "event_service.md").read_text(encoding="utf-8")
SERVER = "doorstep serve events"


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What each shell block of the page prints, run in its order over a running service."""
    needs_redis()
    folder = tmp_path_factory.mktemp("docs")
    redis = RedisServer(folder / "redis", durable=False)
    command = folder / "bin" / "doorstep"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m commands "$@"\n')
    command.chmod(0o755)
    wanted = EventSettings(event_store=str(folder / "events.db"), max_clock_skew_s=1e10)
    with ServiceProcess(
        "services.events:EventService", log=folder / "log", settings=wanted.to_environment()
    ) as service:

        def run(block: str) -> str:
            block = block.replace("http://127.0.0.1:3004", service.url)
            block = block.replace("redis-cli ", f"redis-cli -p {redis.port} ")
            block = block.replace("redis://127.0.0.1:6379", redis.url)
            done = subprocess.run(
                ["bash", "-e", "-c", block],
                cwd=folder,
                env={**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"},
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
            assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
            return done.stdout

        blocks = [block.text for block in blocks_of(PAGE) if block.language == "sh"]
        assert blocks[0].startswith(SERVER)
        output = [run(block) for block in blocks[1:]]
        (python,) = examples_of(PAGE)
        code = python[0].replace("http://127.0.0.1:3004", service.url)
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        yield [*output, done.stdout]
    redis.stop()


def test_every_command_runs(printed: list[str]) -> None:
    sent, binary, _asked, posted, batch, _why, consumed, python = printed
    assert json.loads(sent)["accepted"] == 2
    assert json.loads(binary)["applied"] == 1
    assert "store_queue_orders" in json.loads(posted)["features"]
    assert [row["problem"] for row in json.loads(batch)["rows"]] == [None, None]
    assert "2 messages: 1 events stored, 1 of them new; 1 dead letters" in consumed
    assert "not JSON" in consumed
    assert python.strip() == "0.0"


@pytest.mark.parametrize(
    ("example", "place", "kind"),
    [(0, 0, EventsAnswer), (1, 2, FeaturesAnswer), (2, 5, ExplainAnswer)],
)
def test_examples_are_what_the_service_says(
    printed: list[str], example: int, place: int, kind: type
) -> None:
    shown = [block.text for block in blocks_of(PAGE) if block.language == "json"][example]
    decode(shown.encode(), kind)
    expected, given = json.loads(shown), json.loads(printed[place])
    for answer in (expected, given):
        answer.pop("request_id")
        answer.get("catalog", {}).pop("fingerprint", None)
    assert given == expected


def test_the_first_command_is_one_that_there_is() -> None:
    (line,) = re.findall(rf"^{SERVER}.*$", PAGE, re.MULTILINE)
    arguments = line.partition("#")[0].split()[1:]
    done = subprocess.run(
        [sys.executable, "-m", "commands", *arguments, "--help"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0


@pytest.mark.parametrize(
    "text",
    [
        f"body | {limits.MAX_BODY_BYTES // 2**20} MiB",
        f"events in a batch | {limits.MAX_EVENTS:,} |",
        f"wait for the store | {limits.MAX_WAITING_EVENTS:,}, then 503",
        f"rows of a batch | {limits.MAX_ROWS:,} |",
        f"a request names | {limits.MAX_FEATURES:,} |",
        f"explanation lists | {limits.MAX_EXPLAINED_SAMPLES:,} |",
        f"dimension's value | {limits.MAX_TEXT_CHARACTERS} |",
        f"for a request | {limits.REQUEST_TIMEOUT_S:g} s,",
    ],
)
def test_limits_are_those_of_the_service(text: str) -> None:
    assert text in PAGE


def test_every_metric_is_documented() -> None:
    names: set[str] = set()
    for path in ("intake/metrics.py", "event_store/metrics.py", "intake/consumer_metrics.py"):
        source = (ROOT / "services" / path).read_text(encoding="utf-8")
        names |= set(re.findall(r'"(doorstep_[a-z_]+)"', source))
    assert len(names) > 10
    assert not {name for name in names if name.removesuffix("_sum") not in PAGE}


def test_links_to_files_resolve() -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", PAGE)
    assert links
    assert not [link for link in links if not (ROOT / "docs" / link).exists()]
