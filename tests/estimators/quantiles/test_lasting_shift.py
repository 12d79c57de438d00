"""A shift counts as far as blocks of time agree on it; outer levels stay."""

from __future__ import annotations

import numpy as np
import pytest

from estimators.core.typing import FloatArray
from estimators.quantiles.calibration import GRID_LEVELS
from estimators.quantiles.lasting_shift import BLOCKS, lasting_share, middle_moved, time_blocks

SEED = 31


def test_blocks_are_of_one_fold_ascend_in_time_and_have_as_many_rows() -> None:
    rng = np.random.default_rng(SEED)
    fold = rng.integers(0, 2, 1_003)
    as_of_us = rng.integers(0, 50, 1_003)  # many rows share a moment
    block = time_blocks(fold, as_of_us)
    np.testing.assert_array_equal(block // BLOCKS, fold)
    for one in (0, 1):
        counts = np.bincount(block[fold == one] - one * BLOCKS, minlength=BLOCKS)
        assert counts.max() - counts.min() <= 1
        for k in range(one * BLOCKS, (one + 1) * BLOCKS - 1):
            assert as_of_us[block == k].max() <= as_of_us[block == k + 1].min()


def test_the_share_is_that_of_the_formula() -> None:
    shifts = np.array([0.5, 0.1, -0.2, 0.4])
    mean = sum(shifts) / 4
    variance = sum((one - mean) ** 2 for one in shifts) / 3
    assert lasting_share(shifts) == pytest.approx(mean**2 / (mean**2 + variance))
    assert lasting_share(-shifts) == lasting_share(shifts)
    assert lasting_share(np.array([0.3, 0.3])) == 1.0
    assert lasting_share(np.array([0.3])) == 0.0
    assert lasting_share(np.zeros(5)) == 0.0


def stretches() -> list[FloatArray]:
    rng = np.random.default_rng(SEED)
    usual = np.sort(rng.normal(0.3, 1.0, len(GRID_LEVELS)))
    return [usual, usual + 5.0, usual - 5.0, np.zeros(len(GRID_LEVELS)), np.round(usual)]


@pytest.mark.parametrize("stretch", stretches())
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_outer_levels_stay_and_none_cross(stretch: FloatArray, share: float) -> None:
    low, middle, high = (GRID_LEVELS.index(level) for level in (0.1, 0.5, 0.9))
    moved = middle_moved(stretch, (low, middle, high), share)
    assert (np.diff(moved) >= 0.0).all()
    assert moved[: low + 1].tolist() == stretch[: low + 1].tolist()
    assert moved[high:].tolist() == stretch[high:].tolist()
    expected = min(max(share * stretch[middle], stretch[low]), stretch[high])
    assert moved[middle] == pytest.approx(expected)
    if share == 1.0:
        np.testing.assert_allclose(moved, stretch, atol=1e-12)
