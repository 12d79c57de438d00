"""The points at which parts are drawn: one in every slice of an axis, even in pairs of axes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import qmc

from estimators.eta.sobol import AXES_MAX, normal_points, uniform_of

N = 256


def test_every_axis_has_one_point_in_the_middle_of_every_slice() -> None:
    uniform = uniform_of(normal_points(N, AXES_MAX))
    expected = (np.arange(N) + 0.5) / N
    for axis in range(AXES_MAX):
        assert np.sort(uniform[:, axis]) == pytest.approx(expected, abs=1e-12)


def test_first_two_axes_have_one_point_in_every_box_of_every_shape() -> None:
    """Sobol's first two axes are a (0, m, 2) net: boxes of the volume 1 / N hold one point each."""
    uniform = uniform_of(normal_points(N, 2))
    for across in (1, 2, 4, 8, 16, 32, 64, 128, 256):
        boxes = np.floor(uniform * [across, N // across]).astype(int)
        assert len({tuple(box) for box in boxes.tolist()}) == N


def test_every_pair_of_axes_is_more_even_than_chance() -> None:
    uniform = uniform_of(normal_points(N, AXES_MAX))
    random = np.random.default_rng(0).random((N, AXES_MAX))
    for pair in itertools.combinations(range(AXES_MAX), 2):
        assert qmc.discrepancy(uniform[:, pair]) < 0.1 * qmc.discrepancy(random[:, pair])


def test_probabilities_are_those_of_the_normal_distribution() -> None:
    normal = np.linspace(-6.0, 6.0, 49).reshape(7, 7)
    assert uniform_of(normal) == pytest.approx(ndtr(normal), rel=1e-12)
