"""What weather and local events really add to a way, what a base misses of it, what is estimated.

Usage: python -m benchmarks.conditions_truth [--orders 60000] [--days 21] [--cities 3] [--seed 0]

Conditions on the way to the customer, on the test period of simulated cities, in groups of
conditions. ``caused`` is what the simulator's own laws of the ride and of the parking add against a
calm hour without events; ``missed`` by how much orders were later than the base, which cannot see
conditions but sees the last rides; ``estimated`` the mean that conditions say. All relative to dry
hours without a local event.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from benchmarks.noise_floor import median_s
from commands.data.sources import dataset_of_cities
from estimators import Dataset
from estimators.conditions import ON_THE_WAY, Conditions
from estimators.core.typing import BoolArray, FloatArray
from estimators.evaluation.scores import score
from estimators.training.train import inputs_of, train
from simulator import Scenario, Simulation, simulate_cities

CROWD = 5_000.0
"""A match has more visitors than this, a market fewer."""


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=60_000)
    parser.add_argument("--days", type=int, default=21)
    parser.add_argument("--cities", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    scenario = Scenario(cities=asked.cities, days=asked.days, orders=asked.orders, seed=asked.seed)
    dataset = dataset_of_cities(scenario).about(ON_THE_WAY, as_of=ON_THE_WAY.start)
    prepared = Conditions.prepared(dataset)
    trained = train(Conditions, prepared, baselines=False)
    X = inputs_of(trained.estimator, prepared, prepared.tests)
    predicted = trained.estimator.predict(X)
    missed_s = prepared.target_s[prepared.tests]
    print_table(
        groups_of(X, trained.estimator.feature_names),
        caused_s(simulate_cities(scenario), prepared),
        missed_s,
        predicted.mean(),
    )
    scores = score(predicted, missed_s)
    nothing = float(np.sqrt((missed_s**2).mean()))
    print(f"\nRMSE s: base alone {nothing:.1f}, with conditions {scores.rmse_s:.1f}")


def groups_of(X: FloatArray, names: tuple[str, ...]) -> dict[str, BoolArray]:
    """Return which rows are in which conditions."""

    def column(name: str) -> FloatArray:
        return np.nan_to_num(X[:, names.index(name)])

    rain_mm_h = 2.0 * column("city_precipitation_last_mm")  # of half an hour
    people, closures = column("zone_local_event_visitors"), column("zone_closures")
    at_store = column("store_zone_local_event_visitors") + column("store_zone_closures")
    quiet = (people + closures + at_store) == 0.0
    return {
        "dry, no local event": quiet & (rain_mm_h == 0.0),
        "rain below 1 mm/h": quiet & (rain_mm_h > 0.0) & (rain_mm_h < 1.0),
        "rain of 1 to 3 mm/h": quiet & (rain_mm_h >= 1.0) & (rain_mm_h < 3.0),
        "rain above 3 mm/h": quiet & (rain_mm_h >= 3.0),
        "match in the customer's zone": people > CROWD,
        "market in the customer's zone": (people > 0.0) & (people <= CROWD) & (closures == 0.0),
        "closure in the customer's zone": (closures > 0.0) & (people == 0.0),
        "event in the store's zone only": (at_store > 0.0) & (people + closures == 0.0),
    }


def caused_s(simulation: Simulation, dataset: Dataset) -> FloatArray:
    """Return what conditions added to the laws of ride and parking of each row of the test."""
    table = dataset.table.loc[dataset.tests]
    start = pd.Timestamp(simulation.scenario.start)
    found = np.zeros(len(table))
    names = table["city"].to_numpy()
    number = table["order_id"].str.rpartition("-")[2].astype(np.int64).to_numpy()
    for city in simulation.cities:
        mine = names == city.name
        for part, event in (("to_customer", "picked_up"), ("parking", "courier_at_customer")):
            since = (table.loc[mine, event] - start).dt.total_seconds().to_numpy() * 1_000.0
            at_ms = since.round().astype(np.int64)
            real_s, calm_s = (
                median_s(part, city, number[mine], at_ms, calm=calm) for calm in (False, True)
            )
            found[mine] += real_s - calm_s
    return found


def print_table(
    groups: dict[str, BoolArray], caused: FloatArray, missed: FloatArray, estimated: FloatArray
) -> None:
    """Print means by group, relative to the first group, with the standard error of ``missed``."""
    first = next(iter(groups.values()))
    print("| conditions | orders | caused s | missed by the base s | estimated s |")
    print("|---|---|---|---|---|")
    for name, rows in groups.items():
        n = int(rows.sum())
        if not n:
            continue
        means = [values[rows].mean() - values[first].mean() for values in (caused, missed)]
        error_s = missed[rows].std() / np.sqrt(n)
        guess = estimated[rows].mean() - estimated[first].mean()
        print(f"| {name} | {n:,} | {means[0]:.0f} | {means[1]:.0f} ± {error_s:.0f} | {guess:.0f} |")


if __name__ == "__main__":
    main()
