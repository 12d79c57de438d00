"""What must not change a value: the future, the order of rows, the kind of table, the unit."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tests.aggregators import oracle
from tests.aggregators.building import (
    assert_same_frames,
    assert_values_equal,
    feature_set_from,
    moments_from,
)
from tests.aggregators.random_data import (
    ID_KINDS,
    START_US,
    IdKind,
    RandomTable,
    frame_of,
    random_as_of,
    random_queries,
    random_table,
    seeds,
    spine_of,
)
from tests.aggregators.random_specs import FUNCTION_SPECS, random_spec, some_specs
from tests.aggregators.specs import HOUR, KINDS, SECOND, FunctionSpec, Row

SEEDS = seeds(6)


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_future_changes_no_training_value(seed: int, ids: IdKind) -> None:
    rng = random.Random(seed)
    table = random_table(seed, ids, always=())
    features, _ = feature_set_from(some_specs(seed), table.source)
    queries = random_queries(rng, table)
    moment = START_US + 15 * 60 * SECOND
    for query in queries:
        query["as_of"] = min(query["as_of"], moment)
    spine = spine_of(queries, table)
    before = features.transform(table.frame(), "training", at=spine)
    changed = [_with_another_future(row, table, moment, rng) for row in table.rows]
    newcomers = [
        _newcomer(row, table, moment, rng, number) for number, row in enumerate(table.rows)
    ]
    after = features.transform(
        frame_of(changed + newcomers, table.source, ids), "training", at=spine
    )
    assert_same_frames(after, before, f"{table}\n{table.source}")


def _with_another_future(row: Row, table: RandomTable, moment: int, rng: random.Random) -> Row:
    """The same sample up to `moment`: later events move or vanish, missing ones happen later."""
    changed = dict(row)
    for event in table.source.events:
        if row[event] is None or row[event] >= moment:
            changed[event] = rng.choice((None, moment, moment + rng.randrange(HOUR)))
    for column in (*table.source.dimensions, *table.source.attributes):
        known_from = row[table.source.event_of(column)]
        if known_from is None or known_from >= moment:
            changed[column] = rng.choice(table.rows)[column]
    return changed


def _newcomer(row: Row, table: RandomTable, moment: int, rng: random.Random, number: int) -> Row:
    """A sample of which everything lies in the future."""
    made = dict(row)
    made[table.source.sample_id] = -(10**12) - number if table.ids == "int" else f"new {number}"
    for event in table.source.events:
        made[event] = moment + rng.choice((0, 1, rng.randrange(HOUR)))
    return made


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_rows_changes_no_value(seed: int, ids: IdKind) -> None:
    table = random_table(seed, ids)
    features, _ = feature_set_from(some_specs(seed), table.source)
    frame = table.frame()
    straight = features.transform(frame, "training", as_of="activated")
    mixed_frame = frame.sample(frac=1, random_state=seed)
    mixed = features.transform(mixed_frame, "training", as_of="activated")
    assert straight.index.equals(frame.index)
    assert mixed.index.equals(mixed_frame.index)
    assert_same_frames(mixed.loc[frame.index], straight, str(table))


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(30),
        pd.Index(["same"] * 30, name="label"),
        pd.MultiIndex.from_product([[1, 2], range(15)], names=["half", "line"]),
        pd.date_range("2026-01-01", periods=30, tz="Asia/Tokyo"),
    ],
    ids=["range", "repeated", "multi", "dates"],
)
def test_the_callers_index_and_table_are_left_alone(index: pd.Index) -> None:
    table = random_table(1, "str", rows=30)
    frame = table.frame().set_axis(index, axis=0)
    untouched = frame.copy(deep=True)
    features, _ = feature_set_from(some_specs(1), table.source)
    result = features.transform(frame, "training", as_of="activated")
    pd.testing.assert_index_equal(result.index, index)
    pd.testing.assert_frame_equal(frame, untouched)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("seed", SEEDS[:3])
def test_the_number_of_threads_changes_no_value(seed: int, threads: int) -> None:
    table = random_table(seed, "str", rows=60)
    features, _ = feature_set_from(some_specs(seed), table.source)
    expected = features.transform(table.frame(), "training", as_of="activated", threads=1)
    actual = features.transform(table.frame(), "training", as_of="activated", threads=threads)
    assert_same_frames(actual, expected, f"{table} with {threads} threads")


@pytest.mark.parametrize("collected_values", [1, 50, 1000])
def test_the_room_for_collected_values_changes_no_value(
    collected_values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = random_table(12, "str", rows=60)
    rng = random.Random(12)
    in_python = [each for each in FUNCTION_SPECS if each.family in ("tsfresh", "callable")]
    specs = [random_spec(rng, function=function) for function in in_python]
    features, _ = feature_set_from(specs, table.source)
    expected = features.transform(table.frame(), "training", as_of="activated")
    monkeypatch.setattr("aggregators.engine.execution.COLLECTED_VALUES", collected_values)
    # A function that has seen a window does not look at it again, unless it has forgotten it.
    monkeypatch.setattr("aggregators.functions._memory", {})
    actual = features.transform(table.frame(), "training", as_of="activated")
    assert_same_frames(actual, expected, f"{table} by {collected_values} values")


@pytest.mark.parametrize("most", [1, 3])
def test_what_is_remembered_of_windows_changes_no_value(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = random_table(13, "int", rows=60)
    rng = random.Random(13)
    in_python = [each for each in FUNCTION_SPECS if each.family in ("tsfresh", "callable")]
    specs = [random_spec(rng, function=function) for function in in_python]
    features, _ = feature_set_from(specs, table.source)
    expected = features.transform(table.frame(), "training", as_of="activated")
    monkeypatch.setattr("aggregators.functions._memory", {})
    monkeypatch.setattr("aggregators.functions.MAX_REMEMBERED_WINDOWS", most)
    actual = features.transform(table.frame(), "training", as_of="activated")
    assert_same_frames(actual, expected, f"{table} remembering {most}")


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("chunk_rows", [1, 7, 25, 1000])
@pytest.mark.parametrize("seed", SEEDS[:3])
def test_the_size_of_chunks_changes_no_value(
    seed: int, chunk_rows: int, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Chunks are answered another way than whole tables, in blocks.
    monkeypatch.setattr("aggregators.engine.training.KEPT_ROWS", 5)
    table = random_table(seed, "int", rows=40)
    rng = random.Random(seed)
    counts = [random_spec(rng, kind, FunctionSpec("count")) for kind in KINDS]
    counts = [replace(spec, attribute=None) for spec in counts]
    open_forever = [replace(counts[1], max_age_us=None, dimension="city")]
    specs = [*some_specs(seed, count=20), *counts, *open_forever]
    features, names = feature_set_from(specs, table.source)
    frame = table.frame()
    path = tmp_path / "features.parquet"
    as_of = random_as_of(rng, table)
    written = features.write_parquet(
        frame, path, as_of=moments_from(as_of), chunk_rows=chunk_rows, threads=threads
    )
    assert written == len(frame)
    actual = pd.read_parquet(path)
    story = f"{table} by {chunk_rows}"
    expected = features.transform(frame, "training", as_of=moments_from(as_of))
    assert_same_frames(actual, expected, story)
    assert actual["as_of"].tolist() == moments_from(as_of).tolist()
    for name, spec in zip(names, specs, strict=True):
        queries = oracle.row_queries(table.rows, spec, table.source, as_of)
        assert_values_equal(
            actual[name],
            oracle.values(table.rows, spec, table.source, queries),
            f"{story}\n{spec}",
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_another_feature_in_the_set_changes_no_value(seed: int) -> None:
    table = random_table(seed, "str")
    chosen = list(dict.fromkeys(some_specs(seed)))
    frame = table.frame()
    together, names = feature_set_from(chosen, table.source)
    expected = together.transform(frame, "training", as_of="activated")
    for spec, name in zip(chosen, names, strict=True):
        alone, _ = feature_set_from([spec], table.source)
        actual = alone.transform(frame, "training", as_of="activated")
        assert_same_frames(actual, expected[[name]], f"{table}\n{spec}")


def test_the_other_queries_change_no_value() -> None:
    table = random_table(11, "str")
    rng = random.Random(11)
    features, _ = feature_set_from(some_specs(11), table.source)
    queries = random_queries(rng, table)
    spine = spine_of(queries, table)
    expected = features.transform(table.frame(), "training", at=spine)
    picked = rng.sample(range(len(queries)), 9)
    actual = features.transform(table.frame(), "training", at=spine.iloc[picked])
    assert_same_frames(actual, expected.iloc[picked], str(table))
