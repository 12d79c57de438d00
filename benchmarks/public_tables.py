"""Errors on the test periods of public data with default settings, beside plain LightGBM.

Every estimator is trained as `doorstep train` trains it, parameters chosen on inner splits of the
training period. Plain LightGBM (400 trees of 31 leaves) learns the same columns of the same rows,
for L1, L2 and, level by level, for quantiles. The test periods are for scoring alone: nothing is
chosen by what this prints.

    python -m benchmarks.public_tables --data FOLDER [--only wolt lifecycle] [--seeds 0 1 2]
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from benchmarks.inner_tasks import MAPPINGS, TASKS, Task
from benchmarks.measuring import machine, save
from commands.data.mapped_dataset import mapped_dataset
from estimators.core.dataset import Dataset
from estimators.core.distribution import Distribution
from estimators.core.typing import FloatArray, IntArray
from estimators.courier_travel import CourierTravel
from estimators.evaluation.comparison import paired_noise
from estimators.evaluation.scores import Scores, score
from estimators.training.matrix import FeatureMatrix
from estimators.training.train import train, unfitted

TREES, LEAVES, STEP = 400, 31, 0.05
LEVELS = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
EARTH_M = 6_371_000.0
PUBLIC = (
    "deliveroo",
    "wolt",
    "jumpman to store",
    "jumpman to customer",
    "lifecycle",
    "lifecycle, asap",
    "nyc taxi",
)


def with_distance(data: Path) -> Dataset:
    """The rides with their great-circle distance in a column, as somebody would prepare them."""
    rides = pd.read_csv(data / "nyc_taxi" / "nyc_train.csv")
    ends = [
        rides[f"{end}_{axis}"]
        for end in ("pickup", "dropoff")
        for axis in ("latitude", "longitude")
    ]
    lat, lon, to_lat, to_lon = (np.radians(end) for end in ends)
    half = np.sin((to_lat - lat) / 2) ** 2
    half += np.cos(lat) * np.cos(to_lat) * np.sin((to_lon - lon) / 2) ** 2
    rides["metres"] = 2.0 * EARTH_M * np.arcsin(np.sqrt(half))
    mapping = (MAPPINGS / "nyc_taxi.yaml").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        rides.to_csv(Path(folder) / "nyc_train.csv", index=False)
        path = Path(folder) / "mapping.yaml"
        path.write_text(mapping.replace("attributes:\n", "attributes:\n  distance_m: metres\n"))
        return mapped_dataset(path, Path(folder))


TABLES: dict[str, Task] = {
    **{name: TASKS[name] for name in PUBLIC},
    "nyc taxi, distance": Task(estimator=CourierTravel, load=with_distance),
}
"""Name -> estimator and data."""


def measured(name: str, data: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """Train on a table, once per seed, and plain models once; errors on its test period."""
    task = TABLES[name]
    dataset = task.estimator.prepared(task.load(data))
    matrix = FeatureMatrix.compute(unfitted(task.estimator, dataset), dataset)
    tested_s, as_of_us = matrix.target_s[matrix.tested], matrix.as_of_us[matrix.tested]
    plain = {
        f"plain LightGBM, {loss}": _plain(matrix, objective)
        for loss, objective in (("L1", "l1"), ("L2", "l2"))
    }
    runs = []
    for seed in seeds:
        began_s = time.process_time()
        trained = train(task.estimator, dataset, seed=seed)
        took_s = time.process_time() - began_s
        predicted = trained.estimator.predict(_inputs(trained.estimator.feature_names, matrix))
        median_s = predicted.quantile([0.5])[:, 0]
        scores = {row.model: row.scores for row in trained.report.rows if row.group == "all"}
        tuning = trained.metadata["tuning"]
        runs.append(
            {
                "seed": seed,
                "processor_s": round(took_s, 1),
                "noise_s": _noise(median_s, tested_s, as_of_us),
                "models": {model: _line(one) for model, one in scores.items() if one.n},
                "parameters": trained.metadata["parameters"],
                "chosen": tuning,
                "beyond_plain_s": {
                    model: _difference(median_s, other_s, tested_s, as_of_us)
                    for model, other_s in plain.items()
                },
            }
        )
        print(name, seed, runs[-1]["models"][task.estimator.name], file=sys.stderr, flush=True)
    return {
        "estimator": task.estimator.name,
        "rows_trained": len(matrix.learned),
        "rows_tested": len(matrix.tested),
        "runs": runs,
        "plain": {
            **{model: _line_of_points(values, tested_s) for model, values in plain.items()},
            "plain LightGBM, quantiles": _line(score(_plain_quantiles(matrix), tested_s)),
        },
    }


def _inputs(names: Sequence[str], matrix: FeatureMatrix) -> FloatArray:
    assert list(names) == list(matrix.estimator.feature_names)
    return matrix.X[matrix.tested]


def _plain(matrix: FeatureMatrix, objective: str, level: float | None = None) -> FloatArray:
    """Predictions of plain LightGBM for the test period."""
    columns = matrix.estimator.columns
    categories = [i for i, one in enumerate(columns.names) if one in columns.categories]
    parameters = {
        "objective": objective,
        "num_leaves": LEAVES,
        "learning_rate": STEP,
        "verbose": -1,
        "num_threads": 1,
        "seed": 0,
        **({} if level is None else {"alpha": level}),
    }
    learned = matrix.learned
    table = lgb.Dataset(matrix.X[learned], matrix.target_s[learned], categorical_feature=categories)
    model = lgb.train(parameters, table, TREES)
    return np.asarray(model.predict(matrix.X[matrix.tested]), dtype=np.float64)


def _plain_quantiles(matrix: FeatureMatrix) -> Distribution:
    levels = [_plain(matrix, "quantile", float(level)) for level in LEVELS]
    return Distribution(LEVELS, np.sort(np.maximum(np.stack(levels, axis=1), 0.0), axis=1))


def _noise(median_s: FloatArray, target_s: FloatArray, as_of_us: IntArray) -> float:
    """The standard error of a mean absolute error, by hours."""
    error_s = np.abs(median_s - target_s)
    return round(paired_noise(error_s, np.zeros_like(error_s), as_of_us).noise_s, 2)


def _difference(
    own_s: FloatArray, other_s: FloatArray, target_s: FloatArray, as_of_us: IntArray
) -> list[float]:
    """By how much our absolute error exceeds another's on average, and its standard error."""
    found = paired_noise(np.abs(own_s - target_s), np.abs(other_s - target_s), as_of_us)
    return [round(found.mean_s, 2), round(found.noise_s, 2)]


def _line(scores: Scores) -> dict[str, Any]:
    return {
        "mae_s": round(scores.mae_s, 1),
        "rmse_s": round(scores.rmse_s, 1),
        "bias_s": round(scores.bias_s, 1),
        "crps_s": round(scores.crps_s, 1),
        "in_80": round(scores.coverage.get(0.8, float("nan")), 4),
    }


def _line_of_points(predicted_s: FloatArray, target_s: FloatArray) -> dict[str, Any]:
    error_s = predicted_s - target_s
    return {
        "mae_s": round(float(np.abs(error_s).mean()), 1),
        "rmse_s": round(float(np.sqrt(np.square(error_s).mean())), 1),
        "bias_s": round(float(error_s.mean()), 1),
    }


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The results as Markdown: medians over the seeds."""
    heads = (
        "table", "MAE s, constant", "without real-time", "**ours** (± standard error)",
        "plain L1 / L2", "CRPS s, ours / plain quantiles", "80% range, ours / plain",
        "RMSE s, ours / plain L2 / constant", "processor s",
    )  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += [_row(name, one) for name, one in results.items()]
    return "\n".join(lines)


def _row(name: str, result: Mapping[str, Any]) -> str:
    own = result["estimator"]

    def middle(value: Callable[[Mapping[str, Any]], float]) -> float:
        return statistics.median(value(run) for run in result["runs"])

    def of(model: str, what: str) -> float:
        return middle(lambda run: run["models"].get(model, {}).get(what, float("nan")))

    plain = result["plain"]
    l1, l2 = plain["plain LightGBM, L1"], plain["plain LightGBM, L2"]
    quantiles = plain["plain LightGBM, quantiles"]
    cells = (
        name,
        f"{of('constant median', 'mae_s'):.0f}",
        f"{of('without real-time features', 'mae_s'):.1f}",
        f"**{of(own, 'mae_s'):.1f}** ± {middle(lambda run: run['noise_s']):.1f}",
        f"{l1['mae_s']:.1f} / {l2['mae_s']:.1f}",
        f"{of(own, 'crps_s'):.1f} / {quantiles['crps_s']:.1f}",
        f"{of(own, 'in_80'):.1%} / {quantiles['in_80']:.1%}",
        f"{of(own, 'rmse_s'):.0f} / {l2['rmse_s']:.0f} / {of('constant median', 'rmse_s'):.0f}",
        f"{middle(lambda run: run['processor_s']):.0f}",
    )
    return "| " + " | ".join(cells) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the public data")
    parser.add_argument("--only", nargs="+", choices=TABLES, default=[*TABLES], metavar="TABLE")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args(arguments)
    at_start = machine()
    results = {}
    for name in options.only:
        results[name] = measured(name, options.data, options.seeds)
        save("public_tables", {"at_start": at_start, "tables": results})
    print(table(results))


if __name__ == "__main__":
    main()
