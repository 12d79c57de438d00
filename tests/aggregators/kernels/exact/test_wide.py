"""Windows with floats of any size: exact as well."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregators.kernels.exact.keys import FLOAT
from aggregators.kernels.exact.wide import WIDE_WIDTH, wide_sum, wide_trend, wide_variance
from tests.aggregators.exact_numbers import exact_sum, exact_trend, exact_variance
from tests.aggregators.kernels.exact.exact_values import (
    EDGES,
    LARGEST,
    LEAST,
    keys_of,
    same,
    values_of,
)

FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(EDGES)


def assert_exact(values: list[float]) -> None:
    room = np.full((1, WIDE_WIDTH), 7, np.int64)
    keys, n = keys_of(values), len(values)
    exact = values_of(FLOAT, keys.tolist())
    assert same(wide_sum(keys, n, room), exact_sum(exact))
    assert same(wide_variance(keys, n, room), exact_variance(exact))
    assert same(wide_trend(keys, n, room), exact_trend(exact))


@given(st.lists(FLOATS, max_size=8))
def test_floats_of_any_size(values: list[float]) -> None:
    assert_exact(values)


@pytest.mark.parametrize(
    "values",
    [
        [LARGEST, 1.0, -LARGEST],
        [LARGEST, LARGEST],
        [LARGEST, LARGEST, -LARGEST, -LARGEST],
        [LARGEST, LEAST],
        [-LARGEST, -LEAST, -LARGEST],
        [LEAST, LEAST, 0.0],
        [LEAST, -LEAST],
        [1e-160, 2e-160, 3e-160],  # the variance is subnormal
        [1e200, 0.0],  # the variance overflows
        [LARGEST] * 200,
        [-LARGEST] * 200,
        [2.2250738585072014e-308, -LEAST],
    ],
)
def test_the_ends_of_the_floats(values: list[float]) -> None:
    assert_exact(values)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([math.inf, 1.0], math.inf),
        ([1.0, -math.inf, -math.inf], -math.inf),
        ([math.inf, -math.inf], math.nan),
        ([-math.inf, math.inf, math.inf, 1.0], math.nan),
    ],
)
def test_infinite_values_add_up_as_floats_do(values: list[float], expected: float) -> None:
    room, keys = np.zeros((1, WIDE_WIDTH), np.int64), keys_of(values)
    assert same(wide_sum(keys, len(keys), room), expected)
    assert math.isnan(wide_variance(keys, len(keys), room))
    assert math.isnan(wide_trend(keys, len(keys), room))


def test_only_the_first_n_keys_are_read() -> None:
    room, keys = np.zeros((1, WIDE_WIDTH), np.int64), keys_of([1e300, -1e300, 1e-300, math.inf])
    assert wide_sum(keys, 3, room) == 1e-300
    assert wide_sum(keys, 0, room) == 0.0
