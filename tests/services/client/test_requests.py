"""Requests go to the service's address, with its key and the time that is left."""

from __future__ import annotations

import pytest

from services.client.requests import RequestBuilder


@pytest.mark.parametrize("url", ["http://etp:3000", "http://etp:3000/", "http://etp:3000/behind"])
def test_a_question_goes_to_a_path_below_the_address(url: str) -> None:
    request = RequestBuilder(url, None).question("/predict", b"{}", {"x-request-id": "r"}, 2.0)
    assert str(request.url) == f"{url.rstrip('/')}/predict"
    assert request.method == "POST"
    assert request.content == b"{}"
    assert request.headers["x-request-id"] == "r"
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers


def test_a_key_is_sent_with_every_question() -> None:
    request = RequestBuilder("http://etp:3000", "secret").question("/predict", b"", {}, 2.0)
    assert request.headers["authorization"] == "Bearer secret"
    assert "secret" not in str(request.url)


def test_no_wait_is_longer_than_the_time_that_is_left() -> None:
    for left_s in (0.25, 30.0):
        request = RequestBuilder("http://etp:3000", None).question("/a", b"", {}, left_s)
        waits_s = request.extensions["timeout"]
        assert waits_s["read"] == left_s
        assert waits_s["connect"] <= left_s


def test_readiness_is_asked_for_by_a_get() -> None:
    request = RequestBuilder("http://etp:3000", "secret").readiness()
    assert (request.method, request.url.path) == ("GET", "/readyz")
