"""What a model's inputs, answers and labels looked like when it was trained, in few numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from estimators.columns import InputColumn
from estimators.distribution import Distribution
from estimators.errors import InputError
from estimators.typing import FloatArray, IntArray

__all__ = ["CategoryStatistics", "NumberStatistics", "Reference", "reference_of"]

BINS = 20
"""The most bins of a number; each holds a twentieth of its values unless many are equal."""

CATEGORIES_MAX = 200
"""Of a category with more values, only the most frequent are kept one by one."""

ROWS_MAX = 100_000
"""Of more rows, every second, third ... is looked at."""

RANGE_LEVEL = 0.8
"""The central range whose width is kept."""

_LEVELS = np.arange(1, BINS) / BINS


@dataclass(frozen=True, kw_only=True)
class NumberStatistics:
    """How the values of a number were distributed.

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

    def shares_of(self, values: FloatArray) -> tuple[float, ...]:
        """Return which share of other values lies in each bin; missing ones do not count."""
        known = values[~np.isnan(values)]
        bins = np.searchsorted(np.array(self.edges), known, side="left")
        counts = np.bincount(bins, minlength=len(self.edges) + 1)
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


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a model saw and said; kept with it, so that later data can be held against it.

    Args:
        inputs: of the rows that it learned from, by column of X.
        labels_s: of the same rows.
        answered: the rows that the answers are about: "test" (later than the training, as in
            service) or, where there were none, "training".
        median_s: the medians that it predicted.
        width_s: the widths of the central 80% ranges that it predicted.
    """

    inputs: Mapping[str, Statistics]
    labels_s: NumberStatistics
    answered: str
    median_s: NumberStatistics
    width_s: NumberStatistics

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :meth:`from_json` reads it."""
        return {
            "inputs": {name: one.to_json() for name, one in self.inputs.items()},
            "labels_s": self.labels_s.to_json(),
            "answered": self.answered,
            "median_s": self.median_s.to_json(),
            "width_s": self.width_s.to_json(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Reference:
        """Return the reference that :meth:`to_json` wrote."""
        return cls(
            inputs={name: _from_json(one) for name, one in document["inputs"].items()},
            labels_s=NumberStatistics.from_json(document["labels_s"]),
            answered=document["answered"],
            median_s=NumberStatistics.from_json(document["median_s"]),
            width_s=NumberStatistics.from_json(document["width_s"]),
        )


def reference_of(
    columns: tuple[InputColumn, ...],
    X: FloatArray,
    target_s: FloatArray,
    predicted: Distribution,
    *,
    answered: str,
) -> Reference:
    """Return the reference of a model.

    Args:
        columns: of X.
        X: what it learned from, shape (n_rows, n_columns).
        target_s: the labels, shape (n_rows,).
        predicted: its answers to the rows named by `answered`.
        answered: "test" or "training".

    Raises:
        InputError: shapes do not fit.
    """
    if X.shape != (len(target_s), len(columns)):
        raise InputError(
            f"X has shape {X.shape}; expected ({len(target_s)}, {len(columns)}): a row per label"
        )
    rows = _some(len(X))
    low, high = predicted.interval(RANGE_LEVEL)
    asked = _some(len(predicted))
    return Reference(
        inputs={column.name: _of_column(column, X[rows, i]) for i, column in enumerate(columns)},
        labels_s=NumberStatistics.of(target_s[rows]),
        answered=answered,
        median_s=NumberStatistics.of(predicted.quantile(0.5)[asked]),
        width_s=NumberStatistics.of((high - low)[asked]),
    )


def _of_column(column: InputColumn, values: FloatArray) -> Statistics:
    if column.categories is None:
        return NumberStatistics.of(values)
    return CategoryStatistics.of(values, column.categories)


def _some(n_rows: int) -> slice:
    return slice(None, None, max(1, math.ceil(n_rows / ROWS_MAX)))


def _from_json(document: Mapping[str, Any]) -> Statistics:
    kind = NumberStatistics if "edges" in document else CategoryStatistics
    return kind.from_json(document)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
