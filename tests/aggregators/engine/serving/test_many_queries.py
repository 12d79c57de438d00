"""Many queries in one read give what each gives alone."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aggregators import FeatureSet, MemoryEventStore, QueryError
from aggregators.engine.serving.packing import Packed
from tests.aggregators.building import bits_of, feature_set_from, source_from
from tests.aggregators.random_data import (
    ID_KINDS,
    IdKind,
    RandomTable,
    random_queries,
    random_table,
    seeds,
)
from tests.aggregators.random_specs import some_specs


def asked(seed: int, ids: IdKind) -> tuple[RandomTable, FeatureSet, list[dict[str, Any]]]:
    table = random_table(seed, ids)
    features, _ = feature_set_from(some_specs(seed, count=30), table.source)
    queries = random_queries(random.Random(f"queries {seed}"), table, count=40)
    return table, features, queries


def filled_store(table: RandomTable) -> MemoryEventStore:
    source = source_from(table.source)
    store = MemoryEventStore(sources=[source])
    store.append_table(source, table.frame())
    return store


def one_by_one(
    store: MemoryEventStore, features: FeatureSet, queries: list[dict[str, Any]]
) -> np.ndarray:
    return np.array(
        [
            features.transform_array(
                store,
                as_of=query["as_of"],
                keys={name: query[name] for name in features.dimensions},
                sample_id=query["order_id"],
            )
            for query in queries
        ]
    )


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(6))
def test_many_queries_give_what_each_gives_alone(seed: int, ids: IdKind) -> None:
    table, features, queries = asked(seed, ids)
    store = filled_store(table)
    many: dict[str, Any] = {
        "as_of": [query["as_of"] for query in queries],
        "keys": {name: [query[name] for query in queries] for name in features.dimensions},
        "sample_id": [query["order_id"] for query in queries],
    }
    expected = one_by_one(store, features, queries)
    actual = features.transform_many(store, **many)
    assert actual.shape == (len(queries), len(features))
    assert np.array_equal(bits_of(actual), bits_of(expected))
    from_table = features.transform_many(table.frame(), **many)
    assert np.array_equal(bits_of(from_table), bits_of(expected))


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(6))
def test_what_the_rows_share_may_be_given_once(seed: int, ids: IdKind) -> None:
    table, features, queries = asked(seed, ids)
    store = filled_store(table)
    first = queries[0]
    varied = features.dimensions[0]
    alike = [{**first, varied: query[varied]} for query in queries]
    actual = features.transform_many(
        store,
        as_of=first["as_of"],
        keys={name: first[name] for name in features.dimensions}
        | {varied: np.array([query[varied] for query in queries], dtype=object)},
        sample_id=first["order_id"],
    )
    assert np.array_equal(bits_of(actual), bits_of(one_by_one(store, features, alike)))


def test_one_row_and_no_row_are_many_too() -> None:
    table, features, queries = asked(1, "str")
    store = filled_store(table)
    keys = {name: queries[0][name] for name in features.dimensions}
    as_of = queries[0]["as_of"]
    one = features.transform_many(store, as_of=as_of, keys=keys, sample_id=None)
    assert one.shape == (1, len(features))
    none = features.transform_many(
        store, as_of=np.empty(0, np.int64), keys=dict.fromkeys(keys, ()), sample_id=()
    )
    assert none.shape == (0, len(features))


def test_columns_of_different_lengths_are_refused_by_name() -> None:
    table, features, queries = asked(2, "str")
    keys: dict[str, Any] = {name: queries[0][name] for name in features.dimensions}
    keys[features.dimensions[0]] = ["a", "b"]
    with pytest.raises(QueryError, match=r"sample_id of 'orders' has 3 values.*has 2"):
        features.transform_many(filled_store(table), as_of=0, keys=keys, sample_id=["x", "y", "z"])
    nothing: Any = None
    with pytest.raises(QueryError, match="as_of is missing"):
        features.transform_many(filled_store(table), as_of=nothing, keys=keys, sample_id=None)
    del keys[features.dimensions[0]]
    with pytest.raises(QueryError, match="keys lacks"):
        features.transform_many(filled_store(table), as_of=0, keys=keys, sample_id=None)


@pytest.mark.parametrize("seed", seeds(4))
def test_what_a_feature_rests_on_is_what_explains_it(seed: int) -> None:
    table, features, queries = asked(seed, "int")
    store = filled_store(table)
    for query in queries[:10]:
        keys = {name: query[name] for name in features.dimensions}
        sample_id = query["order_id"]
        values = features.transform_array(
            store, as_of=query["as_of"], keys=keys, sample_id=sample_id
        )
        observed = features.observe(store, as_of=query["as_of"], keys=keys, sample_id=sample_id)
        assert np.array_equal(bits_of([each.value for each in observed]), bits_of(values))
        for feature, each in zip(features, observed, strict=True):
            explained = feature.explain(
                store, as_of=query["as_of"], key=keys[feature.dimension], sample_id=sample_id
            )
            times = [sample.event_time for sample in explained.samples]
            assert each.name == feature.name
            assert each.n_samples == len(times)
            assert each.first_event_time == (times[0] if times else None)
            assert each.last_event_time == (times[-1] if times else None)


def test_a_pandas_column_of_keys_is_taken() -> None:
    table, features, queries = asked(3, "int")
    store = filled_store(table)
    actual = features.transform_many(
        store,
        as_of=np.array([query["as_of"] for query in queries]),
        keys={
            name: pd.Series([query[name] for query in queries], dtype="Int64")
            for name in features.dimensions
        },
        sample_id=None,
    )
    plain = [{**query, "order_id": None} for query in queries]
    assert np.array_equal(bits_of(actual), bits_of(one_by_one(store, features, plain)))


def test_a_sample_of_another_group_makes_no_query_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is in no selection of the group, so the rows of several orders share one answer."""
    table, features, queries = asked(3, "str")
    store = filled_store(table)
    dimension = features.dimensions[0]
    keys = sorted({query[dimension] for query in queries if query[dimension] is not None})
    here = next(q for q in queries if q["order_id"] is not None and q[dimension] in keys)
    crossed = [
        {**here, dimension: key, "order_id": order_id}
        for key in keys
        for order_id in (here["order_id"], None)
    ]
    counts: list[int] = []
    answer_many = Packed.answer_many

    def counted(self: Packed, reading: Any, batches: Any, result: Any) -> None:
        counts.append(max(len(one.queries.groups) for kind, one in batches.items() if kind[1]))
        answer_many(self, reading, batches, result)

    monkeypatch.setattr(Packed, "answer_many", counted)
    actual = features.transform_many(
        store,
        as_of=here["as_of"],
        keys={name: [query[name] for query in crossed] for name in features.dimensions},
        sample_id=[query["order_id"] for query in crossed],
    )
    assert np.array_equal(bits_of(actual), bits_of(one_by_one(store, features, crossed)))
    assert len(keys) > 2
    assert counts[0] <= len(keys) + 1
