"""Move integers within an array by ``memmove``: numba's loops move one element at a time."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.typing.templates import Signature
from numba.extending import intrinsic, overload

from aggregators.typing import Int64Array

__all__ = ["move"]

BYTES = 8


def move(array: Int64Array, row: int, target: int, source: int, n: int) -> None:
    """Copy ``n`` elements of a row of a two-dimensional array within it; both may overlap.

    >>> import numpy as np
    >>> table = np.array([[1, 2, 3, 4]])
    >>> move(table, 0, 1, 0, 3)
    >>> table.tolist()
    [[1, 1, 2, 3]]
    """
    array[row, target : target + n] = array[row, source : source + n].copy()


def _generate_memmove(
    _typing: Any, array: Any, target: Any, source: Any, n: Any
) -> tuple[Signature, Any]:  # pragma: no cover (it runs in the compiler)
    """Copy elements within an array, their places counted over all rows."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        structure = context.make_array(signature.args[0])(context, builder, arguments[0])
        memmove: Any = cgutils.raw_memmove
        to, of = (builder.gep(structure.data, [place]) for place in arguments[1:3])
        memmove(builder, to, of, arguments[3], BYTES)
        return context.get_dummy_value()

    return types.void(array, target, source, n), generate


_make: Any = intrinsic  # numba's own annotations do not know that the typing context is given
_memmove: Any = _make(_generate_memmove)


@overload(move, inline="always")
def _compiled_move(array: Any, row: Any, target: Any, source: Any, n: Any) -> Any:
    """Return what stands for :func:`move` in compiled kernels."""

    def moved(array: Any, row: Any, target: Any, source: Any, n: Any) -> None:
        first = row * array.shape[1]
        _memmove(array, first + target, first + source, n)

    return moved
