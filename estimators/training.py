"""Load, compute features, split by time, fit, calibrate, evaluate: one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from estimators.datasets.base import Dataset
from estimators.etp import Etp
from estimators.evaluation import Report

__all__ = ["Progress", "TrainedEstimator", "evaluate", "train_etp"]

Progress = Callable[[str, float], None]
"""Called with the name of the stage and the part of it that is done (0.0 to 1.0)."""


@dataclass(frozen=True, kw_only=True)
class TrainedEstimator:
    """A fitted estimator and everything that must be known about it when it is served.

    estimator: fitted; `estimator.features` are its real-time features, `estimator.facts` the facts
        of the request, `estimator.estimate(...)` answers one request.
    report: scores on the data set's test period, beside the baselines.
    metadata: JSON-able: dataset name and fingerprint, training period, counts of rows, parameters,
        versions of aggregators, catalog, lightgbm.
    """

    estimator: Etp
    report: Report
    metadata: Mapping[str, Any]


def train_etp(
    dataset: Dataset,
    *,
    progress: Progress | None = None,
    num_threads: int = 1,
    seed: int = 0,
    baselines: bool = True,
) -> TrainedEstimator:
    """Train, calibrate and evaluate an eTP on a data set.

    dataset: what to learn from; rows before `dataset.test_from` train and calibrate, the rest tests.
    progress: called with (stage, part done); stages are "features", "fit", "calibrate",
        "baselines", "evaluate".
    num_threads: threads of LightGBM; the result does not depend on it.
    seed: fixes everything random.
    baselines: also fit the model without real-time features for the report.

    Raises `DatasetError` when there are too few labelled rows in a period.
    """
    raise NotImplementedError


def evaluate(
    trained: TrainedEstimator, dataset: Dataset, *, progress: Progress | None = None
) -> Report:
    """Score a trained (perhaps loaded) estimator on the test period of a data set.

    The data set must have the columns the estimator's facts and features are made of.
    Baselines that need training (no real-time features) are those of the saved report.
    """
    raise NotImplementedError
