"""What holds for every endpoint of every service: how it refuses, whatever it is sent.

Each endpoint's own example is made bad in every place, one at a time. Nothing may end in a failure
of the service; what no JSON document may hold is refused, by field and with a reason.

Tests `services.schemas.examples`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.bento.process import ServiceProcess
from services.core.limits import MAX_BODY_BYTES
from services.middleware.guard import OPEN_PATHS
from tests.patient_http import http_client
from tests.services import mutations
from tests.services.every_service import EVERY_SERVICE, KnownService
from tests.services.schemathesis_run import UNHURRIED, faults_of
from tests.soaking import short_or_long

JSON = "application/json"
OTHER_TYPES = (
    "application/vnd.bentoml+pickle", "application/octet-stream",
    "multipart/form-data; boundary=x", "text/plain",
)  # fmt: skip
NO_NUMBERS = ("NaN", "-Infinity", "1e999")
DEPTHS = (5, 900, 100_000)
ODD = ("null", "true", "-1", str(2**63), "1" * 400, '""', '"\\u0000"', '"\\ud800"',
       '"' + "x" * 5_000 + '"', '"2026-03-02T12:00:00"', '"9999-12-31T23:59:59-23:59"',
       '"0001-01-01T00:00:00+23:59"', "[]", '{"a": null}')  # fmt: skip

NOT_SENSIBLE = (
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00", "1970-01-21T10:53:45.600Z",
)  # fmt: skip
_TIME = re.compile(r"\d{4}-\d\d-\d\dT")

ENDPOINTS = [
    pytest.param(name, path, id=f"{name}{path}")
    for name, known in EVERY_SERVICE.items()
    for path in known.endpoints()
]


@dataclass(frozen=True)
class Running:
    """A service that runs, and a connection to it."""

    name: str
    http: httpx.Client
    examples: dict[str, Any]

    def send(self, path: str, body: bytes, media_type: str = JSON) -> httpx.Response:
        return self.http.post(path, content=body, headers={"content-type": media_type})


class Services:
    """Services that run until the module is through, each started when it is asked for first."""

    def __init__(self, stack: ExitStack, folder: Path, request: pytest.FixtureRequest) -> None:
        self._stack = stack
        self._folder = folder
        self._request = request
        self._running: dict[str, Running] = {}

    def __getitem__(self, name: str) -> Running:
        if name not in self._running:
            self._running[name] = self._start(EVERY_SERVICE[name])
        return self._running[name]

    def _start(self, known: KnownService) -> Running:
        if known.needs_models:
            self._request.getfixturevalue("saved_eta")
        folder = self._folder / known.name
        folder.mkdir()
        settings = {**known.settings(folder), "DOORSTEP_LOG_SAMPLE": "0", **UNHURRIED}
        process = ServiceProcess(known.target, log=folder / "log", settings=settings)
        service = self._stack.enter_context(process)
        http = http_client(service.url)
        self._stack.enter_context(http)
        running = Running(known.name, http, known.endpoints())
        # What other examples ask about must have happened.
        assert running.send("/events", json.dumps(running.examples["/events"]).encode()).is_success
        return running


@pytest.fixture(scope="module")
def services(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    with ExitStack() as stack:
        yield Services(stack, tmp_path_factory.mktemp("services"), request)


@pytest.fixture
def running(services: Services, request: pytest.FixtureRequest) -> Running:
    return services[request.param]


every_service = pytest.mark.parametrize("running", EVERY_SERVICE, indirect=True)
every_endpoint = pytest.mark.parametrize(("running", "path"), ENDPOINTS, indirect=["running"])


def problem_of(response: httpx.Response) -> dict[str, Any]:
    """The problem that a refusal is; its shape is the same wherever it comes from."""
    problem: dict[str, Any] = response.json()
    assert set(problem) == {"error", "field", "reason", "request_id"}, problem
    assert problem["request_id"] == response.headers["x-request-id"] != ""
    assert problem["reason"]
    return problem


REQUIRED = ("specversion", "id", "source", "type", "subject", "time")
"""Attributes without which there is no event."""


def refusals(response: httpx.Response) -> list[tuple[str, str]]:
    """Fields and reasons of all that was refused: the whole request, or rows of it."""
    if response.status_code not in (httpx.codes.OK, httpx.codes.MULTI_STATUS):
        problem = problem_of(response)
        return [(problem["field"], problem["reason"])]
    return [
        (found["field"], found["reason"])
        for _, found in mutations.objects(response.json())
        if {"field", "reason"} <= set(found) and found["reason"]
    ]


def sent(
    running: Running, path: str, bodies: Iterator[tuple[str, bytes]]
) -> Iterator[tuple[str, httpx.Response]]:
    """Send bodies one after the other; none may make the service fail."""
    for what, body in bodies:
        response = running.send(path, body)
        assert response.status_code < 500, f"{path}, {what}: {response.text}"
        assert response.headers["content-type"] == JSON, what
        if response.status_code >= 400:
            problem_of(response)
        yield what, response


@every_endpoint
def test_the_example_is_answered(running: Running, path: str) -> None:
    response = running.send(path, json.dumps(running.examples[path]).encode())
    assert response.status_code == 200, response.text
    assert refusals(response) == []
    assert response.headers["x-request-id"]


@every_endpoint
@pytest.mark.parametrize("media_type", OTHER_TYPES)
def test_other_content_types_are_refused(running: Running, path: str, media_type: str) -> None:
    body = json.dumps(running.examples[path]).encode()
    response = running.send(path, body, media_type)
    assert response.status_code == 415
    assert JSON in problem_of(response)["reason"]


@every_service
def test_a_pickle_is_taken_nowhere(running: Running) -> None:
    paths = [*OPEN_PATHS, *running.examples, "/nowhere", "/static_content/", "/predict/submit"]
    for path in paths:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            response = running.http.request(
                method, path, content=b"\x80\x04N.", headers={"content-type": OTHER_TYPES[0]}
            )
            assert response.status_code in (404, 405, 415), f"{method} {path}"
            problem_of(response)


@every_service
def test_paths_and_methods_that_there_are_not_are_named(running: Running) -> None:
    response = running.http.get("/of/nobody", headers={"x-request-id": "r-7"})
    assert response.status_code == 404
    problem = problem_of(response)
    assert (problem["error"], problem["request_id"]) == ("not_found", "r-7")
    assert "/of/nobody" in problem["reason"]
    for path in running.examples:
        response = running.http.delete(path)
        assert response.status_code == 405, path
        assert problem_of(response)["error"] == "method_not_allowed"
        assert "DELETE" in problem_of(response)["reason"]
        assert "POST" in response.headers["allow"]


@every_service
def test_another_method_is_told_all_that_there_are(running: Running) -> None:
    for path, operations in running.http.get("/docs.json").json()["paths"].items():
        expected = {method.upper() for method in operations}
        if "GET" in expected:
            expected.add("HEAD")
        for method in ("PUT", "TRACE", "OPTIONS"):
            response = running.http.request(method, path)
            assert response.status_code == 405, f"{method} {path}"
            assert set(response.headers["allow"].split(", ")) == expected, f"{method} {path}"


@every_service
def test_the_page_is_our_own_and_lists_what_an_order_may_have(running: Running) -> None:
    response = running.http.get("/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert f"<title>Doorstep: {running.name}</title>" in response.text
    assert "BentoML Prediction Service" not in response.text
    assert (
        "<td>distance_m</td>" in response.text.replace("<code>", "").replace("</code>", "")
    ) == (running.name != "events")
    described = running.http.get("/docs.json").json()
    assert ("Order" in described["components"]["schemas"]) == (running.name != "events")


@every_endpoint
@pytest.mark.parametrize("number", NO_NUMBERS)
def test_what_is_no_finite_number_is_refused_wherever_it_stands(
    running: Running, path: str, number: str
) -> None:
    example = running.examples[path]
    places = [place for place, _ in mutations.leaves(example)]
    assert places
    bodies = ((mutations.at(p), mutations.with_text(example, p, number)) for p in places)
    for what, response in sent(running, path, bodies):
        assert refusals(response), f"{number} at {what} was taken"


@every_endpoint
@pytest.mark.parametrize("moment", NOT_SENSIBLE)
def test_a_time_outside_the_sensible_span_is_refused_with_its_field(
    running: Running, path: str, moment: str
) -> None:
    example = running.examples[path]
    for place, value in mutations.leaves(example):
        name = next(step for step in reversed(place) if isinstance(step, str))
        if not (isinstance(value, str) and _TIME.match(value)):
            continue
        body = mutations.with_text(example, place, json.dumps(moment))
        ((_, response),) = sent(running, path, iter([(moment, body)]))
        found = refusals(response)
        assert found, f"{moment} at {mutations.at(place)} was taken"
        assert all(name in field for field, _ in found), found
        assert all("outside the span" in reason for _, reason in found), found
        if response.status_code == httpx.codes.OK and place[0] == "rows":
            assert len(found) == 1, "the other rows are answered"


@every_endpoint
def test_a_field_that_nobody_knows_is_refused_with_the_one_that_was_meant(
    running: Running, path: str
) -> None:
    example = running.examples[path]
    places = [(place, name) for place, found in mutations.objects(example) for name in found]
    assert places
    for place, name in places:
        document = mutations.misspelt(example, place, name)
        bodies = iter([(mutations.at((*place, name)), json.dumps(document).encode())])
        for what, response in sent(running, path, bodies):
            wrong = mutations.wrong(name)
            if wrong in response.json().get("ignored", ()):
                continue  # services of other versions may know other columns: it is said, at least
            if path == "/events" and (place[-1:] == ("data",) or name not in REQUIRED):
                assert refusals(response) == [], "extensions and unknown data refuse no event"
                continue
            fields = (wrong, name) if path == "/events" else (wrong,)
            meant = [reason for field, reason in refusals(response) if field.endswith(fields)]
            assert any(f"did you mean {name!r}" in reason for reason in meant), (
                f"{what}: {refusals(response)}"
            )


@every_endpoint
@pytest.mark.parametrize("kind", ["list", "object"])
def test_what_is_nested_too_deeply_is_refused(running: Running, path: str, kind: str) -> None:
    example = running.examples[path]
    places = list(mutations.nodes(example))
    for depth in DEPTHS:
        text = mutations.nested(depth, kind)
        if depth * len(text) > MAX_BODY_BYTES:
            places = places[:3]
        bodies = ((mutations.at(p), mutations.with_text(example, p, text)) for p in places)
        for what, response in sent(running, path, bodies):
            if (path, what, kind) == ("/events", "0.data", "object") and depth < DEPTHS[-1]:
                continue  # a field of the data that no source declares
            assert refusals(response), f"{kind}s nested {depth} deep at {what} were taken"


@every_endpoint
@pytest.mark.parametrize("value", ODD, ids=lambda text: text[:12])
def test_nothing_that_is_sent_makes_a_service_fail(running: Running, path: str, value: str) -> None:
    example = running.examples[path]
    bodies = (
        (f"{value[:20]} at {mutations.at(p)}", mutations.with_text(example, p, value))
        for p in mutations.nodes(example)
    )
    answered = [response.status_code for _, response in sent(running, path, bodies)]
    assert answered


@every_endpoint
def test_what_is_no_json_is_refused(running: Running, path: str) -> None:
    whole = json.dumps(running.examples[path]).encode()
    bodies = [b"", b" ", b"{", whole[:-1], whole + b"]", b"\xff" + whole, b"\xef\xbb\xbf" + whole,
              b"'" + whole, whole.replace(b'"', b"'"), b"\x80\x04N.", b"null", b"1"]  # fmt: skip
    for body in bodies:
        response = running.send(path, body)
        assert response.status_code == 400 or len(refusals(response)) == 1, body[:40]


@every_endpoint
def test_a_body_beyond_the_limit_is_refused(running: Running, path: str) -> None:
    response = running.send(path, b" " * (MAX_BODY_BYTES + 1))
    assert response.status_code == 413
    assert str(MAX_BODY_BYTES) in problem_of(response)["reason"]


@every_endpoint
def test_a_deadline_that_cannot_be_kept_is_said_so(running: Running, path: str) -> None:
    body = json.dumps(running.examples[path]).encode()
    headers = {"content-type": JSON, "x-timeout-ms": "1"}
    for _ in range(20):
        response = running.http.post(path, content=body, headers=headers)
        assert response.status_code in (200, 504)
        if response.status_code == 504:
            assert problem_of(response)["error"] == "too_late"


@every_service
def test_every_answer_has_an_id_and_a_trace(running: Running) -> None:
    for path in sorted(OPEN_PATHS):
        response = running.http.get(path, headers={"x-request-id": "r-7"})
        assert response.status_code == 200, path
        assert response.headers["x-request-id"] == "r-7"
        assert response.headers["traceresponse"]


@every_service
@pytest.mark.slow
@short_or_long("examples", short=5, long=300)
def test_schemathesis_finds_no_fault(running: Running, tmp_path: Path, examples: int) -> None:
    """Each endpoint keeps to its description, whatever fits that or violates it."""
    assert not faults_of(str(running.http.base_url), tmp_path, examples=examples)
