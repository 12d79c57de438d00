"""Every aggregator, function and attribute equals the oracle, on tables made for trouble."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from tests.aggregators import oracle
from tests.aggregators.building import (
    assert_values_equal,
    feature_from,
    feature_set_from,
    moments_from,
    source_from,
)
from tests.aggregators.random_data import (
    EVENTS,
    ID_KINDS,
    IdKind,
    RandomTable,
    random_as_of,
    random_queries,
    random_table,
    seeds,
    spine_of,
    spine_queries,
)
from tests.aggregators.random_specs import FUNCTION_SPECS, every_combination, random_spec
from tests.aggregators.specs import KINDS, FunctionSpec, Kind, Query, Spec
from tests.aggregators.strategies import specs, tables


def assert_equals_oracle(
    table: RandomTable, spec: Spec, queries: Sequence[Query], actual: Any
) -> None:
    expected = oracle.values(table.rows, spec, table.source, queries)
    assert_values_equal(
        actual,
        expected,
        f"{table}\n{table.source}\n{spec}",
    )


def assert_feature_set_equals_oracle(
    table: RandomTable, chosen: Sequence[Spec], as_of: str | list[int]
) -> None:
    features, names = feature_set_from(chosen, table.source)
    moments = as_of if isinstance(as_of, str) else moments_from(as_of)
    frame = table.frame()
    actual = features.transform(frame, "training", as_of=moments)
    assert isinstance(actual, pd.DataFrame)
    assert tuple(actual.columns) == features.names
    assert actual.index.equals(frame.index)
    for name, spec in zip(names, chosen, strict=True):
        queries = oracle.row_queries(table.rows, spec, table.source, as_of)
        assert_equals_oracle(table, spec, queries, actual[name])


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("function", FUNCTION_SPECS, ids=str)
def test_every_attribute_with_and_without_the_sample_itself(
    kind: Kind, function: FunctionSpec, ids: IdKind
) -> None:
    for seed in seeds(2):
        rng = random.Random(f"{seed} {kind} {function} {ids}")
        table = random_table(rng.randrange(10**6), ids, rows=30)
        as_of = "activated" if seed % 2 else random_as_of(rng, table)
        assert_feature_set_equals_oracle(table, every_combination(rng, kind, function), as_of)


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(30))
def test_random_features_at_the_time_of_an_event(seed: int, ids: IdKind) -> None:
    rng = random.Random(seed)
    event = rng.choice(EVENTS)
    table = random_table(seed, ids, always=(event,))
    assert_feature_set_equals_oracle(table, [random_spec(rng) for _ in range(12)], event)


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(30))
def test_random_features_at_given_times(seed: int, ids: IdKind) -> None:
    rng = random.Random(seed)
    table = random_table(seed, ids, always=())
    as_of = random_as_of(rng, table)
    assert_feature_set_equals_oracle(table, [random_spec(rng) for _ in range(12)], as_of)


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(30))
def test_random_features_at_a_spine(seed: int, ids: IdKind) -> None:
    rng = random.Random(seed)
    table = random_table(seed, ids, always=())
    chosen = [random_spec(rng) for _ in range(12)]
    queries = random_queries(rng, table)
    spine = spine_of(queries, table)
    features, names = feature_set_from(chosen, table.source)
    actual = features.transform(table.frame(), "training", at=spine)
    assert actual.index.equals(spine.index)
    for name, spec in zip(names, chosen, strict=True):
        asked = spine_queries(queries, spec.dimension, table.source)
        assert_equals_oracle(table, spec, asked, actual[name])


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(10))
def test_a_spine_without_sample_ids_excludes_nobody(seed: int, ids: IdKind) -> None:
    rng = random.Random(seed)
    table = random_table(seed, ids)
    spec = random_spec(rng, exclude_self=True)
    queries = random_queries(rng, table)
    spine = spine_of(queries, table)[["as_of", spec.dimension]]
    feature = feature_from(spec, source_from(table.source))
    actual = feature.transform(table.frame(), "training", at=spine)
    asked = [Query(each[spec.dimension], each["as_of"], None) for each in queries]
    assert_equals_oracle(table, spec, asked, actual)


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(15))
def test_a_feature_on_its_own_gives_the_same_as_in_a_set(seed: int, ids: IdKind) -> None:
    rng = random.Random(seed)
    table = random_table(seed, ids)
    frame = table.frame()
    for spec in [random_spec(rng) for _ in range(4)]:
        feature = feature_from(spec, source_from(table.source))
        actual = feature.transform(frame, "training", as_of="activated")
        assert isinstance(actual, pd.Series)
        assert actual.dtype == np.float64
        assert actual.name == feature.name
        assert actual.index.equals(frame.index)
        queries = oracle.row_queries(table.rows, spec, table.source, "activated")
        assert_equals_oracle(table, spec, queries, actual)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables(), spec=specs())
def test_any_feature_of_any_table(table: RandomTable, spec: Spec) -> None:
    feature = feature_from(spec, source_from(table.source))
    actual = feature.transform(table.frame(), "training", as_of="activated")
    queries = oracle.row_queries(table.rows, spec, table.source, "activated")
    assert_equals_oracle(table, spec, queries, actual)
