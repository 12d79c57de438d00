"""Evaluates LightGBM's ensembles without LightGBM: reads the model's text, gives the same bits.

A service that only predicts does not load LightGBM, which imports scikit-learn and pandas, and an
estimate costs a fraction of LightGBM's time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from estimators.core.errors import InputError, NotCompiledError
from estimators.core.typing import FloatArray, IntArray
from estimators.quantiles import tree_kernels as kernels
from estimators.quantiles.tree_contributions import TreeContributions
from estimators.quantiles.tree_text import Tree, TreeModel, read_model

__all__ = ["CompiledTrees"]

ROWS_TO_WALK = 16
"""Up to this number, rows are evaluated one by one; more are compared together."""

_NO_SET = -1
_ALL = 2**kernels.LEAVES_MAX - 1
_MISSING_IS_NONE, _MISSING_IS_ZERO = 0, 1


class CompiledTrees:
    """Sums of the trees of several ensembles, all of one table's columns.

    Args:
        models: the text of each ensemble, as LightGBM saves it.

    Raises:
        NotCompiledError: a model is not a sum of plain trees.
        InputError: a model is damaged.

    >>> import lightgbm
    >>> rng = np.random.default_rng(0)
    >>> X = rng.random((300, 2))
    >>> data = lightgbm.Dataset(X, X[:, 0] * 600.0, params={"verbosity": -1})
    >>> model = lightgbm.train({"verbosity": -1}, data, 5)
    >>> compiled = CompiledTrees([model.model_to_string()])
    >>> bool((compiled.sums(X)[:, 0] == model.predict(X)).all())
    True
    """

    def __init__(self, models: Sequence[str]) -> None:
        read = _read_all(models)
        self.n_features = max(one.n_features for one in read)
        trees = [tree for one in read for tree in one.trees]
        seen = _ColumnTable()
        self._walks, self._rows = _walks_of(trees, seen)
        self._comparisons: kernels.BatchTraversal | None = None
        if all(tree.n_leaves <= kernels.LEAVES_MAX for tree in trees):
            self._comparisons = _comparisons_of(trees, seen)
        self._shared = seen.shared([len(one.trees) for one in read])

    @property
    def n_trees(self) -> int:
        """Trees of all ensembles together."""
        return int(self._shared.ensembles[-1])

    def sums(self, X: FloatArray) -> FloatArray:
        """Return each ensemble's sum for rows, shape (n_rows, n_ensembles).

        Args:
            X: float64 of shape (n_rows, n_features); NaN is missing.

        Raises:
            InputError: X has another shape.
        """
        X = self._checked(X)
        result = np.empty((len(X), len(self._shared.ensembles) - 1))
        if len(X) <= ROWS_TO_WALK or self._comparisons is None:
            kernels.score_one(X, self._shared, self._walks, result)
        else:
            kernels.score_many(X, self._shared, self._comparisons, result)
        return result

    def contributions(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the exact SHAP values of each ensemble's sum, which add up to it.

        Args:
            X: as for :meth:`sums`.

        Returns:
            What each feature adds, shape (n_rows, n_ensembles, n_features), and to what, shape
            (n_ensembles,).

        Raises:
            InputError: X has another shape, or the trees do not say how many training rows
                reached their nodes.
        """
        X = self._checked(X)
        return self._contributions.of(X), self._contributions.expected

    @cached_property
    def _contributions(self) -> TreeContributions:
        """The paths of the trees, which only explanations need."""
        return TreeContributions(self._shared, self._walks, self._rows)

    def _checked(self, X: FloatArray) -> FloatArray:
        X = np.ascontiguousarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != self.n_features:
            raise InputError(f"X has shape {X.shape}; expected (n_rows, {self.n_features})")
        return X


def _read_all(models: Sequence[str]) -> list[TreeModel]:
    """Read all of them: even if LightGBM must evaluate one, the others must not be damaged."""
    read: list[TreeModel] = []
    other: NotCompiledError | None = None
    for text in models:
        try:
            read.append(read_model(text))
        except NotCompiledError as error:
            other = error
    if other is not None:
        raise other
    return read


@dataclass
class _ColumnTable:
    """The columns that nodes compare, and their sets of categories, each once."""

    columns: dict[tuple[int, int], int] = field(default_factory=dict)
    sets: list[int] = field(default_factory=list)
    places: dict[tuple[int, ...], int] = field(default_factory=dict)

    def node(self, tree: Tree, i: int) -> tuple[int, float, int]:
        """Return a node's column, threshold and words, as the kernels take them."""
        feature = tree.feature[i]
        if not tree.is_categorical(i):
            kind = _kind(tree, i)
            return self._column(feature, kind), _threshold(tree, i, kind), _NO_SET
        words = tree.categories(i)
        if words not in self.places:
            self.places[words] = len(self.sets)
            self.sets += (*words, 0)  # the kernels look there for categories that are beyond it
        return self._column(feature, kernels.CATEGORY), float(self.places[words]), len(words)

    def _column(self, feature: int, kind: int) -> int:
        return self.columns.setdefault((feature, kind), len(self.columns))

    def shared(self, n_trees: Sequence[int]) -> kernels.TreeInputs:
        """Return the arguments of the kernels for ensembles of these numbers of trees."""
        return kernels.TreeInputs(
            features=np.array([feature for feature, _ in self.columns], np.int32),
            kinds=np.array([kind for _, kind in self.columns], np.int32),
            sets=np.array(self.sets, np.uint32),
            ensembles=np.cumsum([0, *n_trees], dtype=np.int64),
        )


def _kind(tree: Tree, i: int) -> int:
    left = tree.goes_left_by_default(i)
    missing = tree.missing(i)
    if missing == _MISSING_IS_NONE:
        return kernels.NAN_IS_ZERO
    if missing == _MISSING_IS_ZERO:
        return kernels.ZERO_LEFT if left else kernels.ZERO_RIGHT
    return kernels.NAN_LEFT if left else kernels.NAN_RIGHT


def _threshold(tree: Tree, i: int, kind: int) -> float:
    """Return the threshold as the kernels compare it: missing values must be above it."""
    threshold = tree.threshold[i]
    if kind not in (kernels.NAN_RIGHT, kernels.ZERO_RIGHT):
        return threshold
    if threshold == kernels.LARGEST:
        raise NotCompiledError("a threshold that is the largest number")
    return min(threshold, kernels.LARGEST)


class _Node(NamedTuple):
    """A node as one row walks over it, see :class:`kernels.RowTraversal`; and its training rows."""

    column: int
    threshold: float
    child: int
    words: int
    leaf_value: float
    rows: int


def _walks_of(trees: Sequence[Tree], seen: _ColumnTable) -> tuple[kernels.RowTraversal, IntArray]:
    """Return the trees for one row, and how many training rows reached each of their nodes."""
    nodes: list[_Node] = []
    roots, depths = [], []
    for tree in trees:
        roots.append(len(nodes))
        depths.append(tree.depth)
        nodes += _paired(tree, seen, len(nodes))
    order = sorted(range(len(trees)), key=depths.__getitem__)
    order += [len(trees)] * (-len(order) % kernels.LANES)
    roots.append(0)
    depths.append(0)
    groups = [order[i : i + kernels.LANES] for i in range(0, len(order), kernels.LANES)]
    column, threshold, child, words, value, rows = zip(*nodes, strict=True)
    walks = kernels.RowTraversal(
        roots=np.array([roots[tree] for tree in order], np.int64),
        depths=np.array([max(depths[tree] for tree in group) for group in groups], np.int64),
        trees=np.array(order, np.int64),
        column=np.array(column, np.int32),
        threshold=np.array(threshold, np.float64),
        child=np.array(child, np.int64),
        words=np.array(words, np.int32),
        leaf_value=np.array(value, np.float64),
    )
    return walks, np.array(rows, np.int64)


def _paired(tree: Tree, seen: _ColumnTable, first: int) -> Iterator[_Node]:
    """Yield a tree's nodes level by level, so that a right child follows its left one."""
    level = [tree.root]
    own, child = first, first + 1
    while level:
        below: list[int] = []
        for node in level:
            if node < 0:  # nothing is above infinity: a leaf leads to itself
                yield _Node(0, np.inf, own, _NO_SET, tree.leaf_value[~node], tree.rows(node))
            else:
                column, threshold, words = seen.node(tree, node)
                yield _Node(column, threshold, child, words, 0.0, tree.rows(node))
                below += (tree.left[node], tree.right[node])
                child += 2
            own += 1
        level = below


def _comparisons_of(trees: Sequence[Tree], seen: _ColumnTable) -> kernels.BatchTraversal:
    nodes: list[tuple[int, float, int, int]] = []  # column, threshold, words, right
    bounds, leaves = [0], [0]
    values: list[float] = []
    for tree in trees:
        numbers: list[tuple[int, float, int, int]] = []
        categories: list[tuple[int, float, int, int]] = []
        for node, n_left in tree.from_left_to_right():
            if node < 0:
                values.append(tree.leaf_value[~node])
                continue
            left = ((1 << n_left) - 1) << (len(values) - leaves[-1])
            kind = categories if tree.is_categorical(node) else numbers
            kind.append((*seen.node(tree, node), _ALL & ~left))
        nodes += (*numbers, *categories)
        bounds += (len(nodes) - len(categories), len(nodes))
        leaves.append(len(values))
    column, threshold, words, right = zip(*nodes, strict=True) if nodes else ((), (), (), ())
    return kernels.BatchTraversal(
        bounds=np.array(bounds, np.int64),
        column=np.array(column, np.int32),
        threshold=np.array(threshold, np.float64),
        words=np.array(words, np.int32),
        right=np.array(right, np.uint64),
        leaves=np.array(leaves[:-1], np.int64),
        leaf_value=np.array(values, np.float64),
    )
