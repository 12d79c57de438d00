"""Add up floats as numpy does: pairwise, to the last bit.

For calculators that must equal tsfresh's own. The loops are vectorised all the same.
"""

from __future__ import annotations

from aggregators.kernels.numba_cache import inlined, inner
from aggregators.typing import Float64Array, Int64Array

__all__ = ["MAX_SPLITS", "STACK_SIZE", "pairwise_sum"]

PAIRWISE_BLOCK = 128
MAX_SPLITS = 64
STACK_SIZE = 3 * MAX_SPLITS


@inlined
def pairwise_sum(
    a: Float64Array, start: int, n: int, stack: Int64Array, partial_sums: Float64Array
) -> float:
    """Return the sum of ``a[start:start + n]`` as numpy adds: pairwise, in blocks of 128."""
    if n < 8:
        small = -0.0
        for i in range(start, start + n):
            small += a[i]
        return small
    if n <= PAIRWISE_BLOCK:
        return block_sum(a, start, n)
    return split_sum(a, start, n, stack, partial_sums)


@inner
def split_sum(
    a: Float64Array, start: int, n: int, stack: Int64Array, partial_sums: Float64Array
) -> float:
    """Return the sum of more than 128 values: halves of halves, as numpy splits them.

    Numpy recurses; this walks the same tree with a stack, as numba's cache cannot hold recursion.
    """
    depth = 0
    stack[0], stack[1], stack[2] = start, n, 0
    while True:
        first, size = stack[depth], stack[depth + 1]
        half = size // 2
        half -= half % 8
        if size > PAIRWISE_BLOCK:
            depth += 3
            stack[depth], stack[depth + 1], stack[depth + 2] = first, half, 0
            continue
        total = block_sum(a, first, size)
        depth -= 3
        while depth >= 0 and stack[depth + 2] == 1:  # its left half has been added up before
            total += partial_sums[depth // 3]
            depth -= 3
        if depth < 0:
            return total
        partial_sums[depth // 3] = total
        stack[depth + 2] = 1
        first, size = stack[depth], stack[depth + 1]
        half = size // 2
        half -= half % 8
        depth += 3
        stack[depth], stack[depth + 1], stack[depth + 2] = first + half, size - half, 0


@inner
def block_sum(a: Float64Array, start: int, n: int) -> float:
    """Return the sum of 8 to 128 values with eight running sums."""
    r0, r1, r2, r3 = a[start], a[start + 1], a[start + 2], a[start + 3]
    r4, r5, r6, r7 = a[start + 4], a[start + 5], a[start + 6], a[start + 7]
    whole = n - n % 8
    for i in range(start + 8, start + whole, 8):
        r0 += a[i]
        r1 += a[i + 1]
        r2 += a[i + 2]
        r3 += a[i + 3]
        r4 += a[i + 4]
        r5 += a[i + 5]
        r6 += a[i + 6]
        r7 += a[i + 7]
    result = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for i in range(start + whole, start + n):
        result += a[i]
    return result
