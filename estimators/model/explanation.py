"""Explains an estimate as a sum of seconds per fact and feature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from estimators.core.distribution import Distribution
from estimators.core.errors import InputError
from estimators.core.typing import FloatArray
from estimators.features.inputs import InputColumn
from estimators.model.residual_model import ResidualModel
from estimators.quantiles.boosting import ANCHOR_LEVELS
from estimators.quantiles.quantile_model import QuantileModel

__all__ = ["EXPLAINED_MAX", "Contribution", "EstimateExplanation", "Group", "Statistic", "explain"]

Statistic: TypeAlias = Literal["median", "mean", "integral"]
"""The statistic of a distribution that is explained; the integral is what a composed ETA adds."""

_Expected: TypeAlias = Callable[[Distribution], FloatArray]

_STATISTICS: dict[Statistic, _Expected] = {
    "median": lambda predicted: predicted.quantile(0.5),
    "mean": Distribution.mean,
    "integral": Distribution.integral,
}

_MEDIAN = ANCHOR_LEVELS.index(0.5)

Group: TypeAlias = Literal["topic", "dimension"]
"""The grouping of contributions."""

FACTS = "facts"
"""The group of the facts of a request, where features are grouped by their dimension."""

EXPLAINED_MAX = 2_000
"""The most rows that are explained, evenly chosen: about 0.6 ms each."""

SLOPE_ROWS = 64
"""Rows whose slopes are measured together: each is answered 72 times."""

STEP_S = 0.01
"""The step of an anchor that measures the slope of the mean."""

# Gauss and Legendre's points within (0, 1) and their weights: few would do if there were no kinks,
# where two learned quantiles come so close that calibration holds them apart.
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(12)
_POINTS, _WEIGHTS = (_POINTS + 1.0) / 2.0, _WEIGHTS / 2.0


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """The contribution of one fact or feature to one estimate.

    Args:
        column: which one.
        value: what it was, None where it was missing.
        contribution_s: seconds that it adds (or takes away).
    """

    column: InputColumn
    value: float | int | str | None
    contribution_s: float

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        return {
            "name": self.column.name,
            "topic": self.column.topic,
            "value": self.value,
            "unit": self.column.unit,
            "contribution_s": self.contribution_s,
            "description": self.column.description,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class EstimateExplanation:
    """Estimates of some rows, each as a sum of seconds.

    ``base_s`` + the row's ``contributions_s`` + its ``calibration_s`` = its ``estimate_s``.

    Args:
        of: what is explained: the median, the mean or the integral of the distribution.
        columns: what the columns are.
        values: X, shape (n_rows, n_columns).
        base_s: the model's prediction for a row of which it knows nothing.
        contributions_s: what every column adds to it, shape (n_rows, n_columns).
        calibration_s: what calibration adds to that, shape (n_rows,). Of mean and integral this
            includes by how much it exceeds the median, as a tail is longer upwards.
        estimate_s: the statistic of the estimate, shape (n_rows,).
    """

    of: Statistic
    columns: tuple[InputColumn, ...]
    values: FloatArray
    base_s: float
    contributions_s: FloatArray
    calibration_s: FloatArray
    estimate_s: FloatArray

    def __len__(self) -> int:
        return len(self.values)

    def by(self, group: Group) -> dict[str, FloatArray]:
        """Return the seconds that each group of columns adds, shape (n_rows,) each.

        Args:
            group: "topic", or "dimension", where the facts of the request are "facts".
        """
        places: dict[str, list[int]] = {}
        for i, column in enumerate(self.columns):
            places.setdefault(_group(column, group), []).append(i)
        return {name: self.contributions_s[:, at].sum(axis=1) for name, at in places.items()}

    def reasons(self, row: int = 0) -> list[Contribution]:
        """Return what every column adds to one row, those that add or take most first."""
        order = np.argsort(-np.abs(self.contributions_s[row]), kind="stable")
        return [
            Contribution(
                column=self.columns[i],
                value=self.columns[i].value(float(self.values[row, i])),
                contribution_s=float(self.contributions_s[row, i]),
            )
            for i in order.tolist()
        ]

    def importance(self) -> dict[str, float]:
        """Return each column's mean absolute contribution in seconds, the largest first."""
        mean_s = np.abs(self.contributions_s).mean(axis=0).tolist()
        return _largest_first(
            {column.name: s for column, s in zip(self.columns, mean_s, strict=True)}
        )

    def importance_by(self, group: Group) -> dict[str, float]:
        """Return each group's mean absolute contribution in seconds, the largest first.

        Within a row the columns of a group are added up first: two columns that share an effect
        count as one; two that contradict each other cancel out.
        """
        return _largest_first({k: float(np.abs(s).mean()) for k, s in self.by(group).items()})

    def to_json(self, row: int = 0) -> dict[str, Any]:
        """Return one row's explanation, JSON-able."""
        by_topic = {name: float(s[row]) for name, s in self.by("topic").items()}
        return {
            "of": self.of,
            "estimate_s": float(self.estimate_s[row]),
            "base_s": self.base_s,
            "calibration_s": float(self.calibration_s[row]),
            "topics": _largest_first(by_topic),
            "reasons": [reason.to_json() for reason in self.reasons(row)],
        }


def explain(
    model: QuantileModel,
    X: FloatArray,
    columns: Sequence[InputColumn],
    *,
    of: Statistic = "median",
) -> EstimateExplanation:
    """Return what every column adds to the estimates of the rows of X.

    The contributions to the predicted quantiles are exact SHAP values. What calibration
    makes of the predicted median stands apart. The mean depends on all predicted quantiles, in a
    curve; each counts with the mean slope of that curve on the straight way from a row of which
    nothing is known to this row (integrated gradients: Sundararajan, Taly, Yan: Axiomatic
    attribution for deep networks, ICML 2017).

    Args:
        model: fitted.
        X: shape (n_rows, n_columns).
        columns: what they are.
        of: what is explained.

    Raises:
        InputError: `of` is no statistic, or there are no rows.
    """
    if not len(X):
        raise InputError("explain: X has no rows; expected at least one")
    if of not in get_args(Statistic):
        raise InputError(f"explain: of is {of!r}; expected 'median', 'mean' or 'integral'")
    if isinstance(model, ResidualModel):
        base_s, contributions_s = _contributions_beside_baseline(model, X, of)
    else:
        base_s, contributions_s = _contributions(model, X, of)
    estimate_s = _STATISTICS[of](model.predict(X))
    return EstimateExplanation(
        of=of,
        columns=tuple(columns),
        values=X,
        base_s=base_s,
        contributions_s=contributions_s,
        calibration_s=estimate_s - (base_s + contributions_s.sum(axis=1)),
        estimate_s=estimate_s,
    )


def _contributions(model: QuantileModel, X: FloatArray, of: Statistic) -> tuple[float, FloatArray]:
    """Return what the trees expect of any row, and what every column adds."""
    added_s, bases_s = model.anchors.contributions(X)
    base_s = float(bases_s[_MEDIAN])
    if of == "median":
        return base_s, added_s[:, _MEDIAN, :]
    slopes = _slopes(model, X, bases_s, added_s.sum(axis=2), _STATISTICS[of])
    return base_s, np.einsum("ik,ikj->ij", slopes, added_s)


def _contributions_beside_baseline(
    model: ResidualModel, X: FloatArray, of: Statistic
) -> tuple[float, FloatArray]:
    """Return what :func:`_contributions` does, of a model with a baseline.

    The baseline adds its own seconds beyond the median baseline. Where it is missing, its column
    adds the difference between the two models' expectations.
    """
    baseline_s = model.baseline_s(X)
    known = ~np.isnan(baseline_s)
    base_s = float(model.anchors.contributions(X[:1])[1][_MEDIAN]) + model.typical_s
    contributions_s = np.empty(X.shape)
    if known.any():
        _, contributions_s[known] = _contributions(model.residual, X[known], of)
        contributions_s[known, model.column] += baseline_s[known] - model.typical_s
    if not known.all():
        whole_s, contributions_s[~known] = _contributions(model.without, X[~known], of)
        contributions_s[~known, model.column] += whole_s - base_s
    return base_s, contributions_s


def _slopes(
    model: QuantileModel,
    X: FloatArray,
    bases_s: FloatArray,
    added_s: FloatArray,
    statistic: _Expected,
) -> FloatArray:
    """Return seconds of the statistic per second of each anchor, shape (n_rows, n_anchors).

    Args:
        model: turns anchors into distributions.
        X: the rows, which calibration may look at.
        bases_s: where the way begins, shape (n_anchors,).
        added_s: how far it goes, shape (n_rows, n_anchors).
        statistic: of distributions.
    """
    slopes = np.zeros_like(added_s)
    for first in range(0, len(X), SLOPE_ROWS):
        some = slice(first, first + SLOPE_ROWS)
        place_s = bases_s + _POINTS[:, np.newaxis] * added_s[some, np.newaxis, :]
        at_places = _slopes_at(model, X[some], place_s, statistic)
        for k, weight in enumerate(_WEIGHTS.tolist()):
            slopes[some] += weight * at_places[:, k]
    return slopes


def _slopes_at(
    model: QuantileModel, X: FloatArray, place_s: FloatArray, statistic: _Expected
) -> FloatArray:
    """Return the slopes at several places on the way of each row, shape as that of the places.

    Args:
        model: turns anchors into distributions.
        X: the rows.
        place_s: anchors, shape (n_rows, n_places, n_anchors).
        statistic: of distributions.
    """
    n_rows, n_places, n_anchors = place_s.shape
    # Every anchor once a step up and once a step down, all of them in one call.
    steps_s = STEP_S * np.concatenate([np.eye(n_anchors), -np.eye(n_anchors)])
    moved_s = (place_s[:, :, np.newaxis, :] + steps_s).reshape(-1, n_anchors)
    rows = np.repeat(X, n_places * len(steps_s), axis=0)
    expected_s = statistic(model.distribution(moved_s, rows))
    sides_s = expected_s.reshape(n_rows, n_places, 2, n_anchors)
    return np.asarray((sides_s[:, :, 0] - sides_s[:, :, 1]) / (2.0 * STEP_S))


def _group(column: InputColumn, group: Group) -> str:
    return column.topic if group == "topic" else column.dimension or FACTS


def _largest_first(seconds: dict[str, float]) -> dict[str, float]:
    return dict(sorted(seconds.items(), key=lambda item: -abs(item[1])))
