"""Find the lowest bit of a set of leaves by the processor's own instruction."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.typing.templates import Signature
from numba.extending import intrinsic, overload

__all__ = ["lowest_bit"]


def lowest_bit(bits: int) -> int:
    """Return the position of the lowest bit of an unsigned integer of 64 bits that is not 0.

    >>> lowest_bit(0b101000)
    3
    """
    return (int(bits) & -int(bits)).bit_length() - 1


def _generate_trailing_zeros(
    _typing: Any, bits: Any
) -> tuple[Signature, Any]:  # pragma: no cover (it runs in the compiler)
    """Count the zeros below the lowest bit, whatever the count of 0 is."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        of_zero_is_undefined: Any = cgutils.true_bit
        return builder.cttz(arguments[0], of_zero_is_undefined)

    return types.uint64(bits), generate


_make: Any = intrinsic  # numba's own annotations do not know that the typing context is given
_trailing_zeros: Any = _make(_generate_trailing_zeros)


@overload(lowest_bit, inline="always")
def _compiled_lowest_bit(bits: Any) -> Any:
    """Return what stands for :func:`lowest_bit` in compiled kernels."""
    if bits != types.uint64:
        return None

    def found(bits: Any) -> Any:
        return types.int64(_trailing_zeros(bits))

    return found
