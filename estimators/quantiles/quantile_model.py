"""Columns of numbers in, calibrated distributions out: boosted anchors and a conformal grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimators.core.distribution import Distribution
from estimators.core.errors import InputError
from estimators.core.typing import FloatArray, IntArray
from estimators.quantiles.boosting import Anchors, BoostingParameters
from estimators.quantiles.calibration import ConformalGrid, Scale
from estimators.quantiles.group_stretch import COUNT_EDGES, HOUR_EDGES
from estimators.quantiles.later_rows import LaterRows, later_folds

__all__ = ["Columns", "Learned", "QuantileModel", "StageProgress", "learn"]

StageProgress = Callable[[str, float], None]


class Columns:
    """What the columns of X are.

    Args:
        names: of all columns, in order.
        categories: names of those that hold category codes.
        hour: name of the one with the local hour; None: there is none.
        groups: names of those by which the spread is calibrated apart: the hour, categories and
            counts.
        baseline: name of the one with a time in seconds that the model learns the difference to;
            None: there is none.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        categories: Sequence[str] = (),
        hour: str | None = None,
        groups: Sequence[str] = (),
        baseline: str | None = None,
    ) -> None:
        self.names = tuple(names)
        self.categories = tuple(categories)
        self.hour = hour
        self.groups = tuple(groups)
        self.baseline = baseline

    def only(self, names: Sequence[str]) -> Columns:
        """Return what some of the columns are.

        >>> kept = Columns(["amount", "city", "load"], categories=["city"]).only(["city"])
        >>> kept.names, kept.categories, kept.hour
        (('city',), ('city',), None)
        """
        return Columns(
            names,
            categories=[name for name in self.categories if name in names],
            hour=self.hour if self.hour in names else None,
            groups=[name for name in self.groups if name in names],
            baseline=self.baseline if self.baseline in names else None,
        )

    def without_baseline(self) -> Columns:
        """Return what the same columns are if the baseline is a number like any other."""
        return Columns(self.names, categories=self.categories, hour=self.hour, groups=self.groups)

    def group_edges(self, X: FloatArray) -> dict[int, tuple[float, ...]]:
        """Return the edges between the groups of each column that has groups.

        >>> columns = Columns(["city", "hour"], categories=["city"], groups=["city"])
        >>> columns.group_edges(np.array([[0.0, 13.5], [2.0, 14.5]]))
        {0: (1.0, 2.0)}
        """
        edges: dict[int, tuple[float, ...]] = {}
        for name in self.groups:
            column = self.names.index(name)
            if name in self.categories:
                last = np.nanmax(X[:, column], initial=0.0)
                edges[column] = tuple(np.arange(1.0, last + 1.0).tolist())
            else:
                edges[column] = HOUR_EDGES if name == self.hour else COUNT_EDGES
        return edges


class QuantileModel:
    """Boosted quantiles, calibrated on later rows than they were learned from.

    Models of earlier rows predict later ones, which they have not seen and which determine the
    stretch of the quantiles. Then the final anchors are trained on all rows and keep that stretch.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.random((2000, 2))
    >>> seconds = 600.0 + 600.0 * X[:, 0] + 100.0 * rng.random(2000)
    >>> hourly_us = np.arange(2000) * 3_600_000_000
    >>> model = QuantileModel.fit(X, seconds, hourly_us, columns=Columns(["load", "noise"]))
    >>> low, high = model.predict(np.array([[0.5, 0.5]])).interval(0.8)
    >>> bool(850.0 < low[0] < high[0] < 1050.0)
    True
    """

    def __init__(self, anchors: Anchors, grid: ConformalGrid) -> None:
        self.anchors = anchors
        self.grid = grid

    @classmethod
    def fit(
        cls,
        X: FloatArray,
        target_s: FloatArray,
        as_of_us: IntArray,
        *,
        columns: Columns,
        parameters: BoostingParameters | None = None,
        progress: StageProgress | None = None,
        duration_s: FloatArray | None = None,
    ) -> QuantileModel:
        """Learn from labelled rows.

        Args:
            X: float64 of shape (n_rows, n_features); NaN is missing.
            target_s: seconds, finite, shape (n_rows,).
            as_of_us: when each row was asked; decides which rows are earlier, shape (n_rows,).
            columns: what the columns are.
            parameters: of the boosting; they grow with the rows.
            progress: called with the stage ("fit", "calibrate") and the part that is done.
            duration_s: after which a row's target was known, seconds, where the target is only a
                part of it; None: the target.

        Raises:
            InputError: shapes do not fit, or a target is not finite.
            DatasetError: too few rows to learn from and to calibrate on.
        """
        learned = learn(
            X,
            target_s,
            as_of_us,
            columns=columns,
            parameters=parameters,
            progress=progress,
            duration_s=duration_s,
        )
        return cls(learned.anchors, learned.grid(X, target_s, as_of_us, columns=columns))

    def predict(self, X: FloatArray) -> Distribution:
        """Return the distributions of the rows of X, float64 of shape (n_rows, n_features)."""
        return self.distribution(self.anchors.predict(X), X)

    def distribution(self, anchors_s: FloatArray, X: FloatArray) -> Distribution:
        """Return the calibrated distributions of predicted anchors, shape (n_rows, n_anchors).

        Args:
            anchors_s: seconds at the anchor levels.
            X: the rows that they are about.
        """
        return self.grid.distribution(anchors_s, X)

    @property
    def models(self) -> tuple[QuantileModel, ...]:
        """The models of trees that it is made of."""
        return (self,)

    def check(self, n_features: int) -> None:
        """Read all trees, see :meth:`Anchors.check`."""
        for model in self.models:
            model.anchors.check(n_features)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :meth:`from_json` reads it."""
        return {"anchors": self.anchors.to_json(), "grid": self.grid.to_json()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> QuantileModel:
        """Return the model that :meth:`to_json` wrote."""
        return cls(
            Anchors.from_json(document["anchors"]), ConformalGrid.from_json(document["grid"])
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Learned:
    """Boosted anchors that are not calibrated yet, and what calibration needs.

    Args:
        anchors: of all rows.
        later: predictions by models of earlier rows.
        scale: of the calibration.
    """

    anchors: Anchors
    later: LaterRows
    scale: Scale

    def grid(
        self, X: FloatArray, target_s: FloatArray, as_of_us: IntArray, *, columns: Columns
    ) -> ConformalGrid:
        """Return the calibration of the anchors; the arguments are those of :func:`learn`."""
        rows = self.later.rows
        return ConformalGrid.fit(
            self.later.anchors_s,
            target_s[rows],
            longest_s=float(target_s.max()),
            # Durations on the logarithm are above zero by themselves.
            shortest_s=float(target_s.min()) if self.scale == "linear" else -np.inf,
            scale=self.scale,
            X=X[rows],
            as_of_us=as_of_us[rows],
            edges=columns.group_edges(X),
            fold=self.later.fold,
        )


def learn(
    X: FloatArray,
    target_s: FloatArray,
    as_of_us: IntArray,
    *,
    columns: Columns,
    parameters: BoostingParameters | None = None,
    progress: StageProgress | None = None,
    duration_s: FloatArray | None = None,
) -> Learned:
    """Boost the anchors of all rows, and those of earlier rows for the later ones.

    The arguments and errors are those of :meth:`QuantileModel.fit`.
    """
    _check_rows(X, target_s, as_of_us, len(columns.names))
    parameters = (parameters or BoostingParameters()).scaled_to(len(X))
    folds = later_folds(target_s if duration_s is None else duration_s, as_of_us)

    def fitted(rows: Any, stage: str, done: float, share: float) -> Anchors:
        return Anchors.fit(
            X[rows],
            target_s[rows],
            names=columns.names,
            categories=columns.categories,
            hour=columns.hour,
            parameters=parameters,
            progress=None
            if progress is None
            else lambda part: progress(stage, done + share * part),
        )

    share = 1.0 / len(folds)
    later = LaterRows.of(
        folds,
        [
            fitted(earlier, "calibrate", k * share, share).predict(X[later])
            for k, (earlier, later) in enumerate(folds)
        ],
    )
    anchors = fitted(slice(None), "fit", 0.0, 1.0)
    return Learned(anchors=anchors, later=later, scale=parameters.scale)


def _check_rows(X: FloatArray, target_s: FloatArray, as_of_us: IntArray, n_columns: int) -> None:
    if X.ndim != 2 or X.shape[1] != n_columns:
        raise InputError(f"X has shape {X.shape}; expected (n_rows, {n_columns})")
    if len(target_s) != len(X) or len(as_of_us) != len(X):
        raise InputError(
            f"{len(X)} rows, {len(target_s)} targets and {len(as_of_us)} moments; expected as many"
        )
    if not bool(np.isfinite(target_s).all()):
        raise InputError("a target is not finite; expected labelled rows only")
