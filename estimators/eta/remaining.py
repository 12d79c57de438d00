"""The remaining time of a duration that has lasted for some time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from estimators.core.distribution import Distribution
from estimators.core.errors import InputError
from estimators.core.typing import FloatArray

__all__ = ["remaining_after"]

TAIL_FROM = 0.9
"""From about this level on, the slope of the quantiles gives the decay of the tail."""

TAIL_FLOOR_S = 1.0
"""The least mean remaining time after every quantile has passed."""


def remaining_after(distribution: Distribution, elapsed_s: npt.ArrayLike) -> Distribution:
    """Return the distribution of ``duration - elapsed``, given that it is longer than elapsed.

    Beyond its last level a distribution has an exponential tail with the slope of its upper levels.
    So a duration that has outlasted all levels is about to end, but has not ended.

    Args:
        distribution: of the whole durations, one per row.
        elapsed_s: how long each has lasted, one number for all rows or one per row, at least 0.

    Returns:
        At the same levels; with ``elapsed_s`` 0 the distribution itself. Never below 0 s.

    Raises:
        InputError: elapsed_s has another shape, or is negative or missing.

    >>> evenly = Distribution([0.25, 0.5, 0.75], [[100.0, 200.0, 300.0]])
    >>> remaining_after(evenly, 200.0).quantile(0.5).tolist()
    [100.0]
    """
    elapsed = np.asarray(elapsed_s, dtype=np.float64)
    if elapsed.ndim > 1 or (elapsed.ndim == 1 and len(elapsed) != len(distribution)):
        raise InputError(
            f"elapsed_s has shape {elapsed.shape}; expected one number or {len(distribution)}, one"
            " per row"
        )
    if not bool(np.all(elapsed >= 0.0)):
        raise InputError("elapsed_s is negative or missing; expected seconds since the start")
    elapsed = np.broadcast_to(elapsed, (len(distribution),))
    scale_s = _tail_scale_s(distribution)
    survived = 1.0 - _cdf(distribution, elapsed, scale_s)
    levels = 1.0 - survived[:, np.newaxis] * (1.0 - distribution.levels)
    left = _quantiles(distribution, levels, scale_s) - elapsed[:, np.newaxis]
    # What has outlasted all levels forgets how long: that is what exponential means.
    beyond = -np.log1p(-distribution.levels) * scale_s[:, np.newaxis]
    left = np.where((elapsed > distribution.values[:, -1])[:, np.newaxis], beyond, left)
    ascending = np.maximum.accumulate(np.maximum(left, 0.0), axis=1)
    untouched = (elapsed == 0.0)[:, np.newaxis] & (distribution.values >= 0.0)
    return Distribution(distribution.levels, np.where(untouched, distribution.values, ascending))


def _tail_scale_s(distribution: Distribution) -> FloatArray:
    """Return the mean excess of each row's tail, from the slope of its upper quantiles."""
    levels, values = distribution.levels, distribution.values
    first = min(int(np.searchsorted(levels, TAIL_FROM)), len(levels) - 2)
    thinned = np.log((1.0 - levels[first]) / (1.0 - levels[-1]))
    scale_s = (values[:, -1] - values[:, first]) / thinned
    return np.asarray(np.maximum(scale_s, TAIL_FLOOR_S))


def _cdf(distribution: Distribution, t: FloatArray, scale_s: FloatArray) -> FloatArray:
    """Return the probability of at most t, with the exponential tail."""
    excess = t - distribution.values[:, -1]
    tail = 1.0 - (1.0 - distribution.levels[-1]) * np.exp(-np.maximum(excess, 0.0) / scale_s)
    inside = np.minimum(distribution.cdf(t), distribution.levels[-1])
    return np.asarray(np.where(excess > 0.0, tail, inside))


def _quantiles(distribution: Distribution, at: FloatArray, scale_s: FloatArray) -> FloatArray:
    """Return the quantiles at levels that differ by row, shape (n_rows, n_levels)."""
    beyond = np.log((1.0 - distribution.levels[-1]) / np.maximum(1.0 - at, 1e-300))
    tail = np.maximum(beyond, 0.0) * scale_s[:, np.newaxis]
    return np.asarray(distribution.quantile_by_row(at) + tail)
