"""Ways along streets that are turned from north, one by one and as columns."""

from __future__ import annotations

import math

import numpy as np
import pytest

from estimators.core.street_grid import along_and_across


@pytest.mark.parametrize("turn_deg", [0.0, 29.0, 60.0, 89.0])
def test_a_way_along_the_streets_leads_nowhere_across_them(turn_deg: float) -> None:
    turn = math.radians(turn_deg)
    north_m, east_m = 500.0 * math.cos(turn), 500.0 * math.sin(turn)
    assert along_and_across(north_m, east_m, turn_deg) == pytest.approx((500.0, 0.0))
    assert along_and_across(-east_m, north_m, turn_deg) == pytest.approx((0.0, 500.0))


def test_columns_have_the_bits_of_single_ways() -> None:
    north_m, east_m = np.random.default_rng(0).normal(0.0, 3_000.0, (2, 200))
    columns = np.array(along_and_across(north_m, east_m, 29.0))
    single = [along_and_across(*way, 29.0) for way in zip(north_m, east_m, strict=True)]
    np.testing.assert_array_equal(columns.T, single)
