"""Fits a distributional library on a table of numbers, in an environment of its own.

    python -m benchmarks.peers.distribution_peer {ngboost,catboost} INPUT.npz OUTPUT.npz

The input has ``X``, ``y``, ``X_later``, ``categories`` (positions of columns with codes) and
``levels``; the output has ``values`` (quantiles of the later rows), ``fit`` and ``predict`` (wall
and processor seconds; of 1 and 200 rows: processor seconds per call).
"""

import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.measuring import timed

CALLS = 30
CODES_MAX = 30
"""NGBoost's trees take a code for a number: columns with more codes are left out."""

Predict = Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]


def fit_ngboost(data: dict[str, Any]) -> Predict:
    """Lognormal distributions, 200 steps of natural gradient boosting."""
    ngboost, lognormal = import_module("ngboost"), import_module("ngboost.distns").LogNormal
    X, levels = data["X"], data["levels"]
    many = [c for c in data["categories"] if np.nanmax(X[:, c], initial=0.0) >= CODES_MAX]
    kept = np.setdiff1d(np.arange(X.shape[1]), many)
    medians = np.nan_to_num(np.nanmedian(X[:, kept], axis=0))

    def filled(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.where(np.isnan(rows[:, kept]), medians, rows[:, kept])

    model = ngboost.NGBRegressor(
        Dist=lognormal,
        n_estimators=200,
        learning_rate=0.06,
        minibatch_frac=0.5,
        col_sample=0.5,
        random_state=0,
        verbose=False,
    )
    model.fit(filled(X), np.maximum(data["y"], 1.0))

    def predict(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        found = model.pred_dist(filled(rows))
        return np.column_stack([found.ppf(level) for level in levels])

    return predict


def fit_catboost(data: dict[str, Any]) -> Predict:
    """All levels at once by CatBoost's multi-quantile loss, 200 trees of depth 5."""
    catboost = import_module("catboost")
    levels, categories = data["levels"], data["categories"].tolist()

    def pool(rows: np.ndarray[Any, Any], y: np.ndarray[Any, Any] | None = None) -> Any:
        table = rows.astype(object)
        for column in categories:
            table[:, column] = [str(value) for value in rows[:, column]]
        return catboost.Pool(table, y, cat_features=categories)

    model = catboost.CatBoostRegressor(
        loss_function="MultiQuantile:alpha=" + ",".join(str(level) for level in levels),
        iterations=200,
        depth=5,
        learning_rate=0.12,
        thread_count=1,
        random_seed=0,
        verbose=False,
        allow_writing_files=False,
    )
    model.fit(pool(data["X"], data["y"]))
    return lambda rows: np.sort(model.predict(pool(rows), thread_count=1), axis=1)


def main() -> None:
    """Fit, predict, and write what came out."""
    method, source, result = sys.argv[1:]
    data = dict(np.load(source))
    fitted: list[Predict] = []
    fit = timed(
        lambda: fitted.append({"ngboost": fit_ngboost, "catboost": fit_catboost}[method](data))
    )
    predict, later = fitted[0], data["X_later"]
    seconds = [seconds_per_call(predict, later[:rows]) for rows in (1, 200)]
    np.savez(
        result,
        values=np.sort(predict(later), axis=1),
        fit=[fit.wall_s, fit.processor_s],
        predict=seconds,
    )


def seconds_per_call(predict: Predict, rows: np.ndarray[Any, Any]) -> float:
    """Median of ``CALLS`` calls, in processor time: others may use the machine."""
    runs = []
    for _ in range(CALLS):
        started = time.process_time()
        predict(rows)
        runs.append(time.process_time() - started)
    return float(np.median(runs))


if __name__ == "__main__":
    main()
