"""The inputs of an estimator for the rows of a data set: computed once, fitted often."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from aggregators.errors import unknown_name
from aggregators.times import NEVER, column_to_us
from estimators.core.dataset import Dataset
from estimators.core.distribution import Distribution
from estimators.core.errors import DatasetError
from estimators.core.typing import BoolArray, FloatArray, IntArray
from estimators.model.base import Estimator
from estimators.model.residual_model import fit_model
from estimators.quantiles.growing.parameters import BoostingParameters
from estimators.quantiles.quantile_model import QuantileModel
from estimators.training.imputation import targets_of

__all__ = ["INNER_SPLITS", "ColumnModel", "FeatureMatrix", "InnerSplit", "inputs_of"]

INNER_SPLITS = 3
"""The number of parts into which the end of the training period is cut for choices."""

INNER_SPLITS_MAX = 10

INNER_SHARE = 0.45
"""The part of the training rows, the last ones, on which inner splits are scored."""


class InnerSplit(NamedTuple):
    """Rows of a matrix: those to learn from, and later ones of the training period to score on."""

    learned: IntArray
    scored: IntArray


class ColumnModel:
    """A model of some columns of a matrix, which takes rows of all of them.

    Args:
        model: fitted on the columns.
        positions: of the columns in the matrix.
    """

    def __init__(self, model: QuantileModel, positions: IntArray) -> None:
        self.model = model
        self.positions = positions

    def predict(self, X: FloatArray) -> Distribution:
        """Return the distributions of rows of the whole matrix, shape (n_rows, n_columns)."""
        return self.model.predict(X[:, self.positions])


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureMatrix:
    """The inputs of an estimator for the rows of training and test, and their outcomes.

    Args:
        estimator: determines the columns; it need not be fitted.
        dataset: the data set of the rows, with the estimator's question; the rows of a part of an
            ETA are at moments of their own.
        X: float64 of shape (n_rows, n_columns), the columns in the order of ``names``.
        target_s: the outcome, seconds, shape (n_rows,); drawn between its bounds for the rows of
            the training period without an exact one (see `estimators.training.imputation`).
        as_of_us: when each row was asked, microseconds UTC.
        ended_us: when what happened was known.
        trains: which rows are for training and calibration; the others are the test period.
        exact: whose target is what was recorded, not drawn between its bounds.
    """

    estimator: Estimator
    dataset: Dataset
    X: FloatArray
    target_s: FloatArray
    as_of_us: IntArray
    ended_us: IntArray
    trains: BoolArray
    exact: BoolArray

    @classmethod
    def compute(
        cls,
        estimator: Estimator,
        dataset: Dataset,
        *,
        threads: int | None = None,
        test: bool = True,
    ) -> FeatureMatrix:
        """Compute facts and features of all rows that train or test.

        Args:
            estimator: says which facts and features.
            dataset: has the columns that they are made of.
            threads: of the features' computation.
            test: whether to compute the test period, too.
        """
        rows = dataset.trains | dataset.tests if test else dataset.trains
        X = inputs_of(estimator, dataset, rows, threads=threads)
        return cls(
            estimator=estimator,
            dataset=dataset,
            X=X,
            target_s=targets_of(
                dataset, rows, X, columns=estimator.columns, parameters=estimator.parameters
            ),
            as_of_us=dataset.as_of_us[rows],
            ended_us=dataset.ended_us[rows],
            trains=dataset.trains[rows],
            exact=dataset.labelled[rows],
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns of X: facts first, then the real-time features."""
        return self.estimator.feature_names

    @property
    def facts(self) -> tuple[str, ...]:
        """The columns of the request itself."""
        return self.estimator.facts.names

    @property
    def learned(self) -> IntArray:
        """Positions of the rows of the training period."""
        return np.flatnonzero(self.trains)

    @property
    def tested(self) -> IntArray:
        """Positions of the rows of the test period."""
        return np.flatnonzero(~self.trains)

    def fit(
        self,
        rows: IntArray,
        *,
        names: Sequence[str] | None = None,
        parameters: BoostingParameters | None = None,
        beside_baseline: bool = True,
        progress: Callable[[str, float], None] | None = None,
    ) -> ColumnModel:
        """Fit a calibrated model on some rows and columns.

        Args:
            rows: positions of the rows to learn from.
            names: of the columns to learn from; all by default.
            parameters: of the boosting; the estimator's own by default.
            beside_baseline: whether the difference to the estimator's baseline is learned, if it
                has one and the columns contain it; otherwise the baseline is a fact like others.
            progress: called with the stage ("fit", "calibrate") and the part that is done.

        Raises:
            UnknownNameError: there is no such column.
            DatasetError: there are too few rows.
        """
        positions = self.positions(self.names if names is None else names)
        columns = self.estimator.columns.only([self.names[i] for i in positions])
        model = fit_model(
            self.X[np.ix_(rows, positions)],
            self.target_s[rows],
            self.as_of_us[rows],
            columns=columns if beside_baseline else columns.without_baseline(),
            parameters=parameters or self.estimator.parameters,
            progress=progress,
        )
        return ColumnModel(model, positions)

    def positions(self, names: Sequence[str]) -> IntArray:
        """Return where the columns of these names are, in the order of the matrix.

        Raises:
            UnknownNameError: there is no such column.
        """
        place = {name: i for i, name in enumerate(self.names)}
        for name in names:
            if name not in place:
                raise unknown_name("feature", name, self.estimator.name, self.names)
        return np.array(sorted({place[name] for name in names}), dtype=np.int64)

    def inner_splits(self, n: int = INNER_SPLITS) -> Iterator[InnerSplit]:
        """Yield splits by time within the training period: the test period stays unseen.

        The last ``INNER_SHARE`` of the training rows is cut by time into ``n`` parts of as many
        rows. Each is scored by models of the rows that had ended before the part begins, and only
        if its label is exact.

        Raises:
            DatasetError: there are too few rows.
        """
        if not 1 <= n <= INNER_SPLITS_MAX:
            raise DatasetError(f"{n} inner splits; expected 1 to {INNER_SPLITS_MAX}")
        rows = self.learned
        asked_us = self.as_of_us[rows]
        if len(rows) < n / INNER_SHARE:
            raise DatasetError(f"{len(rows)} labelled rows before the test period are too few")
        cuts = np.linspace(1.0 - INNER_SHARE, 1.0, n + 1)
        starts_us = np.quantile(asked_us, cuts[:-1], method="higher")
        for start_us, end_us in zip(starts_us, [*starts_us[1:], np.inf], strict=True):
            before = (asked_us < start_us) & (self.ended_us[rows] < start_us)
            inside = (asked_us >= start_us) & (asked_us < end_us) & self.exact[rows]
            yield InnerSplit(rows[before], rows[inside])


def inputs_of(
    estimator: Estimator, dataset: Dataset, rows: BoolArray, *, threads: int | None = None
) -> FloatArray:
    """Return what the estimator is given for some rows of a data set.

    Args:
        estimator: says which facts and features.
        dataset: all its rows count for the features.
        rows: which rows are asked about, shape (n_rows,); each at its own ``as_of`` event.
        threads: of the features' computation.

    Returns:
        float64 of shape (rows asked about, n_features), in the order of ``feature_names``.
    """
    table, source = dataset.table, dataset.source
    as_of_us = dataset.as_of_us[rows]
    if (as_of_us == NEVER).any():
        raise DatasetError(f"a row is asked about in which {dataset.as_of!r} never happened")
    spine = spine_of(dataset, estimator.features.dimensions, rows, as_of_us)
    facts = estimator.facts.encode(table.loc[rows], as_of_us)
    tables = {one.name: other for one, other in dataset.others.items()}
    tables[source.name] = table
    names = [one.name for one in estimator.features.sources]
    used = {name: tables[name] for name in names if name in tables}
    realtime = estimator.features.transform(used, "training", at=spine, threads=threads)
    return estimator.assemble(facts, realtime.to_numpy(dtype=np.float64))


def spine_of(
    dataset: Dataset, dimensions: Sequence[str], rows: BoolArray, as_of_us: IntArray
) -> pd.DataFrame:
    """Return the queries of some rows at some moments: sample, moment, keys as far as known then.

    Args:
        dataset: has the rows.
        dimensions: the columns of the keys.
        rows: which rows are asked about, shape (n_rows,).
        as_of_us: the moment of each, shape (rows asked about,).
    """
    source, table = dataset.source, dataset.table.loc[rows]
    spine = pd.DataFrame({source.sample_id: table[source.sample_id]})
    spine["as_of"] = pd.to_datetime(as_of_us, unit="us", utc=True)
    for name in dimensions:
        known_from = source.known_from_event(name)
        known_us = column_to_us(table[known_from], f"column {known_from!r}")
        # The request made at an event may carry what that event tells, hence at the same moment.
        spine[name] = table[name].where(known_us <= as_of_us)
    return spine
