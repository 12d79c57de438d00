"""What is left of a duration, beside the law of those draws that lasted long enough."""

from __future__ import annotations

import numpy as np
import pytest

from estimators.core.distribution import Distribution
from estimators.core.errors import InputError
from estimators.eta.remaining import remaining_after
from estimators.quantiles.calibration import GRID_LEVELS


def _lognormal(seed: int) -> tuple[Distribution, np.ndarray]:
    draws = 600.0 * np.exp(0.5 * np.random.default_rng(seed).normal(size=300_000))
    return Distribution(GRID_LEVELS, np.quantile(draws, GRID_LEVELS)[np.newaxis, :]), draws


@pytest.mark.parametrize("elapsed_s", [1.0, 200.0, 600.0, 1_200.0])
def test_equals_the_law_of_those_that_last(elapsed_s: float) -> None:
    distribution, draws = _lognormal(1)
    left = draws[draws > elapsed_s] - elapsed_s
    remaining = remaining_after(distribution, elapsed_s)
    for level in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert remaining.quantile(level)[0] == pytest.approx(
            np.quantile(left, level), abs=0.08 * left.std()
        )


def test_nothing_has_elapsed() -> None:
    distribution, _ = _lognormal(2)
    assert remaining_after(distribution, 0.0) == distribution


def test_beyond_every_quantile_something_is_left_and_it_forgets() -> None:
    distribution, _ = _lognormal(3)
    last = distribution.values[0, -1]
    soon, late = (remaining_after(distribution, last * k) for k in (1.01, 30.0))
    assert soon.quantile(0.5)[0] > 10.0
    assert late == soon


def test_rows_have_their_own_time() -> None:
    distribution, _ = _lognormal(4)
    both = Distribution(distribution.levels, np.vstack([distribution.values] * 2))
    remaining = remaining_after(both, [300.0, 900.0])
    assert remaining[0:1] == remaining_after(distribution, 300.0)
    assert remaining[1:2] == remaining_after(distribution, 900.0)


def test_is_continuous_at_the_last_level() -> None:
    distribution, _ = _lognormal(5)
    last = distribution.values[0, -1]
    before, after = (remaining_after(distribution, last + step) for step in (-1e-6, 1e-6))
    assert before.values == pytest.approx(after.values, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("elapsed_s", [-1.0, np.nan, [1.0, 2.0], [[1.0]]])
def test_refuses_no_time(elapsed_s: object) -> None:
    distribution, _ = _lognormal(6)
    with pytest.raises(InputError, match="elapsed_s"):
        remaining_after(distribution, elapsed_s)  # type: ignore[arg-type]
