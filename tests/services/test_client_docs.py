"""The page about the clients: its examples run, its errors and limits are those that there are."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services import client as clients
from services.client import errors as client_errors
from services.client import exchange, retries, retry_budget
from services.core import limits
from tests.services.scripted import Connection, ScriptedServer

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```(python|text)\n(.*?)```", re.DOTALL)
URL = "http://127.0.0.1:3000"

MODEL = {"tag": "eta:1", "catalog_version": "1.0.0", "fingerprint": "f"}
NOW = "2026-03-02T12:00:00Z"
ETA: dict[str, Any] = {
    "request_id": "r", "status": "ok", "as_of": NOW, "order_id": "o-1042", "stage": "accepted",
    "expected_eta_s": 1645.0, "expected_at": NOW, "expected_s": {"to_store": 1645.0},
    "eta_s": {"0.5": 1612.5, "0.9": 2115.0}, "at_store_s": None, "ready_on_arrival": None,
    "courier_wait_s": None, "food_wait_s": None, "happened": {}, "models": {"eta": MODEL},
}  # fmt: skip
SHOWN: dict[str, Any] = {
    "request_id": "r", "as_of": NOW, "seen": 0, "changed": 0, "jump_rate": 0.0, "policy": {},
    "problems": [], "models": {},
    "shown": {"store_id": ["store-7"], "low_s": [1500.0], "high_s": [2400.0]},
    "ranges": {
        "store_id": ["store-7", "store-8"], "low_s": [1500.0, 1200.0], "high_s": [2400.0, 2100.0],
        "mean_s": [1800.0, 1500.0], "inside": [0.8, 0.8], "late": [0.1, 0.1],
        "changed": [False, False], "status": ["ok", "ok"], "notes": [[], []],
    },
}  # fmt: skip
PROBLEM = {
    "error": "invalid_request", "field": "order.stor_id", "request_id": "r",
    "reason": "unknown field; did you mean 'store_id'?",
}  # fmt: skip


def serve(connection: Connection) -> None:
    """An ETA service that knows one answer to each question."""
    while request := connection.read_request():
        if b"stor_id" in request:
            connection.answer(json.dumps(PROBLEM).encode(), status="400 Bad Request")
        else:
            answer = SHOWN if request.startswith(b"POST /displayed_eta") else ETA
            connection.answer(json.dumps(answer).encode())


@pytest.fixture
def url() -> Iterator[str]:
    with ScriptedServer(serve) as server:
        yield server.url


def test_examples_print_what_the_page_says(url: str) -> None:
    blocks = BLOCK.findall(PAGE)
    assert [kind for kind, _ in blocks].count("python") == 3
    names: dict[str, object] = {}
    printed = io.StringIO()
    for kind, text in blocks:
        if kind == "python":
            assert URL in text
            with contextlib.redirect_stdout(printed):
                exec(compile(text.replace(URL, url), "client.md", "exec"), names)
        elif not text.startswith("ClientError"):
            assert printed.getvalue() == text
            printed = io.StringIO()


def test_errors_are_those_that_there_are() -> None:
    (tree,) = [text for _, text in BLOCK.findall(PAGE) if text.startswith("ClientError")]
    documented = inspect.getdoc(client_errors)
    assert documented is not None
    assert tree.split() == documented.partition("::")[2].split()
    assert all(name in tree for name in client_errors.__all__)


def test_every_client_is_on_the_page() -> None:
    for name in clients.__all__:
        if name.endswith("Client") and not name.startswith("Async"):
            assert f"`{name}`" in PAGE or name == "ServiceClient"
            for method, _ in inspect.getmembers(getattr(clients, name), inspect.isfunction):
                assert method.startswith("_") or f"`{method}" in PAGE, method


@pytest.mark.parametrize(
    "text",
    [
        f"{limits.MAX_CLIENT_CONNECTIONS} at most",
        f"one is closed after {exchange.IDLE_S:g} s",
        f"{limits.MAX_ANSWER_BYTES // 2**20} MiB at most",
        f"`timeout_s` ({limits.REQUEST_TIMEOUT_S:g} s)",
        f"`{clients.API_KEY_VARIABLE}`",
    ],
)
def test_limits_are_those_of_the_clients(text: str) -> None:
    assert text in PAGE


def test_the_numbers_in_words_are_those_of_the_clients() -> None:
    assert retries.RETRIES == 3
    assert "At most three, if there is time" in PAGE
    assert (retry_budget.RETRY_SHARE, retry_budget.RETRY_RESERVE) == (0.2, 10.0)
    assert "a fifth of a client's requests, and ten in reserve" in PAGE
