"""What stands before the endpoints: keys, limits, deadlines, traces, logs; over ASGI."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse

from services.core.context import REQUEST_KEY, RequestContext, current_request, record_duration
from services.core.limits import REQUEST_TIMEOUT_S
from services.middleware import guard as module
from services.middleware.api_keys import SCOPES, ApiKeys, Scope, make_key
from services.middleware.guard import OPEN_PATHS, Guard
from services.middleware.metrics import GuardMetrics
from services.middleware.request_log import JsonFormatter
from services.middleware.responses import UNEXPECTED

ACCESS: dict[str, tuple[Scope, ...]] = {"/predict": ("app", "routing"), "/events": ("intake",)}
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TEXT_LOG = {"DOORSTEP_LOG_FORMAT": "text"}


class App:
    """Answers nothing much, or as it is told to; waits before, if it is told to."""

    def __init__(self) -> None:
        self.seen: list[RequestContext | None] = []
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.answer: Callable[..., Awaitable[None]] = JSONResponse({})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = current_request()
        assert request is scope.get(REQUEST_KEY)
        self.seen.append(request)
        record_duration("model", 0.25)
        await self.goes_on.wait()
        await self.answer(scope, receive, send)


class Guarded:
    """An application behind a guard, and what the guard counted."""

    def __init__(self, *, keys: ApiKeys | None = None, **environment: str) -> None:
        if keys is not None:
            environment["DOORSTEP_API_KEYS"] = keys.to_json().decode()
        self.registry = CollectorRegistry()
        self.app = App()
        self.guard = Guard(
            self.app,
            access=ACCESS,
            service="test",
            environment={**TEXT_LOG, **environment},
            metrics=GuardMetrics(self.registry),
        )

    def client(self, host: str = "127.0.0.1") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.guard)
        return httpx.AsyncClient(base_url=f"http://{host}", transport=transport)

    def get(self, path: str, host: str = "127.0.0.1", **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with self.client(host) as client:
                named = {name.replace("_", "-"): text for name, text in headers.items()}
                return await client.get(path, headers=named)

        return asyncio.run(ask())

    def run(self, ask: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
        async def within() -> None:
            async with self.client() as client:
                await ask(client)

        asyncio.run(within())

    def refused(self, reason: str) -> float | None:
        return self.registry.get_sample_value("doorstep_refused_total", {"reason": reason})


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("path", [*ACCESS, "/of/nobody"])
def test_a_path_opens_to_keys_of_its_scopes(scope: Scope, path: str) -> None:
    text, kept = make_key("somebody", [scope])
    guarded = Guarded(keys=ApiKeys([kept]))
    response = guarded.get(path, authorization=f"Bearer {text}")
    allowed = scope == "admin" or scope in ACCESS.get(path, ())
    assert response.status_code == (200 if allowed else 403)
    if allowed:
        (request,) = guarded.app.seen
        assert request is not None
        assert request.key_id == kept.id
    else:
        assert guarded.app.seen == []
        assert response.json()["error"] == "forbidden"
        assert guarded.refused("forbidden") == 1.0


@pytest.mark.parametrize("authorization", ["", "Bearer x", "Basic YTpi"])
def test_without_a_good_key_nothing_is_answered(authorization: str) -> None:
    guarded = Guarded(keys=ApiKeys([make_key("somebody", ["app"])[1]]))
    response = guarded.get("/predict", authorization=authorization, x_request_id="r-7")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["x-request-id"] == response.json()["request_id"] == "r-7"
    assert guarded.app.seen == []
    assert guarded.refused("unauthorized") == 1.0


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
def test_health_metrics_and_description_are_open(path: str) -> None:
    guarded = Guarded(keys=ApiKeys([make_key("somebody", ["app"])[1]]))
    assert guarded.get(path, host="10.0.0.7").status_code == 200


def test_without_keys_only_this_machine_is_answered() -> None:
    assert Guarded().get("/predict").status_code == 200
    response = Guarded().get("/predict", host="10.0.0.7")
    assert response.status_code == 401
    assert "no API keys" in response.json()["reason"]
    assert Guarded(DOORSTEP_ALLOW_ANONYMOUS="1").get("/predict", host="10.0.0.7").is_success


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DOORSTEP_API_KEYS_FILE", "/nowhere/keys.json"),
        ("DOORSTEP_API_KEYS", "[{"),
        ("DOORSTEP_ALLOW_ANONYMOUS", "yes"),
        ("DOORSTEP_LOG_SAMPLE", "2"),
        ("DOORSTEP_LOG_SLOW_MS", "-1"),
        ("DOORSTEP_LOG_FORMAT", "xml"),
        ("DOORSTEP_GRACE_S", "long"),
        ("DOORSTEP_MAX_CONNECTIONS", "0"),
    ],
)
def test_a_setting_that_cannot_be_closes_the_service(name: str, value: str) -> None:
    guarded = Guarded(**{name: value})  # type: ignore[arg-type]  # none of them is "keys"
    for path in ("/predict", "/readyz"):
        response = guarded.get(path)
        assert response.status_code == 503
        reason = response.json()["reason"]
        assert value.strip("[{").rpartition("/")[2] in reason
        assert "nowhere" not in reason  # which file, not where it is
    assert guarded.app.seen == []
    assert guarded.get("/livez").status_code == 200


def test_a_trace_goes_through() -> None:
    guarded = Guarded()
    response = guarded.get("/predict", traceparent=f"00-{TRACE}-{PARENT}-01")
    (request,) = guarded.app.seen
    assert request is not None
    assert (request.trace.trace_id, request.trace.parent_id) == (TRACE, PARENT)
    assert response.headers["traceresponse"] == request.trace.traceparent
    assert TRACE not in guarded.get("/predict").headers["traceresponse"]


def test_a_deadline_ends_the_wait_and_is_known_within() -> None:
    guarded = Guarded()
    guarded.app.goes_on.clear()
    response = guarded.get("/predict", x_timeout_ms="20")
    assert response.status_code == 504
    assert response.json()["error"] == "too_late"
    (request,) = guarded.app.seen
    assert request is not None
    assert request.remaining_s() < 0.02
    assert guarded.refused("too_late") == 1.0
    assert guarded.registry.get_sample_value("doorstep_requests_under_way") == 0.0


def test_a_deadline_is_bounded_by_the_servers_own() -> None:
    guarded = Guarded()
    assert guarded.get("/predict", x_timeout_ms="999999999").status_code == 200
    (request,) = guarded.app.seen
    assert request is not None
    assert request.remaining_s() <= REQUEST_TIMEOUT_S


@pytest.mark.parametrize("path", ["/predict", "/readyz"])
def test_nothing_takes_longer_than_the_limit(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_TIMEOUT_S", 0.02)
    guarded = Guarded()
    guarded.app.goes_on.clear()
    response = guarded.get(path)
    assert response.status_code == 504
    assert response.json()["error"] == "too_late"
    assert response.headers["x-request-id"] == response.json()["request_id"]


@pytest.mark.parametrize(
    ("status", "headers", "error", "reason"),
    [
        (404, {}, "not_found", "there is no '/predict'"),
        (405, {"allow": "POST"}, "method_not_allowed", "does not take GET; expected POST"),
        (405, {}, "method_not_allowed", "expected another method"),
        (400, {}, "invalid_request", "cannot be answered"),
        (413, {}, "invalid_request", "cannot be answered"),
        (415, {}, "invalid_request", "send application/json"),
        (429, {}, "too_many_requests", "cannot be answered"),
        (500, {}, "internal", "the log has it"),
        (502, {}, "internal", "the log has it"),
        (503, {}, "unavailable", "not ready"),
        (504, {}, "too_late", "the log has it"),
    ],
)
def test_errors_that_others_make_become_problems(
    status: int, headers: dict[str, str], error: str, reason: str
) -> None:
    guarded = Guarded()
    guarded.app.answer = PlainTextResponse("a secret detail", status, headers=headers)
    response = guarded.get("/predict", x_request_id="r-7")
    assert response.status_code == status
    problem = response.json()
    assert problem.pop("reason").count(reason) == 1
    assert problem == {"error": error, "field": "", "request_id": "r-7"}
    assert response.headers.get("allow") == headers.get("allow")
    assert ("retry-after" in response.headers) == (status in (429, 503))
    assert response.headers["x-request-id"] == "r-7"
    assert "traceresponse" in response.headers


def test_errors_of_our_own_and_answers_in_parts_go_through() -> None:
    guarded = Guarded()
    guarded.app.answer = PlainTextResponse("ours", 404, headers={"x-request-id": "r-8"})
    response = guarded.get("/predict", x_request_id="r-7")
    assert (response.status_code, response.text) == (404, "ours")
    assert response.headers["x-request-id"] == "r-8"
    guarded.app.answer = StreamingResponse(iter(["in ", "two parts"]))
    assert guarded.get("/predict").text == "in two parts"
    guarded.app.answer = StreamingResponse(iter(["in ", "two parts"]), 404)
    assert guarded.get("/predict").json()["error"] == "not_found"


@pytest.mark.parametrize("failure", [RuntimeError("a secret"), TimeoutError(), RecursionError()])
@pytest.mark.parametrize("path", ["/predict", "/readyz"])
def test_a_failure_of_our_own_is_a_problem_without_details(
    path: str, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: Any) -> None:
        raise failure

    guarded = Guarded()
    guarded.app.answer = fail
    response = guarded.get(path, x_request_id="r-7", x_timeout_ms="9000")
    assert response.status_code == 500
    assert response.json() == {
        "error": "internal", "field": "", "reason": UNEXPECTED, "request_id": "r-7"
    }  # fmt: skip
    assert any(record.exc_info for record in caplog.records)


def test_a_failure_within_an_answer_cannot_take_it_back() -> None:
    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError

    guarded = Guarded()
    guarded.app.answer = fail
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/livez", "method": "GET", "headers": []}
    asyncio.run(guarded.guard(scope, None, send))
    assert [message["type"] for message in sent] == ["http.response.start"]


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "soon", "1" * 10])
def test_a_deadline_that_is_none_is_refused(given: str) -> None:
    response = Guarded().get("/predict", x_timeout_ms=given)
    assert response.status_code == 400
    assert response.json()["field"] == "x-timeout-ms"


def test_more_at_once_than_the_limit_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REQUESTS", 3)
    guarded = Guarded()

    async def ask(client: httpx.AsyncClient) -> None:
        guarded.app.goes_on.clear()
        waiting = [asyncio.create_task(client.get("/predict")) for _ in range(3)]
        while len(guarded.app.seen) < 3:
            await asyncio.sleep(0)
        refused = await client.get("/predict")
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert (await client.get("/openly")).status_code == 503
        guarded.app.goes_on.set()
        assert [(await one).status_code for one in waiting] == [200] * 3
        assert (await client.get("/predict")).status_code == 200

    guarded.run(ask)
    assert guarded.refused("unavailable") == 2.0


def test_one_key_leaves_room_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REQUESTS_PER_KEY", 2)
    made = [make_key(name, ["app"]) for name in ("greedy", "modest")]
    guarded = Guarded(keys=ApiKeys(kept for _, kept in made))
    greedy, modest = ({"authorization": f"Bearer {text}"} for text, _ in made)

    async def ask(client: httpx.AsyncClient) -> None:
        guarded.app.goes_on.clear()
        waiting = [asyncio.create_task(client.get("/predict", headers=greedy)) for _ in range(2)]
        while len(guarded.app.seen) < 2:
            await asyncio.sleep(0)
        refused = await client.get("/predict", headers=greedy)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        waiting.append(asyncio.create_task(client.get("/predict", headers=modest)))
        while len(guarded.app.seen) < 3:
            await asyncio.sleep(0)
        guarded.app.goes_on.set()
        assert [(await one).status_code for one in waiting] == [200] * 3

    guarded.run(ask)


def test_a_request_is_logged_as_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "doorstep.requests")
    guarded = Guarded(DOORSTEP_LOG_SAMPLE="1")
    guarded.get("/predict", x_request_id="r-7", traceparent=f"00-{TRACE}-{PARENT}-01")
    guarded.get("/of/nobody/17")
    lines = [json.loads(JsonFormatter("etp").format(record)) for record in caplog.records]
    first, second = [line for line in lines if line["logger"] == "doorstep.requests"]
    assert (first["service"], first["path"], first["status"]) == ("etp", "/predict", 200)
    assert first["model_ms"] == 250.0
    assert first["duration_ms"] >= 0.0
    assert first["parent_id"] == PARENT
    assert second["path"] == "other"


def test_requests_are_not_logged_unless_they_are_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "doorstep.requests")
    guarded = Guarded(DOORSTEP_LOG_SAMPLE="0", DOORSTEP_LOG_SLOW_MS="60000")
    guarded.get("/predict")
    assert not caplog.records
    guarded.app.goes_on.clear()
    guarded.get("/predict", x_timeout_ms="1")  # 504: failures are always logged
    assert [record.levelname for record in caplog.records] == ["ERROR"]
