"""How close simulated cities are to the world: the same moments of both, by the same code.

Usage: python -m benchmarks.city_moments [--orders 100000] [--days 14] [--cities 2] [--seed 300]
       [--natures lively,realistic] [--data FOLDER] [--no-worth]

Columns are the natures and the public data in FOLDER (default: DOORSTEP_DATA). Every moment has its
standard error (simulator/moments/). ``worth`` is the share of the CRPS that real-time features save
for the eTP on the test period (the error by clusters of hours); it takes most of the time.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from commands.data.sources import dataset_of_cities
from estimators import Dataset
from estimators.core.errors import DatasetError
from estimators.core.typing import BoolArray
from estimators.datasets import load_dataset
from estimators.etp import Etp
from estimators.evaluation.scores import crps_s
from estimators.training.matrix import FeatureMatrix
from estimators.training.train import unfitted
from simulator import Scenario
from simulator.moments import Moment, moments_of
from simulator.moments.moment import jackknifed

PUBLIC = ("deliveroo", "wolt", "jumpman")
HOUR_US = 3_600_000_000
WORTH = "worth_of_realtime_for_etp"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--cities", type=int, default=2)
    parser.add_argument("--seed", type=int, default=300)
    parser.add_argument("--natures", default="lively,realistic")
    parser.add_argument("--data", default=os.environ.get("DOORSTEP_DATA"))
    parser.add_argument("--no-worth", action="store_true", help="do not train")
    asked = parser.parse_args()
    columns: dict[str, dict[str, Moment]] = {}
    for nature in filter(None, asked.natures.split(",")):
        scenario = Scenario(
            cities=asked.cities,
            days=asked.days,
            orders=asked.orders,
            seed=asked.seed,
            nature=nature,
        )
        columns[nature] = _moments(dataset_of_cities(scenario), worth=not asked.no_worth)
    for name in PUBLIC if asked.data else ():
        try:
            dataset = load_dataset(name, Path(asked.data))
        except DatasetError as error:
            print(f"{name} is left out: {error}")
            continue
        columns[name] = _moments(dataset, worth=name == "deliveroo" and not asked.no_worth)
    print_table(columns)


def _moments(dataset: Dataset, *, worth: bool) -> dict[str, Moment]:
    assert dataset.timezone_by is not None
    found = moments_of(dataset.table, timezone_by=dataset.timezone_by, timezones=dataset.timezones)
    return {**found, WORTH: worth_of_realtime(dataset)} if worth else found


def worth_of_realtime(dataset: Dataset) -> Moment:
    """Return the share of the CRPS of the eTP that real-time features save on the test period."""
    matrix = FeatureMatrix.compute(unfitted(Etp, dataset), dataset)
    learned, tested = matrix.learned, matrix.tested
    target_s = matrix.target_s[tested]
    full = crps_s(matrix.fit(learned).predict(matrix.X[tested]), target_s)
    facts = crps_s(matrix.fit(learned, names=matrix.facts).predict(matrix.X[tested]), target_s)

    def saved(kept: BoolArray) -> float:
        return float(1.0 - full[kept].sum() / facts[kept].sum())

    hours = np.unique(matrix.as_of_us[tested] // HOUR_US, return_inverse=True)[1]
    return jackknifed(saved, hours.astype(np.int64))


def print_table(columns: Mapping[str, Mapping[str, Moment]]) -> None:
    """Print a row for each moment, a column for each table."""
    names = dict.fromkeys(name for found in columns.values() for name in found)
    print("| moment |", " | ".join(columns), "|")
    print("|---|" + "---|" * len(columns))
    for name in names:
        cells = [str(found[name]) if name in found else "" for found in columns.values()]
        print(f"| {name} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
