"""Training gives the same bits with windows that slide, directly, whole and in parts."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from aggregators.engine.execution import OrderedQueries, answer_queries
from aggregators.engine.training import SourceRun, TrainingRun
from aggregators.kernels.sliding import short_windows
from aggregators.typing import Float64Array
from tests.aggregators.building import feature_set_from, moments_from
from tests.aggregators.random_data import ID_KINDS, IdKind, random_as_of, random_table, seeds
from tests.aggregators.random_specs import some_specs


@pytest.fixture(autouse=True)
def _all_windows_slide(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tables are small: their windows would be computed directly."""
    monkeypatch.setattr(short_windows, "SHORT_ROWS", -1)
    monkeypatch.setattr(short_windows, "SHORT_ORDERED_ROWS", -1)


def training_run(seed: int, ids: IdKind, threads: int) -> TrainingRun:
    """A run of random features over a random table, at moments in no order."""
    table = random_table(seed, ids, rows=150)
    features, _ = feature_set_from(some_specs(seed, 25), table.source)
    moments = moments_from(random_as_of(random.Random(f"sliding {seed}"), table))
    return TrainingRun(features.features, table.frame(), as_of=moments, threads=threads)


def directly(run: TrainingRun) -> Float64Array:
    """The same values from the direct kernels alone."""
    result = run.compute()
    source: SourceRun
    (source,) = run.runs
    for plan in source.plans:
        rows, offsets = source.arrays.index(plan.dimension, plan.order_event)
        codes = run.queries.codes[source.source.name, plan.dimension]
        order = np.lexsort((run.queries.as_of, codes))
        order = order[codes[order] >= 0]
        asked = OrderedQueries(
            codes[order].astype(np.int64),
            run.queries.as_of[order],
            run.queries.own_rows[source.source.name][order],
            order,
        )
        index = source._whole_table(plan)
        assert len(index.rows) == len(rows)
        assert len(index.offsets) == len(offsets)
        answer_queries(plan, index, asked, result)
    return result


def assert_same(values: Float64Array, expected: Float64Array, seed: int) -> None:
    different = np.argwhere(values.view(np.int64) != expected.view(np.int64))
    assert len(different) == 0, f"seed={seed} first (feature, query): {different[:3].tolist()}"


@pytest.mark.parametrize("seed", seeds(20))
@pytest.mark.parametrize("ids", ID_KINDS)
def test_sliding_windows_equal_direct_ones(seed: int, ids: IdKind) -> None:
    run = training_run(seed, ids, threads=2)
    assert_same(run.compute(), directly(run), seed)


@pytest.mark.parametrize("seed", seeds(20))
def test_parts_equal_the_whole(seed: int) -> None:
    run = training_run(seed, "int", threads=1 + seed % 2)
    whole = run.compute()
    rng = random.Random(f"parts {seed}")
    cuts = sorted({0, len(run), *(rng.randrange(1, len(run)) for _ in range(5))})
    parts = list(pairwise(cuts))
    for some in (parts, rng.sample(parts, len(parts))):
        result = np.empty_like(whole)
        for start, stop in some:
            result[:, start:stop] = run.compute(start, stop)
        assert_same(result, whole, seed)


def test_windows_are_kept_from_part_to_part(monkeypatch: pytest.MonkeyPatch) -> None:
    run = training_run(1, "int", threads=1)
    (source,) = run.runs
    monkeypatch.setattr("aggregators.engine.training.KEPT_ROWS", 0)
    order = np.argsort(run.queries.as_of, kind="stable")
    run.queries.as_of[:] = run.queries.as_of[order]
    for codes in run.queries.codes.values():
        codes[:] = codes[order]
    run.queries.own_rows[source.source.name][:] = run.queries.own_rows[source.source.name][order]
    whole = run.compute()
    middle = len(run) // 2
    first, second = run.compute(0, middle), run.compute(middle, len(run))
    assert_same(np.concatenate([first, second], axis=1), whole, 1)
    kept = [one for one in source._answers if one.n_windows > 0]
    assert kept


@pytest.mark.parametrize("seed", seeds(6))
@pytest.mark.parametrize("limit", [2, 1_000])
def test_short_windows_equal_long_ones(
    seed: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = training_run(seed, "str", threads=1)
    expected = run.compute()
    middle = len(run) // 2
    monkeypatch.setattr(short_windows, "SHORT_ROWS", limit)
    monkeypatch.setattr(short_windows, "SHORT_ORDERED_ROWS", limit)
    assert_same(run.compute(), expected, seed)
    again = training_run(seed, "str", threads=1)
    parts = [again.compute(0, middle), again.compute(middle, len(again))]
    assert_same(np.concatenate(parts, axis=1), expected, seed)
