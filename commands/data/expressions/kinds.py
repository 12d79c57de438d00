"""The kinds of values that expressions have."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pyarrow as pa

__all__ = ["ARROW_TYPES", "Kind", "kind_of_type"]


class Kind(StrEnum):
    """What the values of an expression are."""

    NUMBER = "number"
    TEXT = "text"
    TIME = "time"
    CONDITION = "condition"


ARROW_TYPES: dict[Kind, Any] = {
    Kind.NUMBER: pa.float64(),
    Kind.TEXT: pa.string(),
    Kind.TIME: pa.timestamp("us", tz="UTC"),
    Kind.CONDITION: pa.bool_(),
}
"""How the values of a kind are kept."""


def kind_of_type(type_: pa.DataType) -> Kind | None:
    """Return the kind of a column of a typed file; None: expressions cannot read it.

    >>> kind_of_type(pa.int32()), kind_of_type(pa.list_(pa.int8()))
    (<Kind.NUMBER: 'number'>, None)
    """
    types = pa.types
    if types.is_dictionary(type_):
        return kind_of_type(type_.value_type)
    if types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_):
        return Kind.NUMBER
    if types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_):
        return Kind.TEXT
    if types.is_timestamp(type_):
        return Kind.TIME
    return Kind.CONDITION if types.is_boolean(type_) else None
