"""Keep (moment, row) pairs by their moment: pairing heaps in one shared pool.

Any number of heaps share the pool. To push costs a step, to pop some steps more, and a heap that is
empty needs no memory. A heap is the number of its first entry, 0 where it is empty.

M. L. Fredman, R. Sedgewick, D. D. Sleator, R. E. Tarjan, "The pairing heap", Algorithmica 1 (1986).
"""

from __future__ import annotations

from aggregators.kernels.numba_cache import inlined, inner
from aggregators.kernels.sliding.pool import give_back, take
from aggregators.typing import Int64Array

__all__ = [
    "ENTRY_SIZE",
    "MOMENT",
    "ROW",
    "clear_heap",
    "pop",
    "push",
]

# The fields of an entry.
MOMENT, ROW, CHILD, SIBLING = range(4)
ENTRY_SIZE = 4


@inlined
def _merged(entries: Int64Array, a: int, b: int) -> int:
    """Return the heap of two heaps, neither of which is empty: the later one becomes a child.

    Of equal moments the lower row comes first.
    """
    before, after = entries[a, MOMENT], entries[b, MOMENT]
    if after < before or (after == before and entries[b, ROW] < entries[a, ROW]):
        a, b = b, a
    entries[b, SIBLING] = entries[a, CHILD]
    entries[a, CHILD] = b
    return a


@inner
def push(entries: Int64Array, heap: int, moment: int, row: int) -> int:
    """Return the heap with one pair more; an entry must be free."""
    new = take(entries, SIBLING)
    entries[new, MOMENT] = moment
    entries[new, ROW] = row
    entries[new, CHILD] = 0
    entries[new, SIBLING] = 0
    return new if heap == 0 else _merged(entries, heap, new)


@inner
def pop(entries: Int64Array, heap: int) -> int:
    """Return the heap without its first entry."""
    child = entries[heap, CHILD]
    give_back(entries, heap, SIBLING)
    # Merge pairs of children from left to right, then all pairs from right to left.
    pairs = 0
    while child != 0:
        second = entries[child, SIBLING]
        if second == 0:
            entries[child, SIBLING] = pairs
            pairs = child
            break
        following = entries[second, SIBLING]
        merged = _merged(entries, child, second)
        entries[merged, SIBLING] = pairs
        pairs = merged
        child = following
    if pairs == 0:
        return 0
    result = pairs
    pairs = entries[result, SIBLING]
    entries[result, SIBLING] = 0
    while pairs != 0:
        following = entries[pairs, SIBLING]
        entries[pairs, SIBLING] = 0
        result = _merged(entries, result, pairs)
        pairs = following
    return result


@inner
def clear_heap(entries: Int64Array, heap: int) -> None:
    """Give all entries of a heap back."""
    waiting = heap  # children are put before their parent's siblings
    while waiting != 0:
        following = entries[waiting, SIBLING]
        child = entries[waiting, CHILD]
        give_back(entries, waiting, SIBLING)
        if child != 0:
            last = child
            while entries[last, SIBLING] != 0:
                last = entries[last, SIBLING]
            entries[last, SIBLING] = following
            following = child
        waiting = following
