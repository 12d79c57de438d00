"""What clients send, what they make of answers, what they import; without a network.

Tests `services.client.asynchronous`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.client import RequestRefused
from services.schemas.common import PredictRequest, TravelRequest
from services.schemas.courier_selection import CourierColumns, CourierSelectionRequest, OrderColumns
from services.schemas.displayed_eta import DisplayedEtaRequest, StoreColumns
from services.schemas.eta import ArrivalRow, EtaRequest
from services.schemas.features import FeatureRow
from tests.services.asking import KINDS, Handler, Kind, opened

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


def answering(answer: Any, seen: list[httpx.Request] | None = None, status: int = 200) -> Handler:
    def handle(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return httpx.Response(status, json=answer)

    return handle


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["EtpClient", "WallEtaClient"])
def test_predict_sends_what_is_asked_and_types_the_answer(name: str, kind: Kind) -> None:
    seen: list[httpx.Request] = []
    with opened(name, kind, handler=answering(ANSWER, seen)) as client:
        answer = client.predict(
            {"store_id": "s-1"}, sample_id="o-1", as_of=datetime(2026, 3, 2, 12, tzinfo=UTC)
        )
    assert answer.quantiles_s["0.5"] == 600.0
    assert answer.as_of == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert answer.features == {"queue": None}
    assert seen[0].url.path == "/predict"
    assert seen[0].headers["content-type"] == "application/json"
    assert json.loads(seen[0].content) == {
        "order": {"store_id": "s-1"},
        "sample_id": "o-1",
        "as_of": "2026-03-02T12:00:00Z",
        "levels": [0.1, 0.5, 0.9],
        "include_features": False,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_keeps_its_rows(kind: Kind) -> None:
    rows = {"request_id": "r", "refused": 0, "rows": [{"row": 0, "answer": ANSWER}]}
    with opened("EtpClient", kind, handler=answering(rows)) as client:
        answer = client.predict_batch([PredictRequest(order={}, sample_id=None)])
    assert answer.rows[0].answer is not None
    assert answer.rows[0].problem is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_carries_field_and_reason(kind: Kind) -> None:
    problem = {"error": "invalid_request", "field": "order.x", "reason": "no", "request_id": "r"}
    with (
        opened("EtpClient", kind, handler=answering(problem, status=400)) as client,
        pytest.raises(RequestRefused, match=r"400, order\.x: no") as caught,
    ):
        client.predict({}, sample_id=None)
    assert caught.value.problem.field == "order.x"


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_from_something_on_the_way_is_a_refusal_too(kind: Kind) -> None:
    def handle(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(502, text="bad gateway", headers={"x-request-id": "r-9"})

    with (
        opened("EventClient", kind, handler=handle) as client,
        pytest.raises(RequestRefused, match="bad gateway") as caught,
    ):
        client.send_events([])
    assert caught.value.problem.request_id == "r-9"


@pytest.mark.parametrize("kind", KINDS)
def test_questions_are_sent_as_they_are_asked(kind: Kind) -> None:
    seen: list[httpx.Request] = []
    problem = {"error": "e", "field": "f", "reason": "r", "request_id": ""}
    with opened("EventClient", kind, handler=answering(problem, seen, 400)) as client:
        with pytest.raises(RequestRefused):
            client.features({"city": None}, sample_id={"orders": 7}, names=["a"])
        with pytest.raises(RequestRefused):
            client.features_batch([FeatureRow(keys={"city": "BCN"}, sample_id=None)])
        with pytest.raises(RequestRefused):
            client.explain("a", {"city": 7}, sample_id=None, why="o-1")
    bodies = [json.loads(request.content) for request in seen]
    assert [request.url.path for request in seen] == ["/features", "/features_batch", "/explain"]
    assert bodies[0]["keys"] == {"city": None}
    assert bodies[0]["sample_id"] == {"orders": 7}
    assert bodies[1]["rows"] == [{"keys": {"city": "BCN"}, "sample_id": None, "as_of": None}]
    assert bodies[2]["why"] == "o-1"


@dataclass(frozen=True)
class Asked:
    """A call, the path that it goes to, and what of its body must be as it was asked."""

    client: str
    call: Callable[[Any], object]
    path: str
    body: dict[str, Any]


ASKED = [
    Asked(
        "CourierTravelClient",
        lambda client: client.predict({"city": "BCN"}, leg="parking", sample_id=7),
        "/predict",
        {"leg": "parking", "order": {"city": "BCN"}, "sample_id": 7},
    ),
    Asked(
        "CourierTravelClient",
        lambda client: client.predict_batch(
            [TravelRequest(order={}, leg="to_store", sample_id=None)]
        ),
        "/predict_batch",
        {},
    ),
    Asked(
        "EtaClient",
        lambda client: client.eta(EtaRequest(order_id="o-1", levels=[0.5])),
        "/eta",
        {"order_id": "o-1", "levels": [0.5]},
    ),
    Asked(
        "EtaClient",
        lambda client: client.courier_selection(
            CourierSelectionRequest(
                orders=OrderColumns(order_id=["o-1"]), couriers=CourierColumns(courier_id=[3])
            )
        ),
        "/courier_selection",
        {"couriers": {"courier_id": [3], "facts": {}}},
    ),
    Asked(
        "EtaClient",
        lambda client: client.displayed_eta(
            DisplayedEtaRequest(stores=StoreColumns(store_id=["s-1"]))
        ),
        "/displayed_eta",
        {"stores": {"store_id": ["s-1"], "facts": {}}},
    ),
    Asked(
        "EtaClient",
        lambda client: client.courier_arrival([ArrivalRow(order_id="o-1")], levels=[0.5]),
        "/courier_arrival",
        {"orders": [{"order_id": "o-1", "order": {}, "happened": {}}], "levels": [0.5]},
    ),
    Asked("EtaClient", lambda client: client.send_events([]), "/events", {}),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("asked", ASKED, ids=lambda one: one.client + one.path)
def test_estimates_are_asked_for_as_they_are_asked(asked: Asked, kind: Kind) -> None:
    seen: list[httpx.Request] = []
    problem = {"error": "e", "field": "f", "reason": "r", "request_id": ""}
    with (
        opened(asked.client, kind, handler=answering(problem, seen, 400)) as client,
        pytest.raises(RequestRefused),
    ):
        asked.call(client)
    assert seen[0].url.path == asked.path
    body = json.loads(seen[0].content)
    assert {name: body[name] for name in asked.body} == asked.body


def test_clients_import_no_model_library() -> None:
    heavy = ("numpy", "pandas", "pyarrow", "numba", "lightgbm", "sklearn", "scipy", "bentoml",
             "starlette", "redis", "aggregators", "estimators", "simulator")  # fmt: skip
    code = f"import sys, services.client; print([m for m in {heavy!r} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
