"""Sums of lists of keys are exact, whichever way they are added up.

Tests `aggregators.kernels.exact.window_sums`, `aggregators.kernels.exact.float_parts` and
`aggregators.kernels.exact.time_sums`.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregators.kernels.exact.float_parts import add_up, can_be_cut, largest_field
from aggregators.kernels.exact.keys import FLOAT, MICROSECONDS, MOMENT
from aggregators.kernels.exact.window_sums import (
    WORDS_WIDTH,
    window_sum,
    window_trend,
    window_variance,
)
from aggregators.typing import Int64Array
from tests.aggregators.exact_numbers import exact_sum, exact_trend, exact_variance
from tests.aggregators.kernels.exact.exact_values import (
    EDGES,
    LARGEST,
    LEAST,
    LONGEST_US,
    keys_of,
    same,
    values_of,
)
from tests.aggregators.random_data import IS_UNCOMPILED, seeds

MANY = 600 if IS_UNCOMPILED else 5_000
NOW = 1_767_225_600_000_000
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(EDGES)
USUAL = st.floats(-1e6, 1e6) | st.integers(-100, 100).map(float)
TIMES = st.integers(-LONGEST_US, LONGEST_US) | st.integers(0, 10**10)


def assert_exact(kind: int, keys: Int64Array, as_of: int = 0) -> None:
    words, n = np.full((1, WORDS_WIDTH), 7, np.int64), len(keys)
    before = keys.copy()
    exact = values_of(kind, keys.tolist(), as_of)
    assert same(window_sum(kind, keys, n, as_of, words), exact_sum(exact))
    assert same(window_variance(kind, keys, n, words), exact_variance(exact))
    assert same(window_trend(kind, keys, n, words), exact_trend(exact))
    assert (keys == before).all()


@given(st.lists(FLOATS, max_size=8) | st.lists(USUAL, max_size=12))
def test_floats(values: list[float]) -> None:
    assert_exact(FLOAT, keys_of(values))


@given(st.lists(TIMES, max_size=12))
def test_durations(keys: list[int]) -> None:
    assert_exact(MICROSECONDS, np.array(keys, np.int64))


@given(st.lists(st.integers(-NOW, 0), max_size=12), st.integers(NOW, NOW + 10**15))
def test_moments(keys: list[int], as_of: int) -> None:
    assert_exact(MOMENT, np.array(keys, np.int64), as_of)


def some_keys(kind: str, rng: random.Random, n: int) -> Int64Array:
    if kind == "usual":
        return keys_of([rng.gauss(600, 240) for _ in range(n)])
    if kind == "largest parts":  # each part is as large as it can be, all of one sign
        return keys_of([-(2.0**10 - 2.0**-43)] * n)
    if kind == "halves":  # what is cut lies exactly between two upper parts
        return keys_of([1023.0 + rng.choice([0.5, 1.5]) * 2.0**-35 for _ in range(n)])
    if kind == "too deep":  # one value has bits below both parts of the largest
        return keys_of([*[rng.gauss(0, 1e9) for _ in range(n - 1)], 1e-9])
    if kind == "cancelling":
        values = [rng.uniform(-1, 1) * 10.0 ** rng.randint(0, 15) for _ in range(n // 2)]
        return keys_of([*values, *(-value for value in values), *[2.0**-40] * (n % 2)])
    if kind == "subnormal":
        return keys_of([rng.randint(0, 100) * LEAST for _ in range(n)])
    return keys_of([rng.choice([1, -1]) * LARGEST * rng.random() for _ in range(n)])


KINDS = ("usual", "largest parts", "halves", "too deep", "cancelling", "subnormal", "largest")


@pytest.mark.parametrize("n", [1, 2, 7, 8, 33, 255, 256, 257, MANY])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", seeds(1))
def test_many_floats(seed: int, kind: str, n: int) -> None:
    assert_exact(FLOAT, some_keys(kind, random.Random(f"{seed} {kind} {n}"), n))


@pytest.mark.skipif(IS_UNCOMPILED, reason="it takes a while, and runs no other lines")
def test_more_floats_than_add_up_in_a_word() -> None:
    assert_exact(FLOAT, keys_of([2.0**10 - 2.0**-43] * ((1 << 16) + 9)))


@pytest.mark.parametrize("longest", [10**6, 10**10, 10**15, LONGEST_US])
@pytest.mark.parametrize("n", [1, 2, 33, MANY])
@pytest.mark.parametrize("kind", [MICROSECONDS, MOMENT])
@pytest.mark.parametrize("seed", seeds(1))
def test_many_times(seed: int, kind: int, n: int, longest: int) -> None:
    rng = random.Random(f"{seed} {kind} {n} {longest}")
    keys = [rng.randint(-longest, longest) for _ in range(n)]
    assert_exact(kind, np.array(keys, np.int64), NOW)


def test_which_floats_can_be_cut() -> None:
    words = np.zeros((1, WORDS_WIDTH), np.int64)

    def can_be(values: list[float]) -> bool:
        keys = keys_of(values)
        field = largest_field(keys, len(keys))
        return bool(can_be_cut(field, len(keys)) and add_up(keys, len(keys), field, words))

    assert can_be([1000.0, 0.1, -1e-8])
    assert can_be([1.0, 2.0**-90])  # few bits, and these lie far down
    assert not can_be([1.0, 1e-13])  # many bits
    assert not can_be([1.0, 2.0**-91])
    assert not can_be([LEAST])
    assert not can_be([LARGEST])
    assert not can_be_cut(1023, 10**7)
