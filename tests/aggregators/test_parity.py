"""Training and inference give the same float64.

Compared are the 64 bits themselves, so that even the sign of a zero and of a NaN must be the same:
nothing that a model can see then tells which of the two made its features.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from aggregators import Event, FeatureSet, MemoryEventStore, check_equivalence
from tests.aggregators import oracle
from tests.aggregators.building import (
    bits_of,
    feature_from,
    feature_set_from,
    moment_from,
    moments_from,
    source_from,
)
from tests.aggregators.random_data import (
    ATTRIBUTES,
    DIMENSIONS,
    EVENTS,
    ID_KINDS,
    START_US,
    IdKind,
    RandomTable,
    random_as_of,
    random_queries,
    random_table,
    seeds,
    spine_of,
)
from tests.aggregators.random_specs import FUNCTION_SPECS, random_spec
from tests.aggregators.replay import events_of, troubled
from tests.aggregators.specs import FunctionSpec, Row, SourceSpec, Spec
from tests.aggregators.stores_under_test import STORES, sqlite_store
from tests.aggregators.strategies import specs, tables


def keys_at(table: RandomTable, row: Row, as_of: int) -> Row:
    """The keys with which a caller of inference asks for what training asks for this row."""
    keys = {}
    for dimension in table.source.dimensions:
        known_from = row[table.source.event_of(dimension)]
        is_known = known_from is not None and known_from <= as_of
        keys[dimension] = row[dimension] if is_known else None
    return keys


def assert_same_bits(trained: Any, inferred: Any, names: Sequence[str], story: str) -> None:
    wrong = np.flatnonzero(bits_of(trained) != bits_of(inferred))
    assert not len(wrong), f"{story}\n" + "\n".join(
        f"  {names[at]}: training {np.asarray(trained)[at]!r}, "
        f"inference {np.asarray(inferred)[at]!r}"
        for at in wrong[:5]
    )


def assert_inference_equals(
    features: FeatureSet, data: Any, table: RandomTable, as_of: Sequence[int], trained: Any
) -> None:
    wanted = list(features.dimensions)
    for position, row in enumerate(table.rows):
        keys = keys_at(table, row, as_of[position])
        inferred = features.transform_array(
            data,
            as_of=moment_from(as_of[position]),
            keys={dimension: keys[dimension] for dimension in wanted},
            sample_id=row[table.source.sample_id],
        )
        assert inferred.dtype == np.float64
        story = f"{table}\n{table.source}\nrow {position}"
        assert_same_bits(trained[position], inferred, features.names, story)


def assert_store_equals_its_table(
    features: FeatureSet, store: Any, table: RandomTable, rng: random.Random
) -> None:
    """Whatever the store has taken in so far, training on its table agrees with it."""
    (query,) = random_queries(rng, table, count=1)
    stored = store.table(source_from(table.source))
    trained = features.transform(stored, "training", at=spine_of([query], table))
    inferred = features.transform_array(
        store,
        as_of=moment_from(query["as_of"]),
        keys={dimension: query[dimension] for dimension in features.dimensions},
        sample_id=query[table.source.sample_id],
    )
    assert_same_bits(trained.to_numpy()[0], inferred, features.names, f"{table}\n{query}")


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(6))
@pytest.mark.parametrize("store_name", STORES)
def test_a_store_fed_with_troubled_events_equals_training(
    store_name: str, seed: int, ids: IdKind, tmp_path: Path
) -> None:
    rng = random.Random(f"parity {seed}")
    table = random_table(seed, ids, always=())
    features, _ = feature_set_from([random_spec(rng) for _ in range(12)], table.source)
    as_of = random_as_of(rng, table)
    trained = features.transform(table.frame(), "training", as_of=moments_from(as_of))
    store = STORES[store_name](table, tmp_path / "events.db")
    stream = troubled(events_of(table, rng), table, rng)
    while stream:
        size = rng.randint(1, 40)
        store.append(stream[:size])
        stream = stream[size:]
        # What a read has built must be kept up to date by the appends after it.
        assert_store_equals_its_table(features, store, table, rng)
    assert_inference_equals(features, store, table, as_of, trained.to_numpy())


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(4))
@pytest.mark.parametrize("store_name", STORES)
def test_a_store_that_only_knows_the_past_equals_training(
    store_name: str, seed: int, ids: IdKind, tmp_path: Path
) -> None:
    rng = random.Random(f"live {seed}")
    table = random_table(seed, ids, always=())
    features, _ = feature_set_from([random_spec(rng) for _ in range(12)], table.source)
    as_of = random_as_of(rng, table)
    trained = features.transform(table.frame(), "training", as_of=moments_from(as_of)).to_numpy()
    future = events_of(table, rng)
    times = {
        (row[table.source.sample_id], event): row[event]
        for row in table.rows
        for event in table.source.events
    }
    future.sort(key=lambda each: times[each.sample_id, each.event])
    store = STORES[store_name](table, tmp_path / "events.db")
    for position in sorted(range(len(as_of)), key=lambda each: as_of[each]):
        while future and times[future[0].sample_id, future[0].event] < as_of[position]:
            store.append([future.pop(0)])
        row = table.rows[position]
        keys = keys_at(table, row, as_of[position])
        inferred = features.transform_array(
            store,
            as_of=moment_from(as_of[position]),
            keys={dimension: keys[dimension] for dimension in features.dimensions},
            sample_id=row[table.source.sample_id],
        )
        assert_same_bits(trained[position], inferred, features.names, f"{table}\nrow {position}")


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(2))
def test_a_store_opened_again_and_one_beside_it_equal_training(
    seed: int, ids: IdKind, tmp_path: Path
) -> None:
    rng = random.Random(f"again {seed}")
    table = random_table(seed, ids, always=())
    features, _ = feature_set_from([random_spec(rng) for _ in range(12)], table.source)
    as_of = random_as_of(rng, table)
    trained = features.transform(table.frame(), "training", as_of=moments_from(as_of)).to_numpy()
    stream = troubled(events_of(table, rng), table, rng)
    half = len(stream) // 2
    first = sqlite_store(table, tmp_path / "events.db")
    first.append(stream[:half])
    assert_store_equals_its_table(features, first, table, rng)
    beside = sqlite_store(table, tmp_path / "events.db")
    beside.append(stream[half:])
    for store in (first, beside):
        assert_inference_equals(features, store, table, as_of, trained)
        store.close()
    again = sqlite_store(table, tmp_path / "events.db")
    assert_inference_equals(features, again, table, as_of, trained)
    assert again.append(stream).applied == 0
    again.close()


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(4))
def test_a_table_answers_inference_like_a_store(seed: int, ids: IdKind) -> None:
    rng = random.Random(f"table {seed}")
    table = random_table(seed, ids, always=(), rows=20)
    features, _ = feature_set_from([random_spec(rng) for _ in range(6)], table.source)
    as_of = random_as_of(rng, table)
    frame = table.frame()
    trained = features.transform(frame, "training", as_of=moments_from(as_of))
    assert_inference_equals(features, frame, table, as_of, trained.to_numpy())


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(4))
@pytest.mark.parametrize("store_name", STORES)
def test_single_features_and_sets_answer_alike(
    store_name: str, seed: int, ids: IdKind, tmp_path: Path
) -> None:
    rng = random.Random(f"single {seed}")
    table = random_table(seed, ids, always=())
    chosen = list(dict.fromkeys(random_spec(rng) for _ in range(8)))
    features, names = feature_set_from(chosen, table.source)
    store = STORES[store_name](table, tmp_path / "events.db")
    store.append_table(source_from(table.source), table.frame())
    for query in random_queries(rng, table, count=10):
        moment = moment_from(query["as_of"])
        sample_id = query[table.source.sample_id]
        keys = {dimension: query[dimension] for dimension in features.dimensions}
        asked = {"as_of": moment, "keys": keys, "sample_id": sample_id}
        answers = features.transform(store, "inference", **asked)
        array = features.transform_array(store, **asked)
        assert tuple(answers) == features.names
        assert all(type(answer) is float for answer in answers.values())
        story = f"{table}\n{query}"
        assert_same_bits(list(answers.values()), array, features.names, story)
        for spec, name in zip(chosen, names, strict=True):
            answer = feature_from(spec, source_from(table.source)).transform(
                store, "inference", as_of=moment, key=query[spec.dimension], sample_id=sample_id
            )
            assert type(answer) is float
            assert_same_bits([answers[name]], [answer], [name], story)


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(5))
@pytest.mark.parametrize("store_name", STORES)
def test_the_table_of_a_store_trains_like_the_table_it_came_from(
    store_name: str, seed: int, ids: IdKind, tmp_path: Path
) -> None:
    rng = random.Random(f"table of store {seed}")
    table = random_table(seed, ids, always=())
    features, names = feature_set_from([random_spec(rng) for _ in range(12)], table.source)
    spine = spine_of(random_queries(rng, table), table)
    store = STORES[store_name](table, tmp_path / "events.db")
    store.append(troubled(events_of(table, rng), table, rng))
    stored = store.table(source_from(table.source))
    from_table = features.transform(table.frame(), "training", at=spine)
    from_store = features.transform(stored, "training", at=spine)
    for name in names:
        wrong = bits_of(from_table[name]) != bits_of(from_store[name])
        assert not wrong.any(), f"{table}\n{table.source}\n{name}"


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(4))
@pytest.mark.parametrize("store_name", STORES)
def test_tables_and_events_may_follow_each_other(
    store_name: str, seed: int, ids: IdKind, tmp_path: Path
) -> None:
    rng = random.Random(f"halves {seed}")
    table = random_table(seed, ids, always=())
    features, _ = feature_set_from([random_spec(rng) for _ in range(12)], table.source)
    as_of = random_as_of(rng, table)
    frame = table.frame()
    trained = features.transform(frame, "training", as_of=moments_from(as_of))
    store = STORES[store_name](table, tmp_path / "events.db")
    source = source_from(table.source)
    half = len(frame) // 2
    store.append_table(source, frame.iloc[:half])
    assert_store_equals_its_table(features, store, table, rng)
    store.append_table(source, frame.iloc[half:])
    assert store.append_table(source, frame).applied == 0
    store.append(rng.sample(events_of(table, rng), 30))
    assert_inference_equals(features, store, table, as_of, trained.to_numpy())


def test_check_equivalence_finds_what_differs() -> None:
    known_at_once = SourceSpec(events=EVENTS, dimensions=DIMENSIONS, attributes=ATTRIBUTES)
    table = random_table(0, "str", source=known_at_once)
    source = source_from(table.source)
    count = Spec(
        kind="last_n",
        dimension="city",
        function=FunctionSpec("count"),
        attribute=None,
        event="activated",
        n=1000,
    )
    features, _ = feature_set_from([count], table.source)
    store = MemoryEventStore(sources=[source])
    moment = moment_from(START_US - 1)
    data = {"store_id": "s-9", "courier_id": "s-9", "city": "s-9", "amount": 5.0}
    store.append(
        [Event("orders", "o-foreign", event, moment, data) for event in table.source.events]
    )
    report = check_equivalence(features, table.frame(), as_of="activated", store=store)
    assert report.compared == len(table.rows)
    assert 0 < report.mismatches < report.compared
    assert features.names[0] in str(report)


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(6))
def test_check_equivalence_finds_no_no_mismatch(seed: int, ids: IdKind) -> None:
    rng = random.Random(f"check {seed}")
    table = random_table(seed, ids)
    features, _ = feature_set_from(
        [random_spec(rng, function=function) for function in FUNCTION_SPECS], table.source
    )
    report = check_equivalence(features, table.frame(), as_of="activated")
    assert report.mismatches == 0, f"{table}\n{report}"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables(), spec=specs())
def test_any_feature_of_any_table(table: RandomTable, spec: Spec) -> None:
    rng = random.Random(table.seed)
    feature = feature_from(spec, source_from(table.source))
    trained = feature.transform(table.frame(), "training", as_of="activated").to_numpy()
    store = MemoryEventStore(sources=[source_from(table.source)])
    store.append(troubled(events_of(table, rng), table, rng))
    inferred = [
        feature.transform(
            store,
            "inference",
            as_of=moment_from(query.as_of),
            key=query.key,
            sample_id=query.sample_id,
        )
        for query in oracle.row_queries(table.rows, spec, table.source, "activated")
    ]
    wrong = np.flatnonzero(bits_of(trained) != bits_of(inferred))
    assert not len(wrong), f"{table}\n{spec}\nrows {wrong[:5]}"
