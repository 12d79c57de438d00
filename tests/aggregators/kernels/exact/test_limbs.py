"""Long integers of neighbouring words are Python's integers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aggregators.kernels.exact.limbs import (
    add_multiple,
    add_shifted,
    copy_positive,
    make_positive,
    negate,
    set_to_zero,
)
from aggregators.typing import Int64Array

FIRST, STOP, OTHER, END = 1, 6, 7, 11
LONG = st.integers(-(2**254), 2**254)
WIDE = st.integers(-(2**127), 2**127 - 1)


def row_with(number: int, other: int = 0) -> Int64Array:
    """Two rows, the second of which holds two long integers among other words."""
    words = np.full((2, END + 1), 5, np.int64)
    for first, stop, value in ((FIRST, STOP, number), (OTHER, END, other)):
        raw = value.to_bytes(8 * (stop - first), "little", signed=True)
        words[1, first:stop] = np.frombuffer(raw, np.int64)
    return words


def number_in(words: Int64Array, first: int = FIRST, stop: int = STOP) -> int:
    """The long integer; what stands around both of them must be as it was."""
    assert (words[0] == 5).all()
    assert words[1, 0] == words[1, OTHER - 1] == words[1, END] == 5
    return int.from_bytes(words[1, first:stop].tobytes(), "little", signed=True)


@given(LONG, WIDE, st.integers(0, 126))
def test_a_shifted_number_is_added(number: int, added: int, shift: int) -> None:
    words = row_with(number)
    low = added % 2**64
    add_shifted(words, 1, FIRST, STOP, low - 2**64 if low >= 2**63 else low, added >> 64, shift)
    assert number_in(words) == number + added * 2**shift


@given(LONG, st.integers(-(2**250), 2**250), st.integers(0, 2**63 - 1))
def test_a_multiple_is_added(number: int, other: int, factor: int) -> None:
    words = row_with(number, other)
    add_multiple(words, 1, FIRST, STOP, OTHER, END - OTHER, factor)
    assert number_in(words) == number + other * factor
    assert number_in(words, OTHER, END) == other


@given(LONG)
def test_signs(number: int) -> None:
    words = row_with(number)
    negate(words, 1, FIRST, STOP)
    assert number_in(words) == -number
    assert make_positive(words, 1, FIRST, STOP) == (number > 0)
    assert number_in(words) == abs(number)
    set_to_zero(words, 1, FIRST, STOP)
    assert number_in(words) == 0


@given(st.integers(-(2**250), 2**250))
def test_a_size_is_copied(number: int) -> None:
    words = row_with(0, number)
    assert copy_positive(words, 1, OTHER, END, FIRST) == (number < 0)
    assert number_in(words, FIRST, FIRST + END - OTHER) == abs(number)
    assert number_in(words, OTHER, END) == number
