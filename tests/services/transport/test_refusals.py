"""What a connection answers by itself is a whole answer of HTTP, with a problem as its body."""

from __future__ import annotations

import json

import pytest

from services.transport import refusals
from services.transport.refusals import HOST_MISSING, HOST_REPEATED, Refusal, invalid_host

EVERY = {name: one for name, one in vars(refusals).items() if isinstance(one, Refusal)}


@pytest.mark.parametrize("name", EVERY)
def test_every_refusal_is_a_problem_with_an_id(name: str) -> None:
    refusal = EVERY[name]
    head, _, body = refusal.to_bytes("r-7").partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert int(first.split(" ")[1]) == refusal.error.http_status >= 400
    assert int(headers["content-length"]) == len(body)
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"] == "r-7"
    problem = json.loads(body)
    assert set(problem) == {"error", "field", "reason", "request_id"}
    assert problem["request_id"] == "r-7"
    assert problem["reason"]
    assert ("retry-after" in headers) == (refusal.error.http_status == 503)
    assert (headers.get("connection") == "close") == refusal.closes


def test_a_connection_that_is_ending_says_so_whatever_the_refusal() -> None:
    assert b"connection: close" in refusals.OVERLOADED.to_bytes("r", closes=True)
    assert b"connection: close" not in refusals.OVERLOADED.to_bytes("r")


@pytest.mark.parametrize(
    ("hosts", "version", "refusal"),
    [
        (1, "1.1", None), (1, "1.0", None), (0, "1.0", None), (0, "1.1", HOST_MISSING),
        (2, "1.0", HOST_REPEATED), (2, "1.1", HOST_REPEATED),
    ],
)  # fmt: skip
def test_a_request_names_its_host_once(hosts: int, version: str, refusal: Refusal | None) -> None:
    headers = [(b"accept", b"host"), *[(b"host", b"here")] * hosts]
    assert invalid_host(headers, version) is refusal
