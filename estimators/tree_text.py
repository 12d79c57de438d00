"""Reads the text in which LightGBM saves a model, as far as it is a sum of plain trees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from estimators.errors import NotCompiledError

__all__ = ["Tree", "TreeModel", "read_model"]

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_SHIFT, _MISSING_MASK = 2, 3

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
    """

    feature: Sequence[int]
    threshold: Sequence[float]
    decision: Sequence[int]
    left: Sequence[int]
    right: Sequence[int]
    leaf_value: Sequence[float]
    set_bounds: Sequence[int]
    set_words: Sequence[int]

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
        """Whether what is missing goes left."""
        return bool(self.decision[node] & _DEFAULT_LEFT)

    def missing(self, node: int) -> int:
        """What is missing: 0 nothing (NaN is zero), 1 zero, 2 NaN."""
        return (self.decision[node] >> _MISSING_SHIFT) & _MISSING_MASK

    def categories(self, node: int) -> tuple[int, ...]:
        """Return the words of the set of categories that go left at a categorical node."""
        number = int(self.threshold[node])
        return tuple(self.set_words[self.set_bounds[number] : self.set_bounds[number + 1]])

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

    Raises:
        NotCompiledError: it is not a sum of plain trees, or of another version.
    """
    header, *blocks = text.split("\nTree=")
    fields = _fields(header)
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
    trees = [_tree(_fields(block.partition("\nend of trees")[0])) for block in blocks]
    return TreeModel(n_features=int(fields["max_feature_idx"]) + 1, trees=trees)


def _fields(lines: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in lines.splitlines())
    return {name: value for name, equals, value in pairs if equals}


def _tree(fields: Mapping[str, str]) -> Tree:
    if fields.get("is_linear", "0") != "0":
        raise NotCompiledError("a tree whose leaves are linear models")

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
    )
