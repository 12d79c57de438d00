"""Ways to get a distribution of seconds from the same columns: scores and costs side by side.

On an inner time split of the training periods of the public data (the last 45% of their rows, from
models of the earlier ones; their test periods stay unseen) and on simulated cities. LightGBM's
methods run here with one thread; NGBoost and CatBoost run in an environment of their own with one
thread, made at the first run.

    python -m benchmarks.distribution_methods --data FOLDER [--only wolt cities] [--no-peers]
"""

import argparse
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from benchmarks.measuring import Timing, machine, save, timed
from benchmarks.peers.distribution_peer import seconds_per_call
from estimators.core.dataset import Dataset
from estimators.core.distribution import Distribution
from estimators.core.typing import FloatArray, IntArray
from estimators.courier_travel import TO_CUSTOMER, TO_STORE, CourierTravel
from estimators.datasets import load_dataset
from estimators.datasets.cities import cities_dataset
from estimators.etp import Etp
from estimators.evaluation.scores import score
from estimators.quantiles.boosting import Anchors, BoostingParameters
from estimators.quantiles.calibration import GRID_LEVELS, ConformalGrid
from estimators.quantiles.later_rows import CALIBRATION_FROM
from estimators.quantiles.quantile_model import Columns, QuantileModel
from estimators.training.matrix import FeatureMatrix, InnerSplit
from estimators.training.train import unfitted
from estimators.wall_eta import WallEta

ROOT = Path(__file__).parents[1]
PEERS_ENV = Path(__file__).parent / ".venv-distributions"
PEERS_NEED = ("ngboost==0.5.11", "catboost==1.2.10")
CITY_SEED = 100
"""Models are chosen on seeds from 100 on; published results are of seed 0."""
CITY_ORDERS = 20_000
CITY_DAYS = 28
SPLITS = 1

Predict = Callable[[FloatArray], Distribution]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What a method learns from."""

    X: FloatArray
    target_s: FloatArray
    as_of_us: IntArray
    columns: Columns
    parameters: BoostingParameters

    def at(self, rows: IntArray) -> "Rows":
        """Some of the rows."""
        return Rows(
            X=self.X[rows],
            target_s=self.target_s[rows],
            as_of_us=self.as_of_us[rows],
            columns=self.columns,
            parameters=self.parameters,
        )

    def forward_folds(self) -> Iterator[tuple["Rows", "Rows"]]:
        """Earlier rows and later ones, as the product calibrates."""
        starts = [np.quantile(self.as_of_us, share) for share in CALIBRATION_FROM]
        ended_us = self.as_of_us + self.target_s * 1e6
        for start, end in zip(starts, [*starts[1:], np.inf], strict=True):
            inside = (self.as_of_us >= start) & (self.as_of_us < end)
            yield self.at(np.flatnonzero(ended_us < start)), self.at(np.flatnonzero(inside))

    def boosted(self, objective: dict[str, Any], *, trees: int, leaves: int, step: float) -> Any:
        """One LightGBM ensemble with the product's shares and smoothing."""
        chosen = self.parameters
        parameters = {
            "verbosity": -1,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "learning_rate": step,
            "num_leaves": leaves,
            "min_data_in_leaf": chosen.outer_min_rows_per_leaf,
            "feature_fraction": chosen.feature_share,
            "bagging_fraction": chosen.row_share,
            "bagging_freq": 1,
            "cat_smooth": chosen.category_smoothing,
            "cat_l2": chosen.category_smoothing,
            **objective,
        }
        label = objective.pop("label", self.target_s)
        parameters.pop("label", None)
        data = lgb.Dataset(
            self.X,
            label,
            feature_name=list(self.columns.names),
            categorical_feature=list(self.columns.categories),
        )
        return lgb.train(parameters, data, trees)

    def medians(self) -> Anchors:
        """The product's anchors; only their medians are used."""
        return Anchors.fit(
            self.X,
            self.target_s,
            names=self.columns.names,
            categories=self.columns.categories,
            hour=self.columns.hour,
            parameters=self.parameters,
        )


def three_quantiles(rows: Rows) -> Predict:
    """The product: three boosted quantiles and a conformal stretch per group."""
    model = QuantileModel.fit(
        rows.X,
        rows.target_s,
        rows.as_of_us,
        columns=rows.columns,
        parameters=rows.parameters,
    )
    return model.predict


def location_scale(rows: Rows) -> Predict:
    """The product's median and a boosted scale; the shape from conformal residuals per group."""

    def anchors_of(some: Rows) -> Callable[[FloatArray], FloatArray]:
        median = some.medians()
        located = np.maximum(median.predict(some.X)[:, 1], 1.0)
        residual = np.abs(np.log(np.maximum(some.target_s, 1.0) / located))
        scale = some.boosted({"objective": "l2", "label": residual}, trees=100, leaves=7, step=0.1)

        def anchors(X: FloatArray) -> FloatArray:
            at = np.maximum(median.predict(X)[:, 1], 1.0)
            spread = 1.6 * np.maximum(np.asarray(scale.predict(X, num_threads=1)), 0.02)
            return np.column_stack([at * np.exp(-spread), at, at * np.exp(spread)])

        return anchors

    folds = list(rows.forward_folds())
    later = [late for _, late in folds]
    X = np.concatenate([late.X for late in later])
    grid = ConformalGrid.fit(
        np.concatenate([anchors_of(early)(late.X) for early, late in folds]),
        np.concatenate([late.target_s for late in later]),
        longest_s=float(rows.target_s.max()),
        X=X,
        as_of_us=np.concatenate([late.as_of_us for late in later]),
        edges=rows.columns.group_edges(rows.X),
    )
    final = anchors_of(rows)
    return lambda X: grid.distribution(final(X), X)


def many_quantiles(rows: Rows) -> Predict:
    """An ensemble per level (the product's for the median), sorted."""
    median = rows.medians()
    ensembles = {
        level: rows.boosted(
            {"objective": "quantile", "alpha": level}, trees=100, leaves=7, step=0.1
        )
        for level in GRID_LEVELS
        if level != 0.5
    }

    def predict(X: FloatArray) -> Distribution:
        values = [
            median.predict(X)[:, 1]
            if level == 0.5
            else np.asarray(ensembles[level].predict(X, num_threads=1))
            for level in GRID_LEVELS
        ]
        return Distribution(GRID_LEVELS, np.sort(np.column_stack(values), axis=1))

    return predict


METHODS: dict[str, Callable[[Rows], Predict]] = {
    "location-scale": location_scale,
    "three quantiles": three_quantiles,
    "many quantiles": many_quantiles,
}
PEERS = ("ngboost", "catboost")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a method says about later rows, and what it cost."""

    predicted: Distribution
    fit: Timing
    predict_s: tuple[float, float]


def run_own(method: Callable[[Rows], Predict], rows: Rows, X: FloatArray) -> Outcome:
    """Fit and predict in this process."""
    fitted: list[Predict] = []
    fit = timed(lambda: fitted.append(method(rows)))
    predict = fitted[0]
    seconds = [seconds_per_call(lambda some: predict(some).values, X[:n]) for n in (1, 200)]
    return Outcome(predicted=predict(X), fit=fit, predict_s=(seconds[0], seconds[1]))


def run_peer(method: str, rows: Rows, X: FloatArray) -> Outcome:
    """Fit and predict in the peers' environment."""
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder) / "in.npz", Path(folder) / "out.npz"
        positions = [rows.columns.names.index(name) for name in rows.columns.categories]
        np.savez(
            source,
            X=rows.X,
            y=rows.target_s,
            X_later=X,
            categories=np.array(positions, dtype=np.int64),
            levels=np.array(GRID_LEVELS),
        )
        module = "benchmarks.peers.distribution_peer"
        subprocess.run(
            [peers_interpreter(), "-W", "ignore", "-m", module, method, source, result],
            check=True,
            cwd=ROOT,
        )
        found = np.load(result)
        return Outcome(
            predicted=Distribution(GRID_LEVELS, found["values"]),
            fit=Timing(wall_s=float(found["fit"][0]), processor_s=float(found["fit"][1])),
            predict_s=(float(found["predict"][0]), float(found["predict"][1])),
        )


def recalibrated(
    run: Callable[[Rows, FloatArray], Outcome], rows: Rows, predicted: Distribution
) -> Distribution:
    """Read each level where it truly was on the last fifth of the rows (Kuleshov et al., 2018)."""
    early, late = list(rows.forward_folds())[-1]
    rank = run(early, late.X).predicted.cdf(late.target_s)
    true_levels = np.quantile(rank, GRID_LEVELS)
    return Distribution(
        GRID_LEVELS, np.column_stack([predicted.quantile(level) for level in true_levels])
    )


def peers_interpreter() -> str:
    """The interpreter of the peers' own environment, made at the first call."""
    python, complete = PEERS_ENV / "bin" / "python", PEERS_ENV / "complete"
    if not complete.exists():
        print("making an environment for NGBoost and CatBoost (once)", file=sys.stderr)
        venv.create(PEERS_ENV, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS_NEED], check=True)
        complete.touch()
    return str(python)


def matrices(folder: Path, only: Sequence[str]) -> Iterator[tuple[str, FeatureMatrix]]:
    """The columns of each data set."""

    def matrix(estimator: type[Any], dataset: Dataset, *, test: bool) -> FeatureMatrix:
        return FeatureMatrix.compute(unfitted(estimator, dataset), dataset, threads=1, test=test)

    if "deliveroo" in only:
        yield "deliveroo", matrix(Etp, load_dataset("deliveroo", folder), test=False)
    if "wolt" in only:
        yield "wolt", matrix(WallEta, load_dataset("wolt", folder), test=False)
    if "jumpman" in only:
        jumpman = load_dataset("jumpman", folder)
        customer = jumpman.about(TO_CUSTOMER, as_of="picked_up")
        yield "jumpman to customer", matrix(CourierTravel, customer, test=False)
        store = jumpman.about(TO_STORE, as_of="courier_assigned")
        yield "jumpman to store", matrix(CourierTravel, store, test=False)
    if "cities" in only:
        yield "cities, eTP", matrix(Etp, _cities(), test=True)


def _cities() -> Dataset:
    from simulator import Scenario, simulate_cities
    from simulator.world.scenario import CITY_PROFILES

    plan = Scenario(cities=2, days=CITY_DAYS, orders=CITY_ORDERS, seed=CITY_SEED)
    return cities_dataset(
        simulate_cities(plan).tables,
        start=pd.Timestamp(plan.start),
        days=CITY_DAYS,
        timezones={city.name: city.timezone for city in CITY_PROFILES},
    )


def compare(matrix: FeatureMatrix, splits: int, *, peers: bool) -> dict[str, Any]:
    """Score every method on the splits; what all of them said about all rows is pooled."""
    whole = Rows(
        X=matrix.X,
        target_s=matrix.target_s,
        as_of_us=matrix.as_of_us,
        columns=matrix.estimator.columns,
        parameters=matrix.estimator.parameters,
    )
    pairs = list(matrix.inner_splits(splits))
    if len(matrix.tested):
        pairs = [InnerSplit(matrix.learned, matrix.tested)]
    runs: dict[str, Callable[[Rows, FloatArray], Outcome]] = {
        name: partial(run_own, method) for name, method in METHODS.items()
    }
    runs |= {peer: partial(run_peer, peer) for peer in PEERS if peers}
    target_s = np.concatenate([whole.target_s[scored] for _, scored in pairs])
    result: dict[str, Any] = {"rows": len(target_s)}
    for name, run in runs.items():
        outcomes = [run(whole.at(learned), whole.X[scored]) for learned, scored in pairs]
        said = {name: [one.predicted for one in outcomes]}
        if name not in ("location-scale", "three quantiles"):
            said[f"{name}, recalibrated"] = [
                recalibrated(run, whole.at(learned), one.predicted)
                for (learned, _), one in zip(pairs, outcomes, strict=True)
            ]
        for title, parts in said.items():
            values = np.concatenate([part.values for part in parts])
            result[title] = _line(Distribution(GRID_LEVELS, values), target_s, outcomes[-1])
            print(title, result[title], file=sys.stderr, flush=True)
    return result


def _line(predicted: Distribution, target_s: FloatArray, cost: Outcome) -> dict[str, Any]:
    scores = score(predicted, target_s)
    return {
        "mae_s": round(scores.mae_s, 2),
        "crps_s": round(scores.crps_s, 2),
        "pinball_s": round(scores.pinball_s, 2),
        "pit_distance": round(scores.pit_distance, 4),
        "coverage": {str(level): round(share, 4) for level, share in scores.coverage.items()},
        "width_80_s": round(scores.width_s[0.8], 1),
        "fit_s": round(cost.fit.wall_s, 2),
        "fit_processor_s": round(cost.fit.processor_s, 2),
        "predict_1_row_ms": round(1e3 * cost.predict_s[0], 3),
        "predict_200_rows_ms": round(1e3 * cost.predict_s[1], 3),
    }


def main() -> None:
    """Compare, print and save."""
    known = ["deliveroo", "wolt", "jumpman", "cities"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public data")
    parser.add_argument("--only", nargs="+", choices=known, default=known)
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--no-peers", action="store_true", help="LightGBM's methods only")
    options = parser.parse_args()
    started, before = time.perf_counter(), machine()
    found = {
        name: compare(matrix, options.splits, peers=not options.no_peers)
        for name, matrix in matrices(options.data, options.only)
    }
    result = {"at_start": before, "splits": options.splits, "data": found}
    save("distribution_methods", {**result, "took_s": round(time.perf_counter() - started)})


if __name__ == "__main__":
    main()
