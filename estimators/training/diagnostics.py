"""The diagnostics of a report: examples, errors over time, what moves the estimates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from aggregators.times import from_us
from estimators.core.dataset import Dataset
from estimators.core.distribution import Distribution
from estimators.core.errors import DatasetError
from estimators.core.sampling import evenly_spaced
from estimators.core.typing import FloatArray, IntArray
from estimators.evaluation.scores import pinball_s
from estimators.model.base import Estimator
from estimators.model.explanation import EXPLAINED_MAX, EstimateExplanation
from estimators.training.matrix import inputs_of

__all__ = [
    "DependenceCurve",
    "Diagnostics",
    "Example",
    "Period",
    "Reliability",
    "diagnose",
    "inputs_in_order",
    "rows_of_test_period",
]

ROWS_MAX = 20_000
"""The most test rows that are used, evenly chosen over time."""

EXAMPLES = 40
PERIODS_MAX = 60
DEPENDENCES = 6
"""Columns whose effect by value is shown: those that move the estimates most."""

VALUE_BINS = 20
RELIABILITY_BINS = 10
CATEGORY_VALUES = 8
WIDTH_SHARES = (0.02, *(round(0.05 * i, 2) for i in range(1, 20)), 0.98)

_DAY_US = 86_400_000_000
Progress = Callable[[str, float], None]
STAGE = "explain"


@dataclass(frozen=True, kw_only=True)
class Example:
    """One row of the test period: its estimate and its outcome, in seconds."""

    sample_id: int | str
    as_of: str
    actual_s: float
    median_s: float
    half_s: tuple[float, float]
    eight_tenths_s: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Period:
    """Some days of the test period: rows, mean absolute error, share inside the 80% range."""

    start: str
    rows: int
    mae_s: float
    coverage: float


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Rows with similar predicted medians: what was predicted and what happened, on average.

    Args:
        rows: how many.
        median_s: mean predicted median.
        predicted_s: means of the predicted levels 0.1, 0.5 and 0.9.
        actual_s: the levels 0.1, 0.5 and 0.9 of what happened.
    """

    rows: int
    median_s: float
    predicted_s: tuple[float, float, float]
    actual_s: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class DependenceCurve:
    """What a column adds to the estimate, by its value.

    Args:
        name: of the column.
        description: of the column.
        unit: of its values.
        values: means of bins of equally many rows, or values of a category.
        contribution_s: mean seconds added where the value was such.
    """

    name: str
    description: str
    unit: str
    values: tuple[float | int | str, ...]
    contribution_s: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Diagnostics:
    """Beside the scores: examples, errors over time, what drives the estimates.

    Args:
        rows: of the test period that were looked at.
        rows_explained: of these, whose contributions were computed.
        examples: evenly over time.
        periods: the test period's days, in order.
        reliability: by predicted median, the shortest first.
        pinball_s: pinball loss at each level of the grid.
        width_s: of the 80% ranges, the width that each share of them does not exceed.
        topics: mean absolute contribution in seconds by topic, the largest first.
        dimensions: the same by what the features are about; facts of the request are "facts".
        columns: the same by fact and feature.
        dependences: of the columns that contribute most.
    """

    rows: int
    rows_explained: int
    examples: tuple[Example, ...]
    periods: tuple[Period, ...]
    reliability: tuple[Reliability, ...]
    pinball_s: dict[float, float]
    width_s: dict[float, float]
    topics: dict[str, float]
    dimensions: dict[str, float]
    columns: dict[str, float]
    dependences: tuple[DependenceCurve, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        by_level = {
            name: {repr(level): value for level, value in getattr(self, name).items()}
            for name in ("pinball_s", "width_s")
        }
        return {**asdict(self), **by_level}


def diagnose(
    estimator: Estimator, dataset: Dataset, *, progress: Progress | None = None
) -> Diagnostics:
    """Diagnose an estimator's answers to the test period of a data set.

    Args:
        estimator: fitted.
        dataset: asked what the estimator answers.
        progress: called with the name of the stage and the part of it that is done.

    Raises:
        DatasetError: the test period holds no labelled row.
    """
    report = progress or (lambda stage, part: None)
    report(STAGE, 0.0)
    rows = rows_of_test_period(dataset)
    X = inputs_in_order(estimator, dataset, rows)
    report(STAGE, 0.3)
    predicted = estimator.predict(X)
    some = evenly_spaced(len(rows), EXPLAINED_MAX)
    explained = estimator.explain(X[some])
    report(STAGE, 0.9)
    target_s = dataset.target_s[rows]
    found = Diagnostics(
        rows=len(rows),
        rows_explained=len(some),
        examples=_examples(dataset, rows, predicted),
        periods=_periods(dataset.as_of_us[rows], predicted, target_s),
        reliability=_reliability(predicted, target_s),
        pinball_s={
            level: pinball_s(predicted, target_s, level) for level in predicted.levels.tolist()
        },
        width_s=_widths(predicted),
        topics=explained.importance_by("topic"),
        dimensions=explained.importance_by("dimension"),
        columns=explained.importance(),
        dependences=_dependences(explained),
    )
    report(STAGE, 1.0)
    return found


def rows_of_test_period(dataset: Dataset, most: int = ROWS_MAX) -> IntArray:
    """Return rows of the test period in the order of time, evenly chosen if there are many.

    Raises:
        DatasetError: there is none.
    """
    rows = np.flatnonzero(dataset.tests)
    if not len(rows):
        raise DatasetError(
            f"data set {dataset.name!r} has no labelled row from {dataset.test_from} on"
        )
    rows = rows[np.argsort(dataset.as_of_us[rows], kind="stable")]
    return rows[evenly_spaced(len(rows), most)]


def inputs_in_order(estimator: Estimator, dataset: Dataset, rows: IntArray) -> FloatArray:
    """Return the estimator's inputs for rows of a data set, in the order of `rows`.

    Args:
        estimator: says which facts and features.
        dataset: all its rows count for the features.
        rows: their numbers in the table, each once, shape (n_rows,).
    """
    asked = np.zeros(len(dataset.table), dtype=bool)
    asked[rows] = True
    in_table = np.argsort(np.argsort(rows))  # inputs come in the order of the table
    return inputs_of(estimator, dataset, asked)[in_table]


def _examples(dataset: Dataset, rows: IntArray, predicted: Distribution) -> tuple[Example, ...]:
    chosen = evenly_spaced(len(rows), EXAMPLES)
    ids = dataset.table[dataset.source.sample_id]
    some = predicted[chosen]
    half, wide = np.column_stack(some.interval(0.5)), np.column_stack(some.interval(0.8))
    median_s = some.quantile(0.5)
    return tuple(
        Example(
            sample_id=ids.iloc[rows[i]] if isinstance(ids.iloc[rows[i]], str)
            else int(ids.iloc[rows[i]]),
            as_of=from_us(int(dataset.as_of_us[rows[i]])).isoformat(timespec="seconds"),
            actual_s=float(dataset.target_s[rows[i]]),
            median_s=float(median_s[k]),
            half_s=(float(half[k, 0]), float(half[k, 1])),
            eight_tenths_s=(float(wide[k, 0]), float(wide[k, 1])),
        )
        for k, i in enumerate(chosen.tolist())
    )  # fmt: skip


def _periods(
    as_of_us: IntArray, predicted: Distribution, target_s: FloatArray
) -> tuple[Period, ...]:
    """Return the days, or as many of them together as make at most ``PERIODS_MAX``."""
    day = as_of_us // _DAY_US - as_of_us.min() // _DAY_US
    step = int(day.max()) // PERIODS_MAX + 1
    low, high = predicted.interval(0.8)
    inside = (low <= target_s) & (target_s <= high)
    error_s = np.abs(target_s - predicted.quantile(0.5))
    first_us = int(as_of_us.min() // _DAY_US) * _DAY_US
    found = []
    for k in np.unique(day // step).tolist():
        rows = day // step == k
        start = from_us(first_us + k * step * _DAY_US)
        found.append(
            Period(
                start=start.date().isoformat(),
                rows=int(rows.sum()),
                mae_s=float(error_s[rows].mean()),
                coverage=float(inside[rows].mean()),
            )
        )
    return tuple(found)


def _reliability(predicted: Distribution, target_s: FloatArray) -> tuple[Reliability, ...]:
    levels = (0.1, 0.5, 0.9)
    quantiles_s = np.column_stack([predicted.quantile(level) for level in levels])
    order = np.argsort(quantiles_s[:, 1], kind="stable")
    found = []
    for rows in np.array_split(order, min(RELIABILITY_BINS, len(order))):
        mean_s, happened = quantiles_s[rows].mean(axis=0), np.quantile(target_s[rows], levels)
        found.append(
            Reliability(
                rows=len(rows),
                median_s=float(mean_s[1]),
                predicted_s=(float(mean_s[0]), float(mean_s[1]), float(mean_s[2])),
                actual_s=(float(happened[0]), float(happened[1]), float(happened[2])),
            )
        )
    return tuple(found)


def _widths(predicted: Distribution) -> dict[float, float]:
    low, high = predicted.interval(0.8)
    widths = np.quantile(high - low, WIDTH_SHARES)
    return dict(zip(WIDTH_SHARES, widths.tolist(), strict=True))


def _dependences(explained: EstimateExplanation) -> tuple[DependenceCurve, ...]:
    position = {column.name: i for i, column in enumerate(explained.columns)}
    found = []
    for name in list(explained.importance())[:DEPENDENCES]:
        i = position[name]
        known = ~np.isnan(explained.values[:, i])
        values, added_s = explained.values[known, i], explained.contributions_s[known, i]
        if not len(values):
            continue
        column = explained.columns[i]
        groups = _by_value(values) if column.categories is None else _by_category(values)
        means = [float(values[rows].mean()) for rows in groups]
        found.append(
            DependenceCurve(
                name=name,
                description=column.description,
                unit=column.unit,
                values=tuple(v for v in (column.value(one) for one in means) if v is not None),
                contribution_s=tuple(float(added_s[rows].mean()) for rows in groups),
            )
        )
    return tuple(found)


def _by_value(values: FloatArray) -> list[IntArray]:
    """Return bins of about equally many rows; equal values share a bin."""
    edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, VALUE_BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, values, side="left")
    return [np.flatnonzero(bins == one) for one in np.unique(bins)]


def _by_category(codes: FloatArray) -> list[IntArray]:
    """Return the rows of each of the most frequent codes."""
    values, counts = np.unique(codes, return_counts=True)
    kept = values[np.argsort(-counts, kind="stable")[:CATEGORY_VALUES]]
    return [np.flatnonzero(codes == one) for one in kept]
