"""The distribution of the values of one input."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from estimators.core.typing import FloatArray, IntArray

__all__ = ["CategoryStatistics", "NumberStatistics", "Statistics", "statistics_from_json"]

BINS = 20
"""The most bins of a number; each holds a twentieth of its values unless many are equal."""

CATEGORIES_MAX = 200
"""Of a category with more values, only the most frequent are kept one by one."""

MISSING = -1
"""The place of a value that is missing."""

ROUNDING = 1e-9
"""Shares are sums of floats."""

_LEVELS = np.arange(1, BINS) / BINS


@dataclass(frozen=True, kw_only=True)
class NumberStatistics:
    """The distribution of the values of a number.

    Args:
        rows: that were looked at.
        missing_share: of them without a value.
        mean, std, min, max: of the values; NaN where there was none.
        edges: ascending ends of all bins but the last, which is open. A value that is equal to an
            edge lies below it; one that stands for many rows, such as 0 of a count, makes a bin of
            its own.
        shares: of the values in each bin, one more than ``edges``; they sum to 1.

    >>> seen = NumberStatistics.of(np.array([0.0, 0.0, 0.0, 1.0, 2.0, np.nan]))
    >>> seen.missing_share, seen.mean, seen.edges[0]
    (0.16666666666666666, 0.6, 0.0)
    >>> seen.shares_of(np.array([0.0, 0.0, -3.0, 0.0]))[0]
    1.0
    """

    rows: int
    missing_share: float
    mean: float = math.nan
    std: float = math.nan
    min: float = math.nan
    max: float = math.nan
    edges: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()

    @classmethod
    def of(cls, values: FloatArray) -> NumberStatistics:
        """Return the statistics of values, shape (n_rows,); NaN is missing."""
        known = values[~np.isnan(values)]
        missing = _share(len(values) - len(known), len(values))
        if not len(known):
            return cls(rows=len(values), missing_share=missing)
        quantiles = np.quantile(known, _LEVELS, method="inverted_cdf")
        # The largest value ends no bin: nothing would lie above it.
        edges = np.unique(quantiles[quantiles < known.max()])
        bare = cls(rows=len(values), missing_share=missing, edges=tuple(edges.tolist()))
        return cls(
            rows=len(values),
            missing_share=missing,
            mean=float(known.mean()),
            std=float(known.std()),
            min=float(known.min()),
            max=float(known.max()),
            edges=bare.edges,
            shares=bare.shares_of(known),
        )

    @property
    def places(self) -> int:
        """How many bins there are."""
        return len(self.edges) + 1

    @property
    def median(self) -> float:
        """The median of the values; NaN where there was none.

        >>> NumberStatistics.of(np.array([3.0, 1.0, 8.0, np.nan])).median
        3.0
        """
        reached = np.cumsum(self.shares) >= 0.5 - ROUNDING
        # The bin that reaches the half ends at a quantile; the last, open one at the largest value.
        return float([*self.edges, self.max][int(np.argmax(reached))]) if self.shares else math.nan

    def place(self, values: FloatArray) -> IntArray:
        """Return the bin of each value, -1 where it is missing."""
        bins = np.searchsorted(np.array(self.edges), values, side="left")
        return np.where(np.isnan(values), MISSING, bins).astype(np.int64)

    def shares_of(self, values: FloatArray) -> tuple[float, ...]:
        """Return which share of other values lies in each bin; missing ones do not count."""
        bins = self.place(values)
        known = bins[bins != MISSING]
        counts = np.bincount(known, minlength=self.places)
        return tuple(_share(int(count), len(known)) for count in counts)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        return {
            "rows": self.rows,
            "missing_share": self.missing_share,
            **{k: _or_none(getattr(self, k)) for k in ("mean", "std", "min", "max")},
            "edges": list(self.edges),
            "shares": list(self.shares),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> NumberStatistics:
        """Return the statistics that :meth:`to_json` wrote."""
        return cls(
            rows=document["rows"],
            missing_share=document["missing_share"],
            **{k: _or_nan(document[k]) for k in ("mean", "std", "min", "max")},
            edges=tuple(document["edges"]),
            shares=tuple(document["shares"]),
        )


@dataclass(frozen=True, kw_only=True)
class CategoryStatistics:
    """How often each value of a category occurred.

    Args:
        rows: that were looked at.
        missing_share: of them without a value.
        values: how many different values there were.
        shares: of the rows with a value, by value; the most frequent first.
        rest_share: of the rows with a value that is not in ``shares``.
    """

    rows: int
    missing_share: float
    values: int
    shares: Mapping[int | str, float]
    rest_share: float

    @classmethod
    def of(cls, codes: FloatArray, categories: tuple[int | str, ...]) -> CategoryStatistics:
        """Return the statistics of codes, shape (n_rows,); NaN is missing.

        >>> seen = CategoryStatistics.of(np.array([1.0, 1.0, 0.0, np.nan]), ("BCN", "WAW"))
        >>> seen.shares["WAW"], seen.missing_share
        (0.6666666666666666, 0.25)
        """
        known = codes[~np.isnan(codes)].astype(np.int64)
        counts: IntArray = np.bincount(known, minlength=len(categories))
        kept = np.argsort(-counts, kind="stable")[:CATEGORIES_MAX]
        shares = {categories[i]: _share(int(counts[i]), len(known)) for i in kept if counts[i]}
        rest = len(known) - int(counts[kept].sum())
        return cls(
            rows=len(codes),
            missing_share=_share(len(codes) - len(known), len(codes)),
            values=int((counts > 0).sum()),
            shares=shares,
            rest_share=_share(rest, len(known)),
        )

    @property
    def places(self) -> int:
        """How many values are kept one by one, and one more for the rest."""
        return len(self.shares) + 1

    def place(self, codes: FloatArray, categories: tuple[int | str, ...]) -> IntArray:
        """Return the place of each code's value in ``shares``, the last for the rest; -1: missing.

        Args:
            codes: shape (n_rows,); NaN is missing.
            categories: the value of each code.
        """
        position = {value: i for i, value in enumerate(self.shares)}
        of_code = np.array([position.get(value, len(position)) for value in categories] or [0])
        known = ~np.isnan(codes)
        places = np.full(len(codes), MISSING, dtype=np.int64)
        places[known] = of_code[codes[known].astype(np.int64)]
        return places

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; values stay integers or strings."""
        return {
            "rows": self.rows,
            "missing_share": self.missing_share,
            "values": self.values,
            "shares": [[value, share] for value, share in self.shares.items()],
            "rest_share": self.rest_share,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> CategoryStatistics:
        """Return the statistics that :meth:`to_json` wrote."""
        shares = dict(document["shares"])
        return cls(**{**document, "shares": shares})


Statistics: TypeAlias = NumberStatistics | CategoryStatistics


def statistics_from_json(document: Mapping[str, Any]) -> Statistics:
    """Return the statistics that either ``to_json`` wrote."""
    kind = NumberStatistics if "edges" in document else CategoryStatistics
    return kind.from_json(document)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
