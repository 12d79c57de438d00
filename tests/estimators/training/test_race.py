"""The race of parameters: deep trees where they win, the default where nothing does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from estimators.training import race as race_module
from estimators.training.matrix import FeatureMatrix
from estimators.training.middle import fit_middle
from estimators.training.race import LEARNED_MAX, ROWS_MIN, SCORED_MAX, race, race_splits
from tests.estimators.training.fields import SEED, SMALL, table_of


@pytest.fixture(scope="module")
def checkerboard() -> FeatureMatrix:
    return table_of("checkerboard")


def test_large_trees_win_where_many_fields_decide(checkerboard: FeatureMatrix) -> None:
    raced = race(checkerboard, SMALL)
    assert raced.parameters.leaves >= 15
    assert raced.parameters.feature_share == 0.8
    assert raced.record["best"] < 0.8 * raced.record["default"]
    assert raced.record["splits"] == 2
    chosen = raced.record["parameters"]
    assert chosen.items() <= raced.parameters.to_json().items()
    unchanged = {k: v for k, v in SMALL.to_json().items() if k not in chosen}
    assert unchanged.items() <= raced.parameters.to_json().items()


def test_the_default_stays_where_nothing_differs() -> None:
    raced = race(table_of("noise"), SMALL)
    assert raced.parameters == SMALL
    assert raced.record["chosen"] == "default"
    assert raced.record["best"] == raced.record["default"]
    assert raced.record["splits"] == 1
    assert len(raced.record["tried"]) == 4  # no category, and nothing to combine


def test_sets_that_differ_in_categories_alone_are_left_out_without_any(
    checkerboard: FeatureMatrix,
) -> None:
    tried = [one["name"] for one in race(checkerboard, SMALL).record["tried"]]
    assert "smoothing 10" not in tried
    assert tried[0] == "default"
    assert len(tried) == 5


def test_the_same_seed_races_the_same(checkerboard: FeatureMatrix) -> None:
    assert race(checkerboard, SMALL).record == race(checkerboard, SMALL).record
    other = race(checkerboard, replace(SMALL, seed=SEED))
    assert other.record["tried"] != race(checkerboard, SMALL).record["tried"]


def test_the_test_period_is_never_seen(checkerboard: FeatureMatrix) -> None:
    blind = replace(
        checkerboard,
        X=np.where(checkerboard.trains[:, np.newaxis], checkerboard.X, np.nan),
        target_s=np.where(checkerboard.trains, checkerboard.target_s, np.nan),
    )
    assert race(blind, SMALL).record == race(checkerboard, SMALL).record


def test_the_work_is_limited_by_the_number_of_models_and_rows(
    checkerboard: FeatureMatrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def counted(X, target_s, *, columns, parameters):  # type: ignore[no-untyped-def]
        sizes.append(len(X))
        assert parameters.median_trees == SMALL.median_trees // 2
        assert parameters.median_ensembles == 1
        return fit_middle(X, target_s, columns=columns, parameters=parameters)

    monkeypatch.setattr(race_module, "fit_middle", counted)
    monkeypatch.setattr(race_module, "LEARNED_MAX", 500)
    parts: list[float] = []
    race(checkerboard, SMALL, progress=parts.append)
    assert 5 < len(sizes) <= 6 + 1 + race_module.FINALISTS
    assert set(sizes) == {500}
    assert parts == sorted(parts)
    assert parts[-1] == 1.0


def test_splits_lie_in_the_training_period_and_are_of_limited_size(
    checkerboard: FeatureMatrix,
) -> None:
    for split in race_splits(checkerboard):
        assert checkerboard.trains[split.learned].all()
        assert checkerboard.trains[split.scored].all()
        assert split.learned.max() < split.scored.min()
        assert len(split.learned) <= LEARNED_MAX
        assert len(split.scored) <= SCORED_MAX


def test_too_few_rows_keep_the_default_and_say_so(checkerboard: FeatureMatrix) -> None:
    few = replace(checkerboard, trains=np.arange(len(checkerboard.X)) < ROWS_MIN - 1)
    raced = race(few, SMALL)
    assert raced.parameters == SMALL
    assert (raced.record["trials"], raced.record["rows"]) == (0, ROWS_MIN - 1)
