"""Words: compiled instructions do what the plain Python beside them does."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregators.kernels.exact import words
from aggregators.kernels.numba_cache import inner

WORDS = st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63), 2**32, -(2**32)]) | st.integers(
    -(2**63), 2**63 - 1
)
SHIFTS = st.integers(0, 63)


# Each compiles a call: called from Python, the functions themselves are plain Python.
@inner
def added(a: int, b: int, carry: int) -> tuple[int, int]:
    return words.add_words(a, b, carry)


@inner
def added_wide(a: int, b: int, c: int, d: int) -> tuple[int, int]:
    return words.add_wide(a, b, c, d)


@inner
def multiplied_and_added(a: float, b: float, c: float) -> float:
    return words.fused(a, b, c)


@inner
def multiplied(a: int, b: int, c: int, d: int) -> tuple[int, int]:
    return words.multiply_add(a, b, c, d)


@inner
def multiplied_signed(a: int, b: int) -> tuple[int, int]:
    return words.multiply_signed(a, b)


@inner
def shifted_wide(low: int, high: int, n: int) -> tuple[int, int, int]:
    return words.shift_wide(low, high, n)


@inner
def shifted_left(a: int, n: int) -> int:
    return words.shift_left(a, n)


@inner
def shifted_right(a: int, n: int) -> int:
    return words.shift_right(a, n)


@inner
def below(a: int, b: int) -> bool:
    return words.is_below(a, b)


@inner
def zeros(a: int) -> int:
    return words.leading_zeros(a)


@pytest.mark.parametrize(
    ("call", "plain", "last"),
    [
        (added, words.add_words, st.integers(0, 1)),
        (added_wide, words.add_wide, st.integers(-(2**62), 2**62)),
        (multiplied, words.multiply_add, WORDS),
        (multiplied_signed, words.multiply_signed, WORDS),
        (shifted_wide, words.shift_wide, SHIFTS),
        (shifted_left, words.shift_left, SHIFTS),
        (shifted_right, words.shift_right, SHIFTS),
        (below, words.is_below, WORDS),
        (zeros, words.leading_zeros, WORDS),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_the_compiled_call_is_the_plain_one(
    call: Callable[..., Any], plain: Callable[..., Any], last: st.SearchStrategy[int]
) -> None:
    n_arguments = plain.__code__.co_argcount

    @given(st.tuples(*[WORDS] * (n_arguments - 1), last))
    def holds(arguments: tuple[int, ...]) -> None:
        assert call(*arguments) == plain(*arguments)

    holds()


@given(WORDS, WORDS, WORDS, WORDS)
def test_products_and_sums_are_those_of_integers(a: int, b: int, c: int, d: int) -> None:
    def unsigned(word: int) -> int:
        return word % 2**64

    low, high = words.multiply_add(a, b, c, d)
    exact = unsigned(a) * unsigned(b) + unsigned(c) + unsigned(d)
    assert unsigned(low) + unsigned(high) * 2**64 == exact
    low, high = words.multiply_signed(a, b)
    assert unsigned(low) + high * 2**64 == a * b
    total, carry = words.add_words(a, b, 1)
    assert unsigned(total) + carry * 2**64 == unsigned(a) + unsigned(b) + 1
    low, high = words.add_wide(a, b // 4, c, d // 4)
    assert unsigned(low) + high * 2**64 == unsigned(a) + unsigned(c) + (b // 4 + d // 4) * 2**64
    assert words.is_below(a, b) == (unsigned(a) < unsigned(b))
    assert words.leading_zeros(a) == 64 - unsigned(a).bit_length()


@given(WORDS, WORDS, SHIFTS)
def test_shifts_are_powers_of_two(low: int, high: int, n: int) -> None:
    w0, w1, w2 = words.shift_wide(low, high, n)
    assert w0 % 2**64 + (w1 % 2**64) * 2**64 + w2 * 2**128 == (low % 2**64 + high * 2**64) * 2**n
    assert words.shift_left(low, n) % 2**64 == low * 2**n % 2**64
    assert words.shift_right(low, n) % 2**64 == low % 2**64 // 2**n


@given(*[st.floats(-1e100, 1e100).filter(lambda x: x == 0 or abs(x) > 1e-100)] * 3)
def test_a_product_and_a_sum_are_rounded_once(a: float, b: float, c: float) -> None:
    expected = float(Fraction(a) * Fraction(b) + Fraction(c))
    assert words.fused(a, b, c) == multiplied_and_added(a, b, c) == expected


def test_a_product_that_is_rounded_leaves_its_error() -> None:
    a = 1 + 2.0**-30
    assert words.fused(a, a, -(a * a)) == multiplied_and_added(a, a, -(a * a)) == 2.0**-60
