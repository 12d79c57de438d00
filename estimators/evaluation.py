"""Scores of a distribution against what then happened, and the report that lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Report", "ReportRow", "Scores"]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of one model on one set of rows; all times in seconds, NaN where undefined.

    n: rows. mae_s, rmse_s: of the median. pinball_s: mean over the levels of the grid.
    crps_s: from the quantile grid. coverage and width_s: by level of the central range
    (0.5, 0.8, 0.9): share of rows inside it, and its mean width.
    """

    n: int
    mae_s: float
    rmse_s: float
    pinball_s: float
    crps_s: float
    coverage: Mapping[float, float]
    width_s: Mapping[float, float]


@dataclass(frozen=True, kw_only=True)
class ReportRow:
    """One line of a report: a model, the slice of the test period, its scores.

    model: "eTP", "without real-time features", "constant median" or a published result's name.
    group: "all", or what the slice is by: "city", "hour", "store age".
    value: of the slice ("London", "19", "0-4 orders"), "" for "all".
    """

    model: str
    group: str
    value: str
    scores: Scores


@dataclass(frozen=True, kw_only=True)
class Report:
    """All scores of one estimator on one data set.

    rows: overall rows of every model first, then the estimator's slices. Ready to be printed.
    """

    estimator: str
    dataset: str
    period: tuple[str, str]
    rows: tuple[ReportRow, ...]

    def overall(self, model: str) -> Scores:
        """Scores of `model` over the whole period. Raises `KeyError` when it has none."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """JSON-able dictionary; `Report.from_json` reads it back."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Report:
        """The report written by `to_json`."""
        raise NotImplementedError
