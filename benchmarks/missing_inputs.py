"""What answers are worth when something is missing: the event store, a number, the model itself.

Usage: python -m benchmarks.missing_inputs [--data FOLDER] [--seed 101]

Simulated cities (parts asked when they begin) and, with --data, Deliveroo's kitchens: models of
the first 55% of the training period, scored on the rest of it (the test period is not looked at).
Where a number is missing, it is one that training always had.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from estimators.core.dataset import Dataset, seconds_between
from estimators.core.distribution import Distribution
from estimators.core.typing import FloatArray, IntArray
from estimators.courier_travel import TO_CUSTOMER, TO_STORE, CourierTravel
from estimators.datasets import load_dataset
from estimators.datasets.cities import cities_dataset
from estimators.etp import Etp
from estimators.evaluation.scores import score
from estimators.fallback.learning import learn_fallback
from estimators.fallback.model import Fallback
from estimators.model.base import Estimator
from estimators.monitoring import NumberStatistics, Validator
from estimators.parking import PARKING, Parking
from estimators.quantiles.widening import widen_to_baseline
from estimators.training.matrix import FeatureMatrix
from estimators.training.train import unfitted
from estimators.wall_eta import WallEta
from simulator import Scenario, simulate_cities

ORDERED = seconds_between("activated", "delivered")
COOKED = seconds_between("dispatched", "ready")

QUESTIONS: tuple[tuple[str, type[Estimator], Any, str], ...] = (
    ("kitchen", Etp, COOKED, ""),
    ("to store", CourierTravel, TO_STORE, "distance_to_store_m"),
    ("to customer", CourierTravel, TO_CUSTOMER, "distance_m"),
    ("parking", Parking, PARKING, ""),
    ("whole delivery", WallEta, ORDERED, "distance_m"),
)
"""What is asked of the cities: a title, the estimator, its target, a number that may be missing."""

HEAD = "| answered by | MAE s | CRPS s | in 80% range | width of it s |\n|---|---|---|---|---|"


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A fitted estimator, what is usual, and rows that neither has seen."""

    estimator: Estimator
    fallback: Fallback
    validator: Validator
    X: FloatArray
    columns: dict[str, list[Any]]
    target_s: FloatArray
    as_of_us: IntArray

    @classmethod
    def of(cls, estimator_class: type[Estimator], dataset: Dataset) -> Scored:
        """Fit on the first part of the training period."""
        estimator = unfitted(estimator_class, dataset)
        matrix = FeatureMatrix.compute(estimator, dataset, threads=1, test=False)
        ((learned, scored),) = matrix.inner_splits(1)
        X, target_s, as_of_us = matrix.X, matrix.target_s, matrix.as_of_us
        estimator.fit(X[learned], target_s[learned], as_of_us[learned])
        table = dataset.table.loc[dataset.trains]
        fallback = learn_fallback(
            table.iloc[learned], target_s[learned], as_of_us[learned], facts=estimator.facts
        )
        names = {*estimator.facts.inputs, fallback.store, fallback.city} - {""}
        seen = {
            name: NumberStatistics.of(X[learned, i])
            for i, name in enumerate(estimator.facts.numbers)
        }
        return cls(
            estimator=estimator,
            fallback=fallback,
            validator=Validator.of(seen, estimator.facts),
            X=X[scored],
            columns={name: table[name].iloc[scored].tolist() for name in sorted(names)},
            target_s=target_s[scored],
            as_of_us=as_of_us[scored],
        )

    def baseline(self, *without: str) -> Distribution:
        """Return what the fallback says where some of the request is missing."""
        given = {name: column for name, column in self.columns.items() if name not in without}
        return self.fallback.distribution(given, self.as_of_us)[0]

    def event_store_down(self) -> Iterator[tuple[str, Distribution]]:
        """Yield answers with and without real-time features."""
        estimator, n_facts = self.estimator, len(self.estimator.facts.names)
        nothing = np.full((len(self.X), len(estimator.features)), np.nan)
        down = estimator.assemble(self.X[:, :n_facts], nothing)
        yield "the model, all known", estimator.predict(self.X)
        yield "the same model, event store down", estimator.predict(down)
        yield "the model of the facts (blind rows)", estimator.predict(down, _every(down))
        yield "fallback: store and hour", self.baseline()
        yield "fallback: no store known", self.baseline("store_id")

    def number_missing(self, name: str) -> Iterator[tuple[str, Distribution]]:
        """Yield answers where a number that training always had is not said."""
        estimator, n_facts = self.estimator, len(self.estimator.facts.names)
        lacking = self.X.copy()
        lacking[:, estimator.facts.numbers.index(name)] = np.nan
        filled = lacking.copy()
        filled[:, :n_facts], _ = self.validator.clip(lacking[:, :n_facts], {})
        baseline = self.baseline(name)
        distribution = estimator.predict(filled, _every(filled))
        yield f"the model, {name} missing", estimator.predict(lacking)
        yield "the same, with the median in its place", distribution
        scale = estimator.model.grid.scale
        yield (
            "and as wide as is usual (degraded rows)",
            widen_to_baseline(distribution, baseline, scale),
        )
        yield "fallback", baseline


def main() -> None:
    """Print a table for each question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--seed", type=int, default=101, help="of the simulated cities")
    arguments = parser.parse_args()
    cities = _cities(arguments.seed)
    for title, estimator_class, target, missing in QUESTIONS:
        asked = cities.about(target, as_of=target.start)
        _print(f"simulated cities, {title}", Scored.of(estimator_class, asked), missing)
    if arguments.data is not None:
        deliveroo = Scored.of(Etp, load_dataset("deliveroo", arguments.data))
        _print("Deliveroo, kitchen", deliveroo, "products")


def _cities(seed: int) -> Dataset:
    scenario = Scenario(cities=2, days=16, orders=24_000, seed=seed)
    return cities_dataset(
        simulate_cities(scenario).tables,
        start=pd.Timestamp(scenario.start),
        days=scenario.days,
        timezones={profile.name: profile.timezone for profile in scenario.profiles},
    )


def _print(title: str, scored: Scored, missing: str) -> None:
    print(f"\n{title}: {len(scored.target_s):,} rows\n{HEAD}")
    answers = [*scored.event_store_down()]
    if missing:
        answers += scored.number_missing(missing)
    for who, distribution in answers:
        scores = score(distribution, scored.target_s)
        low, high = distribution.interval(0.8)
        share, width_s = scores.coverage[0.8], float(np.mean(high - low))
        print(
            f"| {who} | {scores.mae_s:.0f} | {scores.crps_s:.0f} | {share:.1%} | {width_s:,.0f} |",
            flush=True,
        )


def _every(X: FloatArray) -> Any:
    return np.ones(len(X), dtype=bool)


if __name__ == "__main__":
    main()
