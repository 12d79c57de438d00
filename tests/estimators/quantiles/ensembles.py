"""Ensembles of many kinds, rows of many kinds, and edited texts of ensembles."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from estimators.quantiles.tree_kernels import LEAVES_MAX

Floats = npt.NDArray[np.float64]

CATEGORIES = 90
CATEGORY_COLUMNS = (3, 4)
ODD = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-36, -1e-36, 1e-35, 1e308, -1.0, -0.5, 0.5, 4e9)
"""Values that numbers and categories are not meant to have."""

OPTIONS: dict[str, dict[str, Any]] = {
    "medians": {"objective": "regression_l1"},
    "quantiles": {"objective": "quantile", "alpha": 0.9, "num_leaves": 7},
    "means, unaware of missing values": {"use_missing": False},
    "zero is missing": {"zero_as_missing": True},
    "all categories apart": {"max_cat_to_onehot": 200, "cat_l2": 0.0},
    "as many leaves as fit a set": {"num_leaves": LEAVES_MAX, "min_data_in_leaf": 5},
    "more leaves than fit a set": {"num_leaves": 3 * LEAVES_MAX, "min_data_in_leaf": 2},
    "one split": {"num_leaves": 2},
    "no split": {"min_data_in_leaf": 100_000},
}


def table(rng: np.random.Generator, n: int) -> Floats:
    """Numbers without gaps, numbers with gaps, counts with zeros, and two categories."""
    return np.column_stack(
        [
            rng.normal(size=n),
            np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
            rng.poisson(0.7, n),
            rng.integers(0, CATEGORIES, n),
            np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 5, n)),
        ]
    ).astype(np.float64)


def trained(options: dict[str, Any], seed: int, n_trees: int = 23) -> lgb.Booster:
    rng = np.random.default_rng(seed)
    X = table(rng, 1_200)
    effect = rng.normal(size=CATEGORIES)
    target = np.nansum(X[:, :3], axis=1) + effect[X[:, 3].astype(int)] + rng.normal(size=len(X))
    parameters = {"verbosity": -1, "num_leaves": 31, "num_threads": 1, "seed": seed, **options}
    data = lgb.Dataset(
        X, target, categorical_feature=list(CATEGORY_COLUMNS), params={"verbosity": -1}
    )
    return lgb.train({**parameters, "cat_smooth": 1.0, "min_data_per_group": 5}, data, n_trees)


def asked(seed: int, n: int) -> Floats:
    """Rows of which every fourth value is none that training has seen."""
    rng = np.random.default_rng(seed + 1)
    X = table(rng, n)
    X[:, 3] = rng.integers(-3, 2 * CATEGORIES, n)
    return np.where(rng.random(X.shape) < 0.25, rng.choice(ODD, X.shape), X)


def structure(text: str, tree: int, name: str) -> tuple[str, list[str]]:
    """A line of one tree of a model's text, and its numbers."""
    block = text.split("\nTree=")[tree + 1]
    (line,) = [one for one in block.splitlines() if one.startswith(f"{name}=")]
    return line, line.partition("=")[2].split()


def damaged(text: str, tree: int, name: str, place: int, value: str) -> str:
    """A model's text with one number of one tree replaced."""
    line, numbers = structure(text, tree, name)
    numbers[place] = value
    blocks = text.split("\nTree=")
    blocks[tree + 1] = blocks[tree + 1].replace(line, f"{name}={' '.join(numbers)}", 1)
    return "\nTree=".join(blocks)
