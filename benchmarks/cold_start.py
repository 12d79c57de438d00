"""What shrinkage gains for stores of few orders, with and without it, by earlier orders.

Usage: python -m benchmarks.cold_start [--data FOLDER] [--seed 100] [--alone]

Deliveroo: the inner splits of its training period (its test period is not looked at). Simulated
cities: 240 stores, 60% of which open on a later day, the last quarter of the days. The same rows,
the same parameters; without shrinkage the columns that it needs are missing, too. Before that, the
column alone as an estimate, beside a constant and the median of the store's own last 200 orders.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from estimators.core.dataset import Dataset
from estimators.core.typing import FloatArray, IntArray
from estimators.datasets import cities_dataset, load_dataset
from estimators.etp import Etp
from estimators.evaluation.scores import crps_s
from estimators.evaluation.slices import store_age_orders
from estimators.training.matrix import FeatureMatrix, InnerSplit
from estimators.training.train import unfitted
from simulator import Scenario, simulate_cities

MODEL_SEEDS = (1, 2, 3)
"""Scores are means over models of these seeds: one seed differs from the next by 0.3 s."""

AGES = ((0, 0, "0"), (1, 5, "1-5"), (6, 20, "6-20"), (21, 2**62, "more"), (0, 2**62, "all"))
"""Fewest and most earlier orders of a store, and what such stores are called."""


def main() -> None:
    """Print a table for each data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--seed", type=int, default=100, help="of the simulated cities")
    parser.add_argument("--alone", action="store_true", help="fit no models")
    arguments = parser.parse_args()
    if arguments.data is not None:
        deliveroo = load_dataset("deliveroo", arguments.data)
        _print("Deliveroo, inner splits", deliveroo, inner=True, alone=arguments.alone)
    cities = young_cities(arguments.seed)
    _print(f"simulated cities, seed {arguments.seed}", cities, inner=False, alone=arguments.alone)


def young_cities(seed: int) -> Dataset:
    """Return two cities of many stores with few orders each, most of them new."""
    scenario = Scenario(
        cities=2, days=14, orders=24_000, stores_per_city=120, seed=seed, new_store_share=0.6
    )
    return cities_dataset(
        simulate_cities(scenario).tables,
        start=pd.Timestamp(scenario.start),
        days=scenario.days,
        timezones={profile.name: profile.timezone for profile in scenario.profiles},
    )


def _print(title: str, dataset: Dataset, *, inner: bool, alone: bool) -> None:
    matrix = FeatureMatrix.compute(unfitted(Etp, dataset), dataset, test=not inner)
    splits = list(matrix.inner_splits()) if inner else [InnerSplit(matrix.learned, matrix.tested)]
    rows = dataset.trains if inner else dataset.trains | dataset.tests
    age = store_age_orders(dataset)[rows]
    k = {one.name: [round(value, 1) for value in one.k] for one in matrix.estimator.shrinkage}
    print(f"\n{title}; k: {k}")
    scored = np.concatenate([split.scored for split in splits])
    print(
        "| earlier orders | orders | MAE s constant | own median | shrunk |\n|---|---|---|---|---|"
    )
    for line in _lines_alone(matrix, splits, age):
        print(line, flush=True)
    if alone:
        return
    print("| earlier orders | orders | MAE s without | with | CRPS s without | with |", end="")
    print(" in 80% range without | with |\n|---|---|---|---|---|---|---|---|")
    added = {one.name for one in matrix.estimator.shrinkage}
    added |= {
        name
        for one in matrix.estimator.shrinkage
        for level in one.levels[1:]
        for name in (level.count, level.typical)
        if name != "category_time_to_ready_last_500_median"
    }
    without = [name for name in matrix.names if name not in added]
    scores = [_scores(matrix, splits, names) for names in (without, matrix.names)]
    for line in _lines(scores, age[scored]):
        print(line, flush=True)


def _lines_alone(matrix: FeatureMatrix, splits: list[InnerSplit], age: IntArray) -> Iterator[str]:
    shrinkage = matrix.estimator.shrinkage[0]
    own, shrunk = matrix.positions([shrinkage.levels[0].typical, shrinkage.name])
    errors, ages = [], []
    for split in splits:
        X, actual_s = matrix.X[split.scored], matrix.target_s[split.scored]
        constant_s = np.median(matrix.target_s[split.learned])
        own_s = np.where(np.isnan(X[:, own]), constant_s, X[:, own])
        said_s = np.column_stack([np.full(len(X), constant_s), own_s, X[:, shrunk]])
        errors.append(np.abs(said_s - actual_s[:, np.newaxis]))
        ages.append(age[split.scored])
    error_s, counts = np.concatenate(errors), np.concatenate(ages)
    for fewest, most, name in AGES:
        rows = (counts >= fewest) & (counts <= most)
        cells = [f"{one:.1f}" for one in error_s[rows].mean(axis=0)]
        yield f"| {name} | {rows.sum():,} | {' | '.join(cells)} |"


def _scores(matrix: FeatureMatrix, splits: list[InnerSplit], names: Sequence[str]) -> FloatArray:
    """Return absolute error, CRPS and whether it is in the 80% range; shape (n_rows, 3)."""
    found = []
    for split in splits:
        actual_s = matrix.target_s[split.scored]
        runs = []
        for seed in MODEL_SEEDS:
            parameters = replace(matrix.estimator.parameters, seed=seed)
            model = matrix.fit(split.learned, names=names, parameters=parameters)
            predicted = model.predict(matrix.X[split.scored])
            low, high = predicted.interval(0.8)
            inside = (low <= actual_s) & (actual_s <= high)
            error_s = np.abs(predicted.quantile(0.5) - actual_s)
            runs.append(np.column_stack([error_s, crps_s(predicted, actual_s), inside]))
        found.append(np.mean(runs, axis=0))
    return np.concatenate(found)


def _lines(scores: list[FloatArray], age: IntArray) -> Iterator[str]:
    for fewest, most, name in AGES:
        rows = (age >= fewest) & (age <= most)
        if not rows.any():
            continue
        means = [one[rows].mean(axis=0) for one in scores]
        cells = [f"{mean[i]:.1f}" for i in (0, 1) for mean in means]
        cells += [f"{mean[2]:.1%}" for mean in means]
        yield f"| {name} | {rows.sum():,} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
