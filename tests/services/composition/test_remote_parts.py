"""Parts in other processes: the same answers, and what is usual where there is none in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest

from aggregators.times import moment_to_us
from estimators.quantiles.calibration import GRID_LEVELS
from services.client.async_connection import AsyncServiceClient
from services.client.circuit_breaker import CircuitBreaker
from services.client.errors import ServiceUnreachable
from services.composition.parts import Parts
from services.composition.remote_parts import RemotePart, remote_parts
from services.core.limits import MAX_COLUMN_ROWS, PART_RESERVE_S
from services.core.settings.parts import PartSettings
from services.estimation.rows import RequestRows
from services.schemas.common import PredictColumnsAnswer, RowProblem, TravelColumnsRequest
from tests.services.building import NOON
from tests.services.doubling import INFO, USUAL, USUAL_S, Clock, Doubling, ask, medians, rows_of


def doubled(request: httpx.Request) -> httpx.Response:
    """What the service of a model answers that is doubling."""
    body = msgspec.json.decode(request.content)
    n = len(body["sample_ids"])
    products = body["columns"]["products"]
    products = products if isinstance(products, list) else [products] * n
    stores = body["columns"].get("store_id")
    refused = [k for k in range(n) if isinstance(stores, list) and isinstance(stores[k], int)]
    values = [
        None if k in refused else [2.0 * products[k] * q for q in GRID_LEVELS] for k in range(n)
    ]
    answer = PredictColumnsAnswer(
        request_id="r",
        as_of=NOON,
        model=INFO,
        levels=list(GRID_LEVELS),
        values_s=values,
        status=["refused" if k in refused else "ok" for k in range(n)],
        notes=[[] for _ in range(n)],
        problems=[RowProblem(row=k, field="order", reason="a store is a number") for k in refused],
    )
    return httpx.Response(200, content=msgspec.json.encode(answer))


def remote_of(
    answer: Callable[[httpx.Request], httpx.Response],
    *,
    leg: Any = None,
    breaker: CircuitBreaker | None = None,
) -> tuple[RemotePart, list[httpx.Request]]:
    """A part whose service answers with a function; and what it was asked."""
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer(request)

    client = AsyncServiceClient("http://etp", retries=0, transport=httpx.MockTransport(handle))
    return RemotePart(client, breaker=breaker or CircuitBreaker("http://etp"), leg=leg), asked


def test_a_part_elsewhere_answers_what_it_would_here() -> None:
    rng = np.random.default_rng(3)
    asked = rows_of(rng.random(50).tolist(), store_id=["s-1"] * 49 + [7], city=["BCN"] * 50)
    remote, _ = remote_of(doubled)
    there = ask(Parts({}, {"ready": remote}, fallbacks={"ready": USUAL}), ready=asked)["ready"]
    here = ask(Parts({"ready": Doubling()}, fallbacks={"ready": USUAL}), ready=asked)["ready"]
    assert there.distribution == here.distribution  # every bit
    assert there.status == here.status == ["ok"] * 49 + ["fallback"]
    assert there.notes == here.notes
    assert there.model == here.model == INFO


def test_what_is_sent_is_compact_and_says_what_is_missing() -> None:
    remote, asked = remote_of(doubled, leg="to_store")
    columns: dict[str, Any] = {
        "products": np.array([1.0, 2.0]),
        "distance_m": np.array([np.nan, 3.5]),
        "city": ["BCN", "BCN"],
        "zone": [None, None],
        "floor": [1, 1.0],
    }
    rows = RequestRows(
        columns=columns,
        sample_ids=["o-1", None],
        as_of_us=np.full(2, moment_to_us(NOON, "noon")),
    )
    ask(Parts({}, {"to_store": remote}), 5.0, to_store=rows)
    sent = msgspec.json.decode(asked[0].content, type=TravelColumnsRequest)
    assert sent == TravelColumnsRequest(
        leg="to_store",
        columns={
            "products": [1.0, 2.0],
            "distance_m": [None, 3.5],
            "city": "BCN",
            "zone": None,
            "floor": [1, 1.0],
        },
        sample_ids=["o-1", None],
        as_of=NOON,
    )
    floors: Any = sent.columns["floor"]
    assert type(floors[0]) is int
    assert asked[0].url.path == "/predict_columns"
    assert asked[0].headers["x-request-id"] == "r-1"
    assert 0 < int(asked[0].headers["x-timeout-ms"]) <= 5_000


def test_more_rows_than_a_request_takes_are_several_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.composition.remote_parts.MAX_COLUMN_ROWS", 2)
    remote, asked = remote_of(doubled)
    rows = rows_of([1.0, 2.0, 3.0, 4.0, 5.0], store_id=["a", "b", "c", 7, "e"])
    answer = ask(Parts({}, {"ready": remote}, fallbacks={"ready": USUAL}), ready=rows)["ready"]
    assert len(asked) == 3
    assert medians(answer) == [1.0, 2.0, 3.0, USUAL_S, 5.0]
    assert answer.status == ["ok", "ok", "ok", "fallback", "ok"]
    assert MAX_COLUMN_ROWS > 2


def broken(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


def too_few(request: httpx.Request) -> httpx.Response:
    answer = msgspec.json.decode(doubled(request).content)
    return httpx.Response(200, json={**answer, "values_s": answer["values_s"][:1]})


def crossing(request: httpx.Request) -> httpx.Response:
    answer = msgspec.json.decode(doubled(request).content)
    values = [row[::-1] for row in answer["values_s"]]
    return httpx.Response(200, json={**answer, "values_s": values})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (broken, "cannot be reached"),
        (lambda _: httpx.Response(500, text="oops"), "failed"),
        (lambda _: httpx.Response(503, headers={"retry-after": "1"}), "failed"),
        (lambda _: httpx.Response(400, json={"error": "invalid_request"}), "failed"),
        (lambda _: httpx.Response(200, text="<html>"), "failed"),
        (too_few, "failed"),
        (crossing, "failed"),
    ],
)
def test_a_service_that_does_not_answer_well_costs_its_part_alone(
    answer: Callable[[httpx.Request], httpx.Response], reason: str
) -> None:
    remote, asked = remote_of(answer)
    parts = Parts({"parking": Doubling()}, {"ready": remote}, fallbacks={"ready": USUAL})
    answers = ask(parts, ready=rows_of([1.0, 2.0]), parking=rows_of([5.0]))
    assert len(asked) == 1
    assert answers["parking"].status == ["ok"]
    assert answers["ready"].status == ["fallback", "fallback"]
    assert answers["ready"].notes[0][0].startswith(f"ready {reason}: ")
    assert answers["ready"].model is None


def test_a_service_that_says_nothing_of_a_row_is_helped_out() -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        answer = msgspec.json.decode(doubled(request).content)
        answer["values_s"][0] = None
        return httpx.Response(200, json=answer)

    remote, _ = remote_of(silent)
    parts = Parts({}, {"ready": remote}, fallbacks={"ready": USUAL})
    answer = ask(parts, ready=rows_of([1.0, 2.0]))["ready"]
    assert answer.status == ["fallback", "ok"]
    assert answer.notes[0][0] == "ready: no reason was given"


def test_a_service_that_hangs_is_not_waited_for() -> None:
    class Hangs(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.Event().wait()
            raise AssertionError

    client = AsyncServiceClient("http://etp", transport=Hangs())
    remote = RemotePart(client, breaker=CircuitBreaker("http://etp"))
    parts = Parts({"parking": Doubling()}, {"ready": remote}, timeout_s=0.5)
    answers = ask(parts, ready=rows_of([1.0]), parking=rows_of([5.0]))
    assert answers["ready"].notes[0][0].startswith("ready did not answer in time")
    assert answers["parking"].status == ["ok"]


def test_a_service_that_is_down_is_left_alone_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    breaker = CircuitBreaker("http://etp", failures=2, open_s=10.0, clock=clock)
    answering = [broken]
    remote, asked = remote_of(lambda request: answering[0](request), breaker=breaker)

    async def ask_often() -> list[int]:
        seen = []
        parts = Parts({}, {"ready": remote}, fallbacks={"ready": USUAL}, clock=Clock())
        for _ in range(4):
            assert (await parts.ask_many({"ready": rows_of([1.0])}))["ready"].status == ["fallback"]
            seen.append(len(asked))
        clock.now_s += 10.0
        await parts.ask_many({"ready": rows_of([1.0])})  # still down: left alone again
        await parts.ask_many({"ready": rows_of([1.0])})
        seen.append(len(asked))
        clock.now_s += 10.0
        answering[0] = doubled
        for _ in range(3):
            assert (await parts.ask_many({"ready": rows_of([1.0])}))["ready"].status == ["ok"]
        seen.append(len(asked))
        await parts.close()
        return seen

    assert asyncio.run(ask_often()) == [1, 2, 2, 2, 3, 6]
    assert caplog.messages == [
        "part ready: ServiceUnreachable: no answer from http://etp: ConnectError refused",
        "http://etp did not answer: it is asked rarely until it does",
        "http://etp answers again",
    ]
    for _ in range(2):
        breaker.check()
        breaker.failed()
    with pytest.raises(ServiceUnreachable):
        breaker.check()


def test_parts_have_the_addresses_that_the_settings_say() -> None:
    settings = PartSettings(courier_travel_url="http://travel:3000")
    remote = remote_parts(settings)
    assert set(remote) == {"to_store", "to_customer", "parking"}
    again = PartSettings.from_environment(settings.to_environment())
    assert again == settings
    assert remote_parts(PartSettings()) == {}


def test_a_request_without_time_is_answered_by_what_is_usual() -> None:
    model = Doubling()
    remote, asked = remote_of(lambda request: doubled(request))
    parts = Parts({"ready": model}, {"parking": remote}, fallbacks={"ready": USUAL})
    answers = ask(parts, PART_RESERVE_S, ready=rows_of([1.0] * 9), parking=rows_of([1.0]))
    assert model.asked == []
    assert asked == []
    assert [one.status[0] for one in answers.values()] == ["fallback", "fallback"]
