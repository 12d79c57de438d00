"""The search finds least squares that are known, within bounds, with few trials."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.fitting.search import least_squares
from simulator.world.arrays import FloatArray


def test_bounds_hold_and_the_rest_is_met_as_well_as_it_can_be() -> None:
    tried: list[FloatArray] = []

    def residuals(x: FloatArray) -> FloatArray:
        tried.append(x)
        return np.array([x[0] - 5.0, np.exp(x[1]) - 3.0]) / 0.02

    found = least_squares(
        residuals, np.zeros(2), np.array([-1.0, -2.0]), np.array([1.0, 2.0]), trials=60
    )
    assert found.point == pytest.approx([1.0, np.log(3.0)], abs=0.01)
    assert found.trials == len(tried) <= 60
    assert all((x >= [-1.0, -2.0]).all() and (x <= [1.0, 2.0]).all() for x in tried)
    assert found.residuals == pytest.approx(residuals(found.point))


def test_what_no_residual_depends_on_stays() -> None:
    found = least_squares(
        lambda x: np.array([x[0] - 0.7]) / 0.01,
        np.array([0.0, 0.25]),
        np.full(2, -3.0),
        np.full(2, 3.0),
        trials=30,
    )
    assert found.point == pytest.approx([0.7, 0.25], abs=0.005)


def test_trials_are_counted_and_bounded() -> None:
    n = 0

    def residuals(x: FloatArray) -> FloatArray:
        nonlocal n
        n += 1
        return np.array([np.sin(9.0 * x[0]) - 2.0, x[0] - 40.0 * x[1] - 9.0])

    low, high = np.full(2, -9.0), np.full(2, 9.0)
    found = least_squares(residuals, np.zeros(2), low, high, trials=17)
    assert n == found.trials <= 17


def test_jumps_of_a_residual_do_not_stop_it() -> None:
    """Moments of simulated cities are steps, not smooth."""
    found = least_squares(
        lambda x: np.round(np.array([x[0] + x[1] - 1.0, x[0] - x[1]]), 3) / 0.01,
        np.array([-2.0, 2.0]),
        np.full(2, -4.0),
        np.full(2, 4.0),
        trials=40,
    )
    assert found.point == pytest.approx([0.5, 0.5], abs=0.01)
