"""A prepared table gives what the table itself gives, to any features over its sources.

Tests `aggregators.features.table_queries` and `aggregators.engine.prepared`.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from aggregators import ColumnError, FeatureSet, PreparedTable, QueryError, Source
from tests.aggregators.building import assert_same_frames, feature_set_from
from tests.aggregators.random_data import (
    ID_KINDS,
    IdKind,
    random_queries,
    random_table,
    seeds,
    spine_of,
)
from tests.aggregators.random_specs import some_specs

SEEDS = seeds(4)


def as_polars(frame: pd.DataFrame) -> Any:
    return pytest.importorskip("polars").from_pandas(frame)


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_sets_that_share_a_prepared_table_give_what_they_give_of_the_table(
    seed: int, ids: IdKind
) -> None:
    table = random_table(seed, ids)
    frame = table.frame()
    sets = [feature_set_from(some_specs(seed + 100 * i), table.source)[0] for i in range(3)]
    prepared = sets[0].prepare(frame, as_of="activated")
    for features in (*sets, sets[0]):
        found = features.transform(prepared, "training")
        assert found.index.equals(frame.index)
        assert_same_frames(
            found, features.transform(frame, "training", as_of="activated"), f"{table}"
        )
    single = sets[1].features[0]
    expected = single.transform(frame, "training", as_of="activated")
    pd.testing.assert_series_equal(single.transform(prepared, "training"), expected)


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_table_of_queries_is_prepared_too(seed: int, ids: IdKind) -> None:
    table = random_table(seed, ids, always=())
    spine = spine_of(random_queries(random.Random(seed), table), table)
    frame = table.frame().sample(frac=1, random_state=seed)
    first, second = (feature_set_from(some_specs(seed + i), table.source)[0] for i in (0, 50))
    # The first feature alone reads one dimension; the others add theirs, and their events.
    prepared = FeatureSet(first.features[:1]).prepare(frame, at=spine)
    for features in (second, first):
        found = features.transform(prepared, "training", threads=2)
        assert_same_frames(found, features.transform(frame, "training", at=spine), f"{table}")


def test_a_prepared_polars_table_gives_polars(tmp_path: Path) -> None:
    table = random_table(3, "str")
    frame = as_polars(table.frame().reset_index(drop=True))
    features, _ = feature_set_from(some_specs(3), table.source)
    prepared = features.prepare(frame, as_of="activated")
    expected = features.transform(frame, "training", as_of="activated")
    assert type(features.transform(prepared, "training")) is type(expected)
    assert_same_frames(
        features.transform(prepared, "training").to_pandas(), expected.to_pandas(), f"{table}"
    )
    rows = features.write_parquet(prepared, tmp_path / "features.parquet", chunk_rows=7)
    written = pq.read_table(tmp_path / "features.parquet").to_pandas()[list(features.names)]
    assert rows == len(frame)
    assert_same_frames(written, expected.to_pandas(), f"{table}")


def prepared_table() -> tuple[FeatureSet, PreparedTable, pd.DataFrame]:
    table = random_table(1, "str")
    features, _ = feature_set_from(some_specs(1), table.source)
    frame = table.frame()
    return features, features.prepare(frame, as_of="activated"), frame


def test_it_says_what_it_holds() -> None:
    _, prepared, frame = prepared_table()
    assert repr(prepared) == f"<PreparedTable of orders: {len(frame)} rows>"


@pytest.mark.parametrize("moments", [{"as_of": "activated"}, {"at": pd.DataFrame()}])
def test_moments_are_given_once(moments: dict[str, Any]) -> None:
    features, prepared, _ = prepared_table()
    with pytest.raises(QueryError, match="the moments were given when the table was prepared"):
        features.transform(prepared, "training", **moments)


def test_it_cannot_be_prepared_again() -> None:
    features, prepared, _ = prepared_table()
    with pytest.raises(QueryError, match="data is a prepared table already"):
        features.prepare(prepared, as_of="activated")


def feature_of(source: Source) -> FeatureSet:
    features, _, _ = prepared_table()
    return FeatureSet([replace(features.features[0], source=source)])


def test_a_source_that_it_does_not_have_is_named() -> None:
    features, prepared, _ = prepared_table()
    foreign = replace(features.sources[0], name="weather")
    with pytest.raises(QueryError, match="the features need 'weather': prepare"):
        feature_of(foreign).transform(prepared, "training")


def test_a_source_of_another_declaration_is_refused() -> None:
    features, prepared, _ = prepared_table()
    source = features.sources[0]
    other = replace(source, events=(*source.events, "returned"))
    with pytest.raises(QueryError, match="source 'orders' is declared in another way"):
        feature_of(other).transform(prepared, "training")


def test_a_table_that_has_grown_meanwhile_is_refused() -> None:
    table = random_table(2, "int")
    frame = table.frame()
    first, second = (feature_set_from(some_specs(2 + i), table.source)[0] for i in (0, 70))
    prepared = FeatureSet(first.features[:1]).prepare(frame, as_of="activated")
    frame.loc[len(frame) + 1_000] = frame.iloc[0]
    with pytest.raises(ColumnError, match="prepare it again"):
        second.transform(prepared, "training")
