"""Search for parameters whose residuals are least: Gauss-Newton steps within bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulator.world.arrays import FloatArray

__all__ = ["Search", "least_squares"]

DIFFERENCE = 0.12
"""Step of the differences: simulated moments jump where two orders change places in a line, so
small differences measure jumps and no slope."""
FIRST_STEP = 0.6
LONGEST_STEP = 1.2
SHORTEST_STEP = 0.01
DAMPING = 0.05
"""Of a step of 1, in residuals: what no residual depends on stays where it is."""
ENOUGH = 0.01
"""Mean squared residual, in squared errors, below which nothing is gained."""


@dataclass(frozen=True)
class Search:
    """Where a search ended: the point, its residuals, and how many points were tried."""

    point: FloatArray
    residuals: FloatArray
    trials: int


def least_squares(
    residuals: Callable[[FloatArray], FloatArray],
    start: FloatArray,
    lowest: FloatArray,
    highest: FloatArray,
    *,
    trials: int,
) -> Search:
    """Return the point of the least sum of squared residuals that is found.

    Slopes are differences; from one step to the next they are updated by what the step showed
    (Broyden, 1965), so that a step costs one trial, and taken anew where steps gain nothing more.

    Args:
        residuals: of a point, in units of their errors; shape (n,) -> (m,).
        start: first point, within the bounds.
        lowest: lower bounds.
        highest: upper bounds; greater than the lower ones.
        trials: points that may be tried.

    >>> found = least_squares(
    ...     lambda x: np.array([x[0] - 1.0, x[0] * x[1] - 2.0]) / 0.01,
    ...     np.array([3.0, 3.0]),
    ...     np.array([0.1, 0.1]),
    ...     np.array([9.0, 9.0]),
    ...     trials=40,
    ... )
    >>> found.point.round(2)
    array([1., 2.])
    """
    point = np.clip(start, lowest, highest)
    found = residuals(point)
    tried, size, fresh = 1, FIRST_STEP, False
    slopes: FloatArray | None = None
    while tried < trials and len(point) and (found**2).mean() > ENOUGH:
        if slopes is None:
            if tried + len(point) >= trials:
                break
            slopes = _slopes(residuals, point, found, highest)
            tried, fresh = tried + len(point), True
        step = _step(slopes, found, np.maximum(lowest - point, -size),
                     np.minimum(highest - point, size))  # fmt: skip
        length = float(np.abs(step).max())
        if length < SHORTEST_STEP:
            if fresh:
                break
            slopes, size = None, FIRST_STEP
            continue
        there = residuals(point + step)
        tried += 1
        slopes = slopes + np.outer(there - found - slopes @ step, step) / (step @ step)
        if (there**2).sum() < (found**2).sum():
            point, found, fresh = point + step, there, False
            size = min(max(size, 2.0 * length), LONGEST_STEP)
        else:
            size = 0.4 * length
    return Search(point, found, tried)


def _slopes(
    residuals: Callable[[FloatArray], FloatArray],
    point: FloatArray,
    found: FloatArray,
    highest: FloatArray,
) -> FloatArray:
    """Return d residual / d coordinate by differences that stay within the bounds."""
    columns = []
    for i in range(len(point)):
        moved = point.copy()
        moved[i] += DIFFERENCE if point[i] + DIFFERENCE <= highest[i] else -DIFFERENCE
        columns.append((residuals(moved) - found) / (moved[i] - point[i]))
    return np.stack(columns, axis=1)


def _step(slopes: FloatArray, found: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    # Imported here: most of what imports the simulator fits nothing.
    from scipy.optimize import lsq_linear

    n = slopes.shape[1]
    A = np.vstack([slopes, DAMPING * np.eye(n)])
    b = np.concatenate([-found, np.zeros(n)])
    return np.asarray(lsq_linear(A, b, bounds=(low, high)).x)
