"""A text that stood for no value in the table of the training stands for none in requests.

The same holds for events and for keys of features.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from aggregators import Event, FeatureSet, MemoryEventStore, StatsBetweenEvents
from aggregators.catalog import ORDERS as CATALOG_ORDERS
from aggregators.catalog import Catalog
from estimators.core.dictionary_column import DictionaryColumn
from estimators.features.facts import Facts
from estimators.model.saved_sources import source_from_json, source_to_json
from services.composition.order_book import OrderBook
from services.core.errors import InvalidRequest
from services.estimation.loading import common_sources
from services.event_store.feature_lookup import FeatureLookup
from services.schemas.features import FeaturesBatchRequest, FeaturesRequest
from services.schemas.vocabulary import Vocabulary
from tests.services.building import CATALOG, NOON, at, cloud_event, described, make_model
from tests.services.estimation.test_served_model import KITCHEN, ORDERS, Recorded, rows_of
from tests.services.intake.test_intake import take

MISSING = ("", "NULL", "?")
SOURCE = replace(ORDERS, missing=MISSING)
WITHOUT = replace(CATALOG_ORDERS, missing=MISSING)


def test_saved_sources_keep_their_missing_texts() -> None:
    for source in (SOURCE, WITHOUT, ORDERS, CATALOG_ORDERS):
        saved = source_to_json(source)
        assert ("missing" in saved) == bool(source.missing)
        assert source_from_json(saved).missing == source.missing
    assert source_from_json(source_to_json(CATALOG_ORDERS)) is CATALOG_ORDERS


def test_a_text_that_one_model_takes_for_a_value_stays_one() -> None:
    (found,) = common_sources([[SOURCE], [replace(ORDERS, missing=("?", "-", ""))]])
    assert found.missing == ("", "?")
    assert common_sources([[SOURCE], [ORDERS]])[0].missing == ()


def _estimator() -> Recorded:
    kitchen = StatsBetweenEvents(
        SOURCE, name=KITCHEN.name, dimension="store_id", function="count",
        first_event="activated", second_event="ready",
    )  # fmt: skip
    facts = Facts(numbers=("products",), categories={"store_id": (7, 9), "courier_id": ("c-1",)})
    return Recorded(facts=facts, features=FeatureSet([kitchen], name="test", version="1.0.0"))


@pytest.mark.parametrize("text", ["NULL", " ?", ""])
def test_a_request_with_a_missing_text_is_one_without_the_value(text: str) -> None:
    store = MemoryEventStore(sources=[SOURCE])
    store.append([Event("orders", "o-1", "activated", at(-5), {"store_id": 7, "products": 1})])
    model = make_model(store, _estimator())
    said = {"store_id": text, "courier_id": text, "products": text}
    empty: dict[str, Any] = dict.fromkeys(said)
    model.check(said)
    moment = int(NOON.timestamp() * 1e6)
    expected, found = (model.estimate_one(one, None, moment) for one in (empty, said))
    assert found.notes == expected.notes
    assert found.codes.tolist() == expected.codes.tolist()
    assert np.array_equal(found.distribution.values, expected.distribution.values)
    rows = [empty, said, {"store_id": 9, "courier_id": "c-1", "products": 2}]
    columns = {name: [one[name] for one in rows] for name in said}
    assert model.check_columns(columns) == {}
    together = model.estimate(rows_of(rows, [None] * 3))
    assert np.array_equal(together.distribution.values[0], together.distribution.values[1])
    assert together.notes[0] == together.notes[1]
    assert 2 not in together.notes


def test_other_texts_are_still_refused() -> None:
    model = make_model(MemoryEventStore(sources=[SOURCE]), _estimator())
    for wrong in ({"store_id": "null"}, {"products": "many"}):
        with pytest.raises(InvalidRequest):
            model.check(wrong)


def test_columns_of_every_kind_lose_missing_texts() -> None:
    vocabulary = Vocabulary.of([], [SOURCE])
    shared = Vocabulary.shared([vocabulary, vocabulary])
    assert shared.missing == vocabulary.missing
    for given in (
        ["NULL", "a", None],
        np.array(["NULL", "a", None], object),
        DictionaryColumn(["a", "NULL", None], np.array([1, 0, 2])),
    ):
        assert list(shared.given_column("store_id", given)) == [None, "a", None]
    numbers = np.array([1.0])
    assert shared.given_column("products", numbers) is numbers
    plain = ["a", "b"]
    assert shared.given_column("store_id", plain) is plain
    assert shared.given_column("mood", ["NULL"]) == ["NULL"]


def test_an_event_of_the_intake_does_not_carry_one() -> None:
    source = replace(CATALOG.sources[0], missing=MISSING)
    store = MemoryEventStore([source])
    answer = take(
        store,
        cloud_event(id="a", subject="o-1", data={"store_id": "NULL", "products": "?"}),
        cloud_event(id="b", subject="NULL", data={"store_id": "s"}),
        cloud_event(id="c", subject="o-3", data={"store_id": "s", "products": 2}),
    )
    assert (answer.accepted, answer.refused) == (2, 1)
    (refused,) = [one for one in answer.events if one.status == "refused"]
    assert refused.field == "subject"
    assert "stands for no value" in refused.reason
    assert store.table(source)["store_id"].fillna("none").tolist() == ["none", "s"]


def test_a_key_that_is_a_missing_text_is_missing() -> None:
    feature = described(
        StatsBetweenEvents(
            SOURCE, name="open_orders", dimension="store_id", function="count",
            first_event="activated", second_event="ready",
        ),
        "queue",
    )  # fmt: skip
    catalog = Catalog((feature,), name="own", version="1.0.0")
    store = MemoryEventStore(catalog.sources)
    store.append([Event("orders", "o-1", "activated", at(-5), {"store_id": 7})])
    lookup = FeatureLookup(store, catalog, clock=lambda: NOON)
    for event_times in (True, False):
        rows: list[dict[str, Any]] = [
            {"keys": {"store_id": key}, "sample_id": None} for key in ("NULL", None, 7)
        ]
        batch = FeaturesBatchRequest(rows=_raw(rows), event_times=event_times)
        answers = lookup.answer_batch(batch, request_id="r").rows
        values = [one.answer.features["open_orders"] for one in answers if one.answer is not None]
        assert values == [0.0, 0.0, 1.0]
        alone = FeaturesRequest(**rows[0], event_times=event_times)
        assert lookup.answer(alone, request_id="r").features == {"open_orders": 0.0}


def _raw(rows: list[dict[str, Any]]) -> Any:
    return [msgspec.Raw(msgspec.json.encode(row)) for row in rows]


def test_what_the_event_store_knows_is_not_replaced_by_a_missing_text() -> None:
    store = MemoryEventStore(sources=[SOURCE])
    data = {"store_id": "s-1", "products": 2}
    store.append([Event("orders", "o-1", "activated", at(-5), data)])
    book = OrderBook(store, SOURCE, Vocabulary.of([], [SOURCE]))
    (sample,) = store.samples(SOURCE, ["o-1"])
    said = {"store_id": "NULL", "products": " ? ", "courier_id": "c-1"}
    known = book.known("o-1", sample, said, {}, int(NOON.timestamp() * 1e6))
    assert known.facts == {"store_id": "s-1", "products": 2.0, "courier_id": "c-1"}
    new = book.known(None, None, {"store_id": "?", "products": 3}, {}, int(NOON.timestamp() * 1e6))
    assert new.facts == {"products": 3}


def test_columns_of_many_orders_lose_missing_texts() -> None:
    errors: dict[int, InvalidRequest] = {}
    vocabulary = Vocabulary.of([], [SOURCE])
    given = {"store_id": ["s-1", "NULL", 1.5], "products": [2, "?", "many"]}
    found = vocabulary.checked_columns(given, 3, path="stores.facts", of="store", errors=errors)
    assert found["store_id"][:2] == ["s-1", None]
    assert found["products"][:2] == [2, None]
    assert {*errors} == {2}
