"""Tables of two facts of which parameters are chosen: a checkerboard, and noise."""

from __future__ import annotations

import numpy as np

from aggregators import FeatureSet
from estimators.core.typing import BoolArray
from estimators.etp import Etp
from estimators.features.facts import Facts
from estimators.quantiles.boosting import BoostingParameters
from estimators.training.matrix import FeatureMatrix
from tests.estimators.building import ORDERS, town, town_dataset

SEED = 5
SMALL = BoostingParameters(median_trees=60, leaves=4, min_rows_per_leaf=20, day_profile=False)
"""Trees of few leaves: enough for a sum of simple effects, and not for a checkerboard."""

HOUR_US = 3_600_000_000


def table_of(kind: str, n: int = 3_000) -> FeatureMatrix:
    """Rows of two facts, every tenth of an hour; the last fifth is the test period.

    "checkerboard": which of 64 fields holds the point decides, so that trees need many leaves.
    "noise": nothing decides.
    """
    rng = np.random.default_rng(SEED)
    X = rng.random((n, 2))
    fields = rng.permutation(np.linspace(-1.0, 1.0, 64)).reshape(8, 8)
    known = fields[(X[:, 0] * 8).astype(int), (X[:, 1] * 8).astype(int)]
    signal = 400.0 * known if kind == "checkerboard" else np.zeros(n)
    target_s = 900.0 + signal + rng.normal(0.0, 60.0, n)
    as_of_us = np.arange(n) * (HOUR_US // 10)
    trains: BoolArray = np.arange(n) < 0.8 * n
    dataset = town_dataset(town(SEED, rows=500))
    features = FeatureSet(Etp.features_for(ORDERS, dataset.target)[:1])
    estimator = Etp(
        target=dataset.target,
        as_of=dataset.as_of,
        facts=Facts(numbers=("x",), categories={}),
        features=features,
        parameters=SMALL,
    )
    return FeatureMatrix(
        estimator=estimator,
        dataset=dataset,
        X=X,
        target_s=target_s,
        as_of_us=as_of_us,
        ended_us=as_of_us + (target_s * 1e6).astype(np.int64),
        trains=trains,
        exact=np.ones(n, dtype=bool),
    )
