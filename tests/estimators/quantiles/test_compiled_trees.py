"""Ensembles without LightGBM say what LightGBM says, to the bit, of rows of every kind."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from estimators import InputError
from estimators.core.errors import NotCompiledError
from estimators.quantiles.compiled_trees import ROWS_TO_WALK, CompiledTrees
from estimators.quantiles.tree_kernels import BLOCK_ROWS, LARGEST
from estimators.quantiles.tree_text import read_model
from tests.estimators.quantiles.ensembles import (
    OPTIONS,
    Floats,
    asked,
    damaged,
    structure,
    table,
    trained,
)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_row_has_the_bits_of_lightgbm(options: dict[str, Any], seed: int) -> None:
    models = [trained(options, seed), trained({**options, "bagging_freq": 1}, seed + 10, 5)]
    compiled = CompiledTrees([model.model_to_string() for model in models])
    X = asked(seed, 2 * BLOCK_ROWS + 7)
    expected = np.column_stack([model.predict(X, num_threads=1) for model in models])
    np.testing.assert_array_equal(compiled.sums(X), expected)
    np.testing.assert_array_equal(compiled.sums(X[:ROWS_TO_WALK]), expected[:ROWS_TO_WALK])
    by_row = np.vstack([compiled.sums(row[np.newaxis]) for row in X])
    np.testing.assert_array_equal(by_row, expected)


def assert_all_rows_equal(text: str, X: Floats) -> None:
    """Compare with LightGBM, which reads the same text, rows together and one by one."""
    # The lengths of the trees' texts are no longer right where one was edited.
    whole = "\n".join(line for line in text.splitlines() if not line.startswith("tree_sizes="))
    expected = lgb.Booster(model_str=f"{whole}\n").predict(X, num_threads=1)
    compiled = CompiledTrees([text])
    np.testing.assert_array_equal(compiled.sums(X)[:, 0], expected)
    by_row = np.vstack([compiled.sums(row[np.newaxis]) for row in X])
    np.testing.assert_array_equal(by_row[:, 0], expected)


def test_a_split_may_send_missing_values_alone_to_the_right() -> None:
    """LightGBM writes such a split with an infinite threshold, and nothing is above infinity."""
    rng = np.random.default_rng(9)
    X = table(rng, 2_000)
    target = np.where(np.isnan(X[:, 1]), 100.0, 0.0) + X[:, 0]
    data = lgb.Dataset(X, target, params={"verbosity": -1})
    text = lgb.train({"verbosity": -1, "num_threads": 1}, data, 9).model_to_string()
    assert any(np.inf in tree.threshold for tree in read_model(text).trees)
    assert_all_rows_equal(text, asked(9, 2 * BLOCK_ROWS))


NAN_LEFT, NAN_RIGHT, ZERO_LEFT, ZERO_RIGHT = "10", "8", "6", "4"
"""Decisions as LightGBM writes them: what is missing, and where it goes."""


@pytest.mark.parametrize("decision", [NAN_LEFT, NAN_RIGHT, ZERO_LEFT, ZERO_RIGHT])
@pytest.mark.parametrize("threshold", ["inf", "-inf", "1e308", "-1e308"])
def test_thresholds_without_measure(decision: str, threshold: str) -> None:
    text = trained({"max_cat_threshold": 1}, 14, 3).model_to_string()
    _, kinds = structure(text, 1, "decision_type")
    place = next(i for i, kind in enumerate(kinds) if not int(kind) & 1)
    edited = damaged(text, 1, "decision_type", place, decision)
    edited = damaged(edited, 1, "threshold", place, threshold)
    assert_all_rows_equal(edited, asked(14, 2 * BLOCK_ROWS))


def test_the_largest_threshold_is_left_to_lightgbm() -> None:
    """It stands for a split of missing values alone."""
    text = trained({}, 15, 2).model_to_string()
    _, kinds = structure(text, 0, "decision_type")
    place = next(i for i, kind in enumerate(kinds) if not int(kind) & 1)
    edited = damaged(text, 0, "decision_type", place, NAN_RIGHT)
    with pytest.raises(NotCompiledError, match="largest"):
        CompiledTrees([damaged(edited, 0, "threshold", place, repr(LARGEST))])


@pytest.mark.parametrize("common", [(), (0,), (1, 3), (0, 1, 2), (3, 4), (0, 1, 2, 3, 4)])
def test_columns_that_all_rows_share_change_nothing(common: tuple[int, ...]) -> None:
    model = trained({}, 3)
    X = asked(3, BLOCK_ROWS + ROWS_TO_WALK + 2)
    X[:, common] = X[5, common]
    found = CompiledTrees([model.model_to_string()]).sums(X)
    np.testing.assert_array_equal(found[:, 0], model.predict(X, num_threads=1))


def test_rows_are_independent_of_their_layout_in_memory() -> None:
    compiled = CompiledTrees([trained({}, 4).model_to_string()])
    X = asked(4, 50)
    np.testing.assert_array_equal(compiled.sums(np.asfortranarray(X)), compiled.sums(X))
    np.testing.assert_array_equal(compiled.sums(X[::2]), compiled.sums(X)[::2])
    assert compiled.sums(X[:0]).shape == (0, 1)


def test_another_number_of_columns_is_refused() -> None:
    compiled = CompiledTrees([trained({}, 5, 2).model_to_string()])
    with pytest.raises(InputError, match=r"expected \(n_rows, 5\)"):
        compiled.sums(np.zeros((3, 4)))


def test_trees_are_counted() -> None:
    texts = [trained({}, 6, n).model_to_string() for n in (2, 3)]
    assert CompiledTrees(texts).n_trees == 5
    assert [len(read_model(text).trees) for text in texts] == [2, 3]


UNKNOWN: dict[str, dict[str, Any]] = {
    "linear leaves": {"linear_tree": True},
    "a random forest": {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
    "square roots": {"reg_sqrt": True},
    "a logarithmic link": {"objective": "poisson"},
}


@pytest.mark.parametrize("options", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_no_sum_of_plain_trees_is_left_to_lightgbm(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(7)
    X = rng.random((500, 3))
    data = lgb.Dataset(X, X.sum(axis=1), params={"verbosity": -1, **options})
    model = lgb.train({"verbosity": -1, "num_threads": 1, **options}, data, 3)
    with pytest.raises(NotCompiledError):
        CompiledTrees([model.model_to_string()])


def test_models_of_another_version_are_left_to_lightgbm() -> None:
    text = trained({}, 8, 2).model_to_string()
    with pytest.raises(NotCompiledError, match="version 'v5'"):
        read_model(text.replace("version=v4", "version=v5"))


DAMAGE = [
    ("left_child", 1, "0", "leads back to node 0"),
    ("left_child", 0, "0", "leads back to node 0"),
    ("right_child", 2, "1", "leads back to node 1"),
    ("left_child", 0, "999", "leads to 999"),
    ("right_child", 0, "-999", "leads to -999"),
    ("left_child", 1, "-1", "two nodes lead to"),
    ("split_feature", 0, "1000000", "compares feature 1000000; there are 5"),
    ("split_feature", 0, "5", "compares feature 5; there are 5"),
    ("split_feature", 1, "-7", "compares feature -7"),
    ("threshold", 0, "nan", "not a number"),
    ("leaf_value", 0, "inf", "not finite"),
    ("leaf_value", 0, "nan", "not finite"),
    ("decision_type", 0, "12", "unknown as missing"),
    ("split_feature", 0, "first", "cannot be read"),
    ("num_leaves", 0, "3", "values of 3 leaves"),
    ("num_leaves", 0, "-1", "values of -1 leaves"),
]


@pytest.mark.parametrize(("name", "place", "value", "words"), DAMAGE)
def test_a_damaged_tree_is_found_before_anybody_walks_it(
    name: str, place: int, value: str, words: str
) -> None:
    text = trained({}, 9, 4).model_to_string()
    read_model(text)
    with pytest.raises(InputError, match=f"tree 2 .*{words}"):
        read_model(damaged(text, 2, name, place, value))


def test_a_set_of_categories_that_is_not_there_is_found() -> None:
    text = trained({}, 10, 10).model_to_string()
    for tree in range(10):
        _, kinds = structure(text, tree, "decision_type")
        nodes = [node for node, kind in enumerate(kinds) if int(kind) & 1]
        if not nodes:
            continue
        for value in ("77", "-1", "0.5"):
            with pytest.raises(InputError, match="looks for the set of categories"):
                read_model(damaged(text, tree, "threshold", nodes[0], value))
        with pytest.raises(InputError, match="bounds of its sets"):
            read_model(damaged(text, tree, "cat_boundaries", 1, "9999"))
        return
    raise AssertionError("no tree compares categories")


@pytest.mark.parametrize("seed", [11, 12])
def test_any_damage_of_one_number_is_refused_or_harmless(seed: int) -> None:
    """Whatever stands in the file, an answer comes: a number per row, and no endless walk."""
    rng = np.random.default_rng(seed)
    text = trained({}, seed, 3).model_to_string()
    X = asked(seed, 40)
    names = ("left_child", "right_child", "split_feature", "decision_type", "threshold")
    for _ in range(300):
        name, tree = str(rng.choice(names)), int(rng.integers(3))
        place = int(rng.integers(len(structure(text, tree, name)[1])))
        value = str(int(rng.choice([*range(-40, 40), 2**31, -(2**31), 10**6])))
        try:
            compiled = CompiledTrees([damaged(text, tree, name, place, value)])
        except InputError:
            continue
        for rows in (X[:1], X):
            assert np.isfinite(compiled.sums(rows)).all()


def test_a_model_left_to_lightgbm_is_looked_at_all_the_same() -> None:
    text = trained({}, 12, 2).model_to_string()
    other = damaged(text, 1, "left_child", 0, "0")
    foreign = text.replace("objective=", "objective=poisson ", 1)
    with pytest.raises(NotCompiledError):
        CompiledTrees([foreign, text])
    with pytest.raises(InputError, match="leads back"):
        CompiledTrees([foreign, other])
