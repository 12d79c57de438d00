"""The compiled stretch beside the formula that it computes, row by row and in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from estimators import InputError
from estimators.core.typing import FloatArray
from estimators.quantiles.calibration import (
    FLOOR_S,
    GRID_LEVELS,
    MIN_SPREAD,
    MIN_SPREAD_S,
    SPREAD_SHARE_MIN,
    ConformalGrid,
    Scale,
)
from estimators.quantiles.calibration_kernels import last_up_to
from estimators.quantiles.day_profile import DAY_STARTS_AT_H, DayProfile
from estimators.quantiles.group_stretch import GroupStretch

N_ROWS = 300


def by_formula(grid: ConformalGrid, anchors_s: FloatArray, X: FloatArray) -> FloatArray:
    """Each row: distances of the anchors, drawn to the typical ones, times the groups' factors."""
    result = np.empty((len(anchors_s), len(GRID_LEVELS)))
    least = MIN_SPREAD if grid.scale == "log" else MIN_SPREAD_S
    for row, anchors in enumerate(anchors_s):
        scaled = np.log(np.maximum(anchors, FLOOR_S)) if grid.scale == "log" else anchors
        below, above = max(scaled[1] - scaled[0], least), max(scaled[2] - scaled[1], least)
        if grid.typical is not None:
            typical_below, typical_above = grid.typical
            below = (
                typical_below * max(below / typical_below, SPREAD_SHARE_MIN) ** grid.spread_exponent
            )
            above = (
                typical_above * max(above / typical_above, SPREAD_SHARE_MIN) ** grid.spread_exponent
            )
        for group in grid.groups:
            value = X[row, group.column]
            number = sum(edge <= value for edge in group.edges)
            number = len(group.edges) + 1 if np.isnan(value) else number
            below, above = below * group.below[number], above * group.above[number]
        values = scaled[1] + grid.stretch * np.where(grid.stretch >= 0.0, above, below)
        values = np.exp(values) if grid.scale == "log" else values
        result[row] = np.clip(values, grid.shortest_s, grid.longest_s)
    return result


def groups(rng: np.random.Generator) -> list[GroupStretch]:
    edges = ((1.0, 2.0, 3.0), (0.5,))
    return [
        GroupStretch(
            column=column,
            edges=of,
            below=rng.uniform(0.5, 2.0, len(of) + 2),
            above=rng.uniform(0.5, 2.0, len(of) + 2),
        )
        for column, of in enumerate(edges)
    ]


@pytest.mark.parametrize("scale", ["log", "linear"])
@pytest.mark.parametrize("typical", [None, (0.4, 0.6)])
@pytest.mark.parametrize("grouped", [False, True])
def test_stretches_as_the_formula_says(
    scale: Scale, typical: tuple[float, float] | None, grouped: bool
) -> None:
    rng = np.random.default_rng(1)
    grid = ConformalGrid(
        np.sort(rng.normal(size=len(GRID_LEVELS))),
        3_000.0,
        shortest_s=5.0,
        scale=scale,
        groups=groups(rng) if grouped else (),
        typical=typical,
        spread_exponent=0.6,
    )
    anchors_s = rng.normal(900.0, 500.0, (N_ROWS, 3))  # some cross, some are below zero
    X = np.column_stack([rng.integers(0, 5, N_ROWS), rng.random(N_ROWS)]).astype(np.float64)
    X[rng.random(X.shape) < 0.1] = np.nan
    told = grid.distribution(anchors_s, X)
    assert told.values == pytest.approx(by_formula(grid, anchors_s, X), rel=1e-12)
    assert (np.diff(told.values, axis=1) >= 0.0).all()
    alone = np.vstack(
        [grid.distribution(anchors_s[i : i + 1], X[i : i + 1]).values for i in (0, 7)]
    )
    np.testing.assert_array_equal(alone, told.values[[0, 7]])


def test_groups_without_rows_and_other_anchors_are_refused() -> None:
    rng = np.random.default_rng(2)
    grid = ConformalGrid(np.linspace(-1.0, 1.0, len(GRID_LEVELS)), groups=groups(rng))
    with pytest.raises(InputError, match="expected the rows of X"):
        grid.distribution(np.ones((2, 3)))
    with pytest.raises(InputError, match=r"expected \(n_rows, 3\)"):
        grid.distribution(np.ones((2, 2)), np.ones((2, 2)))


def test_the_profile_of_the_day_is_linear_between_its_hours() -> None:
    profile = DayProfile(np.array([1.0, 8.0, 9.0]), np.array([50.0, 3_600.0, 0.0]))
    hours = np.linspace(0.0, 24.0, 97)
    expected = np.interp((hours - DAY_STARTS_AT_H) % 24.0, profile.hours, profile.excess_s)
    np.testing.assert_allclose(profile.at(hours), expected, rtol=1e-12)
    assert profile.at(np.array([np.nan])).tolist() == [0.0]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 8, 17])
def test_the_place_among_ascending_numbers_is_numpys(n: int) -> None:
    rng = np.random.default_rng(n)
    ascending = np.sort(rng.integers(-4, 5, n).astype(np.float64))  # with equal ones
    for value in [*np.arange(-5.0, 6.0, 0.5), -np.inf, np.inf, -0.0]:
        found = last_up_to(ascending, float(value))
        assert found == np.searchsorted(ascending, value, side="right")
