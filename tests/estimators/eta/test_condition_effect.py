"""The weight of weather and local events is learned per stage, and stays between 0 and 1."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from estimators.core.distribution import Distribution
from estimators.eta.condition_effect import ROWS_MIN, condition_weights, means_of
from estimators.eta.moments import Moments
from estimators.quantiles.calibration import GRID_LEVELS

N = 4 * ROWS_MIN


def weights(stage: list[str], label_s: Any, estimate_s: Any) -> dict[str, float]:
    moments = cast(Moments, SimpleNamespace(stage=np.array(stage)))
    return condition_weights(moments, np.asarray(label_s), np.asarray(estimate_s))


def test_means_are_those_of_the_distribution_and_nan_where_nothing_was_said() -> None:
    quantiles = np.linspace(100.0, 300.0, len(GRID_LEVELS))
    answers = np.stack([quantiles, np.full(len(GRID_LEVELS), np.nan)])
    found = means_of(answers)
    assert found[0] == Distribution(GRID_LEVELS, quantiles[None]).mean()[0]
    assert np.isnan(found[1])


@pytest.mark.parametrize(
    ("slope", "weight"), [(0.5, 0.5), (1.0, 1.0), (3.0, 1.0), (-1.0, 0.0), (0.0, 0.0)]
)
def test_a_weight_is_the_slope_of_the_label_within_its_bounds(slope: float, weight: float) -> None:
    rng = np.random.default_rng(1)
    estimate_s = rng.normal(50.0, 20.0, N)
    found = weights(["placed"] * N, slope * estimate_s + 7.0, estimate_s)
    assert found["placed"] == pytest.approx(weight)


def test_a_stage_with_few_rows_or_without_spread_takes_what_it_can() -> None:
    few = weights(["placed"] * (ROWS_MIN - 1), np.ones(ROWS_MIN - 1), np.ones(ROWS_MIN - 1))
    assert few["placed"] == 1.0
    flat = weights(["placed"] * N, np.arange(N, dtype=float), np.full(N, 3.0))
    assert flat["placed"] == 0.0


def test_rows_that_are_not_known_do_not_count() -> None:
    rng = np.random.default_rng(2)
    estimate_s = rng.normal(0.0, 20.0, N)
    label_s = 0.5 * estimate_s
    label_s[: N // 2], estimate_s[N // 2 : N // 2 + 5] = np.nan, np.nan
    assert weights(["placed"] * N, label_s, estimate_s)["placed"] == pytest.approx(0.5)
