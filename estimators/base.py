"""What every estimator is: facts of the request and real-time features in, a distribution out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from aggregators import Duration, FeatureSet
from estimators.distribution import Distribution
from estimators.facts import Facts

__all__ = ["Estimator"]


class Estimator(Protocol):
    """A model for one target; predicts a `Distribution` of seconds, never only a point.

    name: "etp". target: what is estimated. as_of: the event at which it is asked in training.
    facts: what the request says (amount, store, time of day), encoded by `facts.encode`.
    features: the real-time features, computed by the engine.
    feature_names: columns of X in order: `facts.names` then `features.names`.
    """

    name: str
    target: Duration
    as_of: str
    facts: Facts
    features: FeatureSet

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns of X in order: those of the facts, then the real-time features."""

    def fit(
        self, table: pd.DataFrame, realtime: pd.DataFrame, target_s: npt.NDArray[np.float64]
    ) -> Estimator:
        """Learn from labelled rows.

        table: the rows with the columns of the facts and the `as_of` event.
        realtime: `features.transform(table, "training", as_of=...)` of these rows.
        target_s: the label of each row, seconds.
        """

    def predict(self, X: npt.NDArray[np.float64]) -> Distribution:
        """Distributions of the rows of X, float64 of shape (n_rows, n_features)."""

    def estimate(
        self, store: Any, *, as_of: datetime, facts: Mapping[str, Any], sample_id: str | int | None
    ) -> Distribution:
        """Answer one request: read the features from an event store and predict (one row).

        facts: the columns named by `facts` and the dimensions of the features; a missing one is
        treated as unknown. sample_id: the order itself, never counted in its own features.
        """
