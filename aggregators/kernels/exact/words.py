"""Compute with words: 64-bit patterns in int64, of which long integers are made.

Numba has no carries and no products of 128 bits. Here they are, as single instructions of the
processor. Each function is plain Python first; kernels get the version of ``_COMPILED``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from numba import types
from numba.core.typing.templates import signature
from numba.extending import lower_builtin, type_callable

from aggregators.kernels.argument_types import tuple_type

__all__ = [
    "add_wide",
    "add_words",
    "fused",
    "is_below",
    "leading_zeros",
    "multiply_add",
    "multiply_signed",
    "shift_left",
    "shift_right",
    "shift_wide",
]

WORD_MASK = (1 << 64) - 1


def _signed(value: int) -> int:
    """Return the int64 of the lowest 64 bits."""
    value &= WORD_MASK
    return value - (1 << 64) if value >> 63 else value


def _unsigned(word: int) -> int:
    return int(word) & WORD_MASK


def _wide(low: int, high: int) -> int:
    """Return the signed number of two words."""
    return (int(high) << 64) + _unsigned(low)


def add_words(a: int, b: int, carry: int) -> tuple[int, int]:
    """Return the lowest word of ``a + b + carry`` (all unsigned), and the carry, 0 or 1."""
    total = _unsigned(a) + _unsigned(b) + int(carry)
    return _signed(total), total >> 64


def add_wide(low: int, high: int, more_low: int, more_high: int) -> tuple[int, int]:
    """Return the sum of two signed numbers of two words."""
    total = _wide(low, high) + _wide(more_low, more_high)
    return _signed(total), _signed(total >> 64)


def multiply_add(a: int, b: int, c: int, d: int) -> tuple[int, int]:
    """Return ``a * b + c + d`` (all unsigned) as two words; it always fits."""
    total = _unsigned(a) * _unsigned(b) + _unsigned(c) + _unsigned(d)
    return _signed(total), _signed(total >> 64)


def multiply_signed(a: int, b: int) -> tuple[int, int]:
    """Return ``a * b`` (both signed) as the two words of a signed number."""
    product = int(a) * int(b)
    return _signed(product), _signed(product >> 64)


def shift_wide(low: int, high: int, n: int) -> tuple[int, int, int]:
    """Return a signed number of two words, times 2^n, as three words; n from 0 to 63."""
    shifted = _wide(low, high) << int(n)
    return _signed(shifted), _signed(shifted >> 64), _signed(shifted >> 128)


def shift_left(word: int, n: int) -> int:
    """Return the word's bits moved up by n, from 0 to 63."""
    return _signed(int(word) << int(n))


def shift_right(word: int, n: int) -> int:
    """Return the word's bits moved down by n, from 0 to 63, with zeros above."""
    return _signed(_unsigned(word) >> int(n))


def is_below(a: int, b: int) -> bool:
    """Return whether ``a < b`` (both unsigned)."""
    return _unsigned(a) < _unsigned(b)


def leading_zeros(word: int) -> int:
    """Return how many zeros stand above the highest bit that is set: 64 for 0."""
    return 64 - _unsigned(word).bit_length()


def fused(a: float, b: float, c: float) -> float:
    """Return ``a * b + c``, rounded once; all are finite."""
    return float(Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c)))


Emit = Callable[[Any, Any, list[Any]], list[Any]]
"""Writes the instructions of a function: builder, LLVM's integer type of a bit width, arguments."""


def _emit_add_words(builder: Any, bits: Any, words: list[Any]) -> list[Any]:
    a, b, carry = (builder.zext(word, bits(128)) for word in words)
    return _split(builder, bits, builder.add(builder.add(a, b), carry), 2)


def _emit_add_wide(builder: Any, bits: Any, words: list[Any]) -> list[Any]:
    a, b = (_joined(builder, bits, *words[i : i + 2]) for i in (0, 2))
    return _split(builder, bits, builder.add(a, b), 2)


def _emit_multiply_add(builder: Any, bits: Any, words: list[Any]) -> list[Any]:
    a, b, c, d = (builder.zext(word, bits(128)) for word in words)
    return _split(builder, bits, builder.add(builder.add(builder.mul(a, b), c), d), 2)


def _emit_multiply_signed(builder: Any, bits: Any, words: list[Any]) -> list[Any]:
    a, b = (builder.sext(word, bits(128)) for word in words)
    return _split(builder, bits, builder.mul(a, b), 2)


def _emit_shift_wide(builder: Any, bits: Any, words: list[Any]) -> list[Any]:
    low, high, n = words
    wide = bits(128)
    left = builder.zext(n, wide)
    right = builder.sub(wide(64), left)
    lowest = builder.shl(low, n)
    middle = builder.lshr(_joined(builder, bits, low, high), right)
    top = builder.ashr(builder.sext(high, wide), right)
    return [lowest, builder.trunc(middle, bits(64)), builder.trunc(top, bits(64))]


def _emit_shift_left(builder: Any, _bits: Any, words: list[Any]) -> list[Any]:
    return [builder.shl(*words)]


def _emit_shift_right(builder: Any, _bits: Any, words: list[Any]) -> list[Any]:
    return [builder.lshr(*words)]


def _emit_is_below(builder: Any, _bits: Any, words: list[Any]) -> list[Any]:
    return [builder.icmp_unsigned("<", *words)]


def _emit_leading_zeros(builder: Any, bits: Any, words: list[Any]) -> list[Any]:
    return [builder.ctlz(words[0], bits(1)(0))]


def _emit_fused(builder: Any, _bits: Any, numbers: list[Any]) -> list[Any]:
    return [builder.fma(*numbers)]


def _joined(builder: Any, bits: Any, low: Any, high: Any) -> Any:
    """Return the number of two words."""
    wide = bits(128)
    return builder.or_(builder.zext(low, wide), builder.shl(builder.zext(high, wide), wide(64)))


def _split(builder: Any, bits: Any, number: Any, n_words: int) -> list[Any]:
    """Return the words of a number, the lowest first."""
    width = number.type
    return [builder.trunc(builder.lshr(number, width(64 * i)), bits(64)) for i in range(n_words)]


_COMPILED: dict[Callable[..., Any], tuple[Emit, Any]] = {
    add_wide: (_emit_add_wide, tuple_type(types.int64, 2)),
    add_words: (_emit_add_words, tuple_type(types.int64, 2)),
    multiply_add: (_emit_multiply_add, tuple_type(types.int64, 2)),
    multiply_signed: (_emit_multiply_signed, tuple_type(types.int64, 2)),
    shift_wide: (_emit_shift_wide, tuple_type(types.int64, 3)),
    shift_left: (_emit_shift_left, types.int64),
    shift_right: (_emit_shift_right, types.int64),
    is_below: (_emit_is_below, types.boolean),
    leading_zeros: (_emit_leading_zeros, types.int64),
    fused: (_emit_fused, types.float64),
}


def _register(function: Callable[..., Any], emit: Emit, result: Any) -> None:
    """Let numba compile calls of a function into the instructions that ``emit`` writes."""
    parameters = inspect.signature(function)
    make_signature: Any = signature
    given = types.float64 if result == types.float64 else types.int64
    as_words = make_signature(result, *[given] * len(parameters.parameters))

    def type_call(*_words: Any) -> Any:
        return as_words

    type_call.__signature__ = parameters  # type: ignore[attr-defined]  # numba binds arguments to it

    def compile_call(context: Any, builder: Any, kind: Any, words: list[Any]) -> Any:
        found = emit(builder, type(context.get_value_type(types.int64)), words)
        return context.make_tuple(builder, kind.return_type, found) if len(found) > 1 else found[0]

    register_type: Any = type_callable
    register_type(function)(lambda _context: type_call)
    register_call: Any = lower_builtin
    register_call(function, *as_words.args)(compile_call)


for _function, (_emit, _result) in _COMPILED.items():
    _register(_function, _emit, _result)
