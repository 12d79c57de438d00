"""Reads LightGBM's model text, as far as the model is a sum of plain trees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from estimators.core.errors import InputError, NotCompiledError

__all__ = ["Tree", "TreeModel", "features_of", "read_model"]

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_SHIFT, _MISSING_MASK = 2, 3

_MISSING_KINDS = 3
_WORD_BITS = 32
TREES_MAX = 100_000
"""The most trees of one ensemble; ours have hundreds."""

_VERSION = "v4"
_SUMS = frozenset(
    ("fair", "huber", "mape", "quantile", "regression", "regression_l1", "regression_l2")
)
"""Objectives whose prediction is the sum of the trees."""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """One tree: inner nodes by number, leaves as the complement of theirs.

    Args:
        feature: column of X that each inner node compares.
        threshold: what is not above it goes left; of a categorical node, the number of its set.
        decision: bits of each node: categorical, left by default, what is missing.
        left: left child of each inner node.
        right: right child.
        leaf_value: of each leaf.
        set_bounds: where the words of each set of categories start and end.
        set_words: the sets of categories that go left, 32 to a word.
        inner_rows: the number of training rows that reached each inner node; empty: not known.
        leaf_rows: the number of those that reached each leaf; empty: not known.
    """

    feature: Sequence[int]
    threshold: Sequence[float]
    decision: Sequence[int]
    left: Sequence[int]
    right: Sequence[int]
    leaf_value: Sequence[float]
    set_bounds: Sequence[int]
    set_words: Sequence[int]
    inner_rows: Sequence[int]
    leaf_rows: Sequence[int]

    @property
    def n_leaves(self) -> int:
        """How many leaves it has; one that has one only has no inner node."""
        return len(self.leaf_value)

    @property
    def root(self) -> int:
        """The first node."""
        return 0 if self.feature else ~0

    @property
    def depth(self) -> int:
        """Most steps from the root to a leaf."""
        steps, level = -1, [self.root]
        while level:
            steps += 1
            inner = [node for node in level if node >= 0]
            level = [child for node in inner for child in (self.left[node], self.right[node])]
        return steps

    def is_categorical(self, node: int) -> bool:
        """Whether a node compares categories."""
        return bool(self.decision[node] & _CATEGORICAL)

    def goes_left_by_default(self, node: int) -> bool:
        """Whether missing values go left."""
        return bool(self.decision[node] & _DEFAULT_LEFT)

    def missing(self, node: int) -> int:
        """The missing values: 0 none (NaN is zero), 1 zero, 2 NaN."""
        return (self.decision[node] >> _MISSING_SHIFT) & _MISSING_MASK

    def categories(self, node: int) -> tuple[int, ...]:
        """Return the words of the set of categories that go left at a categorical node."""
        number = int(self.threshold[node])
        return tuple(self.set_words[self.set_bounds[number] : self.set_bounds[number + 1]])

    def rows(self, node: int) -> int:
        """Return how many training rows reached a node; 0: not known."""
        if not self.feature:
            return 1  # a root without children has all of them
        known, place = (self.inner_rows, node) if node >= 0 else (self.leaf_rows, ~node)
        return known[place] if known else 0

    def from_left_to_right(self) -> Iterator[tuple[int, int]]:
        """Yield each node before what is below it, left before right, with the leaves to its left.

        That is, those below its left child; 0 for a leaf.
        """
        below: dict[int, int] = {}
        order = [self.root]
        for node in order:  # grows meanwhile
            if node >= 0:
                order += (self.left[node], self.right[node])
        for node in reversed(order):
            is_leaf = node < 0
            below[node] = 1 if is_leaf else below[self.left[node]] + below[self.right[node]]
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            if node < 0:
                yield node, 0
            else:
                yield node, below[self.left[node]]
                waiting += (self.right[node], self.left[node])


@dataclass(frozen=True, kw_only=True)
class TreeModel:
    """A model whose prediction is the sum of its trees.

    Args:
        n_features: columns of X.
        trees: in the order in which they are added up.
    """

    n_features: int
    trees: Sequence[Tree]


def read_model(text: str) -> TreeModel:
    """Read a model that LightGBM saved.

    Every tree is checked, so that a walk ends at a leaf: a damaged file could lead in a circle, or
    beyond the table.

    Raises:
        NotCompiledError: it is not a sum of plain trees, or of another version.
        InputError: it is damaged; the message says which tree, and where.
    """
    header, *blocks = text.split("\nTree=", TREES_MAX + 1)
    if len(blocks) > TREES_MAX:
        raise InputError(f"an ensemble of more than {TREES_MAX:,} trees")
    fields = _fields(header)
    n_features = _n_features(fields)
    trees = [
        _checked_tree(k, _fields(block.partition("\nend of trees")[0]), n_features)
        for k, block in enumerate(blocks)
    ]
    if any(tree is None for tree in trees):
        raise NotCompiledError("a tree whose leaves are linear models")
    objective = fields.get("objective", "").split(" ")[0]
    if fields.get("version") != _VERSION or objective not in _SUMS:
        raise NotCompiledError(
            f"a model of version {fields.get('version')!r} and objective {objective!r}"
        )
    # With "sqrt" the sum is of square roots; an averaged model (a random forest) is no sum.
    if "sqrt" in fields["objective"].split(" ") or "\naverage_output" in header:
        raise NotCompiledError("a model that is not the sum of its trees")
    if fields.get("num_tree_per_iteration") != "1":
        raise NotCompiledError("a model of several targets")
    return TreeModel(n_features=n_features, trees=[tree for tree in trees if tree is not None])


def features_of(text: str) -> int:
    """Return how many columns of X an ensemble is about.

    Raises:
        InputError: it does not say.
    """
    return _n_features(_fields(text.partition("\nTree=")[0]))


def _fields(lines: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in lines.splitlines())
    return {name: value for name, equals, value in pairs if equals}


def _n_features(fields: Mapping[str, str]) -> int:
    try:
        return int(fields["max_feature_idx"]) + 1
    except (KeyError, ValueError):
        raise InputError("an ensemble without a number of features (max_feature_idx)") from None


def _checked_tree(number: int, fields: Mapping[str, str], n_features: int) -> Tree | None:
    """Return a tree that can be walked; None: one whose leaves are linear models."""
    try:
        tree = _tree(fields)
    except (KeyError, ValueError) as error:
        raise InputError(f"tree {number} cannot be read ({error})") from None
    problem = _problem(tree, int(fields["num_leaves"]), n_features)
    if problem:
        raise InputError(f"tree {number} is damaged: {problem}")
    return None if fields.get("is_linear", "0") != "0" else tree


def _tree(fields: Mapping[str, str]) -> Tree:
    def whole(name: str) -> list[int]:
        return [int(word) for word in fields.get(name, "").split()]

    def numbers(name: str) -> list[float]:
        return [float(word) for word in fields.get(name, "").split()]

    inner = int(fields["num_leaves"]) > 1
    return Tree(
        feature=whole("split_feature") if inner else [],
        threshold=numbers("threshold") if inner else [],
        decision=whole("decision_type") if inner else [],
        left=whole("left_child") if inner else [],
        right=whole("right_child") if inner else [],
        leaf_value=numbers("leaf_value"),
        set_bounds=whole("cat_boundaries"),
        set_words=whole("cat_threshold"),
        inner_rows=whole("internal_count") if inner else [],
        leaf_rows=whole("leaf_count") if inner else [],
    )


def _problem(tree: Tree, n_leaves: int, n_features: int) -> str:
    """Return why a tree cannot be walked, empty where it can."""
    n_inner = n_leaves - 1
    if n_leaves < 1 or len(tree.leaf_value) != n_leaves:
        return f"{len(tree.leaf_value)} values of {n_leaves} leaves"
    for name in ("feature", "threshold", "decision", "left", "right"):
        if len(getattr(tree, name)) != n_inner:
            return f"{len(getattr(tree, name))} of {name} for {n_inner} inner nodes"
    for rows, n in ((tree.inner_rows, n_inner), (tree.leaf_rows, n_leaves)):
        if rows and len(rows) != n:
            return f"{len(rows)} numbers of rows for {n} nodes"
    if not np.isfinite(tree.leaf_value).all():
        return "a leaf's value is not finite"
    if np.isnan(np.array(tree.threshold, np.float64)).any():
        return "a threshold is not a number"
    beyond = [one for one in tree.feature if not 0 <= one < n_features]
    if beyond:
        return f"it compares feature {beyond[0]}; there are {n_features}"
    return _problem_of_children(tree, n_leaves) or _problem_of_sets(tree)


def _problem_of_children(tree: Tree, n_leaves: int) -> str:
    """Return what keeps the nodes from being one tree.

    Each node but the root is the child of one other, and an inner one stands after its parent, as
    LightGBM numbers them: so no way leads in a circle, and each ends at a leaf.
    """
    found: set[int] = set()
    for node, children in enumerate(zip(tree.left, tree.right, strict=True)):
        for child in children:
            if not -n_leaves <= child < n_leaves - 1:
                return f"node {node} leads to {child}, which is not there"
            if 0 <= child <= node:
                return f"node {node} leads back to node {child}"
            if child in found:
                return f"two nodes lead to {child}"
            found.add(child)
    return ""


def _problem_of_sets(tree: Tree) -> str:
    """Return what is wrong with the sets of categories."""
    if any((one >> _MISSING_SHIFT) & _MISSING_MASK >= _MISSING_KINDS for one in tree.decision):
        return "a node takes something unknown as missing"
    bounds = tree.set_bounds
    if any(not 0 <= word < 1 << _WORD_BITS for word in tree.set_words):
        return "a word of a set of categories has more than 32 bits"
    in_order = all(a <= b for a, b in pairwise(bounds))
    if bounds and (bounds[0] != 0 or bounds[-1] != len(tree.set_words) or not in_order):
        return "the bounds of its sets of categories do not fit"
    for node, number in enumerate(tree.threshold):
        if tree.is_categorical(node) and not (
            float(number).is_integer() and 0 <= number < len(bounds) - 1
        ):
            return f"node {node} looks for the set of categories {number}, which is not there"
    return ""
