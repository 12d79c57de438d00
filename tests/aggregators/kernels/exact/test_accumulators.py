"""Accumulators hold exact sums, whatever comes and goes; what is read is rounded once.

Tests `aggregators.kernels.exact.accumulators`, `aggregators.kernels.exact.formulas` and
`aggregators.kernels.exact.rounding`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregators.kernels.exact.accumulators import (
    N_WIDE,
    S1,
    S2,
    SQUARES,
    SUM,
    SUMS_WIDTH,
    T,
    add,
    add_weighted,
    clear,
    drop_first,
    is_wide,
)
from aggregators.kernels.exact.keys import FLOAT, MICROSECONDS, MOMENT
from aggregators.kernels.exact.rounding import (
    rounded_mean,
    rounded_sum,
    rounded_trend,
    rounded_variance,
)
from aggregators.typing import Int64Array
from tests.aggregators.exact_numbers import (
    exact_mean,
    exact_sum,
    exact_trend,
    exact_variance,
    nearest,
)
from tests.aggregators.kernels.exact.exact_values import EDGES, LONGEST_US, keys_of, same, values_of
from tests.aggregators.random_data import seeds

SLOT = 1  # not the first, so that a wrong row is noticed
NOW = 1_767_225_600_000_000

FITTING = [x for x in EDGES if abs(x) < 2.0**80 and x * 2.0**80 % 1 == 0]
FLOATS = (
    st.sampled_from(FITTING)
    | st.integers(-1000, 1000).map(float)
    | st.floats(-1e6, 1e6).filter(lambda x: abs(x) >= 2.0**-28)
)
TIMES = st.integers(-LONGEST_US, LONGEST_US) | st.integers(-(10**9), 10**9)


def empty() -> Int64Array:
    """Three accumulators, of which the second is cleared."""
    sums = np.full((3, SUMS_WIDTH), 3, np.int64)
    clear(sums, SLOT)
    return sums


def filled(kind: int, keys: Sequence[int] | Int64Array) -> Int64Array:
    """Accumulators of which the second holds these keys."""
    sums = empty()
    for rank, key in enumerate(keys):
        add(sums, SLOT, kind, key, 1, SUM | SQUARES)
        add_weighted(sums, SLOT, kind, key, rank)
    return sums


def assert_rounded(
    sums: Int64Array, kind: int, keys: Sequence[int] | Int64Array, as_of: int = 0
) -> None:
    """Every function is that of the fractions."""
    n, exact = len(keys), values_of(kind, [int(key) for key in keys], as_of)
    assert not is_wide(sums, SLOT)
    assert same(rounded_sum(sums, SLOT, kind, n, as_of), exact_sum(exact))
    assert same(rounded_mean(sums, SLOT, kind, n, as_of), exact_mean(exact))
    assert same(rounded_variance(sums, SLOT, kind, n), exact_variance(exact))
    assert same(rounded_trend(sums, SLOT, kind, n), exact_trend(exact))
    assert (sums[[0, 2]] == 3).all(), "another accumulator was changed"


@given(st.lists(FLOATS, max_size=12))
def test_floats(values: list[float]) -> None:
    keys = keys_of(values)
    assert_rounded(filled(FLOAT, keys), FLOAT, keys)


@given(st.lists(TIMES, max_size=12))
def test_durations(keys: list[int]) -> None:
    assert_rounded(filled(MICROSECONDS, keys), MICROSECONDS, keys)


@given(st.lists(st.integers(-NOW - 10**16, 10**12), max_size=12), st.integers(NOW, NOW + 10**15))
def test_moments(keys: list[int], as_of: int) -> None:
    assert_rounded(filled(MOMENT, keys), MOMENT, keys, as_of)


@pytest.mark.parametrize("value", [*FITTING, 0.1, 1e6 + 0.1, 123456.789, -7.25])
@pytest.mark.parametrize("n", [1, 2, 3, 100])
def test_equal_values_have_no_variance_and_no_slope(value: float, n: int) -> None:
    keys = keys_of([value] * n)
    sums = filled(FLOAT, keys)
    assert same(rounded_variance(sums, SLOT, FLOAT, n), 0.0)
    assert n == 1 or same(rounded_trend(sums, SLOT, FLOAT, n), 0.0)
    assert_rounded(sums, FLOAT, keys)


@pytest.mark.parametrize(
    "values",
    [
        [2.0**53, 1.0],  # exactly between two floats: to the even one, downwards
        [2.0**53 + 2, 1.0],  # and upwards
        [2.0**53, 1.0, 2.0**-80],  # a little more than half
        [2.0**53, 1.0, -(2.0**-80)],  # a little less
        [1e16, 1.0, -1e16],  # numpy gives 0
        [2.0**79, 0.1, -(2.0**79)],
        [0.1] * 10,
        [-0.1, 0.1],
        [math.nextafter(2.0**80, 0)] * 5,
        [2.0**-80, -(2.0**-80), 2.0**-80],
        [1.0, 2.0, 4.0],
        [1e8, 1e8 + 2.0**-26],  # the squares agree in 50 bits
    ],
)
def test_halves_and_cancellations(values: list[float]) -> None:
    for signed in (values, [-value for value in values]):
        keys = keys_of(signed)
        assert_rounded(filled(FLOAT, keys), FLOAT, keys)


@pytest.mark.parametrize("half", [1, 3, 5, 7])
def test_a_sum_of_times_exactly_between_two_floats(half: int) -> None:
    # A multiple of 1/2 s beyond 2^52 s lies between two floats; no event is as long, sums are.
    us = (2**53 + half) * 500_000
    keys = [LONGEST_US] * (us // LONGEST_US)
    keys.append(us - sum(keys))
    assert_rounded(filled(MICROSECONDS, keys), MICROSECONDS, keys)


@pytest.mark.parametrize("kind", [FLOAT, MICROSECONDS, MOMENT])
@pytest.mark.parametrize("seed", seeds(4))
def test_values_that_come_and_go_leave_nothing_behind(seed: int, kind: int) -> None:
    rng = random.Random(f"{seed} {kind}")
    sums = empty()
    window: list[int] = []
    for _ in range(300):
        if window and rng.random() < 0.45:
            if rng.random() < 0.7:  # the first leaves
                add(sums, SLOT, kind, window.pop(0), -1, SUM | SQUARES)
                drop_first(sums, SLOT)
            else:  # one in the middle: those behind it fall by one rank
                rank = rng.randrange(len(window))
                key = window.pop(rank)
                add(sums, SLOT, kind, key, -1, SUM | SQUARES)
                add_weighted(sums, SLOT, kind, key, -rank)
                for later in window[rank:]:
                    add_weighted(sums, SLOT, kind, later, -1)
        else:
            key = random_key(rng, kind)
            add(sums, SLOT, kind, key, 1, SUM | SQUARES)
            add_weighted(sums, SLOT, kind, key, len(window))
            window.append(key)
        if rng.random() < 0.2:
            assert_rounded(sums, kind, window, NOW)
    for key in window:
        add(sums, SLOT, kind, key, -1, SUM | SQUARES)
    assert rounded_sum(sums, SLOT, kind, len(window), 0) == 0.0


def random_key(rng: random.Random, kind: int) -> int:
    """A key as they occur, or one from the edge."""
    if kind != FLOAT:
        return rng.choice([rng.randint(0, 10**10), rng.randint(-LONGEST_US, LONGEST_US)])
    value = rng.choice([rng.gauss(600, 240), float(rng.randint(0, 9)), rng.choice(FITTING)])
    return int(keys_of([value])[0])


def write(sums: Int64Array, first: int, stop: int, number: int) -> None:
    """Write a long integer into the accumulator."""
    raw = number.to_bytes(8 * (stop - first), "little", signed=True)
    sums[SLOT, first:stop] = np.frombuffer(raw, np.int64)


@pytest.mark.parametrize("kind", [FLOAT, MICROSECONDS, MOMENT])
@pytest.mark.parametrize("n", [1_000_003, 2**31 - 1])
@pytest.mark.parametrize("sign", [1, -1])
def test_millions_of_values(n: int, kind: int, sign: int) -> None:
    """Half of them one value, then half another: the sums are written as if all had been added."""
    largest = math.nextafter(2.0**80, 0)
    pair = keys_of([sign * largest, 0.7]) if kind == FLOAT else [sign * LONGEST_US, 123_456_789]
    units_per_1 = 2**80 if kind == FLOAT else 10**6
    first, second = (int(value * units_per_1) for value in values_of(kind, [int(k) for k in pair]))
    k = n // 2
    ranks, early_ranks = n * (n - 1) // 2, k * (k - 1) // 2
    s1 = k * first + (n - k) * second
    s2 = k * first**2 + (n - k) * second**2
    t = first * early_ranks + second * (ranks - early_ranks)
    sums = empty()
    write(sums, S1, S2, s1)
    write(sums, S2, T, s2)
    write(sums, T, N_WIDE, t)
    assert same(rounded_sum(sums, SLOT, kind, n, 0), nearest(Fraction(s1, units_per_1)))
    variance = Fraction(n * s2 - s1**2, (n * units_per_1) ** 2)
    assert same(rounded_variance(sums, SLOT, kind, n), nearest(variance))
    trend = Fraction(12 * t - 6 * (n - 1) * s1, n * (n**2 - 1) * units_per_1)
    assert same(rounded_trend(sums, SLOT, kind, n), nearest(trend))


@pytest.mark.parametrize("value", [x for x in EDGES if x not in FITTING])
def test_what_does_not_fit_is_counted_until_it_is_gone(value: float) -> None:
    fitting, beyond = keys_of([1.5, value])
    sums = filled(FLOAT, [fitting, beyond])
    assert is_wide(sums, SLOT)
    add(sums, SLOT, FLOAT, beyond, -1, SUM | SQUARES)
    assert_rounded(sums, FLOAT, [fitting])


@given(st.lists(FLOATS, max_size=6))
def test_squares_are_left_out_unless_wanted(values: list[float]) -> None:
    sums = empty()
    for key in keys_of(values):
        add(sums, SLOT, FLOAT, key, 1, SUM)
    exact = values_of(FLOAT, [int(key) for key in keys_of(values)])
    assert same(rounded_sum(sums, SLOT, FLOAT, len(values), 0), exact_sum(exact))
    assert not sums[SLOT, 3:13].any()
