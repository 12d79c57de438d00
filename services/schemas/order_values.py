"""Which values a fact of an order can have: numbers within bounds, texts, integers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from estimators.core.values import Value
from services.core.errors import InvalidRequest
from services.core.limits import MAX_TEXT_CHARACTERS
from services.schemas.fact_bounds import BOUNDS, impossible

__all__ = ["Kind", "check_value", "is_good_column", "kinds_of"]

Kind: TypeAlias = type[str] | type[int]
"""The type of a category's values."""

_NUMBERS = frozenset((int, float, type(None)))
_TEXTS = frozenset((str, int, type(None)))


def kinds_of(categories: Mapping[str, Sequence[Value]]) -> dict[str, Kind]:
    """Return of which type the values of categories are, where all of one are of the same.

    >>> kinds_of({"city": ("BCN", "WAW"), "store_id": (1, 2), "zone": ("1", 2), "building": ()})
    {'city': <class 'str'>, 'store_id': <class 'int'>}
    """
    kinds: dict[str, Kind] = {}
    for name, values in categories.items():
        for kind in (str, int):
            if values and all(type(value) is kind for value in values):
                kinds[name] = kind
    return kinds


def check_value(
    path: str, name: str, value: object, *, is_number: bool, kind: Kind | None = None
) -> None:
    """Check the type of a value that is there.

    Args:
        path: where it stands.
        name: its name.
        value: not None.
        is_number: whether it must be a number.
        kind: of which type the values of a category were in training; None: that is not known.

    Raises:
        InvalidRequest: a number that is none, not finite or beyond what an order can have; a text
            that is none or too long; a category of another type than in training.
    """
    if is_number:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidRequest(
                f"expected a number or null, got {type(value).__name__}", field=f"{path}.{name}"
            )
        if not _is_finite(value):
            raise InvalidRequest(
                "expected a finite number within the range of a 64-bit float",
                field=f"{path}.{name}",
            )
        bounds = BOUNDS.get(name)
        if bounds is not None and not bounds.low <= value <= bounds.high:
            raise InvalidRequest(impossible(name, value), field=f"{path}.{name}")
        return
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidRequest(
            f"expected a string, an integer or null, got {type(value).__name__}",
            field=f"{path}.{name}",
        )
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS:
        raise InvalidRequest(
            f"has {len(value)} characters; at most {MAX_TEXT_CHARACTERS} are taken",
            field=f"{path}.{name}",
        )
    if kind is not None and type(value) is not kind:
        words = {str: "a string", int: "an integer"}
        raise InvalidRequest(
            f"is {value!r}; expected {words[kind]}, as the model knows it, or null",
            field=f"{path}.{name}",
        )


def is_good_column(
    name: str, column: Sequence[Any], *, is_number: bool, kind: Kind | None = None
) -> bool:
    """Return whether no value of a column needs a closer look: quick, for most have none."""
    if is_number:
        if not _NUMBERS.issuperset(map(type, column)):
            return False
        values = [value for value in column if value is not None]
        try:
            is_finite = all(map(math.isfinite, values))
        except OverflowError:
            return False
        if not values or not is_finite:
            return is_finite
        bounds = BOUNDS.get(name)
        return bounds is None or (bounds.low <= min(values) and max(values) <= bounds.high)
    types = set(map(type, column))
    if not (_TEXTS if kind is None else {kind, type(None)}).issuperset(types):
        return False
    return all(len(one) <= MAX_TEXT_CHARACTERS for one in set(column) if isinstance(one, str))


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # JSON allows integers that no float can hold
        return False
