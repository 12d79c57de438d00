"""A foreign oracle: the same features as DuckDB computes them in SQL.

Sums are exact only up to the order in which a database adds, so that mean, variance, slope and
quantile may differ in the last places; what needs no sums is equal to the bit.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.aggregators import oracle
from tests.aggregators.building import feature_set_from, moments_from
from tests.aggregators.duckdb_oracle import DuckDBOracle, Floats, can_say, is_exact
from tests.aggregators.random_data import (
    ID_KINDS,
    SEED_OFFSET,
    IdKind,
    RandomTable,
    random_as_of,
    random_queries,
    random_table,
    seeds,
    spine_of,
    spine_queries,
)
from tests.aggregators.random_specs import FUNCTION_SPECS, random_spec
from tests.aggregators.specs import KINDS, FunctionSpec, Kind, Query, Spec

SQL_FUNCTIONS = [function for function in FUNCTION_SPECS if can_say(function)]


def rounding(spec: Spec, sizes: Floats) -> Floats:
    """What the order of adding up to 60 values of these magnitudes may change, generously."""
    if spec.function.name == "var":
        return 1e-12 * sizes**2
    # The root of a variance that is 0 but for rounding.
    return 1e-6 * sizes if spec.function.name == "std" else 1e-12 * sizes


def assert_equals_sql(
    table: RandomTable, spec: Spec, queries: Sequence[Query], database: DuckDBOracle, actual: Any
) -> None:
    expected, sizes = database.values(spec, queries)
    got = np.asarray(actual, dtype=np.float64)
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    if not is_exact(spec):
        same |= np.abs(got - expected) <= rounding(spec, sizes)
    wrong = np.flatnonzero(~same)
    assert not len(wrong), (
        f"{table}\n{table.source}\n{spec}\nrows {wrong[:5]}: "
        f"got {got[wrong[:5]]}, SQL says {expected[wrong[:5]]}"
    )


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("function", SQL_FUNCTIONS, ids=str)
def test_every_function_of_every_aggregator(
    kind: Kind, function: FunctionSpec, ids: IdKind
) -> None:
    rng = random.Random(f"{SEED_OFFSET} {kind} {function} {ids}")
    table = random_table(rng.randrange(10**6), ids)
    chosen = [random_spec(rng, kind, function) for _ in range(4)]
    as_of = random_as_of(rng, table)
    features, names = feature_set_from(chosen, table.source)
    actual = features.transform(table.frame(), "training", as_of=moments_from(as_of))
    database = DuckDBOracle(table.rows, table.source)
    for name, spec in zip(names, chosen, strict=True):
        queries = oracle.row_queries(table.rows, spec, table.source, as_of)
        assert_equals_sql(table, spec, queries, database, actual[name])


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(15))
def test_random_features_at_a_spine(seed: int, ids: IdKind) -> None:
    rng = random.Random(f"duckdb {seed}")
    table = random_table(seed, ids, always=())
    chosen = [random_spec(rng, function=rng.choice(SQL_FUNCTIONS)) for _ in range(8)]
    asked = random_queries(rng, table)
    features, names = feature_set_from(chosen, table.source)
    actual = features.transform(table.frame(), "training", at=spine_of(asked, table))
    database = DuckDBOracle(table.rows, table.source)
    for name, spec in zip(names, chosen, strict=True):
        queries = spine_queries(asked, spec.dimension, table.source)
        assert_equals_sql(table, spec, queries, database, actual[name])


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(10))
def test_the_two_oracles_agree(seed: int, ids: IdKind) -> None:
    rng = random.Random(f"oracles {seed}")
    table = random_table(seed, ids, always=())
    database = DuckDBOracle(table.rows, table.source)
    for _ in range(10):
        spec = random_spec(rng, function=rng.choice(SQL_FUNCTIONS))
        queries = spine_queries(random_queries(rng, table), spec.dimension, table.source)
        loops = oracle.values(table.rows, spec, table.source, queries)
        assert_equals_sql(table, spec, queries, database, loops)
