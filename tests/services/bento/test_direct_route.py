"""A request for an endpoint is answered and counted alike on the short way and through all layers.

Tests `services.bento.request_counts`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from bentoml._internal.context import server_context
from prometheus_client import REGISTRY

from services.bento.direct_route import DirectRoute
from tests.services.asgi import AsgiClient
from tests.services.stub import Stub

JSON = {"content-type": "application/json", "x-request-id": "r-1"}
TRACED = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


@pytest.fixture(scope="module")
def stub() -> Iterator[AsgiClient]:
    with AsgiClient(Stub) as client:
        client.get("/livez")  # Starlette makes its layers at the first request
        yield client


class Layers:
    """An application that counts who asks it."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.app, name)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        await self.app(scope, receive, send)


def ask(
    app: Any, *, path: str, body: bytes, method: str = "POST", headers: Mapping[str, str] = JSON
) -> tuple[int, dict[str, str], bytes]:
    sent: list[Any] = []
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Any:
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "server": ("127.0.0.1", 3000),
        "client": ("127.0.0.1", 5),
        "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
    }
    asyncio.run(app(scope, receive, send))
    given = {name.decode(): text.decode() for name, text in sent[0]["headers"]}
    given["traceresponse"] = given["traceresponse"][:35]  # the span is new each time
    return sent[0]["status"], given, b"".join(one.get("body", b"") for one in sent[1:])


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "is_short", "status"),
    [
        ("POST", "/ids", JSON | TRACED, b"{}", True, 200),
        ("POST", "/ids", {**JSON, **TRACED, "content-type": "text/plain"}, b"{}", True, 415),
        ("POST", "/wait", JSON | TRACED, b"{", True, 400),
        ("POST", "/wait", JSON | TRACED | {"x-timeout-ms": "1"}, b'{"until": "/no"}', True, 504),
        ("POST", "/ids", JSON | TRACED | {"host": "evil.example"}, b"{}", True, 421),
        ("GET", "/ids", JSON | TRACED, b"", False, 405),
        ("POST", "/none", JSON | TRACED, b"", False, 404),
        ("GET", "/livez", JSON | TRACED, b"", False, 200),
        ("GET", "/readyz", JSON | TRACED, b"", False, 200),
    ],
)
def test_the_short_way_answers_as_all_layers_do(
    stub: AsgiClient,
    *,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    is_short: bool,
    status: int,
) -> None:
    layers = Layers(stub.app)
    asked: dict[str, Any] = {"method": method, "path": path, "headers": headers, "body": body}
    short = ask(DirectRoute(layers), **asked)
    assert layers.asked == (not is_short)
    through_all = ask(stub.app, **asked)
    if status == 504:  # it says after how many milliseconds
        assert short[0] == through_all[0] == status
        assert json.loads(short[2])["error"] == json.loads(through_all[2])["error"]
    else:
        assert short == through_all
        assert short[0] == status


def counted(path: str, status: int) -> dict[str, float]:
    """What BentoML's instruments have of a path and a status."""
    found: dict[str, float] = {}
    for family in REGISTRY.collect():
        for sample in family.samples:
            labels = sample.labels
            if labels.get("endpoint") != path:
                continue
            if sample.name.endswith(("_created", "_sum", "_bucket")):
                continue
            if labels.get("http_response_code", str(status)) == str(status):
                found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/wait", b"{", 400), ("/wait", b"\xff", 400), ("other", b"{}", 200)],
)
def test_the_short_way_counts_as_all_layers_do(
    stub: AsgiClient, monkeypatch: pytest.MonkeyPatch, path: str, body: bytes, status: int
) -> None:
    monkeypatch.setattr(server_context, "service_routes", ["/wait"])
    asked: dict[str, Any] = {"path": "/ids" if path == "other" else path, "body": body}
    ask(stub.app, **asked)
    before = counted(path, status)
    ask(stub.app, **asked)
    between = counted(path, status)
    ask(DirectRoute(stub.app), **asked)
    after = counted(path, status)
    assert after["doorstep_request_in_progress"] == 0.0
    more = {name: after[name] - between[name] for name in after}
    assert more == {name: between[name] - before[name] for name in after}
    assert more["doorstep_request_total"] == more["doorstep_request_duration_seconds_count"] == 1.0


def test_without_a_guard_every_request_goes_through_all_layers() -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        sent.append(scope["path"])

    async def nothing(*_: Any) -> None:
        raise AssertionError("nothing is sent")

    route = DirectRoute(app)
    for _ in range(2):
        asyncio.run(route({"type": "http", "method": "POST", "path": "/ids"}, nothing, nothing))
    assert sent == ["/ids", "/ids"]


def test_a_request_whose_caller_has_gone_is_not_counted_as_answered(stub: AsgiClient) -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError("nobody reads it")

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/ids",
        "query_string": b"",
        "server": ("127.0.0.1", 3000),
        "headers": [(b"content-type", b"application/json")],
    }
    ask(DirectRoute(stub.app), path="/ids", body=b"{}")
    before = counted("other", 200)
    asyncio.run(DirectRoute(stub.app)(scope, receive, send))
    assert counted("other", 200) == before
    assert before["doorstep_request_in_progress"] == 0.0
