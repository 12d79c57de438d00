"""The client without a network: what it sends, what it makes of answers, what it imports."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextvars import copy_context
from datetime import UTC, datetime

import httpx
import pytest

from services.client import EtpClient, EventClient, RequestRefused, ServiceUnreachable
from services.feature_schemas import FeatureRow
from services.request_context import RequestContext, enter_request
from services.retrying import RetryBudget
from services.schemas import CloudEvent, PredictRequest
from services.tracing import TraceContext

ANSWER = {
    "request_id": "r-1",
    "status": "ok",
    "as_of": "2026-03-02T12:00:00Z",
    "sample_id": "o-1",
    "mean_s": 610.0,
    "quantiles_s": {"0.5": 600.0},
    "model": {"tag": "etp:1", "catalog_version": "1.0.0", "fingerprint": "f"},
    "features": {"queue": None},
}


def client_of(handler: Callable[[httpx.Request], httpx.Response]) -> EtpClient:
    return EtpClient("http://etp", transport=httpx.MockTransport(handler))


def test_predict_sends_what_is_asked_and_types_the_answer() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=ANSWER)

    with client_of(handle) as client:
        answer = client.predict(
            {"store_id": "s-1"}, sample_id="o-1", as_of=datetime(2026, 3, 2, 12, tzinfo=UTC)
        )
    assert answer.quantiles_s["0.5"] == 600.0
    assert answer.as_of == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert answer.features == {"queue": None}
    assert seen[0].url.path == "/predict"
    assert json.loads(seen[0].content) == {
        "order": {"store_id": "s-1"},
        "sample_id": "o-1",
        "as_of": "2026-03-02T12:00:00Z",
        "levels": [0.1, 0.5, 0.9],
        "include_features": False,
    }


def test_a_batch_keeps_its_rows() -> None:
    rows = {"request_id": "r", "refused": 0, "rows": [{"row": 0, "answer": ANSWER}]}
    with client_of(lambda request: httpx.Response(200, json=rows)) as client:
        answer = client.predict_batch([PredictRequest(order={}, sample_id=None)])
    assert answer.rows[0].answer is not None
    assert answer.rows[0].problem is None


def test_a_refusal_carries_field_and_reason() -> None:
    problem = {"error": "invalid_request", "field": "order.x", "reason": "no", "request_id": "r"}
    with (
        client_of(lambda request: httpx.Response(400, json=problem)) as client,
        pytest.raises(RequestRefused, match=r"400, order\.x: no") as caught,
    ):
        client.predict({}, sample_id=None)
    assert caught.value.problem.field == "order.x"


def test_an_error_from_something_on_the_way_is_a_refusal_too() -> None:
    with (
        client_of(lambda request: httpx.Response(502, text="bad gateway")) as client,
        pytest.raises(RequestRefused, match="bad gateway"),
    ):
        client.send_events([])


def test_silence_is_unreachable() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with client_of(fail) as client:
        assert not client.is_ready()
        with pytest.raises(ServiceUnreachable, match="ConnectError refused"):
            client.send_events(
                [CloudEvent(specversion="1.0", id="e", source="orders", type="ready", subject=1,
                            time=datetime(2026, 3, 2, tzinfo=UTC))]
            )  # fmt: skip


def test_the_client_imports_no_model_library() -> None:
    code = (
        "import sys, services.client; print([m for m in ('numpy', 'pandas', 'numba', 'lightgbm',"
        " 'sklearn', 'bentoml', 'aggregators', 'estimators') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def unwilling(
    times: int, status: int = 503, headers: dict[str, str] | None = None
) -> Callable[[httpx.Request], httpx.Response]:
    """A service that says 503 so many times, then takes events."""
    answers = [httpx.Response(status, text="busy", headers=headers) for _ in range(times)]
    taken = {
        "request_id": "r", "accepted": 0, "refused": 0, "applied": 0, "duplicates": 0,
        "superseded": 0, "events": [],
    }  # fmt: skip
    answers.append(httpx.Response(200, json=taken))
    return lambda request: answers.pop(0)


@pytest.mark.parametrize(
    ("headers", "waits"),
    [({"retry-after": "2"}, [2.0, 2.0]), ({}, [0.1, 0.2])],
)
def test_a_busy_service_is_asked_again_when_it_says(
    headers: dict[str, str], waits: list[float]
) -> None:
    waited: list[float] = []
    transport = httpx.MockTransport(unwilling(2, headers=headers))
    with EventClient("http://events", transport=transport, sleep=waited.append) as client:
        assert client.send_events([]).accepted == 0
    assert waited == pytest.approx(waits)


def test_a_service_that_stays_busy_is_given_up() -> None:
    waited: list[float] = []
    transport = httpx.MockTransport(unwilling(9))
    with (
        EventClient("http://events", transport=transport, retries=2, sleep=waited.append) as client,
        pytest.raises(RequestRefused, match="503"),
    ):
        client.send_events([])
    assert len(waited) == 2


def test_questions_are_sent_as_they_are_asked() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(
            400, json={"error": "e", "field": "f", "reason": "r", "request_id": ""}
        )

    with EventClient("http://events", transport=httpx.MockTransport(handle)) as client:
        for ask in (
            lambda: client.features({"city": None}, sample_id={"orders": 7}, names=["a"]),
            lambda: client.features_batch([FeatureRow(keys={"city": "BCN"}, sample_id=None)]),
            lambda: client.explain("a", {"city": 7}, sample_id=None, why="o-1"),
        ):
            with pytest.raises(RequestRefused):
                ask()
    bodies = [json.loads(request.content) for request in seen]
    assert [request.url.path for request in seen] == ["/features", "/features_batch", "/explain"]
    assert bodies[0]["keys"] == {"city": None}
    assert bodies[0]["sample_id"] == {"orders": 7}
    assert bodies[1]["rows"] == [{"keys": {"city": "BCN"}, "sample_id": None, "as_of": None}]
    assert bodies[2]["why"] == "o-1"


def test_one_who_asks_too_much_waits_as_well() -> None:
    waited: list[float] = []
    transport = httpx.MockTransport(unwilling(1, 429, {"retry-after": "1"}))
    with EventClient("http://events", transport=transport, sleep=waited.append) as client:
        client.send_events([])
    assert waited == [1.0]


def test_there_is_no_wait_that_the_time_does_not_allow() -> None:
    transport = httpx.MockTransport(unwilling(1, headers={"retry-after": "9999"}))
    waited: list[float] = []
    with (
        EventClient("http://events", transport=transport, sleep=waited.append) as client,
        pytest.raises(RequestRefused, match="503"),
    ):
        client.send_events([])
    assert waited == []


def test_the_service_is_told_the_time_that_is_left() -> None:
    now_s = [0.0]
    told: list[str] = []
    answer = unwilling(2, headers={"retry-after": "2"})

    def handle(request: httpx.Request) -> httpx.Response:
        told.append(request.headers["x-timeout-ms"])
        now_s[0] += 0.5
        return answer(request)

    def sleep(seconds: float) -> None:
        now_s[0] += seconds

    with EventClient(
        "http://events", timeout_s=8.0, transport=httpx.MockTransport(handle),
        clock=lambda: now_s[0], sleep=sleep,
    ) as client:  # fmt: skip
        client.send_events([])
    assert told == ["8000", "5500", "3000"]


def test_retries_are_a_share_of_requests() -> None:
    sent: list[str] = []

    def busy(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        return httpx.Response(503, text="busy")

    budget = RetryBudget(share=0.2, reserve=3.0)
    with EventClient(
        "http://events", transport=httpx.MockTransport(busy), budget=budget, sleep=lambda _: None
    ) as client:
        for _ in range(20):
            with pytest.raises(RequestRefused):
                client.send_events([])
    assert 20 + 3 <= len(sent) <= 20 + 3 + 4


def test_a_key_is_sent_and_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return httpx.Response(200, json=ANSWER)

    transport = httpx.MockTransport(handle)
    monkeypatch.delenv("DOORSTEP_API_KEY", raising=False)
    for key, environment in ((None, ""), ("dstp_a", "dstp_b"), (None, "dstp_b"), ("", "dstp_b")):
        monkeypatch.setenv("DOORSTEP_API_KEY", environment)
        with EtpClient("http://etp", api_key=key, transport=transport) as client:
            client.predict({}, sample_id=None)
    assert seen == [None, "Bearer dstp_a", "Bearer dstp_b", None]


def test_within_a_request_its_trace_and_deadline_are_handed_on() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=ANSWER)

    trace = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "01")
    request = RequestContext("r-7", trace, ends_s=time.monotonic() + 2.0)

    def ask() -> None:
        enter_request(request)
        with client_of(handle) as client:
            client.predict({}, sample_id=None)
            request.ends_s = time.monotonic()
            with pytest.raises(ServiceUnreachable, match="no time is left"):
                client.predict({}, sample_id=None)

    copy_context().run(ask)
    (sent,) = seen
    assert sent.headers["traceparent"] == trace.traceparent
    assert sent.headers["x-request-id"] == "r-7"
    assert 0 < int(sent.headers["x-timeout-ms"]) <= 2_000
