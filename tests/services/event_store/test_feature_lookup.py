"""From a question to values: names, keys, moments, rows that do not harm others; without HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from starlette.datastructures import QueryParams

from aggregators import Event, FeatureSet, MemoryEventStore, StatsAfterEvent, StoreError
from aggregators.catalog import Catalog
from services.core.errors import InvalidRequest, Unavailable
from services.core.limits import MAX_EXPLAINED_SAMPLES
from services.event_store.feature_lookup import FeatureLookup
from services.event_store.query_strings import explain_request, features_request
from services.schemas.features import (
    ExplainRequest,
    FeaturesAnswer,
    FeaturesBatchAnswer,
    FeaturesBatchRequest,
    FeaturesRequest,
    Observation,
)
from tests.services.building import CATALOG, NOON, ORDERS, at, described

KEYS: dict[str, Any] = {"store_id": "s-1", "city": "BCN"}
GOOD = {"keys": KEYS, "sample_id": None}


def events() -> list[Event]:
    """Three orders of one store, of which the first is ready, and rain."""
    data = {"store_id": "s-1", "city": "BCN", "products": 1}
    return [
        *(Event("orders", f"o-{i}", "dispatched", at(-10 + i), data) for i in range(3)),
        Event("orders", "o-0", "ready", at(-1)),
        Event("weather", "w-0", "observed", at(-30), {"city": "BCN", "rain_mm": 2.5}),
    ]


@pytest.fixture
def event_store() -> MemoryEventStore:
    event_store = MemoryEventStore(sources=CATALOG.sources)
    event_store.append(events())
    return event_store


def lookup_of(event_store: Any, catalog: Catalog = CATALOG) -> FeatureLookup:
    return FeatureLookup(event_store, catalog, clock=lambda: NOON)


def ask(
    event_store: Any, keys: Any = KEYS, sample_id: Any = None, **options: Any
) -> FeaturesAnswer:
    request = FeaturesRequest(keys=keys, sample_id=sample_id, **options)
    return lookup_of(event_store).answer(request, request_id="r-1")


def ask_batch(event_store: Any, *rows: Any, **options: Any) -> FeaturesBatchAnswer:
    raw = [msgspec.Raw(msgspec.json.encode(row)) for row in rows]
    request = FeaturesBatchRequest(rows=raw, **options)
    return lookup_of(event_store).answer_batch(request, request_id="r-2")


def refusal(action: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        action()
    return caught.value


def test_an_answer_says_everything(event_store: MemoryEventStore) -> None:
    answer = ask(event_store)
    assert (answer.request_id, answer.as_of, answer.keys) == ("r-1", NOON, KEYS)
    assert answer.features == {
        "open_orders": 2.0, "city_last_3_mean_s": 540.0, "city_rain_mm": 2.5
    }  # fmt: skip
    assert answer.rests_on is not None
    assert answer.rests_on["open_orders"] == Observation(
        n_samples=2, first_event_time=at(-9), last_event_time=at(-8)
    )
    assert answer.rests_on["city_rain_mm"].last_event_time == at(-30)
    assert (answer.catalog.name, answer.catalog.version) == ("small", "4.5.6")
    assert answer.catalog.fingerprint == FeatureSet(CATALOG).fingerprint


def test_values_are_the_same_with_and_without_event_times(event_store: MemoryEventStore) -> None:
    plain = ask(event_store, event_times=False)
    assert plain.rests_on is None
    assert plain.features == ask(event_store).features


def test_what_is_missing_is_null_and_rests_on_nothing(event_store: MemoryEventStore) -> None:
    answer = json.loads(
        msgspec.json.encode(ask(event_store, {"city": "nowhere", "store_id": None}))
    )
    assert answer["features"] == {
        "open_orders": 0.0, "city_last_3_mean_s": None, "city_rain_mm": None
    }  # fmt: skip
    nothing = {"n_samples": 0, "first_event_time": None, "last_event_time": None}
    assert answer["rests_on"]["city_rain_mm"] == nothing


def test_features_are_chosen_by_name_in_that_order_by_topic_or_by_the_keys(
    event_store: MemoryEventStore,
) -> None:
    names = ["city_rain_mm", "open_orders"]
    assert list(ask(event_store, features=names).features) == names
    assert list(ask(event_store, topic="weather").features) == ["city_rain_mm"]
    assert list(ask(event_store, {"store_id": "s-1"}).features) == ["open_orders"]
    assert list(ask(event_store, {"city": None}).features) == ["city_last_3_mean_s", "city_rain_mm"]


def test_the_fingerprint_is_that_of_the_features_in_the_answer(
    event_store: MemoryEventStore,
) -> None:
    names = ["city_rain_mm", "open_orders"]
    expected = FeatureSet([CATALOG[name] for name in names]).fingerprint
    assert ask(event_store, features=names).catalog.fingerprint == expected


def test_the_moment_can_be_named_in_any_timezone(event_store: MemoryEventStore) -> None:
    early = datetime.fromisoformat("2026-03-02T12:51:00+01:00")  # 11:51 UTC: one order so far
    answer = ask(event_store, as_of=early)
    assert answer.as_of.tzinfo is UTC
    assert answer.features["open_orders"] == 1.0


@pytest.mark.parametrize("own", ["o-1", {"orders": "o-1"}, {"orders": "o-1", "weather": None}])
def test_the_sample_itself_is_not_counted(event_store: MemoryEventStore, own: Any) -> None:
    answer = ask(event_store, sample_id=own)
    assert answer.features["open_orders"] == 1.0
    assert answer.features["city_rain_mm"] == 2.5
    assert answer.sample_id == own


def test_a_plain_id_is_of_the_source_that_is_asked(event_store: MemoryEventStore) -> None:
    assert ask(event_store, {"city": "BCN"}, "w-0", topic="weather").features == {
        "city_rain_mm": pytest.approx(np.nan, nan_ok=True)
    }


@pytest.mark.parametrize(
    ("options", "field", "reason"),
    [
        ({"features": ["open_order"]}, "features[0]", "did you mean 'open_orders'?"),
        ({"topic": "que"}, "topic", "did you mean 'queue'?"),
        ({"topic": "queue", "features": ["open_orders"]}, "topic", "expected one of both"),
        ({"keys": {"stor_id": "s"}}, "keys.stor_id", "did you mean 'store_id'?"),
        ({"keys": {"city": "BCN"}, "features": ["open_orders"]}, "keys.store_id", "null where"),
        ({"keys": {}}, "keys", "a value for one of city, store_id"),
        ({"keys": {"city": "BCN"}, "topic": "queue"}, "keys", "a value for one of store_id"),
        ({"keys": {"store_id": 7}}, "keys", "of type str"),
        ({"sample_id": 7}, "keys", "sample_id"),
        ({"sample_id": {"order": "o-1"}}, "sample_id.order", "did you mean 'orders'?"),
        (
            {"as_of": datetime.fromisoformat("9999-12-31T23:59:59-12:00")},
            "as_of",
            "outside the span",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_field(
    event_store: MemoryEventStore, options: dict[str, Any], field: str, reason: str
) -> None:
    error = refusal(lambda: ask(event_store, **options))
    assert error.field == field
    assert reason in error.reason


def test_a_store_that_cannot_be_read_is_unavailable(
    event_store: MemoryEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreError("gone")

    monkeypatch.setattr(event_store, "read", fail)
    for event_times in (True, False):
        with pytest.raises(Unavailable):
            ask(event_store, event_times=event_times)
        with pytest.raises(Unavailable):
            ask_batch(event_store, GOOD, event_times=event_times)


def test_a_moment_that_was_compacted_away_is_refused(event_store: MemoryEventStore) -> None:
    event_store.compact(CATALOG, as_of=at(-5), settled_after="1s")
    assert ask(event_store, as_of=at(-5)).features["open_orders"] == 3.0
    early = at(-5) - timedelta(seconds=1)
    assert refusal(lambda: ask(event_store, as_of=early)).field == "as_of"
    assert refusal(lambda: ask(event_store, as_of=early, event_times=False)).field == "as_of"


@pytest.mark.parametrize("event_times", [False, True])
def test_rows_are_answered_as_single_questions_are(
    event_store: MemoryEventStore, event_times: bool
) -> None:
    rows: list[dict[str, Any]] = [
        GOOD,
        {"keys": KEYS, "sample_id": "o-1"},
        {"keys": {"city": "BCN"}, "sample_id": None},
        {"keys": KEYS, "sample_id": {"weather": "w-0"}, "as_of": "2026-03-02T11:59:30Z"},
    ]
    answer = ask_batch(event_store, *rows, event_times=event_times)
    assert answer.refused == 0
    for row, given in zip(rows, answer.rows, strict=True):
        request = msgspec.convert({**row, "event_times": event_times}, FeaturesRequest)
        single = lookup_of(event_store).answer(request, request_id="")
        assert given.answer is not None
        assert msgspec.json.encode(given.answer.features) == msgspec.json.encode(single.features)
        assert given.answer.rests_on == single.rests_on
        assert given.answer.as_of == single.as_of


@pytest.mark.parametrize("event_times", [False, True])
def test_one_bad_row_harms_no_other(event_store: MemoryEventStore, event_times: bool) -> None:
    bad = [
        7,
        {"keys": {"store_id": 5, "city": "BCN"}, "sample_id": None},
        {"keys": {"city": "BCN"}, "sample_id": None},
        {"keys": KEYS},
    ]
    names = ["open_orders"]
    answer = ask_batch(event_store, GOOD, *bad, GOOD, features=names, event_times=event_times)
    assert answer.refused == 4
    assert [row.row for row in answer.rows] == list(range(6))
    for row in (answer.rows[0], answer.rows[5]):
        assert row.answer is not None
        assert row.answer.features == {"open_orders": 2.0}
    fields = [row.problem.field for row in answer.rows if row.problem]
    assert fields == ["", "keys", "keys.store_id", "sample_id"]
    assert answer.catalog.fingerprint == FeatureSet([CATALOG["open_orders"]]).fingerprint


def test_a_feature_that_is_declared_later_has_its_value_at_once(
    event_store: MemoryEventStore,
) -> None:
    recent = StatsAfterEvent(
        ORDERS, name="new", dimension="city", function="sum", attribute="products",
        event="dispatched", window="1h",
    )  # fmt: skip
    grown = Catalog((*CATALOG.features, described(recent, "new")), name="small", version="4.6.0")
    request = FeaturesRequest(keys={"city": "BCN"}, sample_id=None, features=["new"])
    answer = lookup_of(event_store, grown).answer(request, request_id="")
    assert answer.features == {"new": 3.0}


def explain(event_store: Any, **options: Any) -> Any:
    given = {"feature": "open_orders", "keys": KEYS, "sample_id": None, **options}
    return lookup_of(event_store).explain(ExplainRequest(**given), request_id="r-3")


def test_an_explanation_names_the_samples_and_why_another_is_not_among_them(
    event_store: MemoryEventStore,
) -> None:
    answer = explain(event_store, why="o-0")
    assert (answer.value, answer.n_samples, answer.key) == (2.0, 2, "s-1")
    assert [(s.sample_id, s.event_time) for s in answer.samples] == [
        ("o-1", at(-9)), ("o-2", at(-8))
    ]  # fmt: skip
    assert answer.why is not None
    assert "left out" in answer.why
    assert "ready" in answer.why
    assert explain(event_store).why is None
    assert "is selected" in str(explain(event_store, why="o-1").why)


def test_an_explanation_lists_the_latest_samples_and_counts_all(
    event_store: MemoryEventStore,
) -> None:
    data = {"store_id": "s-1", "city": "BCN"}
    many = range(MAX_EXPLAINED_SAMPLES)
    event_store.append([Event("orders", f"n-{i}", "dispatched", at(-5), data) for i in many])
    answer = explain(event_store)
    assert answer.n_samples == answer.value == MAX_EXPLAINED_SAMPLES + 2
    assert len(answer.samples) == MAX_EXPLAINED_SAMPLES
    assert answer.samples[-1].sample_id == "n-999"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"feature": "open_order"}, "feature"),
        ({"keys": {"city": "BCN"}}, "keys.store_id"),
        ({"keys": {"store_id": 7}}, "keys"),
        ({"keys": {**KEYS, "stor_id": 7}}, "keys.stor_id"),
    ],
)
def test_an_explanation_that_cannot_be_names_its_field(
    event_store: MemoryEventStore, options: dict[str, Any], field: str
) -> None:
    assert refusal(lambda: explain(event_store, **options)).field == field


def integer_store() -> MemoryEventStore:
    """The same orders with integers for ids and stores."""
    event_store = MemoryEventStore(sources=CATALOG.sources)
    for number in range(3):
        data = {"store_id": 7, "city": "BCN"}
        event_store.append([Event("orders", number, "dispatched", at(-10 + number), data)])
    return event_store


def get(event_store: Any, address: str) -> FeaturesAnswer:
    lookup = lookup_of(event_store)
    return lookup.answer(features_request(QueryParams(address), lookup), request_id="")


def test_values_in_an_address_are_text_unless_the_stores_are_integers(
    event_store: MemoryEventStore,
) -> None:
    assert get(event_store, "store_id=7&city=BCN").keys == {"store_id": "7", "city": "BCN"}
    answer = get(integer_store(), "store_id=7&sample_id=1&feature=open_orders")
    assert (answer.keys, answer.sample_id) == ({"store_id": 7}, 1)
    assert answer.features == {"open_orders": 2.0}
    empty = MemoryEventStore(sources=CATALOG.sources)
    assert get(empty, "store_id=7&sample_id=1").keys == {"store_id": "7"}


def test_an_address_says_all_that_a_question_can(event_store: MemoryEventStore) -> None:
    answer = get(
        event_store,
        "feature=city_rain_mm&feature=open_orders&store_id=s-1&city=&sample_id=o-1"
        "&as_of=2026-03-02T12:51:00+01:00&event_times=false",
    )
    assert list(answer.features) == ["city_rain_mm", "open_orders"]
    assert (answer.keys, answer.sample_id) == ({"store_id": "s-1", "city": None}, "o-1")
    assert answer.as_of == at(-9)
    assert answer.rests_on is None
    assert list(get(event_store, "topic=weather&city=BCN").features) == ["city_rain_mm"]


@pytest.mark.parametrize(
    ("address", "field", "reason"),
    [
        ("stor_id=s-1", "stor_id", "did you mean 'store_id'?"),
        ("store_id=a&store_id=b", "store_id", "more than once"),
        ("store_id=a&as_of=noon", "as_of", "RFC3339"),
        ("store_id=a&event_times=maybe", "event_times", "bool"),
        ("why=o-1&store_id=a", "why", "unknown"),
    ],
)
def test_a_bad_address_names_its_parameter(
    event_store: MemoryEventStore, address: str, field: str, reason: str
) -> None:
    error = refusal(lambda: get(event_store, address))
    assert error.field == field
    assert reason in error.reason


def test_an_explanation_can_be_asked_in_an_address() -> None:
    event_store = integer_store()
    lookup = lookup_of(event_store)
    address = QueryParams("feature=open_orders&store_id=7&why=1")
    answer = lookup.explain(explain_request(address, lookup), request_id="")
    assert answer.why == "1 is selected (2 of 3; its attribute is missing at as_of)"
    for bad in ("store_id=7", "feature=a&feature=b&store_id=7"):
        error = refusal(lambda bad=bad: explain_request(QueryParams(bad), lookup))
        assert error.field == "feature"


def test_warming_up_needs_no_events() -> None:
    lookup_of(MemoryEventStore(sources=CATALOG.sources)).warm_up()
