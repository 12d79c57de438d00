"""Distributions of seconds, one per row, as a grid of quantiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Distribution"]

Floats = npt.NDArray[np.float64]


class Distribution:
    """One distribution of seconds per row: values at the same ascending levels for all rows.

    Between two levels the quantile function is linear; beyond the outermost ones it is constant.
    """

    levels: Floats
    """Ascending, within (0, 1), shape (n_levels,)."""
    values: Floats
    """Seconds, non-decreasing along each row, shape (n_rows, n_levels)."""

    def __init__(self, levels: npt.ArrayLike, values: npt.ArrayLike) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def quantile(self, q: float) -> Floats:
        """Seconds at level q (0 <= q <= 1), shape (n_rows,)."""
        raise NotImplementedError

    def cdf(self, t: npt.ArrayLike) -> Floats:
        """Probability that the duration is at most t seconds; t is one number or one per row."""
        raise NotImplementedError

    def mean(self) -> Floats:
        """Expected seconds, shape (n_rows,)."""
        raise NotImplementedError

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Central range that holds the duration with probability `level`: (low, high)."""
        raise NotImplementedError

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """n draws of every row, shape (n_rows, n)."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """JSON-able `{"levels": [...], "values": [[...], ...]}`."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Distribution:
        """The distribution written by `to_json`."""
        raise NotImplementedError
