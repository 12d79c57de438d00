"""Keys sort like their values, and give them back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregators.kernels.exact.keys import (
    FLOAT,
    MICROSECONDS,
    MISSING,
    MOMENT,
    float_of_key,
    key_of_float,
    value_of,
)
from tests.aggregators.kernels.exact.exact_values import EDGES, LONGEST_US, float_of, same

FLOATS = st.floats(allow_nan=False) | st.sampled_from(EDGES)


@given(FLOATS, FLOATS)
def test_keys_of_floats_sort_like_them(a: float, b: float) -> None:
    assert (key_of_float(a) < key_of_float(b)) == (a < b)
    assert (key_of_float(a) == key_of_float(b)) == (a == b)


@given(FLOATS)
def test_a_key_gives_its_float_back(x: float) -> None:
    key = key_of_float(x)
    assert same(float_of_key(key), x + 0.0)
    assert same(float_of(key), x + 0.0)  # what the other tests read keys with
    assert same(value_of(FLOAT, key, 7), x + 0.0)


def test_the_two_zeros_are_one() -> None:
    assert key_of_float(-0.0) == key_of_float(0.0) == 0
    assert math.copysign(1.0, float_of_key(0)) == 1.0


def test_nan_is_missing_whatever_its_bits_are() -> None:
    negative_nan = np.array([-1], np.int64).view(np.float64)[0]
    assert key_of_float(math.nan) == key_of_float(negative_nan) == MISSING
    assert key_of_float(-math.inf) > MISSING


@pytest.mark.parametrize("us", [0, 1, -1, 1_500_000, LONGEST_US, -LONGEST_US])
def test_times_are_seconds(us: int) -> None:
    assert value_of(MICROSECONDS, us, 5) == us / 1e6
    moment = 1_700_000_000_000_000
    assert value_of(MOMENT, us - moment, moment) == us / 1e6
