"""Endpoints over ASGI: content types, limits, request ids, errors, OpenAPI; without a model.

Tests `services.bento.patches`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import bentoml
import msgspec
import pytest
from starlette.responses import Response

from services.bento.endpoints import Call, answered, json_endpoint, json_response
from services.core.context import RequestContext, enter_request
from services.core.errors import Unavailable
from services.core.limits import MAX_BODY_BYTES, MAX_REQUEST_ID_CHARACTERS
from services.core.trace_context import TraceContext
from services.schemas.decoding import decode
from tests.services.asgi import AsgiClient

JSON = {"content-type": "application/json"}


class Question(msgspec.Struct, forbid_unknown_fields=True):
    """What is asked."""

    text: str
    value: float = 0.0


class Reply(msgspec.Struct):
    """What is answered."""

    text: str


# Metrics are registered once per process; this service is not the one that is measured.
@bentoml.service(name="echo", metrics={"enabled": False})
class Echo:
    """Answers what it is asked."""

    @json_endpoint("/echo", takes=Question, gives=Reply, media_types=("application/json", "a/b"))
    async def echo(self, call: Call, /) -> Response:
        """Repeat the text."""
        text = decode(call.body, Question).text
        if text == "bug":
            raise RuntimeError("a secret detail")
        if text == "busy":
            raise Unavailable("come back later")
        return json_response(Reply(text), request_id=call.request_id)


@pytest.fixture(scope="module")
def client() -> Iterator[AsgiClient]:
    with AsgiClient(Echo) as client:
        yield client


def test_an_answer_carries_the_request_id(client: AsgiClient) -> None:
    response = client.post("/echo", json={"text": "é"}, headers={"x-request-id": "r-7"})
    assert response.status_code == 200
    assert response.json() == {"text": "é"}
    assert response.headers["x-request-id"] == "r-7"
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("given", ["", "a b", "x" * (MAX_REQUEST_ID_CHARACTERS + 1)])
def test_a_request_without_a_usable_id_gets_one(client: AsgiClient, given: str) -> None:
    response = client.post("/echo", json={"text": "x"}, headers={"x-request-id": given})
    assert response.headers["x-request-id"] not in ("", given)


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/vnd.bentoml+pickle", "application/x-www-form-urlencoded",
     "multipart/form-data", "application/cloudpickle"],
)  # fmt: skip
def test_other_content_types_are_refused(client: AsgiClient, media_type: str) -> None:
    response = client.post("/echo", content=b'{"text": "x"}', headers={"content-type": media_type})
    assert response.status_code == 415


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "A/B"])
def test_content_types_are_compared_without_case_and_parameters(
    client: AsgiClient, media_type: str
) -> None:
    response = client.post("/echo", content=b'{"text": "x"}', headers={"content-type": media_type})
    assert response.status_code == 200


def test_the_limit_of_bytes_is_exact(client: AsgiClient) -> None:
    frame = len(b'{"text": ""}')
    body = b'{"text": "%s"}' % (b"x" * (MAX_BODY_BYTES - frame))
    assert client.post("/echo", content=body, headers=JSON).status_code == 200
    response = client.post("/echo", content=body + b" ", headers=JSON)
    assert response.status_code == 413
    assert str(MAX_BODY_BYTES) in response.json()["reason"]


def test_the_limit_of_bytes_holds_without_an_announced_length(client: AsgiClient) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 65_536 + 2):
            yield b" " * 65_536

    response = client.post("/echo", content=parts(), headers=JSON)
    assert response.status_code == 413


def test_a_refusal_names_the_field(client: AsgiClient) -> None:
    response = client.post("/echo", json={"txt": "x"}, headers={"x-request-id": "r-8"})
    assert response.status_code == 400
    assert response.json() == {
        "error": "invalid_request",
        "field": "txt",
        "reason": "unknown field; did you mean 'text'?",
        "request_id": "r-8",
    }


def test_unavailable_says_when_to_come_back(client: AsgiClient) -> None:
    response = client.post("/echo", json={"text": "busy"})
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert response.json()["reason"] == "come back later"


def test_a_failure_of_our_own_tells_no_details(client: AsgiClient) -> None:
    response = client.post("/echo", json={"text": "bug"}, headers={"x-request-id": "r-9"})
    assert response.status_code == 500
    assert response.json()["request_id"] == "r-9"
    assert "secret" not in response.text


def test_openapi_describes_both_ways(client: AsgiClient) -> None:
    document: dict[str, Any] = json.loads(client.get("/docs.json").content)
    post = document["paths"]["/echo"]["post"]
    taken = post["requestBody"]["content"]["application/json"]["schema"]
    given = post["responses"]["200"]["content"]["application/json"]["schema"]
    assert taken == {"$ref": "#/components/schemas/Question"}
    assert given == {"$ref": "#/components/schemas/Reply"}
    question = document["components"]["schemas"]["Question"]
    assert question["required"] == ["text"]
    assert question["additionalProperties"] is False
    assert post["description"] == "Repeat the text."


def test_a_request_whose_time_is_over_costs_no_work() -> None:
    worked: list[str] = []

    async def work() -> Response:
        worked.append("done")
        return Response()

    async def ask(seconds: float) -> int:
        trace = TraceContext.taken()
        enter_request(RequestContext("r", trace, ends_s=time.monotonic() + seconds))
        return (await answered(work, request_id="r")).status_code

    assert asyncio.run(ask(-0.001)) == 504
    assert worked == []
    assert asyncio.run(ask(60.0)) == 200
    assert worked == ["done"]
