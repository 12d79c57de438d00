"""Keep the values of one attribute in a window: how many, their exact sums, and their order.

A track stands in a row of ``slots`` from the field ``at`` on; its accumulator is a row of ``sums``.
What is kept follows from the functions that are asked for: a mask of ``SUM``, ``SQUARES``,
``RANKS`` (rank times value), ``ORDER`` (the tree of keys) and ``PLACES`` (the first and the last).
"""

from __future__ import annotations

from aggregators.functions import CODES
from aggregators.kernels.exact.accumulators import (
    N_WIDE,
    S1,
    S2,
    SQUARES,
    SUM,
    SUMS_WIDTH,
    T,
    add,
    clear,
)
from aggregators.kernels.exact.limbs import add_multiple
from aggregators.kernels.numba_cache import inlined, inner
from aggregators.kernels.sliding.sorted_keys import TREE_SIZE, clear_tree, erase_key, insert_key
from aggregators.typing import Int64Array

__all__ = [
    "COUNT",
    "ENTERING",
    "FIRST",
    "KEPT_FOR",
    "LAST",
    "ORDER",
    "PLACES",
    "RANKS",
    "TRACK_SIZE",
    "TREE",
    "clear_values",
    "copy_sums",
    "enter_value",
    "leave_value",
    "raise_ranks",
]

# The fields of a track: how many values are in, the positions of the first and the last of them
# (only with PLACES), the heap of what will enter, the tree.
COUNT, FIRST, LAST, ENTERING, TREE = range(5)
TRACK_SIZE = TREE + TREE_SIZE

# What is kept of a track, as bits of a mask that begins with those of the accumulators.
RANKS, ORDER, PLACES = 4, 8, 16

KEPT_FOR = {
    CODES["count"]: 0,
    CODES["sum"]: SUM,
    CODES["mean"]: SUM,
    CODES["var"]: SUM | SQUARES,
    CODES["std"]: SUM | SQUARES,
    CODES["trend"]: SUM | RANKS | PLACES,
    CODES["min"]: ORDER,
    CODES["max"]: ORDER,
    CODES["median"]: ORDER,
    CODES["quantile"]: ORDER,
    CODES["n_unique"]: ORDER,
    CODES["first"]: PLACES,
    CODES["last"]: PLACES,
}
"""What each function needs. Functions that are not here need the whole window."""


@inlined
def enter_value(
    slots: Int64Array,
    nodes: Int64Array,
    sums: Int64Array,
    slot: int,
    at: int,
    accumulator: int,
    kind: int,
    wanted: int,
    key: int,
) -> None:
    """Add a value, but for its rank and place; ``MOST_NEW_NODES`` nodes must be free."""
    slots[slot, at + COUNT] += 1
    if wanted & SUM:
        add(sums, accumulator, kind, key, 1, wanted)
    if wanted & ORDER:
        insert_key(nodes, slots, slot, at + TREE, key)


@inlined
def leave_value(
    slots: Int64Array,
    nodes: Int64Array,
    sums: Int64Array,
    slot: int,
    at: int,
    accumulator: int,
    kind: int,
    wanted: int,
    key: int,
) -> None:
    """Take a value away that has been added, but for its rank and place."""
    slots[slot, at + COUNT] -= 1
    if wanted & SUM:
        add(sums, accumulator, kind, key, -1, wanted)
    if wanted & ORDER:
        erase_key(nodes, slots, slot, at + TREE, key)


@inlined
def clear_values(
    slots: Int64Array, nodes: Int64Array, sums: Int64Array, slot: int, at: int, accumulator: int
) -> None:
    """Remove all values; the heaps stay."""
    slots[slot, at + COUNT] = 0
    slots[slot, at + FIRST] = -1
    slots[slot, at + LAST] = -1
    clear_tree(nodes, slots, slot, at + TREE)
    clear(sums, accumulator)


@inlined
def copy_sums(sums: Int64Array, accumulator: int, to: int) -> None:
    """Copy an accumulator."""
    for i in range(SUMS_WIDTH):
        sums[to, i] = sums[accumulator, i]


@inner
def raise_ranks(sums: Int64Array, accumulator: int) -> None:
    """Raise all ranks by one, before a value of rank 0 is added."""
    add_multiple(sums, accumulator, T, N_WIDE, S1, S2 - S1, 1)
