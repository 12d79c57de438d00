"""The conformal grid covers what it says, whatever the anchors got wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

from estimators import InputError
from estimators.quantiles.calibration import GRID_LEVELS, ConformalGrid

SEED = 7
N = 20_000


def outcomes(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Scales that differ from row to row, and skewed durations of these scales."""
    scale = rng.uniform(300.0, 2_000.0, N)
    return scale, scale * rng.gamma(2.0, 0.5, N)


@pytest.mark.parametrize("width", [0.2, 1.0, 4.0], ids=["too narrow", "right", "too wide"])
@pytest.mark.parametrize("shift", [0.6, 1.0, 1.5], ids=["too low", "right", "too high"])
def test_ranges_cover_what_they_say(width: float, shift: float) -> None:
    rng = np.random.default_rng(SEED)
    scale, happened = outcomes(rng)
    factors = shift * np.array([0.3**width, 0.84, 0.84 * 2.3**width])
    anchors = scale[:, np.newaxis] * np.sort(factors)
    grid = ConformalGrid.fit(anchors[: N // 2], happened[: N // 2])
    later = grid.distribution(anchors[N // 2 :])
    for level in (0.5, 0.8, 0.9):
        low, high = later.interval(level)
        covered = np.mean((low <= happened[N // 2 :]) & (happened[N // 2 :] <= high))
        assert abs(covered - level) < 0.015, f"level {level}, seed {SEED}"
    for q in GRID_LEVELS:
        below = np.mean(happened[N // 2 :] <= later.quantile(q))
        assert abs(below - q) < 0.015, f"quantile {q}, seed {SEED}"


def test_crossing_equal_and_tiny_anchors_still_give_distributions() -> None:
    rng = np.random.default_rng(SEED)
    scale, happened = outcomes(rng)
    anchors = np.column_stack([scale, scale, scale])
    anchors[::3] = anchors[::3, ::-1] * np.array([2.0, 1.0, 0.5])  # crossing
    anchors[::5] = -10.0
    grid = ConformalGrid.fit(anchors, happened)
    values = grid.distribution(anchors).values
    assert np.isfinite(values).all()
    assert (values >= 0.0).all()
    assert (np.diff(values, axis=1) >= 0.0).all()


def test_no_estimate_exceeds_the_longest_duration() -> None:
    rng = np.random.default_rng(SEED)
    scale, happened = outcomes(rng)
    anchors = np.outer(scale, [0.3, 0.8, 2.0])
    grid = ConformalGrid.fit(anchors, happened, longest_s=1_000.0)
    values = grid.distribution(anchors).values
    assert values.max() == 1_000.0
    assert ConformalGrid.from_json(grid.to_json()).longest_s == 1_000.0


def test_seconds_that_may_be_negative_are_compared_by_their_difference() -> None:
    rng = np.random.default_rng(SEED)
    spread = rng.uniform(20.0, 200.0, N)
    happened = -30.0 + spread * rng.gumbel(0.0, 0.5, N)
    anchors = -30.0 + np.outer(spread, [-1.0, 0.3, 0.9])
    grid = ConformalGrid.fit(
        anchors[: N // 2], happened[: N // 2], shortest_s=-150.0, scale="linear"
    )
    again = ConformalGrid.from_json(json.loads(json.dumps(grid.to_json())))
    later = again.distribution(anchors[N // 2 :])
    assert later == grid.distribution(anchors[N // 2 :])
    assert later.values.min() == -150.0
    low, high = later.interval(0.8)
    covered = np.mean((low <= happened[N // 2 :]) & (happened[N // 2 :] <= high))
    assert abs(covered - 0.8) < 0.015, f"seed {SEED}"


def test_grids_that_were_saved_without_a_scale_are_of_the_logarithm() -> None:
    rng = np.random.default_rng(SEED)
    scale, happened = outcomes(rng)
    anchors = np.outer(scale, [0.3, 0.8, 2.0])
    grid = ConformalGrid.fit(anchors, happened, longest_s=5_000.0)
    document = grid.to_json()
    for new in ("scale", "shortest_s", "groups", "typical", "heed"):
        del document[new]
    old = ConformalGrid(grid.stretch, longest_s=5_000.0)
    assert ConformalGrid.from_json(document).distribution(anchors) == old.distribution(anchors)


def test_spreads_that_were_guessed_are_drawn_to_the_typical_one() -> None:
    """Half of the rows in which the outer level meets the median must not make all ranges wide."""
    rng = np.random.default_rng(SEED)
    happened = 600.0 * np.exp(0.3 * rng.normal(size=N))
    right = np.tile([410.0, 600.0, 880.0], (N, 1))
    guessed = right.copy()
    guessed[:, 2] = 600.0 * np.exp(np.maximum(0.0, rng.normal(0.1, 0.4, N)))
    widths, heeds = {}, {}
    for name, anchors in {"right": right, "guessed": guessed}.items():
        grid = ConformalGrid.fit(anchors[: N // 2], happened[: N // 2])
        low, high = grid.distribution(anchors[N // 2 :]).interval(0.8)
        covered = np.mean((low <= happened[N // 2 :]) & (happened[N // 2 :] <= high))
        assert abs(covered - 0.8) < 0.015, f"{name}, seed {SEED}"
        widths[name], heeds[name] = float(np.mean(high - low)), grid.spread_exponent
    assert widths["guessed"] < 1.4 * widths["right"]
    assert heeds == {"right": 1.0, "guessed": 0.2}


def test_differences_in_spread_that_are_true_are_believed() -> None:
    rng = np.random.default_rng(SEED)
    spread = rng.uniform(0.1, 0.6, N)
    happened = 600.0 * np.exp(spread / 1.28 * rng.normal(size=N))
    anchors = 600.0 * np.exp(np.outer(spread, [-1.0, 0.0, 1.0]))
    grid = ConformalGrid.fit(anchors, happened)
    assert grid.spread_exponent == 1.0
    low, high = grid.distribution(anchors).interval(0.8)
    inside = (low <= happened) & (happened <= high)
    assert abs(inside[spread > 0.5].mean() - 0.8) < 0.03, f"seed {SEED}"


def test_json_gives_back_the_same_grid() -> None:
    rng = np.random.default_rng(SEED)
    scale, happened = outcomes(rng)
    anchors = np.outer(scale, [0.3, 0.8, 2.0])
    grid = ConformalGrid.fit(anchors, happened)
    again = ConformalGrid.from_json(json.loads(json.dumps(grid.to_json())))
    assert again.distribution(anchors) == grid.distribution(anchors)


def test_a_shift_of_the_median_is_followed_only_if_it_lasts() -> None:
    rng = np.random.default_rng(SEED)
    anchors = np.tile([410.0, 600.0, 880.0], (N, 1))
    fold, as_of_us = np.arange(N) * 2 // N, np.arange(N)
    turning = np.where(np.arange(N) * 10 // N % 2 == 0, 0.35, -0.25)
    for shift, moved in ((0.2, True), (turning, False)):
        happened = 600.0 * np.exp(0.3 * rng.normal(size=N) + shift)
        whole = ConformalGrid.fit(anchors, happened)
        grid = ConformalGrid.fit(anchors, happened, as_of_us=as_of_us, fold=fold)
        told = grid.distribution(anchors[:1])
        expected_s = 600.0 * np.exp(0.2) if moved else 600.0
        assert told.quantile(0.5)[0] == pytest.approx(expected_s, rel=0.02), f"seed {SEED}"
        # The levels that bound ranges of 80% and more keep their calibration, bit for bit.
        outer = [level for level in GRID_LEVELS if not 0.1 < level < 0.9]
        assert np.array_equal(told.quantile(outer), whole.distribution(anchors[:1]).quantile(outer))


def test_the_mean_is_calibrated_where_there_are_folds_and_saved() -> None:
    rng = np.random.default_rng(SEED)
    scale = rng.uniform(300.0, 2_000.0, N)
    happened = np.minimum(scale * np.exp(1.6 * rng.normal(size=N)), 90_000.0)
    anchors = np.outer(scale, [0.13, 1.0, 7.8])
    fold, as_of_us = np.arange(N) * 2 // N, np.arange(N)
    grid = ConformalGrid.fit(anchors, happened, longest_s=90_000.0, as_of_us=as_of_us, fold=fold)
    told = grid.distribution(anchors)
    bias_s = told.mean().mean() - happened.mean()
    assert abs(bias_s) < abs(told.integral().mean() - happened.mean())
    assert (told.mean() <= 90_000.0).all()
    assert (told.mean() >= told.values[:, 0]).all()
    again = ConformalGrid.from_json(json.loads(json.dumps(grid.to_json())))
    assert again.distribution(anchors) == told
    without = grid.to_json()
    del without["mean"]  # as grids of earlier versions
    plain = ConformalGrid.from_json(without)
    assert plain.to_json() == without
    assert np.array_equal(plain.distribution(anchors).mean(), told.integral())
    with pytest.raises(InputError, match="without the moments"):
        ConformalGrid.fit(anchors, happened, fold=fold)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="at least 100"):
        ConformalGrid.fit(np.ones((99, 3)), np.ones(99))
    with pytest.raises(InputError, match="expected \\(n_rows, 3\\)"):
        ConformalGrid.fit(np.ones((200, 2)), np.ones(200))
    with pytest.raises(InputError, match="non-decreasing"):
        ConformalGrid(np.linspace(1.0, 0.0, len(GRID_LEVELS)))
    with pytest.raises(InputError, match="'log' or 'linear'"):
        ConformalGrid(np.linspace(0.0, 1.0, len(GRID_LEVELS)), scale="cubic")  # type: ignore[arg-type]
