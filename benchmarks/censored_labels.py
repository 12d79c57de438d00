"""What bounds on a censored `ready` gain, scored on what really happened in simulated cities.

Usage: python -m benchmarks.censored_labels [--seed 0] [--orders 40000] [--days 14]

Features are always those of the records. The models differ in what they learn from, and are all
scored on the true duration of every order of the last quarter of the days.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from estimators.core.distribution import Distribution
from estimators.core.typing import FloatArray
from estimators.datasets import cities_dataset
from estimators.etp import Etp
from estimators.evaluation.scores import score
from estimators.quantiles.quantile_model import QuantileModel
from estimators.training.imputation import targets_of
from estimators.training.matrix import inputs_of
from estimators.training.train import unfitted
from simulator import Imperfections, Scenario, simulate_cities

TYPICAL = Imperfections.typical()
CARELESS = replace(TYPICAL, ready_missing_share=0.35, ready_late_share=0.45)
LEVELS = {"typical": TYPICAL, "careless": CARELESS}
"""How careless the stores are with the button: 12% missing and 20% late, 35% and 45%."""


COLUMNS = (
    "learned from",
    "rows",
    "MAE s",
    "CRPS s",
    "median error s",
    "in 50 / 80 / 90% range",
    "width of 80% s",
    "MAE s, exact labels",
    "MAE s, exact and drawn",
)


def main() -> None:
    """Print a table for each level of carelessness."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--orders", type=int, default=40_000)
    parser.add_argument("--days", type=int, default=14)
    arguments = parser.parse_args()
    for level, imperfections in LEVELS.items():
        scenario = Scenario(
            cities=2,
            days=arguments.days,
            orders=arguments.orders,
            seed=arguments.seed,
            imperfections=imperfections,
        )
        print(f"\n{level}: seed {scenario.seed}, {scenario.orders:,} orders, {scenario.days} days")
        for line in lines_of(scenario):
            print(line, flush=True)


def lines_of(scenario: Scenario) -> Iterator[str]:
    """Yield the lines of a table: what was learned from, and the scores on the truth."""
    simulation = simulate_cities(scenario)
    dataset = cities_dataset(
        simulation.tables,
        start=pd.Timestamp(scenario.start),
        days=scenario.days,
        timezones={profile.name: profile.timezone for profile in scenario.profiles},
    )
    assert dataset.labels is not None, "the button was not forgotten"
    rows = dataset.asked
    labels = dataset.labels[rows]
    estimator = unfitted(Etp, dataset)
    X = inputs_of(estimator, dataset, rows)
    columns, parameters = estimator.columns, estimator.parameters
    drawn_s = targets_of(dataset, rows, X, columns=columns, parameters=parameters)
    dispatched = dataset.table["dispatched"]
    truth_s = _seconds(dispatched, simulation.truth_table["ready"])[rows]
    recorded_s = _seconds(dispatched, dataset.table["ready"])[rows]
    as_of_us = dataset.as_of_us[rows]
    before = as_of_us < dataset.test_from_us
    trains = before & (dataset.ended_us[rows] < dataset.test_from_us)
    tested = ~before & np.isfinite(truth_s)
    counts = ", ".join(f"{n:,} {kind}" for kind, n in labels.counts(trains | ~before).items())
    yield f"labels: {counts}"
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|---" * len(COLUMNS) + "|"
    learned = {
        "what was recorded": np.where(recorded_s >= 0.0, recorded_s, np.nan),
        "exact labels only": labels.exact_s,
        "exact labels and bounds": drawn_s,
        "truth of these orders": np.where(np.isfinite(drawn_s), truth_s, np.nan),
    }
    for name, target_s in learned.items():
        usable = trains & np.isfinite(target_s)
        model = QuantileModel.fit(
            X[usable],
            target_s[usable],
            as_of_us[usable],
            columns=columns,
            parameters=parameters,
        )
        predicted = model.predict(X[tested])
        yield _line(
            name,
            int(usable.sum()),
            predicted,
            truth_s[tested],
            [_mae_s(predicted, one[tested]) for one in (labels.exact_s, drawn_s)],
        )


def _line(
    name: str, n_rows: int, predicted: Distribution, truth_s: FloatArray, others_s: list[float]
) -> str:
    scores = score(predicted, truth_s)
    error_s = float(np.median(truth_s - predicted.quantile(0.5)))
    ranges = " / ".join(f"{scores.coverage[level]:.1%}" for level in (0.5, 0.8, 0.9))
    cells = [name, f"{n_rows:,}", f"{scores.mae_s:.1f}", f"{scores.crps_s:.1f}", f"{error_s:+.1f}"]
    cells += [ranges, f"{scores.width_s[0.8]:.0f}", *(f"{one:.1f}" for one in others_s)]
    return f"| {' | '.join(cells)} |"


def _mae_s(predicted: Distribution, target_s: FloatArray) -> float:
    return float(np.nanmean(np.abs(target_s - predicted.quantile(0.5))))


def _seconds(start: pd.Series, end: pd.Series) -> FloatArray:
    return np.asarray((end - start).dt.total_seconds())


if __name__ == "__main__":
    main()
