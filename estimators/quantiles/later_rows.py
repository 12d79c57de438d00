"""Splits rows by time for calibration: models of earlier rows predict later ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from estimators.core.errors import DatasetError
from estimators.core.sampling import evenly_spaced
from estimators.core.typing import FloatArray, IntArray
from estimators.quantiles.calibration import MIN_ROWS

__all__ = ["CALIBRATION_FROM", "ROWS_MIN", "LaterRows", "later_folds"]

CALIBRATION_FROM = (0.6, 0.8)
"""Shares of the training rows. From each to the next a model of the earlier rows is calibrated on
later ones, which it has not seen; these predictions are combined.
"""

FOLD_ROWS_MAX = 300_000
"""The most rows that a model for calibration learns from, evenly taken: more would make its errors
1% smaller."""

CALIBRATION_ROWS_MAX = 100_000
"""The most later rows that it is compared with, evenly taken: enough for every group."""

ROWS_MIN = 400
"""The fewest rows to learn from."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LaterRows:
    """Rows and what models of earlier rows predicted for them.

    Args:
        rows: their positions among all rows, shape (n_later,).
        fold: number of the calibration period of each, in order of time.
        anchors_s: predicted seconds, shape (n_later, n_anchors).

    >>> folds = [(np.array([0, 1]), np.array([2])), (np.array([0, 1, 2]), np.array([3, 4]))]
    >>> LaterRows.of(folds, [np.zeros((1, 3)), np.ones((2, 3))]).fold.tolist()
    [0, 1, 1]
    """

    rows: IntArray
    fold: IntArray
    anchors_s: FloatArray

    @classmethod
    def of(
        cls, folds: Sequence[tuple[IntArray, IntArray]], anchors_s: Sequence[FloatArray]
    ) -> LaterRows:
        """Return the later rows of all folds, with the predictions of each fold's model."""
        sizes = [len(later) for _, later in folds]
        return cls(
            rows=np.concatenate([later for _, later in folds]),
            fold=np.repeat(np.arange(len(folds)), sizes),
            anchors_s=np.concatenate(anchors_s),
        )


def later_folds(duration_s: FloatArray, as_of_us: IntArray) -> list[tuple[IntArray, IntArray]]:
    """Return pairs of rows to learn from first and later ones to calibrate on.

    A row whose duration was not known yet when a calibration period began is in neither.

    Args:
        duration_s: seconds after which each row's outcome was known, shape (n_rows,).
        as_of_us: when each row was asked, shape (n_rows,).

    Raises:
        DatasetError: too few rows to learn from and to calibrate on.
    """
    if len(duration_s) < ROWS_MIN:
        raise DatasetError(
            f"{len(duration_s)} labelled rows before the test period; expected at least {ROWS_MIN}"
        )
    ended_us = as_of_us + duration_s * 1e6
    starts_us = [np.quantile(as_of_us, share, method="higher") for share in CALIBRATION_FROM]
    folds = []
    for start_us, end_us in zip(starts_us, [*starts_us[1:], np.inf], strict=True):
        earlier = np.flatnonzero((as_of_us < start_us) & (ended_us < start_us))
        later = np.flatnonzero((as_of_us >= start_us) & (as_of_us < end_us))
        if len(earlier) >= MIN_ROWS and len(later):
            learned = earlier[evenly_spaced(len(earlier), FOLD_ROWS_MAX)]
            folds.append((learned, later[evenly_spaced(len(later), CALIBRATION_ROWS_MAX)]))
    calibrating = sum(len(later) for _, later in folds)
    if calibrating < MIN_ROWS:
        raise DatasetError(
            f"the rows cannot be split by time: {calibrating} come after enough that had ended;"
            f" expected at least {MIN_ROWS}"
        )
    return folds
