"""Features of several sources in one set: each is what it would be on its own."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from aggregators import AggregatorError, FeatureSet, MemoryEventStore
from tests.aggregators import oracle
from tests.aggregators.building import (
    assert_values_equal,
    bits_of,
    feature_from,
    moment_from,
    source_from,
)
from tests.aggregators.random_data import (
    RandomTable,
    frame_of,
    random_queries,
    random_source,
    random_table,
    seeds,
    spine_of,
)
from tests.aggregators.random_specs import random_spec
from tests.aggregators.specs import Query, Spec


def two_tables(seed: int) -> tuple[RandomTable, RandomTable]:
    """Orders, and legs of couriers with ids of their own."""
    orders = random_table(seed, "str", always=())
    legs_source = replace(random_source(random.Random(seed)), name="legs", sample_id="leg_id")
    return orders, random_table(seed + 1, "str", always=(), source=legs_source)


def features_of(
    tables: tuple[RandomTable, RandomTable], rng: random.Random
) -> tuple[FeatureSet, list[tuple[RandomTable, Spec]]]:
    pairs = []
    for table in tables:
        distinct = dict.fromkeys(random_spec(rng, exclude_self=True) for _ in range(8))
        pairs += [(table, spec) for spec in distinct]
    rng.shuffle(pairs)
    features = [feature_from(spec, source_from(table.source)) for table, spec in pairs]
    return FeatureSet(features), pairs


def spine_with_both_ids(
    queries: list[dict[str, Any]], tables: tuple[RandomTable, RandomTable], rng: random.Random
) -> tuple[pd.DataFrame, list[Any]]:
    orders, legs = tables
    leg_ids = [
        rng.choice([None, *(row["leg_id"] for row in legs.rows)]) for _ in range(len(queries))
    ]
    return spine_of(queries, orders).assign(leg_id=pd.array(leg_ids, dtype="str")), leg_ids


@pytest.mark.parametrize("seed", seeds(6))
def test_training_and_inference_of_two_sources(seed: int) -> None:
    rng = random.Random(f"two {seed}")
    tables = two_tables(seed)
    features, pairs = features_of(tables, rng)
    queries = random_queries(rng, tables[0], count=20)
    spine, leg_ids = spine_with_both_ids(queries, tables, rng)
    data = {table.source.name: table.frame() for table in tables}
    trained = features.transform(data, "training", at=spine)
    for name, (table, spec) in zip(features.names, pairs, strict=True):
        own_ids = leg_ids if table.source.name == "legs" else [q["order_id"] for q in queries]
        asked = [
            Query(query[spec.dimension], query["as_of"], own_id)
            for query, own_id in zip(queries, own_ids, strict=True)
        ]
        assert_values_equal(
            trained[name],
            oracle.values(table.rows, spec, table.source, asked),
            f"{table}\n{spec}",
        )
    store = MemoryEventStore(sources=[source_from(table.source) for table in tables])
    for table in tables:
        store.append_table(source_from(table.source), table.frame())
    for position, query in enumerate(queries):
        inferred = features.transform_array(
            store,
            as_of=moment_from(query["as_of"]),
            keys={dimension: query[dimension] for dimension in features.dimensions},
            sample_id={"orders": query["order_id"], "legs": leg_ids[position]},
        )
        same = bits_of(trained.iloc[position]) == bits_of(inferred)
        assert same.all(), f"seed {seed}, query {position}"


def test_two_sources_need_to_be_told_apart() -> None:
    tables = two_tables(0)
    features, _ = features_of(tables, random.Random(0))
    orders, legs = tables
    keys = dict.fromkeys(features.dimensions)
    with pytest.raises(AggregatorError, match="legs"):
        features.transform({"orders": orders.frame()}, "training", as_of="activated")
    with pytest.raises(AggregatorError, match="legs"):
        features.transform(orders.frame(), "training", as_of="activated")
    data = {"orders": orders.frame(), "legs": legs.frame()}
    with pytest.raises(AggregatorError, match="at="):
        features.transform(data, "training", as_of="activated")
    store = MemoryEventStore(sources=[source_from(table.source) for table in tables])
    with pytest.raises(AggregatorError, match="sample_id"):
        features.transform(store, "inference", as_of=moment_from(0), keys=keys, sample_id="o-1")
    with pytest.raises(AggregatorError, match="rides"):
        features.transform(
            store, "inference", as_of=moment_from(0), keys=keys, sample_id={"rides": "o-1"}
        )


def test_one_source_cannot_be_declared_in_two_ways() -> None:
    table = random_table(0, "str")
    other = replace(table.source, known_from={"city": "ready"})
    spec = random_spec(random.Random(0))
    with pytest.raises(AggregatorError, match="orders"):
        FeatureSet(
            [
                feature_from(spec, source_from(table.source)),
                feature_from(replace(spec, exclude_self=not spec.exclude_self), source_from(other)),
            ]
        )
    store = MemoryEventStore(sources=[source_from(other)])
    with pytest.raises(AggregatorError, match="orders"):
        store.append_table(source_from(table.source), frame_of(table.rows, table.source, table.ids))
