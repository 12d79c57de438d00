"""Scores of a distribution against what then happened, in seconds and shares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aggregators.times import from_us
from estimators.core.distribution import Distribution
from estimators.core.errors import InputError
from estimators.core.typing import FloatArray, IntArray

__all__ = [
    "ALL",
    "INTERVAL_LEVELS",
    "PIT_BINS",
    "Scores",
    "crps_s",
    "period_of",
    "pinball_s",
    "pit_counts",
    "score",
]

ALL = "all"
"""The group of the rows that are about the whole period."""

INTERVAL_LEVELS = (0.5, 0.8, 0.9)
"""Central ranges whose coverage and width are reported."""

PINBALL_LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Levels over which the pinball loss is averaged."""

CRPS_STEPS = 100

PIT_BINS = 20
"""Equal parts of (0, 1) in which the ranks of outcomes are counted."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of one model on one set of rows; all times in seconds, NaN where undefined.

    Args:
        n: rows.
        mae_s: mean absolute error of the median.
        rmse_s: root of the mean squared error of the mean.
        bias_s: by how much the means exceed the outcomes on average; below 0 they are too low.
        pinball_s: mean over ``PINBALL_LEVELS``.
        crps_s: continuous ranked probability score.
        coverage: share of rows inside the central range of each level.
        width_s: mean width of that range.
        pit: how many outcomes fell into each twentieth of their own distribution (the probability
            integral transform), shape (``PIT_BINS``,): all alike where the distributions are right.
        pit_distance: the largest difference between a level and the share of outcomes that were
            at or below it, over the twentieths (Kolmogorov's distance from uniform): 0 where the
            distributions are right, and about 0.9 / sqrt(n) by chance alone.
        calibration: of every level of the distribution's grid, the share of outcomes that were at
            or below its quantile; empty for slices.
    """

    n: int
    mae_s: float = math.nan
    rmse_s: float = math.nan
    bias_s: float = math.nan
    pinball_s: float = math.nan
    crps_s: float = math.nan
    coverage: Mapping[float, float] = field(default_factory=dict)
    width_s: Mapping[float, float] = field(default_factory=dict)
    pit: tuple[int, ...] = ()
    pit_distance: float = math.nan
    calibration: Mapping[float, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary, None for NaN."""
        numbers = ("mae_s", "rmse_s", "bias_s", "pinball_s", "crps_s", "pit_distance")
        by_level = ("coverage", "width_s", "calibration")
        return {
            "n": self.n,
            **{name: _or_none(getattr(self, name)) for name in numbers},
            **{
                name: {repr(level): _or_none(v) for level, v in getattr(self, name).items()}
                for name in by_level
            },
            "pit": list(self.pit),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Scores:
        """Return the scores that :meth:`to_json` wrote, of this version or an earlier one."""
        by_level = {
            name: {float(level): _or_nan(v) for level, v in document.get(name, {}).items()}
            for name in ("coverage", "width_s", "calibration")
        }
        return cls(
            n=int(document["n"]),
            mae_s=_or_nan(document["mae_s"]),
            rmse_s=_or_nan(document["rmse_s"]),
            bias_s=_or_nan(document.get("bias_s")),
            pinball_s=_or_nan(document["pinball_s"]),
            crps_s=_or_nan(document["crps_s"]),
            coverage=by_level["coverage"],
            width_s=by_level["width_s"],
            pit=tuple(int(count) for count in document.get("pit", ())),
            pit_distance=_or_nan(document.get("pit_distance")),
            calibration=by_level["calibration"],
        )


def score(predicted: Distribution, target_s: FloatArray, *, curve: bool = True) -> Scores:
    """Return the scores of distributions against outcomes, shape (n_rows,).

    Args:
        predicted: n_rows distributions.
        target_s: what happened, seconds, shape (n_rows,).
        curve: whether to compute the calibration of every level, too.

    Raises:
        InputError: not as many predictions as targets.

    >>> predicted = Distribution([0.1, 0.5, 0.9], [[0.0, 10.0, 20.0]] * 2)
    >>> scores = score(predicted, np.array([12.0, 30.0]))
    >>> scores.mae_s, scores.coverage[0.8]
    (11.0, 0.5)
    """
    if len(predicted) != len(target_s):
        raise InputError(f"{len(predicted)} predictions for {len(target_s)} targets")
    if not len(target_s):
        return Scores(n=0)
    ranges = {level: predicted.interval(level) for level in INTERVAL_LEVELS}
    counts = pit_counts(predicted, target_s)
    below = np.cumsum(counts)[:-1] / len(target_s)
    nominal = np.arange(1, PIT_BINS) / PIT_BINS
    excess_s = predicted.mean() - target_s
    return Scores(
        n=len(target_s),
        mae_s=float(np.abs(target_s - predicted.quantile(0.5)).mean()),
        rmse_s=float(np.sqrt(np.square(excess_s).mean())),
        bias_s=float(excess_s.mean()),
        pinball_s=float(np.mean([pinball_s(predicted, target_s, q) for q in PINBALL_LEVELS])),
        crps_s=float(crps_s(predicted, target_s).mean()),
        coverage={
            level: float(np.mean((low <= target_s) & (target_s <= high)))
            for level, (low, high) in ranges.items()
        },
        width_s={level: float(np.mean(high - low)) for level, (low, high) in ranges.items()},
        pit=tuple(counts.tolist()),
        pit_distance=float(np.abs(below - nominal).max()),
        calibration=_calibration(predicted, target_s) if curve else {},
    )


def period_of(as_of_us: IntArray) -> tuple[str, str]:
    """Return the first and the last of some moments, ISO 8601, for :class:`Report` and its like.

    >>> period_of(np.array([86_400_000_000, 0]))
    ('1970-01-01T00:00:00+00:00', '1970-01-02T00:00:00+00:00')
    """
    first, last = from_us(int(as_of_us.min())), from_us(int(as_of_us.max()))
    return first.isoformat(timespec="seconds"), last.isoformat(timespec="seconds")


def pit_counts(predicted: Distribution, target_s: FloatArray) -> IntArray:
    """Return how many outcomes fell into each twentieth of their own distribution, (PIT_BINS,).

    Source: Dawid, Present position and potential developments (JRSS A, 1984).

    >>> predicted = Distribution([0.1, 0.9], [[0.0, 80.0]] * 3)
    >>> pit_counts(predicted, np.array([1.0, 40.5, 90.0])).nonzero()[0].tolist()
    [2, 10, 19]
    """
    rank = np.floor(predicted.cdf(target_s) * PIT_BINS).astype(np.int64)
    return np.bincount(np.minimum(rank, PIT_BINS - 1), minlength=PIT_BINS).astype(np.int64)


def _calibration(predicted: Distribution, target_s: FloatArray) -> dict[float, float]:
    shares = (target_s[:, np.newaxis] <= predicted.values).mean(axis=0)
    return dict(zip(predicted.levels.tolist(), shares.tolist(), strict=True))


def pinball_s(predicted: Distribution, target_s: FloatArray, level: float) -> float:
    """Return the mean pinball loss at one level: an error above costs `1 - level` a second.

    >>> predicted = Distribution([0.1, 0.9], [[0.0, 100.0]])
    >>> pinball_s(predicted, np.array([110.0]), 0.9)
    9.0
    """
    error_s = target_s - predicted.quantile(level)
    return float(np.maximum(level * error_s, (level - 1.0) * error_s).mean())


def crps_s(predicted: Distribution, target_s: FloatArray) -> FloatArray:
    """Return the continuous ranked probability score of each row, seconds.

    Twice the integral of the pinball loss over all levels (Laio and Tamea, 2007), by the midpoints
    of a hundred equal steps. For a single sure value it is the absolute error.

    >>> sure = Distribution([0.25, 0.75], [[100.0, 100.0]])
    >>> crps_s(sure, np.array([130.0])).round(6).tolist()
    [30.0]
    """
    total = np.zeros(len(target_s))
    for step in range(CRPS_STEPS):
        level = (step + 0.5) / CRPS_STEPS
        error_s = target_s - predicted.quantile(level)
        total += np.maximum(level * error_s, (level - 1.0) * error_s)
    return 2.0 * total / CRPS_STEPS


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)
