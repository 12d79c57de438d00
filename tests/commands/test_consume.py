"""`doorstep consume` as a process: killed in the middle, ended politely, watched from outside.

Tests `services.intake.consumer_process`.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from aggregators import SqliteEventStore
from aggregators.catalog import ORDERS
from services.bento.process import free_port
from tests.aggregators.stores.servers import RedisServer, needs_redis
from tests.commands.running import ROOT, doorstep
from tests.patient_http import get
from tests.soaking import short_or_long
from tests.waiting import PATIENCE_S, wait_until

SEED = 20_261_122
STREAM = "happened"
MESSAGES_PER_KILL = 600


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    needs_redis()
    server = RedisServer(tmp_path_factory.mktemp("redis"), durable=False)
    yield server.url
    server.stop()


@pytest.fixture
def client(url: str) -> Iterator[Any]:
    with redis.Redis.from_url(url, protocol=2) as client:
        client.flushall()
        yield client


def fill(client: Any, n: int) -> None:
    pipeline = client.pipeline(transaction=False)
    for i in range(n):
        event = {
            "specversion": "1.0",
            "id": f"e-{i}",
            "source": "orders",
            "type": "activated",
            "subject": f"o-{i}",
            "time": "2020-03-02T12:00:00Z",
            "data": {"store_id": f"s-{i % 7}", "city": "BCN", "products": i % 5},
        }
        pipeline.xadd(STREAM, {"event": msgspec.json.encode(event)})
    pipeline.execute()


@contextlib.contextmanager
def running(url: str, store: Path, name: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "commands", "consume", "--url", url, "--stream", STREAM]
    command += ["--store", str(store), "--consumer", name, *options]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1", "TERM": "dumb"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def group_of(client: Any) -> dict[str, Any]:
    with contextlib.suppress(redis.ResponseError):
        for group in client.xinfo_groups(STREAM):
            return dict(group)
    return {"pending": 0, "lag": None, "entries-read": 0}


def has_batch_in_hand(client: Any, *, after: int) -> bool:
    """Whether so many messages were read, and some of them are not acknowledged."""
    group = group_of(client)
    return (group["entries-read"] or 0) > after and group["pending"] > 0


@pytest.mark.slow
@short_or_long("kills", short=2, long=50)
def test_consumers_that_are_killed_lose_nothing(
    url: str, client: Any, tmp_path: Path, kills: int
) -> None:
    most = 4 * kills  # until one is killed with a batch in its hands
    messages = MESSAGES_PER_KILL * most
    fill(client, messages)
    store = tmp_path / "events.db"
    rng = random.Random(SEED)
    left_behind = 0
    for kill in range(most):
        goal = (group_of(client)["entries-read"] or 0) + rng.randrange(MESSAGES_PER_KILL // 2)
        with running(url, store, f"victim-{kill}", "--batch", "50", "--idle-s", "0.2") as victim:
            wait_until(
                partial(has_batch_in_hand, client, after=goal), f"reading {goal}", pause_s=0.001
            )
            victim.send_signal(signal.SIGKILL)
            victim.wait(PATIENCE_S)
        left_behind += int(group_of(client)["pending"] > 0)
        if kill + 1 >= kills and left_behind:
            break
    assert left_behind, f"no consumer was killed with a batch in its hands; seed {SEED}"

    done = doorstep(
        "consume", "--url", url, "--stream", STREAM, "--store", str(store), "--idle-s", "0",
        "--once",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    group = group_of(client)
    assert (group["pending"], group["lag"]) == (0, 0)
    with SqliteEventStore(store, sources=[ORDERS]) as kept:
        table = kept.table(ORDERS)
    assert sorted(table["order_id"]) == sorted(f"o-{i}" for i in range(messages))
    assert not client.exists(f"{STREAM}:dead")


def test_two_processes_share_a_stream_and_end_politely(
    url: str, client: Any, tmp_path: Path
) -> None:
    store = tmp_path / "events.db"
    port = free_port()
    with (
        running(url, store, "a", "--metrics-port", str(port)) as first,
        running(url, store, "b") as second,
    ):
        wait_until(lambda: client.exists(STREAM), "making the group")
        wait_until(lambda: len(client.xinfo_consumers(STREAM, "doorstep")) == 2, "two to come")
        fill(client, 3_000)
        wait_until(
            lambda: group_of(client)["lag"] == 0 and group_of(client)["pending"] == 0, "consuming"
        )
        shown = get(f"http://127.0.0.1:{port}/metrics").text
        for name in (
            "doorstep_stream_lag_messages",
            "doorstep_stream_pending_messages",
            'doorstep_stream_messages_total{outcome="stored"}',
            "doorstep_event_lateness_seconds_bucket",
        ):
            assert name in shown
        counts = []
        for process in (first, second):
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=PATIENCE_S)
            assert process.returncode == 0, errors
            assert "0 dead letters" in output
            counts.append(int(output.split(" messages")[0].replace(",", "")))
    assert sum(counts) == 3_000
    assert client.xinfo_consumers(STREAM, "doorstep") == []
    with SqliteEventStore(store, sources=[ORDERS]) as kept:
        assert kept.count(ORDERS) == 3_000


def test_a_consumer_says_what_it_did(url: str, client: Any, tmp_path: Path) -> None:
    fill(client, 3)
    client.xadd(STREAM, {"event": "poison"})
    arguments = ("consume", "--url", url, "--stream", STREAM, "--once")
    done = doorstep(*arguments, "--store", str(tmp_path / "events.db"))
    assert done.returncode == 0, done.stderr
    assert "4 messages: 3 events stored, 3 of them new; 1 dead letters, 0 retries" in done.stdout


def test_a_database_that_the_server_has_not_is_one_error(url: str, tmp_path: Path) -> None:
    store = str(tmp_path / "events.db")
    done = doorstep("consume", "--url", f"{url}/99", "--stream", STREAM, "--store", store)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert "DB index is out of range" in line


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--store", "memory"), "cannot store in memory"),
        (("--store", "/nowhere/events.db"), "/nowhere/events.db"),
        (("--store", "x.db", "--catalog", "aggregators.catalog:NOTHING"), "cannot be imported"),
    ],
)
def test_what_cannot_work_is_said_at_once(options: tuple[str, ...], reason: str) -> None:
    done = doorstep("consume", "--url", "redis://127.0.0.1:1", "--stream", "s", *options)
    assert done.returncode == 1
    assert reason in done.stderr


def test_without_the_library_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['redis'] = None; from commands.main import app;"
        " app(['consume', '--url', 'redis://x', '--stream', 's', '--store', 'x.db'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "doorstep[redis]" in done.stderr


def test_help_says_what_becomes_of_messages() -> None:
    shown = " ".join(doorstep("consume", "--help").stdout.split())
    for words in ("at least once", "NAME:dead", "--once", "--metrics-port"):
        assert words in shown
