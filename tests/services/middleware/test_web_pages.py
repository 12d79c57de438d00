"""A web page that is open on this machine gets nothing out of a service without keys."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.core.errors import SettingError
from services.middleware.api_keys import ApiKeys, make_key
from services.middleware.web_pages import allowed_hosts
from tests.services.middleware.test_guard import Guarded

FOREIGN_HOSTS = (
    "rebound.example.com", "rebound.example.com:3000", "127.0.0.1.example.com", "0.0.0.0:3000",
    "10.0.0.7", "localhost.example.com", "/run/a.sock", "127.0.0.1@example.com", "localhost:x",
    "[::1", "xn--n3h.ws",
)  # fmt: skip
OWN_HOSTS = (
    "127.0.0.1", "127.0.0.1:3000", "localhost", "LOCALHOST:3000", "localhost.:3000", "[::1]:3000",
    "127.8.8.8:1", "eta.localhost:3000",
)  # fmt: skip


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
@pytest.mark.parametrize("path", ["/predict", "/of/nobody", "/metrics", "/docs.json", "/"])
def test_a_name_that_was_pointed_here_gets_no_answer(host: str, path: str) -> None:
    guarded = Guarded()
    response = guarded.get(path, Host=host)
    assert response.status_code == 421
    assert response.json()["field"] == "Host"
    assert "DOORSTEP_ALLOWED_HOSTS" in response.json()["reason"]
    assert guarded.app.seen == []


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_this_machine_is_asked_under_its_own_names(host: str) -> None:
    assert Guarded().get("/predict", Host=host).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz"])
def test_health_says_nothing_that_would_have_to_be_hidden(path: str) -> None:
    assert Guarded().get(path, Host="rebound.example.com").status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:3000", 200),
        ("http://127.0.0.1:8080", 403),
        ("http://localhost:3000", 403),
        ("https://example.com", 403),
        ("http://127.0.0.1:3000.example.com", 403),
        ("null", 403),
        ("file://", 403),
        ("http://127.0.0.1:3000/path", 403),
    ],
)
def test_a_page_of_another_origin_gets_no_answer(origin: str, status: int) -> None:
    guarded = Guarded()
    response = guarded.get("/predict", Host="127.0.0.1:3000", origin=origin)
    assert response.status_code == status
    if status == 403:
        assert (response.json()["error"], response.json()["field"]) == ("forbidden", "Origin")
        assert guarded.app.seen == []


def test_hosts_can_be_named() -> None:
    guarded = Guarded(DOORSTEP_ALLOWED_HOSTS="eta.internal, Front.example.com:8443,10.0.0.7")
    for host in ("eta.internal", "ETA.internal:3000", "front.example.com:8443", "10.0.0.7:1"):
        assert guarded.get("/predict", Host=host).status_code == 200
    assert guarded.get("/predict", Host="front.example.com").status_code == 421
    page = guarded.get("/predict", Host="eta.internal", origin="https://front.example.com:8443")
    assert page.status_code == 200
    with pytest.raises(SettingError, match="DOORSTEP_ALLOWED_HOSTS"):
        allowed_hosts({"DOORSTEP_ALLOWED_HOSTS": "http://eta.internal"})
    broken = Guarded(DOORSTEP_ALLOWED_HOSTS="a b")
    assert broken.get("/predict").status_code == 503


@pytest.mark.parametrize("how", ["keys", "anonymous"])
def test_where_more_is_asked_or_nothing_any_host_will_do(how: str) -> None:
    text, kept = make_key("somebody", ["app"])
    headers = {"Host": "eta.example.com", "origin": "https://example.com"}
    if how == "keys":
        guarded = Guarded(keys=ApiKeys([kept]))
        assert guarded.get("/predict", **headers).status_code == 401
        headers["authorization"] = f"Bearer {text}"
    else:
        guarded = Guarded(DOORSTEP_ALLOW_ANONYMOUS="1")
    assert guarded.get("/predict", **headers).status_code == 200


def test_a_socket_that_is_a_file_is_asked_under_any_name() -> None:
    guarded = Guarded()

    async def ask() -> int:
        sent: list[Any] = []
        scope = {
            "type": "http", "method": "GET", "path": "/predict", "server": ("/run/a.sock", None),
            "headers": [(b"host", b"events")], "query_string": b"", "scheme": "http",
        }  # fmt: skip

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await guarded.guard(scope, receive, send)
        return int(sent[0]["status"])

    assert asyncio.run(ask()) == 200
