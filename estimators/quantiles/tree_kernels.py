"""Kernels that sum the leaves of an ensemble's trees, for one row and for many.

One row walks down several trees side by side, so that the processor does not wait for one
comparison before it begins another. Many rows are compared with one node after the other, and each
row keeps the set of leaves that it can still reach: no branch depends on a value, and what all rows
have in common (one order, two hundred couriers) is compared once.

Source: Lucchese et al.: QuickScorer, a fast algorithm to rank documents with additive ensembles of
regression trees (SIGIR 2015).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aggregators.kernels.argument_types import (
    FLOATS,
    FLOATS_2D,
    INTS,
    INTS32,
    UINTS32,
    UINTS64,
    struct,
)
from aggregators.kernels.numba_cache import compiled, inlined
from estimators.core.typing import FloatArray, IntArray
from estimators.quantiles.lowest_bit import lowest_bit

__all__ = [
    "BLOCK_ROWS",
    "CATEGORY",
    "LARGEST",
    "LEAVES_MAX",
    "NAN_IS_ZERO",
    "NAN_LEFT",
    "NAN_RIGHT",
    "NONE",
    "ROW_TRAVERSAL",
    "TREE_INPUTS",
    "ZERO_LEFT",
    "ZERO_RIGHT",
    "BatchTraversal",
    "RowTraversal",
    "TreeInputs",
    "averaged",
    "in_set",
    "read_value",
    "score_many",
    "score_one",
]

Int32Array = npt.NDArray[np.int32]
UInt32Array = npt.NDArray[np.uint32]
UInt64Array = npt.NDArray[np.uint64]

# How a column of X is to be read, so that one comparison does what the node says of missing values:
# infinities take the side of the node's default. Where infinity stands for missing values, one that
# was given is read as LARGEST, and so is the threshold of a node that sends only missing values to
# the right, as nothing is above infinity.
NAN_IS_ZERO, NAN_LEFT, NAN_RIGHT, ZERO_LEFT, ZERO_RIGHT, CATEGORY = range(6)

ZERO = float(np.float32(1e-35))
"""LightGBM treats values no further from zero as zero."""

LARGEST = float(np.finfo(np.float64).max)
"""The largest finite number."""

CATEGORIES_END = 2_147_483_648.0
"""Categories are 32-bit integers; larger values are in no set."""

LEAVES_MAX = 64
"""Leaves of a tree whose sets fit into an integer."""

BLOCK_ROWS = 128
"""Rows that are compared together: their columns stay in the fastest memory."""

LANES = 4
"""Trees that one row is walked down side by side."""

ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
NONE = np.uint64(0)


class TreeInputs(NamedTuple):
    """The columns that rows are read by, for one row and for many.

    Args:
        features: the feature of each column that nodes compare.
        kinds: how each column is read.
        sets: sets of categories, 32 to a word, one after the other.
        ensembles: where each ensemble's trees start and end.
    """

    features: Int32Array
    kinds: Int32Array
    sets: UInt32Array
    ensembles: IntArray


class RowTraversal(NamedTuple):
    """Trees as one row walks down them, ``LANES`` at a time.

    Args:
        roots: first node of each tree, in ascending order of depth.
        depths: steps that each group of ``LANES`` trees takes at most.
        trees: which tree each root is of; one beyond the last fills up a group.
        column: column that each node compares.
        threshold: values not above it go left; for a set, its start.
        child: the left child of each node, which the right one follows; of a leaf, itself.
        words: words of each node's set of categories that go left, -1 where it has none.
        leaf_value: of each node that is a leaf.
    """

    roots: IntArray
    depths: IntArray
    trees: IntArray
    column: Int32Array
    threshold: FloatArray
    child: IntArray
    words: Int32Array
    leaf_value: FloatArray


class BatchTraversal(NamedTuple):
    """Trees as many rows are compared with all of their nodes.

    Args:
        bounds: where each tree's nodes that compare numbers start, and where those do that compare
            categories, shape (2 * n_trees + 1,).
        column: column that each node compares.
        threshold: as in :class:`RowTraversal`.
        words: as in :class:`RowTraversal`.
        right: leaves, from the left, that a row may still reach which goes right at a node.
        leaves: where each tree's leaves start.
        leaf_value: of the leaves of each tree, from the left.
    """

    bounds: IntArray
    column: Int32Array
    threshold: FloatArray
    words: Int32Array
    right: UInt64Array
    leaves: IntArray
    leaf_value: FloatArray


TREE_INPUTS = struct(TreeInputs, INTS32, INTS32, UINTS32, INTS)
ROW_TRAVERSAL = struct(RowTraversal, INTS, INTS, INTS, INTS32, FLOATS, INTS, INTS32, FLOATS)
_COMPARISONS = struct(BatchTraversal, INTS, INTS32, FLOATS, INTS32, UINTS64, INTS, FLOATS)


@inlined
def read_value(value: float, kind: int) -> float:
    """Return a value as the nodes of one kind compare it; categories as their code, or -1."""
    if kind == CATEGORY:
        # What is missing or negative is in no set of categories; the rest is cut, not rounded.
        return np.trunc(value) if -1.0 < value < CATEGORIES_END else -1.0
    missing = value != value
    if kind == NAN_LEFT:
        return -np.inf if missing else (0.0 if abs(value) <= ZERO else value)
    if kind == NAN_RIGHT:
        return np.inf if missing else (0.0 if abs(value) <= ZERO else min(value, LARGEST))
    if missing or abs(value) <= ZERO:
        if kind == ZERO_LEFT:
            return -np.inf
        return np.inf if kind == ZERO_RIGHT else 0.0
    return min(value, LARGEST) if kind == ZERO_RIGHT else value


@inlined
def in_set(code: int, start: float, words: int, sets: UInt32Array) -> np.uint64:
    """Return all bits where a category is in a set of them, none where it is not.

    After its words a set has one that is empty, for categories that are beyond them.
    """
    word = words if code < 0 else min(code >> 5, words)
    bit = (sets[np.int64(start) + word] >> np.uint32(code & 31)) & np.uint32(1)
    return NONE - np.uint64(bit)


@inlined
def step(node: int, row: FloatArray, walks: RowTraversal, sets: UInt32Array) -> int:
    """Return the node that follows one; a leaf is followed by itself."""
    value = row[walks.column[node]]
    if walks.words[node] >= 0:
        is_in = in_set(int(value), walks.threshold[node], walks.words[node], sets)
        return walks.child[node] + (is_in == NONE)
    return walks.child[node] + (value > walks.threshold[node])


@compiled(FLOATS_2D, TREE_INPUTS, ROW_TRAVERSAL, FLOATS_2D)
def score_one(X: FloatArray, shared: TreeInputs, walks: RowTraversal, result: FloatArray) -> None:
    """Write the sums of each ensemble's trees for rows, walking one after the other.

    Args:
        X: shape (n_rows, n_features).
        shared: what rows are read by.
        walks: the trees.
        result: shape (n_rows, n_ensembles); written in place.
    """
    ensembles, sets = shared.ensembles, shared.sets
    row = np.empty(len(shared.features))
    reached = np.empty(ensembles[-1] + 1)
    for r in range(len(X)):
        for c in range(len(row)):
            row[c] = read_value(X[r, shared.features[c]], shared.kinds[c])
        for group in range(len(walks.depths)):
            one = group * LANES
            two, three, four = one + 1, one + 2, one + 3
            a, b, c, d = walks.roots[one], walks.roots[two], walks.roots[three], walks.roots[four]
            for _ in range(walks.depths[group]):
                a = step(a, row, walks, sets)
                b = step(b, row, walks, sets)
                c = step(c, row, walks, sets)
                d = step(d, row, walks, sets)
            reached[walks.trees[one]] = walks.leaf_value[a]
            reached[walks.trees[two]] = walks.leaf_value[b]
            reached[walks.trees[three]] = walks.leaf_value[c]
            reached[walks.trees[four]] = walks.leaf_value[d]
        for e in range(len(ensembles) - 1):
            total = 0.0
            for tree in range(ensembles[e], ensembles[e + 1]):
                total += reached[tree]  # in LightGBM's order: the sum is the same to the bit
            result[r, e] = total


@compiled(FLOATS_2D, TREE_INPUTS, _COMPARISONS, FLOATS_2D)
def score_many(
    X: FloatArray, shared: TreeInputs, trees: BatchTraversal, result: FloatArray
) -> None:
    """Write the sums of each ensemble's trees for rows, comparing all of them at once.

    Args:
        X: shape (n_rows, n_features).
        shared: what rows are read by.
        trees: the trees.
        result: shape (n_rows, n_ensembles); written in place.
    """
    ensembles = shared.ensembles
    n_columns = len(shared.features)
    values = np.empty((n_columns, BLOCK_ROWS))
    codes = np.empty((n_columns, BLOCK_ROWS), np.int64)
    common = np.empty(n_columns)
    differs = np.empty(n_columns, np.bool_)
    still = np.empty(BLOCK_ROWS, np.uint64)
    # Side by side in memory, so that the processor adds several rows' leaves at once.
    totals = np.empty(BLOCK_ROWS)
    for begin in range(0, len(X), BLOCK_ROWS):
        n = min(BLOCK_ROWS, len(X) - begin)
        read_block(X, begin, n, shared, values, codes, common, differs)
        for e in range(len(ensembles) - 1):
            totals[:] = 0.0
            for tree in range(ensembles[e], ensembles[e + 1]):
                reach(tree, trees, shared.sets, n, values, codes, common, differs, still)
                first = trees.leaves[tree]
                for r in range(n):
                    totals[r] += trees.leaf_value[first + lowest_bit(still[r])]
            for r in range(n):
                result[begin + r, e] = totals[r]


@compiled(FLOATS_2D, INTS, FLOATS, FLOATS, FLOATS_2D)
def averaged(
    sums: FloatArray,
    bounds: IntArray,
    offset_s: FloatArray,
    start_s: FloatArray,
    result: FloatArray,
) -> None:
    """Write the mean of each level's ensembles, plus the start of their boosting.

    Args:
        sums: of each ensemble, shape (n_rows, n_ensembles).
        bounds: where each level's ensembles start and end, shape (n_levels + 1,).
        offset_s: of each row, shape (n_rows,).
        start_s: of each level, shape (n_levels,).
        result: shape (n_rows, n_levels); written in place.
    """
    for row in range(len(sums)):
        for level in range(len(start_s)):
            total = 0.0
            for k in range(bounds[level], bounds[level + 1]):
                total += sums[row, k]
            mean = total / (bounds[level + 1] - bounds[level])
            result[row, level] = mean + offset_s[row] + start_s[level]


@inlined
def read_block(
    X: FloatArray,
    begin: int,
    n: int,
    shared: TreeInputs,
    values: FloatArray,
    codes: IntArray,
    common: FloatArray,
    differs: npt.NDArray[np.bool_],
) -> None:
    """Read a block of rows column by column, and find the columns in which rows differ.

    What is in ``common`` of a column in which they do is above no threshold.
    """
    for c in range(len(shared.features)):
        kind = shared.kinds[c]
        differs[c] = False
        for r in range(n):
            value = read_value(X[begin + r, shared.features[c]], kind)
            values[c, r] = value
            if kind == CATEGORY:
                codes[c, r] = int(value)
            differs[c] |= value != values[c, 0]
        common[c] = -np.inf if differs[c] else values[c, 0]


@inlined
def reach(
    tree: int,
    trees: BatchTraversal,
    sets: UInt32Array,
    n: int,
    values: FloatArray,
    codes: IntArray,
    common: FloatArray,
    differs: npt.NDArray[np.bool_],
    still: UInt64Array,
) -> None:
    """Write which leaves of a tree each row can reach; the first of them is its own."""
    column, threshold, words, right = trees.column, trees.threshold, trees.words, trees.right
    first, second, last = trees.bounds[2 * tree : 2 * tree + 3]
    every = ALL  # what all rows can reach, as far as they are the same
    for i in range(first, second):
        every &= right[i] if common[column[i]] > threshold[i] else ALL
    for i in range(second, last):
        if not differs[column[i]]:
            every &= right[i] | in_set(codes[column[i], 0], threshold[i], words[i], sets)
    for r in range(n):
        still[r] = every
    for i in range(first, second):
        # Nothing is left to exclude where all rows are elsewhere in the tree.
        if differs[column[i]] and (every & ~right[i]) != NONE:
            of_rows, at, allowed = values[column[i]], threshold[i], right[i]
            for r in range(n):
                still[r] &= allowed if of_rows[r] > at else ALL
    for i in range(second, last):
        if differs[column[i]] and (every & ~right[i]) != NONE:
            code_of, start, n_words, allowed = codes[column[i]], threshold[i], words[i], right[i]
            for r in range(n):
                still[r] &= allowed | in_set(code_of[r], start, n_words, sets)
