"""Define the types of the kernels' arguments: each kernel is compiled for one list of them.

All arrays are contiguous (C order) and writeable: a second layout of one array would be a second
kernel to compile.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numba import types

__all__ = [
    "BOOL",
    "BOOLS",
    "FLOAT",
    "FLOATS",
    "FLOATS_2D",
    "INT",
    "INTS",
    "INTS32",
    "INTS_2D",
    "UINTS32",
    "UINTS64",
    "struct",
    "tuple_type",
]

INT = types.int64
FLOAT = types.float64
BOOL = types.boolean

INTS = types.Array(types.int64, 1, "C")
INTS_2D = types.Array(types.int64, 2, "C")
FLOATS = types.Array(types.float64, 1, "C")
FLOATS_2D = types.Array(types.float64, 2, "C")
BOOLS = types.Array(types.boolean, 1, "C")
INTS32 = types.Array(types.int32, 1, "C")
UINTS32 = types.Array(types.uint32, 1, "C")
UINTS64 = types.Array(types.uint64, 1, "C")


def struct(kind: type[NamedTuple], *fields: Any) -> Any:
    """Return the type of a named tuple, whose fields have these types."""
    make: Any = types.BaseTuple.from_types  # numba has one for like fields, another for unlike
    return make(fields, kind)


def tuple_type(kind: Any, n: int) -> Any:
    """Return the type of a tuple of ``n`` values of one type."""
    make: Any = types.UniTuple
    return make(kind, n)
