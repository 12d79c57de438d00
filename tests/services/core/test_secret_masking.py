"""Passwords are said nowhere, places on the machine in no answer."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from aggregators import Source, StoreError
from aggregators.stores.redis.store import RedisEventStore
from services.bento.process import ServiceProcess
from services.client.circuit_breaker import CircuitBreaker
from services.client.errors import ServiceUnreachable
from services.core.errors import InvalidRequest, SettingError, Unavailable
from services.core.secret_masking import masked, without_paths
from services.core.settings.parts import PartSettings
from services.event_store.opening import is_redis, open_event_store, without_password
from services.intake.redis_stream import EventStream
from services.middleware.request_log import JsonFormatter
from services.middleware.responses import problem_of
from tests.patient_http import post
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent.parent
SECRET = "hunter2"
ORDERS = Source("orders", sample_id="order_id", events=("dispatched",))
ADDRESSES = [
    f"redis://:{SECRET}@127.0.0.1:1/0",
    f"redis://doorstep:{SECRET}@127.0.0.1:1",
    f"rediss://:{SECRET}/{SECRET}@127.0.0.1:1/0",
    f"redis://:{SECRET}#{SECRET}@127.0.0.1:1/0",
    f"redis://:{SECRET}?{SECRET}@127.0.0.1:1/0",
    f"redis://:{SECRET}@{SECRET}@127.0.0.1:1/0",
    f"redis://127.0.0.1:1/0?password={SECRET}",
    f"REDIS://:{SECRET}@127.0.0.1:1/0",
    f"redis:/:{SECRET}@127.0.0.1:1/0",
    f"reddis://:{SECRET}@127.0.0.1:1/0",
    f"unix://:{SECRET}@/nowhere/redis.sock",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_text_about_an_address_has_its_password(address: str) -> None:
    assert SECRET not in masked(f"it fails: {address}; again")
    with pytest.raises((StoreError, SettingError)) as caught:
        open_event_store(address, [ORDERS])
    assert SECRET not in str(caught.value)
    assert SECRET not in problem_of(Unavailable(str(caught.value)), "r").reason


@pytest.mark.parametrize("address", ADDRESSES[:8])
def test_streams_and_stores_say_of_an_address_what_is_no_secret(address: str) -> None:
    assert SECRET not in without_password(address)
    assert "127.0.0.1" in without_password(address)
    with pytest.raises((StoreError, SettingError, Unavailable)) as caught:
        EventStream(address, stream="s", group="g", consumer="c").prepare()
    assert SECRET not in str(caught.value)
    with pytest.raises(StoreError) as refused:
        RedisEventStore(address, sources=[ORDERS])
    assert SECRET not in str(refused.value)


def test_what_is_no_secret_stays() -> None:
    for text in (
        "redis://127.0.0.1:6379/0",
        "no answer from http://etp:3000/predict: timeout",
        "mail me@example.com",
        "a = b; c@d",
    ):
        assert masked(text) == text
    assert [is_redis(one) for one in ("redis://a", "rediss://a", "unix:///a", "Redis://a")] == [
        True
    ] * 4
    assert not is_redis("redis.db")


def test_addresses_of_services_are_shown_without_passwords() -> None:
    address = f"http://doorstep:{SECRET}@etp:3000"
    breaker = CircuitBreaker(address, failures=1)
    breaker.failed()
    with pytest.raises(ServiceUnreachable) as caught:
        breaker.check()
    assert SECRET not in str(caught.value)
    with pytest.raises(SettingError) as refused:
        PartSettings.from_environment({"DOORSTEP_ETP_URL": f"etp:{SECRET}@etp:3000"})
    assert SECRET not in str(refused.value)


def test_the_log_masks_messages_and_tracebacks() -> None:
    address = ADDRESSES[0]
    try:
        raise ValueError(address)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "at %s", (address,), sys.exc_info())
    line = JsonFormatter("etp").format(record)
    assert SECRET not in line
    assert json.loads(line)["message"] == "at redis://***@127.0.0.1:1/0"


def test_a_failure_says_which_file_and_not_where_it_is() -> None:
    error = Unavailable("no store: cannot open /var/lib/x y/events.db: [Errno 2] '/srv/a/b.json'")
    reason = without_paths(error.reason, {"DOORSTEP_STORE": "/var/lib/x y/events.db"})
    assert reason == "no store: cannot open events.db: [Errno 2] 'b.json'"
    for text in (
        "no answer from http://etp:3000/predict_columns: timeout",
        "there is no '/predct'; /docs.json has what there is",
        "redis://10.0.0.7:6379/0 does not answer",
        "a/b, 1/2/3 and and/or stay",
    ):
        assert without_paths(text, {}) == text
    # What the caller sent is the caller's to see.
    assert problem_of(InvalidRequest("'/a/b/c' is no city"), "r").reason == "'/a/b/c' is no city"


@pytest.mark.parametrize("path", ["breaker/sf/x.db", "./breaker/sf/x.db", "../breaker/sf/x.db"])
def test_a_relative_path_of_a_setting_is_known_as_one(path: str) -> None:
    settings = {"DOORSTEP_STORE": path, "OTHER": "and/or"}
    folder = str(Path(path).parent)
    for text, said in (
        (f"cannot open {path}: no such file", "cannot open x.db: no such file"),
        (f"[Errno 2] No such file or directory: '{folder}'", "[Errno 2] No such file or"
            " directory: 'sf'"),
        (f"[Errno 2]: '{folder}/.x.db.7.restored' -> '{folder}/x.db'", "[Errno 2]:"
            " '.x.db.7.restored' -> 'x.db'"),
        (f"{Path(path)}-wal is gone", "x.db-wal is gone"),
        ("and/or, a/b and application/json stay", "and/or, a/b and application/json stay"),
    ):  # fmt: skip
        assert without_paths(text, settings) == said


def test_a_folder_that_a_setting_names_hides_nothing_of_what_is_below_it() -> None:
    settings = {"PWD": "/srv/breaker", "TMPDIR": "/tmp/", "DOORSTEP_STORE": "/srv/breaker/sf/x.db"}
    for text, said in (
        ("No such file or directory: '/srv/breaker/sf'", "No such file or directory: 'sf'"),
        ("cannot open /srv/breaker/sf/x.db: gone", "cannot open x.db: gone"),
        ("'/srv/breaker/sf/.x.db.7.restored'", "'.x.db.7.restored'"),
        ("/srv/breaker: gone", "breaker: gone"),
        ("/tmp/a/b and /var/tmp/c", "b and c"),
    ):
        assert without_paths(text, settings) == said


def refused(url: str) -> httpx.Response:
    return post(f"{url}/events", json={"a": 1})


def test_a_service_without_its_store_says_neither_where_it_is_nor_the_password(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "somewhere secret"
    for event_store, says in (
        (str(folder / "events.db"), "events.db"),
        (ADDRESSES[2], "Redis server"),
    ):
        log = tmp_path / "log"
        log.unlink(missing_ok=True)
        settings = {"DOORSTEP_STORE": event_store}
        with ServiceProcess(
            "services.events:EventService", log=log, settings=settings, ready_path="/livez"
        ) as service:
            wait_until(lambda: says in refused(service.url).text)  # noqa: B023  # it is starting
            answer = refused(service.url)
        assert answer.status_code == 503
        assert says in answer.json()["reason"]
        for text in (answer.text, log.read_text()):
            assert SECRET not in text
        assert "secret" not in answer.text
        assert str(tmp_path) not in answer.text


def test_commands_print_no_password(tmp_path: Path) -> None:
    for arguments in (
        ["serve", "events", "--store", ADDRESSES[9]],
        ["consume", "--url", ADDRESSES[2], "--stream", "s", "--store", str(tmp_path / "a.db")],
        ["consume", "--url", ADDRESSES[0], "--stream", "s", "--store", ADDRESSES[3]],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "commands", *arguments],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
            env={**os.environ, "BENTOML_DO_NOT_TRACK": "True"},
        )  # fmt: skip
        assert done.returncode == 1, done.stdout + done.stderr
        assert SECRET not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
