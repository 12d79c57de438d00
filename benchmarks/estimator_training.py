"""Training an eTP on a million simulated orders: features, models, calibration, baseline, report.

The cities are simulated first, which is not timed. Every stage is timed on the clock and in
processor seconds of this process, as others may use the machine.

    python -m benchmarks.estimator_training [--orders 1400000] [--days 56] [--features 60]
"""

import argparse
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from benchmarks.measuring import machine, peak_resident_bytes, save
from commands.data.sources import dataset_of_cities
from estimators.core.dataset import Dataset
from estimators.etp import train_etp
from estimators.evaluation.report import Report
from estimators.evaluation.scores import ALL, Scores
from estimators.features.etp_features import etp_features

CITIES = 5
SEED = 0
SLICE_ROWS = 500
"""Slices with fewer rows say little about coverage."""


@dataclass
class Stages:
    """Seconds of each stage of training, as its progress tells when one begins."""

    wall_s: dict[str, float] = field(default_factory=dict)
    processor_s: dict[str, float] = field(default_factory=dict)
    _name: str = "prepare"
    _since: tuple[float, float] = field(default_factory=lambda: _clocks())

    def count(self, stage: str, _part: float) -> None:
        """Be called with the stage that training is in."""
        wall, processor = _clocks()
        name = self._name
        self.wall_s[name] = self.wall_s.get(name, 0.0) + wall - self._since[0]
        self.processor_s[name] = self.processor_s.get(name, 0.0) + processor - self._since[1]
        self._name, self._since = stage, (wall, processor)


def simulated(orders: int, days: int) -> Dataset:
    """Return simulated cities whose last quarter of the days is the test period."""
    from simulator import Scenario

    return dataset_of_cities(Scenario(cities=CITIES, days=days, orders=orders, seed=SEED))


def measure(orders: int, days: int, n_features: int | None, threads: int) -> dict[str, Any]:
    """Train once, with the first so many of the eTP's features; the result as it is saved."""
    at_start = machine()
    started = time.perf_counter()
    dataset = simulated(orders, days)
    simulated_s = time.perf_counter() - started
    print(f"simulated in {simulated_s:.0f} s: {len(dataset.table):,} orders", file=sys.stderr)
    names = [one.name for one in etp_features(dataset.source, dataset.target)][:n_features]
    stages = Stages()
    wall, processor = _clocks()
    trained = train_etp(dataset, num_threads=threads, progress=stages.count, features=names)
    ended = _clocks()
    stages.count("", 1.0)
    overall = {row.model: row.scores for row in trained.report.rows if row.group == "all"}
    return {
        "at_start": at_start,
        "rows_trained": trained.metadata["rows_trained"],
        "rows_tested": trained.metadata["rows_tested"],
        "columns": len(trained.estimator.feature_names),
        "features": len(trained.estimator.features),
        "trees": trained.metadata["trees"],
        "threads": threads,
        "wall_s": round(ended[0] - wall, 1),
        "processor_s": round(ended[1] - processor, 1),
        "stages_wall_s": {name: round(s, 1) for name, s in stages.wall_s.items()},
        "stages_processor_s": {name: round(s, 1) for name, s in stages.processor_s.items()},
        "peak_resident_mb": round(peak_resident_bytes() / 2**20),
        "scores": {name: _line(scores) for name, scores in overall.items()},
        "coverage_80_by_slice": _by_slice(trained.report),
    }


def _by_slice(report: Report) -> dict[str, dict[str, list[float]]]:
    """Coverage of the 80% range and rows of every slice that has enough."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in report.rows:
        if row.group != ALL and row.scores.n >= SLICE_ROWS:
            of = found.setdefault(row.group, {})
            of[row.value] = [round(row.scores.coverage[0.8], 4), row.scores.n]
    return found


def _line(scores: Scores) -> dict[str, Any]:
    return {
        "mae_s": round(scores.mae_s, 1),
        "crps_s": round(scores.crps_s, 1),
        "coverage": {str(level): round(share, 4) for level, share in scores.coverage.items()},
    }


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_400_000)
    parser.add_argument("--days", type=int, default=56)
    parser.add_argument("--features", type=int, help="of the eTP's; all by default")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    result = measure(options.orders, options.days, options.features, options.threads)
    print(result, file=sys.stderr)
    name = "estimator_training"
    save(name if options.features is None else f"{name}_{options.features}_features", result)


if __name__ == "__main__":
    main()
