"""Compute the operations of expressions on Arrow columns; what is missing stays missing.

Every function takes Arrow arrays or scalars and returns one of them. A result that is no number
(a division by 0, the difference of two infinities) is missing, as in
:class:`aggregators.Ratio`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from commands.data.expressions.kinds import ARROW_TYPES, Kind
from commands.data.expressions.syntax import ExpressionError

__all__ = [
    "ARITHMETIC",
    "COMPARISONS",
    "constant",
    "greatest",
    "is_in",
    "joined",
    "least",
    "missing_of",
    "rounded",
    "time_between",
    "to_text",
]

TEXT_MAX = 1_000
"""Characters of a text that is put together."""
_WHOLE_MAX = 2.0**53


def _number(value: Any) -> Any:
    """Return numbers, missing where they are none."""
    return pc.if_else(pc.is_nan(value), missing_of(Kind.NUMBER), value)


def _divided(left: Any, right: Any) -> Any:
    nonzero = pc.if_else(pc.equal(right, 0.0), missing_of(Kind.NUMBER), right)
    return _number(pc.divide(left, nonzero))


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda left, right: _number(pc.add(left, right)),
    "-": lambda left, right: _number(pc.subtract(left, right)),
    "*": lambda left, right: _number(pc.multiply(left, right)),
    "/": _divided,
    "//": lambda left, right: pc.floor(_divided(left, right)),
}
"""Operator between two numbers -> its kernel."""

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
"""Operator between two values of a kind -> its kernel."""


def constant(value: Any, kind: Kind) -> pa.Scalar:
    """Return a value that is the same in every row."""
    return pa.scalar(value, type=ARROW_TYPES[kind])


def missing_of(kind: Kind) -> pa.Scalar:
    """Return the missing value of a kind."""
    return pa.scalar(None, type=ARROW_TYPES[kind])


def is_in(value: Any, among: Sequence[Any], kind: Kind) -> Any:
    """Return whether values are among others; missing where they are missing."""
    found = pc.is_in(value, value_set=pa.array(among, type=ARROW_TYPES[kind]))
    return pc.if_else(pc.is_null(value), missing_of(Kind.CONDITION), found)


def least(*values: Any) -> Any:
    """Return the least of numbers or times; missing where one of them is."""
    # Arrow's own function has no kernel for times.
    return reduce(lambda one, two: pc.if_else(pc.less_equal(one, two), one, two), values)


def greatest(*values: Any) -> Any:
    """Return the greatest of numbers or times; missing where one of them is."""
    return reduce(lambda one, two: pc.if_else(pc.greater_equal(one, two), one, two), values)


def rounded(value: Any, digits: int) -> Any:
    """Return numbers rounded to decimal digits; halves go to the even neighbour."""
    return pc.round(value, ndigits=digits, round_mode="half_to_even")


def time_between(start: Any, end: Any, unit_s: float) -> Any:
    """Return the time from one moment to another, in units of so many seconds."""
    passed_us = pc.cast(pc.cast(pc.subtract(end, start), pa.int64()), pa.float64())
    return pc.divide(passed_us, 1e6 * unit_s)


def joined(*parts: Any) -> Any:
    """Return texts put together, missing where one of them is.

    Raises:
        ExpressionError: a text would have more than ``TEXT_MAX`` characters; so columns that are
            derived from each other cannot grow without bound.
    """
    length = pa.scalar(0, type=pa.int64())
    for part in parts:
        length = pc.add(length, pc.cast(pc.utf8_length(part), pa.int64()))
    longest = length if isinstance(length, pa.Scalar) else pc.max(length)
    if (longest.as_py() or 0) > TEXT_MAX:
        raise ExpressionError(
            f"join makes a text of {longest.as_py():,} characters; expected up to {TEXT_MAX:,}"
        )
    return pc.binary_join_element_wise(*parts, constant("", Kind.TEXT))


def to_text(value: Any, kind: Kind) -> Any:
    """Return values as texts; whole numbers have no point, conditions are true or false."""
    if kind is not Kind.NUMBER:
        return pc.cast(value, pa.string())
    whole = pc.and_(pc.equal(pc.floor(value), value), pc.less_equal(pc.abs(value), _WHOLE_MAX))
    numbers = pc.if_else(whole, value, 0.0)
    return pc.if_else(
        whole, pc.cast(pc.cast(numbers, pa.int64()), pa.string()), pc.cast(value, pa.string())
    )
