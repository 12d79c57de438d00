"""A long integer and a quotient are rounded to the nearest float64, ties to even."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregators.kernels.exact.quotient import nearest_float, nearest_quotient
from aggregators.typing import Int64Array
from tests.aggregators.exact_numbers import nearest
from tests.aggregators.kernels.exact.exact_values import same

N_WORDS = 8
FIRST = 2


def words_of(number: int) -> Int64Array:
    """A row with a long integer in the middle, and other words around it."""
    row = np.full((1, N_WORDS + 4), -1, np.int64)
    raw = number.to_bytes(8 * N_WORDS, "little", signed=True)
    row[0, FIRST : FIRST + N_WORDS] = np.frombuffer(raw, np.int64)
    return row


def power(exponent: int) -> Fraction:
    return Fraction(2) ** exponent


# Numbers of every length, and such as lie at or beside the middle of two floats.
LENGTHS = st.integers(0, 64 * N_WORDS - 1)
NUMBERS = (
    LENGTHS.flatmap(lambda n: st.integers(0, 2**n - 1))
    | st.integers(0, 2**70)
    | st.builds(
        lambda kept, shift, off: max(0, (2 * kept + 1 << shift) + off),
        st.integers(2**52, 2**53 - 1),
        st.integers(0, 400),
        st.integers(-1, 1),
    )
)
DIVISORS = (
    st.integers(1, 2**126 - 1) | st.integers(1, 1000) | st.sampled_from([2**n for n in range(126)])
)
EXPONENTS = st.sampled_from([0, -80, -160, -1074, -1300, -2148]) | st.integers(-2200, 0)


@given(NUMBERS, st.integers(-1400, 1000))
def test_long_integers(number: int, exponent: int) -> None:
    found = nearest_float(words_of(number), 0, FIRST, FIRST + N_WORDS, exponent)
    assert same(found, nearest(number * power(exponent)))


def quotient(number: int, divisor: int, exponent: int) -> float:
    low = divisor % 2**64
    low = low - 2**64 if low >= 2**63 else low
    return nearest_quotient(
        words_of(number), 0, FIRST, FIRST + N_WORDS, low, divisor >> 64, exponent
    )


@given(NUMBERS, DIVISORS, EXPONENTS)
def test_quotients(number: int, divisor: int, exponent: int) -> None:
    expected = nearest(Fraction(number, divisor) * power(exponent))
    assert same(quotient(number, divisor, exponent), expected)


@given(
    st.integers(2**52, 2**53 - 1), st.integers(1, 2**100), st.integers(-1, 1), st.integers(0, 60)
)
def test_quotients_at_the_middle_of_two_floats(
    kept: int, divisor: int, off: int, shift: int
) -> None:
    number = ((2 * kept + 1) * divisor << shift) + off
    assert same(quotient(number, divisor, -80), nearest(Fraction(number, divisor) * power(-80)))


@given(st.integers(2**52, 2**53 - 1), st.integers(2**100, 2**126 - 1), st.integers(40, 200))
def test_quotients_nearly_at_the_middle_of_two_floats(kept: int, divisor: int, off: int) -> None:
    """As near as double floats may or may not tell: the bound of their error is among them."""
    scaled = (2 * kept + 1) * divisor << off
    for number in (scaled - divisor, scaled + divisor):
        expected = nearest(Fraction(number, divisor) * power(-160))
        assert same(quotient(number, divisor, -160), expected)


@pytest.mark.parametrize(
    ("number", "exponent", "expected"),
    [
        (1, -1074, 5e-324),
        (1, -1075, 0.0),  # half of the least float
        (3, -1075, 1e-323),
        (3, -1076, 5e-324),
        (2**53 - 1, -1075, 2.0**-1022),  # rounds up into the normal floats
        (2**54 - 1, 970, float("inf")),
        (2**53 - 1, 971, 1.7976931348623157e308),
        (0, 0, 0.0),
    ],
)
def test_the_ends_of_the_floats(number: int, exponent: int, expected: float) -> None:
    found = nearest_float(words_of(number), 0, FIRST, FIRST + N_WORDS, exponent)
    assert same(found, expected)
    if exponent <= 0:
        assert same(quotient(number, 1, exponent), expected)
