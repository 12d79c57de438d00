"""Check the values that events carry: ids, dimensions, attributes and facts."""

from __future__ import annotations

import math
from typing import TypeGuard

import numpy as np

from aggregators.errors import ColumnError, SampleIdError
from aggregators.typing import Key, SampleId

__all__ = [
    "MAX_TEXT_CHARACTERS",
    "WHITESPACE",
    "check_attribute",
    "check_fact",
    "check_key",
    "check_sample_id",
    "is_unicode",
    "too_long",
]

MAX_TEXT_CHARACTERS = 256
"""Characters of a sample's id, a dimension's value, or a fact that is a text."""

WHITESPACE = " \t\n\v\f\r"
"""Does not count around a text that stands for no value."""

_SHOWN_CHARACTERS = 60
_INT64_LIMIT = 2**63


def is_unicode(value: str) -> bool:
    """Return whether tables and files can hold this text: UTF-8 has no lone surrogates."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def too_long(text: str, what: str) -> str:
    """Return the message for an id or a value with too many characters."""
    return (
        f"{what} is {_shown(text)} and has {len(text):,} characters; at most"
        f" {MAX_TEXT_CHARACTERS} are taken"
    )


def check_sample_id(value: object, what: str) -> SampleId:
    """Return a sample id as plain int or str, or raise :class:`SampleIdError`."""
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS:
        raise SampleIdError(too_long(value, what))
    if isinstance(value, str) and is_unicode(value):
        return str(value)
    if _is_int64(value):
        return int(value)
    raise SampleIdError(
        f"{what} is {_shown(value)} ({type(value).__name__}); expected a string of valid Unicode or"
        " a 64-bit integer"
    )


def check_key(value: object, what: str) -> Key:
    """Return a dimension's value as plain int, str or None, or raise :class:`DataError`."""
    if value is None:
        return None
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS:
        raise ColumnError(too_long(value, what))
    if isinstance(value, str) and is_unicode(value):
        return str(value)
    if _is_int64(value):
        return int(value)
    if isinstance(value, float | np.floating):
        if math.isnan(value):
            return None
        if float(value).is_integer() and abs(float(value)) < 2**53:
            return int(value)
    if type(value).__name__ in ("NAType", "NaTType"):  # those of pandas
        return None
    raise ColumnError(
        f"{what} is {_shown(value)} ({type(value).__name__}); expected a string of valid Unicode, a"
        " 64-bit integer or None"
    )


def check_attribute(value: object, what: str) -> float | None:
    """Return an attribute's value as float, None where missing, or raise :class:`ColumnError`."""
    if value is None:
        return None
    if isinstance(value, int | float | np.number) and not isinstance(value, complex):
        try:
            number = float(value)
        except OverflowError:  # an integer that no float can hold
            raise ColumnError(f"{what} is an integer beyond the range of a 64-bit float") from None
        if math.isnan(number):
            return None
        if math.isfinite(number):
            return number + 0.0  # -0.0 becomes 0.0: equal windows are equal to the bit
    raise ColumnError(
        f"{what} is {value!r} ({type(value).__name__}); expected a finite number or None"
    )


def check_fact(value: object, what: str) -> str | bool | int | float | None:
    """Return a fact as plain str, bool, int or float, None where missing.

    A number without a fraction becomes an integer, as in JSON 3.0 is 3. Raises :class:`ColumnError`
    for anything else.
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, float | np.floating) and math.isfinite(value):
        number = float(value)
        is_whole = number.is_integer() and -_INT64_LIMIT <= number < _INT64_LIMIT
        return int(number) if is_whole else number
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS:
        raise ColumnError(too_long(value, what))
    try:
        return check_key(value, what)
    except ColumnError:
        raise ColumnError(
            f"{what} is {_shown(value)} ({type(value).__name__}); expected a string of valid"
            " Unicode, a finite number, a 64-bit integer, true, false or None"
        ) from None


def _is_int64(value: object) -> TypeGuard[int]:
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        return False
    return -_INT64_LIMIT <= int(value) < _INT64_LIMIT


def _shown(value: object) -> str:
    """Return a value for messages; a long one is cut off."""
    if isinstance(value, int) and not _is_int64(value) and not isinstance(value, bool):
        return "an integer beyond 64 bits"  # Python writes none of thousands of digits
    text = repr(value[: _SHOWN_CHARACTERS + 1] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN_CHARACTERS + 2 else f"{text[:_SHOWN_CHARACTERS]}..."
