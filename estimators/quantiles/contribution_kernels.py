"""Kernel of exact SHAP values: the share of each feature in the sums of an ensemble's trees.

A leaf's value reaches a row through the features on its path. Feature j lets it through as
``o + z * unknown``: entirely where the row takes the path (o = 1), by the share z of the training
rows where j is not known. The Shapley value of a feature is an integral over t, the probability
with which each other feature is known, of products of ``o t + z (1 - t)``. These are polynomials,
so a Gauss-Legendre rule of few points gives the integral exactly, and no division loses digits.

All leaves of a tree share the products of their common paths: one walk down multiplies, one walk
up adds.

Sources: Lundberg et al.: Consistent individualized feature attribution for tree ensembles (2018),
whose path-dependent values these are; Owen: Multilinear extensions of games (1972), the integral;
Yu et al.: Linear TreeShap (2022), the walks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aggregators.kernels.argument_types import FLOATS, FLOATS_2D, INTS, struct
from aggregators.kernels.numba_cache import compiled, inlined
from estimators.core.typing import FloatArray, IntArray
from estimators.quantiles.tree_kernels import (
    NONE,
    ROW_TRAVERSAL,
    TREE_INPUTS,
    RowTraversal,
    TreeInputs,
    in_set,
    read_value,
)

__all__ = ["POINTS", "PathShares", "QuadratureRules", "contributions", "rule_start"]

POINTS = 4
"""Points of a rule that are computed side by side."""

BoolArray = npt.NDArray[np.bool_]


class PathShares(NamedTuple):
    """The paths of trees, by the nodes of a :class:`RowTraversal`.

    The edge of a node leads to it from its parent, and is about the feature that the parent
    compares. With it go all edges above about the same feature: together they let a share of the
    training rows through.

    Args:
        bounds: where the nodes of each tree start and end, shape (n_trees + 1,).
        blocks: of each tree, how many times ``POINTS`` points its rule has.
        above: of each inner node, the next node above it (or itself) whose edge is about the
            feature that it compares; -1: there is none.
        inverse_share: of each node, one over the share that its edge and those above let through.
        weight: of each leaf, its value times the share of the training rows that reach it.
    """

    bounds: IntArray
    blocks: IntArray
    above: IntArray
    inverse_share: FloatArray
    weight: FloatArray


class QuadratureRules(NamedTuple):
    """Gauss-Legendre rules for the interval from 0 to 1, see :func:`rule_start`.

    Args:
        known: the points, the probability that a feature is known.
        unknown: one minus the points.
        per_unknown: one over that.
        weight: of the points.
    """

    known: FloatArray
    unknown: FloatArray
    per_unknown: FloatArray
    weight: FloatArray


class _Memory(NamedTuple):
    """Memory of one walk, by the nodes of one tree.

    Args:
        taken: whether the row takes the edge of a node and those that go with it.
        product: of what lets a leaf through so far, at each point, shape (n_nodes, ``POINTS``).
        total: of the leaves below, the same.
        inverse: one over the factor of a taken edge, the same.
    """

    taken: BoolArray
    product: FloatArray
    total: FloatArray
    inverse: FloatArray


_SHARES = struct(PathShares, INTS, INTS, INTS, FLOATS, FLOATS)
_RULES = struct(QuadratureRules, FLOATS, FLOATS, FLOATS, FLOATS)


def rule_start(blocks: int) -> int:
    """Return where the rule of so many blocks starts: after those of fewer.

    >>> [rule_start(blocks) for blocks in (1, 2, 3)]
    [0, 4, 12]
    """
    return POINTS * blocks * (blocks - 1) // 2


@compiled(FLOATS_2D, TREE_INPUTS, ROW_TRAVERSAL, _SHARES, _RULES, FLOATS_2D)
def contributions(
    X: FloatArray,
    shared: TreeInputs,
    walks: RowTraversal,
    shares: PathShares,
    rules: QuadratureRules,
    result: FloatArray,
) -> None:
    """Write what each feature adds to the sums of each ensemble's trees.

    Args:
        X: shape (n_rows, n_features).
        shared: what rows are read by.
        walks: the trees.
        shares: their paths.
        rules: enough for the longest path.
        result: shape (n_rows, n_ensembles * n_features); written in place.
    """
    n_features, ensembles = X.shape[1], shared.ensembles
    size = 0
    for tree in range(ensembles[-1]):
        size = max(size, shares.bounds[tree + 1] - shares.bounds[tree])
    memory = _Memory(
        np.empty(size, np.bool_),
        np.empty((size, POINTS)),
        np.empty((size, POINTS)),
        np.empty((size, POINTS)),
    )
    row = np.empty(len(shared.features))
    sums = np.empty((n_features, POINTS))
    for r in range(len(X)):
        for c in range(len(row)):
            row[c] = read_value(X[r, shared.features[c]], shared.kinds[c])
        for e in range(len(ensembles) - 1):
            sums[:] = 0.0
            for tree in range(ensembles[e], ensembles[e + 1]):
                take(tree, row, shared, walks, shares, memory)
                blocks = shares.blocks[tree]
                start = POINTS * blocks * (blocks - 1) // 2  # see rule_start
                for at in range(start, start + POINTS * blocks, POINTS):
                    multiply(tree, at, walks, shares, rules, memory)
                    add(tree, at, shared, walks, shares, rules, memory, sums)
            for f in range(n_features):
                result[r, e * n_features + f] = (sums[f, 0] + sums[f, 1]) + (
                    sums[f, 2] + sums[f, 3]
                )


@inlined
def take(
    tree: int,
    row: FloatArray,
    shared: TreeInputs,
    walks: RowTraversal,
    shares: PathShares,
    memory: _Memory,
) -> None:
    """Write which edges of a tree a row takes, together with those that go with them."""
    first, taken = shares.bounds[tree], memory.taken
    for node in range(first, shares.bounds[tree + 1]):
        child = walks.child[node]
        if child == node:
            continue
        value, threshold = row[walks.column[node]], walks.threshold[node]
        if walks.words[node] >= 0:
            right = in_set(int(value), threshold, walks.words[node], shared.sets) == NONE
        else:
            right = value > threshold
        above = shares.above[node]
        open_above = above < 0 or taken[above - first]
        taken[child - first] = open_above and not right
        taken[child + 1 - first] = open_above and right


@inlined
def multiply(
    tree: int,
    at: int,
    walks: RowTraversal,
    shares: PathShares,
    rules: QuadratureRules,
    memory: _Memory,
) -> None:
    """Walk down: write at some points of the rule what lets each leaf through.

    Factors are divided by the share z, which stands in the leaf's weight: ``t / z + 1 - t`` of an
    edge that is taken, ``1 - t`` of another.
    """
    first = shares.bounds[tree]
    product, inverse = memory.product, memory.inverse
    for q in range(POINTS):
        product[0, q] = rules.weight[at + q]
    for node in range(first, shares.bounds[tree + 1]):
        i, child = node - first, walks.child[node]
        if child == node:
            for q in range(POINTS):
                memory.total[i, q] = product[i, q] * shares.weight[node]
            continue
        left, above = child - first, shares.above[node]
        if above >= 0 and not memory.taken[above - first]:
            for q in range(POINTS):  # the feature keeps the row away already
                product[left, q] = product[left + 1, q] = product[i, q]
            continue
        taken = left if memory.taken[left] else left + 1
        other = 2 * left + 1 - taken
        per_share = shares.inverse_share[first + taken]
        if above >= 0:
            for q in range(POINTS):
                product[i, q] *= inverse[above - first, q]
        for q in range(POINTS):
            factor = rules.known[at + q] * per_share + rules.unknown[at + q]
            product[taken, q] = product[i, q] * factor
            inverse[taken, q] = 1.0 / factor
        for q in range(POINTS):
            product[other, q] = product[i, q] * rules.unknown[at + q]


@inlined
def add(
    tree: int,
    at: int,
    shared: TreeInputs,
    walks: RowTraversal,
    shares: PathShares,
    rules: QuadratureRules,
    memory: _Memory,
    sums: FloatArray,
) -> None:
    """Walk up: add to each feature's sums what its edges change of the leaves below them."""
    first = shares.bounds[tree]
    total, inverse = memory.total, memory.inverse
    for node in range(shares.bounds[tree + 1] - 1, first - 1, -1):
        i, child = node - first, walks.child[node]
        if child == node:
            continue
        left, above = child - first, shares.above[node]
        for q in range(POINTS):
            total[i, q] = total[left, q] + total[left + 1, q]
        if above >= 0 and not memory.taken[above - first]:
            continue
        taken = left if memory.taken[left] else left + 1
        other = 2 * left + 1 - taken
        feature = shared.features[walks.column[node]]
        gain = shares.inverse_share[first + taken] - 1.0
        for q in range(POINTS):
            change = gain * total[taken, q] * inverse[taken, q]
            sums[feature, q] += change - total[other, q] * rules.per_unknown[at + q]
        if above >= 0:
            # The edge above counted these leaves with its own factor, which the lower ones replace.
            gain = shares.inverse_share[above] - 1.0
            for q in range(POINTS):
                sums[feature, q] -= gain * total[i, q] * inverse[above - first, q]
