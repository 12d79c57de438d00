"""From a request to an answer, without HTTP: checks, status, and rows that do not harm others."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from aggregators import Event, MemoryEventStore, StoreError
from services.core.errors import InvalidRequest
from services.core.limits import MAX_TEXT_CHARACTERS
from services.estimation.metrics import EstimateMetrics
from services.estimation.prediction import Estimation, answer_batch
from services.schemas.common import PredictBatchAnswer, PredictBatchRequest, PredictRequest
from services.schemas.decoding import decode
from tests.services.building import FEATURES, NOON, at, make_estimation, make_model, make_store

ORDER: dict[str, Any] = {"store_id": "s-1", "city": "BCN", "products": 2}


@pytest.fixture
def event_store() -> MemoryEventStore:
    event_store = make_store()
    for i in range(3):
        data = {"store_id": "s-1", "city": "BCN", "products": 1}
        event_store.append([Event("orders", f"o-{i}", "dispatched", at(-10 + i), data)])
    event_store.append([Event("orders", "o-0", "ready", at(-1))])
    return event_store


def ask(event_store: MemoryEventStore, **changes: Any) -> Any:
    request = PredictRequest(**{"order": ORDER, "sample_id": None, **changes})
    return make_estimation(event_store).answer(request, request_id="r-1")


def test_an_answer_says_everything(event_store: MemoryEventStore) -> None:
    answer = ask(event_store, include_features=True, levels=[0.25, 0.5])
    assert answer.status == "ok"
    assert answer.notes == []
    assert answer.request_id == "r-1"
    assert answer.as_of == NOON
    assert answer.mean_s == 100.0 * 2 + 60.0 * 2
    assert answer.quantiles_s == {"0.25": 240.0, "0.5": 320.0}
    assert answer.features == {"open_orders": 2.0, "city_last_3_mean_s": 540.0}
    assert answer.model.tag == "etp:test"
    assert answer.model.catalog_version == "1.2.3"
    assert answer.model.fingerprint == FEATURES.fingerprint


def test_features_are_given_on_request_only(event_store: MemoryEventStore) -> None:
    assert ask(event_store).features is None


def test_the_order_itself_is_not_counted(event_store: MemoryEventStore) -> None:
    answer = ask(event_store, sample_id="o-1", include_features=True)
    assert answer.features["open_orders"] == 1.0


def test_the_moment_can_be_named_in_any_timezone(event_store: MemoryEventStore) -> None:
    early = datetime.fromisoformat("2026-03-02T12:51:00+01:00")  # 11:51 UTC: one order so far
    answer = ask(event_store, as_of=early, include_features=True)
    assert answer.as_of == early
    assert answer.as_of.utcoffset().total_seconds() == 0.0
    assert answer.features["open_orders"] == 1.0


def test_a_missing_feature_is_null_in_json(event_store: MemoryEventStore) -> None:
    answer = ask(event_store, order={**ORDER, "city": "nowhere"}, include_features=True)
    assert np.isnan(answer.features["city_last_3_mean_s"])
    assert json.loads(msgspec.json.encode(answer))["features"]["city_last_3_mean_s"] is None


@pytest.mark.parametrize("name", ["store_id", "city", "products"])
def test_what_is_not_known_degrades_the_answer(event_store: MemoryEventStore, name: str) -> None:
    answer = ask(event_store, order={**ORDER, name: None})
    assert answer.status == "degraded"
    assert answer.notes == [f"{name} is missing"]
    assert answer.mean_s > 0.0


def test_what_is_left_out_degrades_the_answer_like_null(event_store: MemoryEventStore) -> None:
    answer = ask(event_store, order={"store_id": "s-1"})
    assert (answer.status, answer.notes) == (
        "degraded", ["city is missing", "products is missing"]
    )  # fmt: skip


def test_a_column_that_the_model_does_not_need_is_checked_and_not_used(
    event_store: MemoryEventStore,
) -> None:
    whole = ask(event_store, order={**ORDER, "courier_id": "c-7", "amount": 12.5})
    assert whole == ask(event_store)
    with pytest.raises(InvalidRequest):
        ask(event_store, order={**ORDER, "amount": "12.5"})


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("products", "2", "expected a number"),
        ("products", True, "expected a number"),
        ("products", [2], "expected a number"),
        ("products", float("inf"), "finite"),
        ("products", 10**400, "finite"),
        ("store_id", 1.5, "expected a string"),
        ("store_id", True, "expected a string"),
        ("store_id", "x" * (MAX_TEXT_CHARACTERS + 1), "at most 256"),
        ("storeid", "s-1", "did you mean 'store_id'?"),
        ("amount", "12.5", "expected a number"),
        ("priority", 1, "unknown field"),
    ],
)
def test_a_bad_value_names_its_field(
    event_store: MemoryEventStore, name: str, value: Any, reason: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(event_store, order={**ORDER, name: value})
    assert caught.value.field == f"order.{name}"
    assert reason in caught.value.reason


def test_a_moment_beyond_the_calendar_is_refused(event_store: MemoryEventStore) -> None:
    last = datetime.fromisoformat("9999-12-31T23:59:59-12:00")
    with pytest.raises(InvalidRequest) as caught:
        ask(event_store, as_of=last)
    assert caught.value.field == "as_of"


def test_a_store_that_is_down_degrades_and_does_not_fail(
    event_store: MemoryEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("gone")

    monkeypatch.setattr(event_store, "read", fail)
    answer = ask(event_store, include_features=True)
    assert answer.status == "degraded"
    assert answer.notes == ["real-time features are missing: gone"]
    assert all(np.isnan(value) for value in answer.features.values())
    assert answer.mean_s > 0.0


def ask_many(
    event_store: Any, *rows: Any, estimation: Estimation | None = None
) -> PredictBatchAnswer:
    raw = decode(msgspec.json.encode({"rows": rows}), PredictBatchRequest).rows
    answers = make_estimation(event_store) if estimation is None else estimation
    return answer_batch(
        raw,
        PredictRequest,
        lambda _: answers,
        request_id="r-2",
        metrics=EstimateMetrics("etp", CollectorRegistry()),
    )


def test_one_bad_row_harms_no_other(event_store: MemoryEventStore) -> None:
    good = {"order": ORDER, "sample_id": None}
    bad = [7, {"order": {**ORDER, "products": "x"}, "sample_id": None}, {"order": ORDER}, {}]
    answer = ask_many(event_store, good, *bad, good)
    assert answer.refused == 4
    assert [row.row for row in answer.rows] == list(range(6))
    for row in (answer.rows[0], answer.rows[5]):
        assert row.problem is None
        assert row.answer is not None
        assert row.answer.mean_s == ask(event_store).mean_s
    fields = [row.problem.field for row in answer.rows[1:5] if row.problem]
    assert fields == ["", "order.products", "sample_id", "order"]


def test_a_batch_of_bad_rows_is_an_answer_too(event_store: MemoryEventStore) -> None:
    answer = ask_many(event_store, 1, 2)
    assert answer.refused == 2
    assert all(row.answer is None for row in answer.rows)


def test_warming_up_needs_no_events() -> None:
    make_model(make_store()).warm_up()
