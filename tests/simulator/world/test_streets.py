"""Every crossing can be reached, nobody flies, and the river is crossed on bridges."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.world.streets import CENTRE_RADIUS_M, ZONES, make_streets
from tests.simulator.world.drawn import rng, streets


def test_every_crossing_is_reached_from_every_other_by_bicycle_and_by_car() -> None:
    distance_m = streets().distance_m
    n = len(streets())
    assert distance_m.shape == (2, n, n)
    assert np.isfinite(distance_m).all()
    assert (distance_m[:, np.arange(n), np.arange(n)] == 0.0).all()


def test_no_way_is_shorter_than_the_line_or_than_that_of_a_bicycle() -> None:
    x_m, y_m = streets().x_m, streets().y_m
    line_m = np.hypot(x_m[:, None] - x_m, y_m[:, None] - y_m)
    by_bicycle, by_car = streets().distance_m
    assert (by_bicycle >= line_m - 0.1).all()
    assert (by_car >= by_bicycle - 0.1).all()
    np.testing.assert_allclose(by_bicycle, by_bicycle.T, atol=0.1)
    assert (by_car - by_car.T > 1.0).any(), "some streets are one-way"


def test_a_way_over_a_third_crossing_is_never_shorter() -> None:
    for distance_m in streets().distance_m:
        over = distance_m[:, 7, None] + distance_m[7]
        assert (distance_m <= over + 0.5).all()


def test_the_centre_is_a_circle_and_the_other_zones_are_sectors() -> None:
    away_m = np.hypot(streets().x_m, streets().y_m)
    assert ((streets().zone == 0) == (away_m < CENTRE_RADIUS_M)).all()
    assert set(streets().zone) == set(range(len(ZONES)))
    east = streets().zone == ZONES.index("east")
    assert (streets().x_m[east] > np.abs(streets().y_m[east])).all()


@pytest.mark.parametrize("bridges", [1, 4])
def test_the_river_has_no_more_bridges_than_are_built(bridges: int) -> None:
    drawn = make_streets(bridges, rng(bridges))
    crossing = drawn.arms[:, 4] == 1.0
    assert 1 <= crossing.sum() <= bridges * 3  # a line of bridges may cross a bend more than once
    assert (drawn.arms[crossing, 3] == 0.0).all(), "bridges are used both ways"
