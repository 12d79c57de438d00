"""Widens ranges of rows about which less is known than in calibration.

A row is incomplete if it lacks inputs that it should have: the event store is down and there is no
real-time feature, or the request lacks the store. The trees would answer with larger errors, and
the grid that was calibrated on complete rows would be too narrow.

* Without any real-time feature a row is answered by a smaller model of the facts alone, which was
  calibrated separately, at each level at least as far from its median as rows with all features
  typically are (:func:`ensure_typical_width`): knowing less never gives a narrower range.
* A row that lacks something else keeps the model's median, and its distances grow by a small factor
  (``INCOMPLETE_FACTOR``). Without a model of the facts alone, so is one without real-time features,
  by a larger one (``NO_FEATURES_FACTOR``).
* A caller that has the fallback (:class:`~estimators.fallback.model.Fallback`, which is calibrated
  whatever is missing) can widen each row to it (:func:`widen_to_baseline`).
"""

from __future__ import annotations

import numpy as np

from estimators.core.distribution import Distribution
from estimators.core.typing import FloatArray
from estimators.quantiles.calibration import GRID_LEVELS, ConformalGrid, Scale

__all__ = [
    "INCOMPLETE_FACTOR",
    "NO_FEATURES_FACTOR",
    "ensure_typical_width",
    "scale_distances",
    "widen_to_baseline",
    "widened",
]

NO_FEATURES_FACTOR = 1.5
"""The factor of the distances from the median for rows without real-time features, if there is no
model of the facts alone: measured on simulated cities (docs/fallbacks.md).
"""

INCOMPLETE_FACTOR = 1.25
"""The factor for rows that lack something else."""

LEAST_S = 0.125
"""The least duration where ratios are compared."""

_MEDIAN = GRID_LEVELS.index(0.5)


def ensure_typical_width(distribution: Distribution, grid: ConformalGrid) -> Distribution:
    """Return distributions with each level at least as far from the median as is typical.

    Args:
        distribution: of rows, at ``GRID_LEVELS``.
        grid: of the model with features; has the typical distances and the bounds.

    >>> grid = ConformalGrid(np.linspace(-1.0, 1.0, 23), scale="linear", typical=(40.0, 80.0))
    >>> narrow = Distribution(GRID_LEVELS, [[100.0 + 2.0 * i for i in range(23)]])
    >>> ensure_typical_width(narrow, grid).quantile([0.01, 0.5, 0.99]).tolist()
    [[82.0, 122.0, 202.0]]
    """
    distances = _farther(_distances(distribution, grid.scale), grid.typical_distances)
    return _bounded(_around(distribution, distances, grid.scale), grid)


def widened(normal: Distribution, grid: ConformalGrid, factor: float) -> Distribution:
    """Return distributions whose levels are farther from their medians.

    Args:
        normal: of rows, at ``GRID_LEVELS``.
        grid: of the model that answered.
        factor: by what distances are multiplied on the grid's scale.

    >>> grid = ConformalGrid(np.linspace(-1.0, 1.0, 23), scale="linear")
    >>> normal = Distribution(GRID_LEVELS, [[100.0 + 10.0 * i for i in range(23)]])
    >>> widened(normal, grid, 1.5).quantile([0.4, 0.5, 0.6]).round(6).tolist()
    [[180.0, 210.0, 240.0]]
    """
    distances = _distances(normal, grid.scale) * factor
    return _bounded(_around(normal, distances, grid.scale), grid)


def scale_distances(normal: Distribution, factor: float, scale: Scale) -> Distribution:
    """Return distributions whose levels are farther from their medians, without a model's bounds.

    Args:
        normal: of rows, at ``GRID_LEVELS``.
        factor: by what distances are multiplied.
        scale: on which: "linear" in seconds, "log" in ratios.

    >>> normal = Distribution(GRID_LEVELS, [[100.0 + 10.0 * i for i in range(23)]])
    >>> scale_distances(normal, 1.5, "linear").quantile([0.4, 0.5, 0.6]).round(6).tolist()
    [[180.0, 210.0, 240.0]]
    """
    return _around(normal, _distances(normal, scale) * factor, scale)


def widen_to_baseline(
    distribution: Distribution, baseline: Distribution, scale: Scale
) -> Distribution:
    """Return distributions with each level at least as far from the median as others reach.

    Args:
        distribution: of rows, at ``GRID_LEVELS``; their medians stay.
        baseline: of the same rows, at the same levels.
        scale: on which distances are compared. "linear": in seconds. "log": by their ratio to the
            median or in seconds, whichever is nearer, so that a median near 0 does not make a range
            of days.

    >>> distribution = Distribution(GRID_LEVELS, [[100.0 + i for i in range(23)]])
    >>> baseline = Distribution(GRID_LEVELS, [[500.0 + 10.0 * i for i in range(23)]])
    >>> widen_to_baseline(distribution, baseline, "linear").quantile([0.4, 0.5, 0.6]).round(
    ...     6
    ... ).tolist()
    [[91.0, 111.0, 131.0]]
    >>> widen_to_baseline(distribution, baseline, "log").quantile([0.4, 0.5, 0.6]).round(
    ...     1
    ... ).tolist()
    [[107.4, 111.0, 114.6]]
    """
    median, others = _median(distribution), _median(baseline)
    reach = median + (baseline.values - others)
    if scale == "log":
        by_ratio = median * (np.maximum(baseline.values, LEAST_S) / np.maximum(others, LEAST_S))
        nearer = np.abs(by_ratio - median) <= np.abs(reach - median)
        reach = np.where(nearer, by_ratio, reach)
    is_farther = np.abs(reach - median) > np.abs(distribution.values - median)
    values = np.where(is_farther, reach, distribution.values)
    return distribution.moved(np.maximum.accumulate(values, axis=1))


def _median(distribution: Distribution) -> FloatArray:
    return distribution.values[:, _MEDIAN : _MEDIAN + 1]


def _distances(distribution: Distribution, scale: Scale) -> FloatArray:
    values = distribution.values
    if scale == "log":
        values = np.log(np.maximum(values, LEAST_S))
    return np.asarray(values - values[:, _MEDIAN : _MEDIAN + 1])


def _farther(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the larger of two distances on the same side of the median, at each level."""
    return np.asarray(np.where(np.abs(one) >= np.abs(other), one, other))


def _around(distribution: Distribution, distances: FloatArray, scale: Scale) -> Distribution:
    """Return the values at these distances from the medians; the medians stay."""
    medians = _median(distribution)
    moved = medians * np.exp(distances) if scale == "log" else medians + distances
    return distribution.moved(np.maximum.accumulate(moved, axis=1))


def _bounded(distribution: Distribution, grid: ConformalGrid) -> Distribution:
    return distribution.moved(np.clip(distribution.values, grid.shortest_s, grid.longest_s))
