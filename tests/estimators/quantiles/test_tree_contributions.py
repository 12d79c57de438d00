"""Exact SHAP values without LightGBM: its own to 1e-9, and those of the definition.

Tests `estimators.quantiles.contribution_kernels` and `estimators.quantiles.lightgbm_trees`.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from estimators import InputError
from estimators.quantiles.compiled_trees import CompiledTrees
from estimators.quantiles.lightgbm_trees import LightGbmTrees
from estimators.quantiles.tree_text import Tree, read_model
from tests.estimators.quantiles.ensembles import ODD, OPTIONS, Floats, asked, structure, trained


def assert_near(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def assert_as_lightgbm(models: list[lgb.Booster], X: Floats) -> None:
    compiled = CompiledTrees([model.model_to_string() for model in models])
    added, expected = compiled.contributions(X)
    assert added.shape == (len(X), len(models), X.shape[1])
    for k, model in enumerate(models):
        theirs = np.asarray(model.predict(X, pred_contrib=True, num_threads=1))
        assert_near(added[:, k], theirs[:, :-1])
        assert_near(expected[k], theirs[0, -1])
    assert_near(added.sum(axis=2) + expected, compiled.sums(X))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_row_has_the_values_of_lightgbm(options: dict[str, Any]) -> None:
    models = [trained(options, 1), trained({**options, "bagging_freq": 1}, 11, 5)]
    assert_as_lightgbm(models, asked(1, 40))


@pytest.mark.parametrize("n_columns", [12, 40])
def test_long_paths_have_rules_of_more_points(n_columns: int) -> None:
    """Noise in many columns and leaves of one row: some paths are about many features."""
    rng = np.random.default_rng(n_columns)
    X = rng.normal(size=(600, n_columns))
    parameters = {"verbosity": -1, "num_threads": 1, "num_leaves": 400, "min_data_in_leaf": 1}
    data = lgb.Dataset(X, np.exp(2.0 * rng.normal(size=600)), params={"verbosity": -1})
    model = lgb.train({**parameters, "min_sum_hessian_in_leaf": 0.0}, data, 3)
    compiled = CompiledTrees([model.model_to_string()])
    assert compiled._contributions._shares.blocks.max() >= (2 if n_columns == 12 else 3)
    assert_as_lightgbm([model], X[:8])


@pytest.fixture(scope="module")
def model() -> lgb.Booster:
    return trained({}, 3)


@pytest.fixture(scope="module")
def compiled(model: lgb.Booster) -> CompiledTrees:
    return CompiledTrees([model.model_to_string()])


@seed(20260301)
@settings(max_examples=60, deadline=None)
@given(
    row=arrays(
        np.float64,
        (1, 5),
        elements=st.one_of(st.floats(width=64), st.sampled_from(ODD), st.integers(-2, 180)),
    )
)
def test_any_row(row: Floats, model: lgb.Booster, compiled: CompiledTrees) -> None:
    added, expected = compiled.contributions(row)
    theirs = np.asarray(model.predict(row, pred_contrib=True, num_threads=1))[0]
    assert_near(added[0, 0], theirs[:-1])
    assert_near(expected[0], theirs[-1])


def goes_left(tree: Tree, node: int, value: float) -> bool:
    if tree.is_categorical(node):
        code = -1 if math.isnan(value) else int(value)
        words = tree.categories(node)
        return 0 <= code < 32 * len(words) and bool(words[code // 32] >> code % 32 & 1)
    if math.isnan(value) and tree.missing(node) == 2:
        return tree.goes_left_by_default(node)
    return (0.0 if math.isnan(value) else value) <= tree.threshold[node]


def mean_where_known(tree: Tree, node: int, row: Floats, known: frozenset[int]) -> Fraction:
    """What a tree answers on average where only some features of a row are known."""
    if node < 0:
        return Fraction(tree.leaf_value[~node])
    left, right = tree.left[node], tree.right[node]
    feature = tree.feature[node]
    if feature in known:
        way = left if goes_left(tree, node, float(row[feature])) else right
        return mean_where_known(tree, way, row, known)
    shares = [Fraction(tree.rows(child), tree.rows(node)) for child in (left, right)]
    of_left = mean_where_known(tree, left, row, known)
    return shares[0] * of_left + shares[1] * mean_where_known(tree, right, row, known)


def shapley(tree: Tree, row: Floats, feature: int) -> Fraction:
    """The definition: the mean of what the feature changes, over all orders of becoming known."""
    others = [one for one in range(len(row)) if one != feature]
    total = Fraction(0)
    for size in range(len(others) + 1):
        share = Fraction(
            math.factorial(size) * math.factorial(len(others) - size), math.factorial(len(row))
        )
        for some in itertools.combinations(others, size):
            known = frozenset(some)
            change = mean_where_known(tree, tree.root, row, known | {feature})
            total += share * (change - mean_where_known(tree, tree.root, row, known))
    return total


def test_values_are_those_of_the_definition(model: lgb.Booster, compiled: CompiledTrees) -> None:
    trees = read_model(model.model_to_string()).trees
    X = asked(4, 6)
    X[np.isinf(X)] = np.nan
    X[np.abs(X) < 1e-30] = 0.5  # LightGBM reads what is next to zero as zero
    added, expected = compiled.contributions(X)
    for row, found in zip(X, added[:, 0], strict=True):
        for feature in range(X.shape[1]):
            exact = sum(shapley(tree, row, feature) for tree in trees)
            assert_near(found[feature], float(exact))
    nothing = sum(mean_where_known(one, one.root, X[0], frozenset()) for one in trees)
    assert_near(expected[0], float(nothing))


def test_another_number_of_columns_is_refused(compiled: CompiledTrees) -> None:
    with pytest.raises(InputError, match=r"expected \(n_rows, 5\)"):
        compiled.contributions(np.zeros((3, 4)))


@pytest.mark.parametrize("name", ["leaf_count", "internal_count"])
def test_trees_that_do_not_count_their_rows_answer_but_explain_nothing(
    name: str, model: lgb.Booster
) -> None:
    text = model.model_to_string()
    X = asked(5, 3)
    for written in ("", f"{name}={' '.join(['0'] * len(structure(text, 0, name)[1]))}"):
        trees = CompiledTrees([text.replace(structure(text, 0, name)[0], written, 1)])
        np.testing.assert_array_equal(trees.sums(X)[:, 0], model.predict(X, num_threads=1))
        with pytest.raises(InputError, match="how many training rows"):
            trees.contributions(X)


def test_a_damaged_number_of_rows_is_found_when_the_model_is_read(model: lgb.Booster) -> None:
    text = model.model_to_string()
    line, numbers = structure(text, 0, "leaf_count")
    with pytest.raises(InputError, match="numbers of rows"):
        CompiledTrees([text.replace(line, f"leaf_count={' '.join(numbers[1:])}", 1)])


def test_what_is_no_sum_of_plain_trees_is_explained_by_lightgbm() -> None:
    """With the shapes of the compiled trees, so that callers need not know which they have."""
    models = [trained({"num_leaves": leaves, "reg_sqrt": True}, 6, 3) for leaves in (4, 9)]
    theirs = LightGbmTrees([model.model_to_string() for model in models])
    X = asked(6, 20)
    added, expected = theirs.contributions(X)
    assert (added.shape, expected.shape, theirs.n_trees) == ((20, 2, 5), (2,), 6)
    for k, model in enumerate(models):
        np.testing.assert_array_equal(theirs.sums(X)[:, k], model.predict(X, num_threads=1))
        raw = model.predict(X, raw_score=True, num_threads=1)
        assert_near(added[:, k].sum(axis=1) + expected[k], raw)
