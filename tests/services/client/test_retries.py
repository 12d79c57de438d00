"""When clients ask again, how long they wait, what they hand on: the same of both kinds."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import copy_context
from pathlib import Path

import httpx
import pytest

from services.client import NoAnswerInTime, RequestRefused, ServiceUnreachable, UnreadableAnswer
from services.client.retry_budget import RetryBudget
from services.core.context import RequestContext, enter_request
from services.core.errors import SettingError
from services.core.trace_context import TraceContext
from tests.services.asking import KINDS, Handler, Kind, opened

TAKEN = {
    "request_id": "r", "accepted": 0, "refused": 0, "applied": 0, "duplicates": 0,
    "superseded": 0, "events": [],
}  # fmt: skip
Step = httpx.Response | Exception

pytestmark = pytest.mark.parametrize("kind", KINDS)


def service_of(*steps: Step) -> tuple[Handler, list[httpx.Request]]:
    """A service that does one thing after the other, then takes events; and what it was sent."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        number = len(seen)
        seen.append(request)
        step = steps[number] if number < len(steps) else httpx.Response(200, json=TAKEN)
        if isinstance(step, Exception):
            raise step
        return step

    return handle, seen


def busy(status: int = 503, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return httpx.Response(status, text="busy", headers=named)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({"retry_after": "2"}, [2.05, 2.1, 2.2]),  # never sooner than it says
        ({}, [0.05, 0.1, 0.2]),  # half of 0.1, of 0.2, of 0.4
        ({"retry_after": "Fri, 31 Dec 1999 23:59:59 GMT"}, [0.05, 0.1, 0.2]),
        ({"retry_after": "-1"}, [0.05, 0.1, 0.2]),
        ({"retry_after": "soon"}, [0.05, 0.1, 0.2]),
    ],
)
def test_a_busy_service_is_asked_again_when_it_says(
    kind: Kind, status: int, headers: dict[str, str], waits: list[float]
) -> None:
    waited: list[float] = []
    handler, seen = service_of(*[busy(status, **headers) for _ in range(3)])
    with opened(
        "EventClient", kind, handler=handler, sleep=waited.append, random=lambda: 0.5
    ) as client:
        assert client.send_events([]).accepted == 0
    assert waited == pytest.approx(waits)
    assert len({request.content for request in seen}) == 1
    assert len(seen) == 4


def test_waits_are_spread_from_nothing_to_twice_the_last_and_are_bounded(kind: Kind) -> None:
    def waits(random: float) -> list[float]:
        waited: list[float] = []
        handler, _ = service_of(*[busy() for _ in range(8)])
        with opened(
            "EventClient", kind, handler=handler, sleep=waited.append, retries=8, timeout_s=99.0,
            random=lambda: random,
        ) as client:  # fmt: skip
            client.send_events([])
        return waited

    assert waits(0.0) == [0.0] * 8
    assert waits(1.0) == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0])


@pytest.mark.parametrize(
    "failure",
    [
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
        httpx.ReadError("reset"),
        httpx.WriteError("broken pipe"),
    ],
)
def test_a_connection_that_breaks_is_replaced_at_once_then_with_patience(
    kind: Kind, failure: Exception
) -> None:
    waited: list[float] = []
    handler, seen = service_of(failure, failure, failure)
    with opened(
        "EventClient", kind, handler=handler, sleep=waited.append, random=lambda: 0.5
    ) as client:
        assert client.send_events([]).accepted == 0
    assert waited == pytest.approx([0.0, 0.1, 0.2])
    assert len(seen) == 4


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), httpx.ConnectTimeout("")])
def test_a_service_that_does_not_listen_is_tried_again_and_given_up(
    kind: Kind, failure: Exception
) -> None:
    waited: list[float] = []
    handler, seen = service_of(failure, failure)
    with opened(
        "EventClient", kind, handler=handler, sleep=waited.append, retries=1, random=lambda: 0.5
    ) as client:
        with pytest.raises(ServiceUnreachable, match="no answer from http://service: Connect"):
            client.send_events([])
        assert client.send_events([]).accepted == 0
    assert waited == pytest.approx([0.05])
    assert len(seen) == 3


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("late"), httpx.PoolTimeout("no room")])
def test_what_took_all_the_time_is_not_tried_again(kind: Kind, failure: Exception) -> None:
    handler, seen = service_of(failure)
    with opened("EventClient", kind, handler=handler) as client, pytest.raises(NoAnswerInTime):
        client.send_events([])
    assert len(seen) == 1


@pytest.mark.parametrize("status", [301, 400, 401, 404, 500, 502, 504])
def test_other_refusals_are_final(kind: Kind, status: int) -> None:
    handler, seen = service_of(busy(status))
    with (
        opened("EventClient", kind, handler=handler) as client,
        pytest.raises(RequestRefused) as caught,
    ):
        client.send_events([])
    assert caught.value.http_status == status
    assert len(seen) == 1


def test_a_service_that_stays_busy_is_given_up(kind: Kind) -> None:
    handler, seen = service_of(*[busy() for _ in range(9)])
    with (
        opened("EventClient", kind, handler=handler, retries=2) as client,
        pytest.raises(RequestRefused, match="503"),
    ):
        client.send_events([])
    assert len(seen) == 3


def test_there_is_no_wait_that_the_time_does_not_allow(kind: Kind) -> None:
    waited: list[float] = []
    handler, seen = service_of(busy(retry_after="9999"))
    with (
        opened("EventClient", kind, handler=handler, sleep=waited.append) as client,
        pytest.raises(RequestRefused, match="503"),
    ):
        client.send_events([])
    assert waited == []
    assert len(seen) == 1


def test_the_service_is_told_the_time_that_is_left(kind: Kind) -> None:
    now_s = [0.0]
    told: list[str] = []
    steps = [busy(retry_after="2"), busy(retry_after="2"), httpx.Response(200, json=TAKEN)]

    def handle(request: httpx.Request) -> httpx.Response:
        told.append(request.headers["x-timeout-ms"])
        now_s[0] += 0.5
        return steps.pop(0)

    def sleep(seconds: float) -> None:
        now_s[0] += seconds

    with opened(
        "EventClient", kind, handler=handle, sleep=sleep, timeout_s=8.0, clock=lambda: now_s[0],
        random=lambda: 0.0,
    ) as client:  # fmt: skip
        client.send_events([])
    assert told == ["8000", "5500", "3000"]


def test_retries_are_a_share_of_requests(kind: Kind) -> None:
    sent: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        return busy()

    budget = RetryBudget(share=0.2, reserve=3.0)
    with opened("EventClient", kind, handler=handle, budget=budget) as client:
        for _ in range(20):
            with pytest.raises(RequestRefused):
                client.send_events([])
    assert 20 + 3 <= len(sent) <= 20 + 3 + 4


@pytest.mark.parametrize(
    ("given", "environment", "sent"),
    [
        (None, "", None),
        ("dstp_a", "dstp_b", "Bearer dstp_a"),
        (None, "dstp_b", "Bearer dstp_b"),
        ("", "dstp_b", None),
    ],
)
def test_a_key_is_sent_and_may_stand_in_the_environment(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, given: str | None, environment: str,
    sent: str | None,
) -> None:  # fmt: skip
    monkeypatch.setenv("DOORSTEP_API_KEY", environment)
    handler, seen = service_of()
    with opened("EventClient", kind, handler=handler, api_key=given) as client:
        client.send_events([])
    assert seen[0].headers.get("authorization") == sent


def test_a_key_may_stand_in_a_file(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DOORSTEP_API_KEY", raising=False)
    monkeypatch.setenv("DOORSTEP_API_KEY_FILE", str(tmp_path / "key"))
    handler, seen = service_of()
    with pytest.raises(SettingError, match="DOORSTEP_API_KEY_FILE"):
        opened("EventClient", kind, handler=handler).__enter__()
    (tmp_path / "key").write_text("dstp_c\n")
    with opened("EventClient", kind, handler=handler) as client:
        client.send_events([])
    assert seen[0].headers["authorization"] == "Bearer dstp_c"


def test_within_a_request_its_id_trace_and_deadline_are_handed_on(kind: Kind) -> None:
    handler, seen = service_of()
    trace = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "01", state="a=1")
    request = RequestContext("r-7", trace, ends_s=time.monotonic() + 9.0)

    def ask() -> None:
        enter_request(request)
        with opened("EventClient", kind, handler=handler) as client:
            client.send_events([])
            request.ends_s = time.monotonic()
            with pytest.raises(NoAnswerInTime, match="no time is left"):
                client.send_events([])

    copy_context().run(ask)
    (sent,) = seen
    assert sent.headers["traceparent"] == trace.traceparent
    assert sent.headers["tracestate"] == "a=1"
    assert sent.headers["x-request-id"] == "r-7"
    assert 0 < int(sent.headers["x-timeout-ms"]) <= 9_000


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"request_id": 1}'],
)
def test_an_answer_of_another_shape_is_said_to_be_one(kind: Kind, content: bytes) -> None:
    handler, _ = service_of(httpx.Response(200, content=content))
    with (
        opened("EventClient", kind, handler=handler) as client,
        pytest.raises(UnreadableAnswer, match="http://service answered what it should not"),
    ):
        client.send_events([])


def test_an_answer_without_end_is_cut(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.client.exchange.MAX_ANSWER_BYTES", 1_000)
    handler, _ = service_of(httpx.Response(200, content=b" " * 1_001))
    with (
        opened("EventClient", kind, handler=handler) as client,
        pytest.raises(UnreadableAnswer, match="more than 1000 bytes"),
    ):
        client.send_events([])


def test_silence_is_not_ready(kind: Kind) -> None:
    def of(step: Step) -> Callable[[httpx.Request], httpx.Response]:
        return service_of(step)[0]

    for step, ready in (
        (httpx.ConnectError("refused"), False),
        (httpx.Response(503), False),
        (httpx.Response(200), True),
    ):
        with opened("EventClient", kind, handler=of(step)) as client:
            assert client.is_ready() is ready
