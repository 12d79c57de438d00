"""Compares models on the same rows: scores, and intervals of their differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from estimators.core.distribution import Distribution
from estimators.core.errors import InputError
from estimators.core.typing import FloatArray, IntArray
from estimators.evaluation.scores import ALL, Scores, crps_s, score
from estimators.evaluation.slices import SLICES_MAX

__all__ = [
    "BLOCKS_MIN",
    "ComparedRow",
    "Comparison",
    "LossDifference",
    "Losses",
    "PairedNoise",
    "compare",
    "losses_of",
    "paired_difference",
    "paired_noise",
]

RESAMPLES = 2_000
LEVEL = 0.95
"""Confidence level of the interval of a difference."""

BLOCK_US = 3_600_000_000
"""Rows of the same hour are drawn together, because their errors are correlated."""

BLOCKS_MIN = 8
"""Differences over fewer hours say nothing: their resamples are too much alike."""

BATCH = 100
"""Resamples at a time, so that their weights fit into memory."""


@dataclass(frozen=True, kw_only=True)
class LossDifference:
    """By how much a loss exceeds another's on the same rows, seconds; negative is better.

    Args:
        mean_s: the mean difference.
        low_s: lower end of its 95% interval.
        high_s: upper end.
        reference_s: the mean of the loss that is compared with.
        n_blocks: how many hours the rows are of, which the interval rests on.
    """

    mean_s: float
    low_s: float
    high_s: float
    reference_s: float
    n_blocks: int

    @property
    def share(self) -> float:
        """The difference as a share of the loss that is compared with."""
        return self.mean_s / self.reference_s if self.reference_s else 0.0

    @property
    def is_significant(self) -> bool:
        """Whether the interval lies on one side of zero, and rests on enough hours."""
        return self.n_blocks >= BLOCKS_MIN and (self.low_s > 0.0 or self.high_s < 0.0)

    def to_json(self) -> dict[str, float]:
        """Return a JSON-able dictionary."""
        return {
            "mean_s": self.mean_s,
            "low_s": self.low_s,
            "high_s": self.high_s,
            "reference_s": self.reference_s,
            "n_blocks": self.n_blocks,
        }


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The losses of a model row by row, in seconds, shape (n_rows,).

    Args:
        absolute_s: distance of the median from the outcome; its mean is the MAE.
        crps_s: continuous ranked probability score.
    """

    absolute_s: FloatArray
    crps_s: FloatArray


def losses_of(predicted: Distribution, target_s: FloatArray) -> Losses:
    """Return the losses of distributions against outcomes.

    >>> sure = Distribution([0.25, 0.75], [[100.0, 100.0]])
    >>> losses_of(sure, np.array([130.0])).absolute_s.tolist()
    [30.0]
    """
    return Losses(
        absolute_s=np.abs(target_s - predicted.quantile(0.5)), crps_s=crps_s(predicted, target_s)
    )


def paired_difference(
    loss_s: FloatArray, reference_s: FloatArray, as_of_us: IntArray, *, seed: int = 0
) -> LossDifference:
    """Return by how much a loss exceeds another's, with a bootstrap interval.

    Rows are paired, so what makes a row hard for both cancels out. Whole hours are drawn, not rows:
    errors of neighbouring orders are alike, and intervals over single rows would be too narrow.

    Args:
        loss_s: of each row, shape (n_rows,).
        reference_s: the other's, of the same rows.
        as_of_us: when each row was asked, microseconds UTC.
        seed: of the draws.

    Raises:
        InputError: no rows, or not as many of each.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), percentile interval;
    blocks after Künsch (1989).

    >>> hours_us = np.arange(50) * 3_600_000_000
    >>> worse = paired_difference(np.full(50, 12.0), np.full(50, 10.0), hours_us)
    >>> worse.mean_s, worse.low_s, worse.high_s, worse.is_significant, worse.share
    (2.0, 2.0, 2.0, True, 0.2)
    """
    _check_rows(loss_s, reference_s, as_of_us)
    difference_s = loss_s - reference_s
    _, block = np.unique(as_of_us // BLOCK_US, return_inverse=True)
    rows = np.bincount(block, weights=np.ones(len(block)))
    sums_s = np.bincount(block, weights=difference_s)
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([_means(rows, sums_s, rng) for _ in range(RESAMPLES // BATCH)])
    tail = (1.0 - LEVEL) / 2.0
    low_s, high_s = np.quantile(drawn, [tail, 1.0 - tail])
    return LossDifference(
        mean_s=float(difference_s.mean()),
        low_s=float(low_s),
        high_s=float(high_s),
        reference_s=float(reference_s.mean()),
        n_blocks=len(rows),
    )


def _check_rows(loss_s: FloatArray, reference_s: FloatArray, as_of_us: IntArray) -> None:
    if not len(loss_s) or not len(loss_s) == len(reference_s) == len(as_of_us):
        raise InputError(
            f"{len(loss_s)} losses beside {len(reference_s)} and {len(as_of_us)} moments;"
            " expected as many of each, and some"
        )


def _means(rows: Any, sums_s: Any, rng: np.random.Generator) -> FloatArray:
    """Return the mean difference in some resamples of as many blocks."""
    n = len(rows)
    times = rng.multinomial(n, np.full(n, 1.0 / n), size=BATCH)
    return np.asarray((times @ sums_s) / (times @ rows), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class PairedNoise:
    """By how much a loss exceeds another's on the same rows, and its standard error.

    Args:
        mean_s: the mean difference; negative is better.
        noise_s: its standard error, of the sums of whole hours.
        n_blocks: how many hours the rows are of.
    """

    mean_s: float
    noise_s: float
    n_blocks: int

    @property
    def is_better(self) -> bool:
        """Whether it is below zero by more than twice its noise, over enough hours."""
        return self.n_blocks >= BLOCKS_MIN and self.mean_s < -2.0 * self.noise_s

    @property
    def is_worse(self) -> bool:
        """Whether it is above zero by more than twice its noise, over enough hours."""
        return self.n_blocks >= BLOCKS_MIN and self.mean_s > 2.0 * self.noise_s

    @property
    def is_perhaps_better(self) -> bool:
        """Whether it is below zero by more than its noise, over enough hours."""
        return self.n_blocks >= BLOCKS_MIN and self.mean_s < -self.noise_s


def paired_noise(loss_s: FloatArray, reference_s: FloatArray, as_of_us: IntArray) -> PairedNoise:
    """Return by how much a loss exceeds another's, and the noise of that: no resampling.

    Rows are paired and hours are blocks, as in :func:`paired_difference`, which costs a hundred
    times as much and gives an interval that need not be symmetric.

    Args:
        loss_s: of each row, shape (n_rows,).
        reference_s: the other's, of the same rows.
        as_of_us: when each row was asked, microseconds UTC.

    Raises:
        InputError: no rows, or not as many of each.

    >>> hours_us = np.arange(50) * 3_600_000_000
    >>> worse = paired_noise(np.full(50, 12.0), np.full(50, 10.0), hours_us)
    >>> worse.mean_s, worse.noise_s, worse.is_worse
    (2.0, 0.0, True)
    """
    _check_rows(loss_s, reference_s, as_of_us)
    difference_s = loss_s - reference_s
    _, block = np.unique(as_of_us // BLOCK_US, return_inverse=True)
    beyond_s = np.bincount(block, weights=difference_s - difference_s.mean())
    return PairedNoise(
        mean_s=float(difference_s.mean()),
        noise_s=float(np.sqrt(np.square(beyond_s).sum()) / len(difference_s)),
        n_blocks=len(beyond_s),
    )


@dataclass(frozen=True, kw_only=True)
class ComparedRow:
    """One model on one slice of the rows.

    Args:
        model: its name.
        group: ``"all"``, or what the slice is by.
        value: of the slice, empty for ``"all"``.
        scores: of the model on the slice.
        mae: its mean absolute error beyond the reference's; None for the reference itself.
        crps: its CRPS beyond the reference's.
    """

    model: str
    group: str
    value: str
    scores: Scores
    mae: LossDifference | None = None
    crps: LossDifference | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        return {
            "model": self.model,
            "group": self.group,
            "value": self.value,
            "scores": self.scores.to_json(),
            "mae_difference": None if self.mae is None else self.mae.to_json(),
            "crps_difference": None if self.crps is None else self.crps.to_json(),
        }


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Models on the same rows; the first one is the reference.

    Args:
        dataset: the data set's name.
        period: first and last moment that was scored, ISO 8601.
        models: their names, the reference first.
        rows: overall rows of every model first, then the slices.
    """

    dataset: str
    period: tuple[str, str]
    models: tuple[str, ...]
    rows: tuple[ComparedRow, ...]

    @property
    def reference(self) -> str:
        """The model that the others are compared with."""
        return self.models[0]

    def overall(self, model: str) -> ComparedRow:
        """Return a model's row over the whole period. Raises `KeyError`: it has none."""
        for row in self.rows:
            if row.model == model and row.group == ALL:
                return row
        raise KeyError(model)

    def worse_than(self, share: float) -> tuple[ComparedRow, ...]:
        """Return the overall rows whose MAE or CRPS exceeds the reference's by more than a share.

        Args:
            share: 0.01 for one percent.
        """
        return tuple(
            row
            for row in self.rows
            if row.group == ALL
            and any(one is not None and one.share > share for one in (row.mae, row.crps))
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        return {
            "dataset": self.dataset,
            "period": list(self.period),
            "models": list(self.models),
            "rows": [row.to_json() for row in self.rows],
        }


def compare(
    predicted: Mapping[str, Distribution],
    target_s: FloatArray,
    as_of_us: IntArray,
    *,
    dataset: str,
    period: tuple[str, str],
    slices: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare the predictions of models for the same rows.

    Args:
        predicted: by name, the reference first.
        target_s: what happened, seconds, shape (n_rows,).
        as_of_us: when each row was asked, microseconds UTC, shape (n_rows,).
        dataset: its name.
        period: first and last moment, ISO 8601.
        slices: group -> label of each row, None for none; see ``slices_of``.
        seed: of the bootstrap.

    Raises:
        InputError: no model, no rows, or not as many of each.
    """
    if not predicted:
        raise InputError("no model to compare")
    losses = {name: losses_of(one, target_s) for name, one in predicted.items()}
    everything = [(ALL, "", np.ones(len(target_s), dtype=bool)), *_slices(slices or {})]
    reference = next(iter(predicted))
    rows = []
    for group, value, inside in everything:
        for name, one in predicted.items():
            differences: dict[str, LossDifference] = {}
            if name != reference:
                for what, loss in (("mae", "absolute_s"), ("crps", "crps_s")):
                    differences[what] = paired_difference(
                        getattr(losses[name], loss)[inside],
                        getattr(losses[reference], loss)[inside],
                        as_of_us[inside],
                        seed=seed,
                    )
            scores = score(one[inside], target_s[inside])
            rows.append(
                ComparedRow(model=name, group=group, value=value, scores=scores, **differences)
            )
    return Comparison(dataset=dataset, period=period, models=tuple(predicted), rows=tuple(rows))


def _slices(groups: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """Return group, value and rows of each slice: hours in order, else the largest first."""
    found = []
    for group, labels in groups.items():
        counts = pd.Series(labels).value_counts().head(SLICES_MAX)
        values = sorted(counts.index) if group == "hour" else counts.index.tolist()
        found += [(group, str(value), labels == value) for value in values]
    return found
