"""The route to endpoints: those that take JSON by POST or a question by GET, and nothing else."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from starlette.requests import Request
from starlette.responses import Response

from services.bento.endpoints import Call, json_response, question_endpoint
from services.bento.fast_path import FastPath, questions_of
from services.bento.http_methods import methods_of
from services.core.errors import InvalidRequest


class Service:
    """What BentoML makes an instance of."""

    @question_endpoint("/half")
    async def half(self, request: Request, /) -> Response:
        number = int(request.query_params["of"])
        if number % 2:
            raise InvalidRequest(f"is {number}; expected an even number", field="of")
        return json_response(number // 2, request_id="r-1")


SERVICE = Service()


class Taken:
    """What an endpoint takes."""

    media_types = ("application/json",)


async def doubled(service: object, call: Call) -> Response:
    assert service is SERVICE
    if call.refusal is not None:
        return json_response(call.refusal.reason, request_id=call.request_id, status=415)
    return json_response(2 * int(call.body), request_id=call.request_id)


@dataclass
class Asked:
    """One request over ASGI: what was sent, and who else was asked."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    handed_on: int = 0

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


def ask(
    path: str = "/double",
    *,
    method: str = "POST",
    media_type: bytes = b"application/json",
    message: dict[str, Any] | None = None,
    current: object = SERVICE,
    query: bytes = b"",
) -> Asked:
    asked = Asked()
    of = SimpleNamespace(
        inner=Service,
        apis={
            "double": SimpleNamespace(route="/double", input_spec=Taken, func=doubled),
            "other": SimpleNamespace(route="/other", input_spec=object, func=doubled),
        },
    )

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.handed_on += 1

    async def receive() -> dict[str, Any]:
        return message or {"type": "http.request", "body": b"21", "more_body": False}

    async def send(one: Any) -> None:
        asked.sent.append(one)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": [(b"content-type", media_type), (b"x-request-id", b"r-1")],
    }
    with mock.patch("bentoml.get_current_service", return_value=current):
        asyncio.run(FastPath(app, of=of)(scope, receive, send))
    return asked


def test_an_endpoint_is_asked_with_the_call_as_it_arrived() -> None:
    asked = ask()
    assert (asked.handed_on, asked.status) == (0, 200)
    assert asked.sent[1]["body"] == b"42"
    assert (b"x-request-id", b"r-1") in asked.sent[0]["headers"]


def test_an_endpoint_refuses_other_content_types_itself() -> None:
    asked = ask(media_type=b"application/vnd.bentoml+pickle")
    assert (asked.handed_on, asked.status) == (0, 415)


@pytest.mark.parametrize(
    ("path", "method"), [("/double", "GET"), ("/other", "POST"), ("/double/", "POST"), ("/", "GET")]
)
def test_all_else_is_handed_on(path: str, method: str) -> None:
    asked = ask(path, method=method)
    assert (asked.handed_on, asked.sent) == (1, [])


def test_where_another_service_is_the_current_one_bentoml_finds_the_instance() -> None:
    asked = ask(current=object())
    assert (asked.handed_on, asked.sent) == (1, [])


def test_who_has_gone_gets_no_answer() -> None:
    asked = ask(message={"type": "http.disconnect"})
    assert (asked.handed_on, asked.sent) == (0, [])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_question_is_asked_by_its_address(method: str) -> None:
    asked = ask("/half", method=method, query=b"of=42")
    assert (asked.handed_on, asked.status, asked.sent[1]["body"]) == (0, 200, b"21")


def test_a_question_that_is_wrong_is_refused_as_a_call_is() -> None:
    asked = ask("/half", method="GET", query=b"of=3")
    assert asked.status == 400
    problem = json.loads(asked.sent[1]["body"])
    assert (problem["field"], problem["request_id"]) == ("of", "r-1")


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS"])
def test_a_question_is_asked_by_no_other_method(method: str) -> None:
    assert ask("/half", method=method).handed_on == 1


def test_the_methods_of_a_path_are_those_of_all_its_endpoints() -> None:
    assert list(questions_of(Service)) == ["/half"]
    of = SimpleNamespace(
        inner=Service,
        apis={"half": SimpleNamespace(route="/half"), "double": SimpleNamespace(route="/double")},
        mount_apps=[],
    )
    assert methods_of(of) == {"/half": "GET, HEAD, POST", "/double": "POST"}
