"""Distributions of seconds, one per row, as a grid of quantiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from estimators.core.errors import InputError
from estimators.core.typing import FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Distribution"]

LEVELS_MAX = 999
"""The most levels a grid may have."""

_MEAN = "mean"
"""The column of calibrated means in an Arrow table."""


class Distribution:
    """One distribution of seconds per row: values at the same ascending levels for all rows.

    Between two levels the quantile function is linear; below the first and above the last level
    it is constant, so that the outermost values carry the probability beyond them.

    Args:
        levels: strictly ascending, within (0, 1), shape (n_levels,), at least two.
        values: seconds, finite, non-decreasing along each row, shape (n_rows, n_levels).
        means: seconds that are expected, finite, shape (n_rows,): those of a model that calibrates
            its means as well. None: the integral of the quantile function.

    Raises:
        InputError: levels, values or means are not so; values that cross are refused, not repaired.

    >>> d = Distribution([0.1, 0.5, 0.9], [[60.0, 100.0, 200.0], [10.0, 20.0, 40.0]])
    >>> d.quantile(0.5).tolist(), d.interval(0.8)[1].tolist()
    ([100.0, 20.0], [200.0, 40.0])
    >>> d.cdf(100.0).round(3).tolist()
    [0.5, 1.0]
    """

    __slots__ = ("levels", "means", "values")

    levels: FloatArray
    values: FloatArray
    means: FloatArray | None

    def __init__(
        self, levels: npt.ArrayLike, values: npt.ArrayLike, means: npt.ArrayLike | None = None
    ) -> None:
        self.levels = np.asarray(levels, dtype=np.float64)
        self.values = np.asarray(values, dtype=np.float64)
        self.means = None if means is None else np.asarray(means, dtype=np.float64)
        _check_levels(self.levels)
        _check_values(self.values, len(self.levels))
        if self.means is not None:
            _check_means(self.means, len(self.values))

    @classmethod
    def unchecked(cls, levels: FloatArray, values: FloatArray) -> Distribution:
        """Return the distributions of arrays that our own code made so that they need no checks.

        Args:
            levels: as for the class, float64.
            values: as for the class, float64.

        >>> levels = np.array([0.1, 0.9])
        >>> Distribution.unchecked(levels, np.array([[1.0, 2.0]])).quantile(0.5).tolist()
        [1.5]
        """
        made = object.__new__(cls)
        made.levels = levels
        made.values = values
        made.means = None
        return made

    @classmethod
    def placed(
        cls,
        levels: FloatArray,
        n_rows: int,
        groups: Iterable[tuple[slice | npt.NDArray[Any] | list[int], Distribution]],
    ) -> Distribution:
        """Return the distributions of groups of rows as one.

        Args:
            levels: of the result.
            n_rows: of the result; rows in no group are all 0.
            groups: distributions, each with the places of its rows: numbers or a mask.

        >>> low, high = (Distribution([0.1, 0.9], [[v, v + 2.0]]) for v in (1.0, 5.0))
        >>> both = Distribution.placed(low.levels, 2, [([1], low), ([0], high)])
        >>> both.values.tolist(), both.mean().tolist()
        ([[5.0, 7.0], [1.0, 3.0]], [6.0, 2.0])
        """
        values, means, calibrated = np.zeros((n_rows, len(levels))), np.zeros(n_rows), False
        for places, given in groups:
            same = np.array_equal(given.levels, levels)
            values[places] = given.values if same else given.quantile(levels)
            means[places] = given.mean()
            calibrated = calibrated or given.means is not None
        return cls(levels, values, means if calibrated else None)

    def moved(self, values: FloatArray) -> Distribution:
        """Return the distributions with other values at the same levels.

        A mean of its own moves as far as the integral does.

        >>> d = Distribution([0.1, 0.9], [[1.0, 3.0]], [2.5])
        >>> d.moved(np.array([[1.0, 5.0]])).mean().tolist()
        [3.5]
        """
        found = Distribution(self.levels, values)
        if self.means is not None:
            found.means = self.means + (found.integral() - self.integral())
        return found

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice | npt.NDArray[Any]) -> Distribution:
        """Return the distributions of some rows: a slice, a mask or an array of row numbers."""
        means = None if self.means is None else self.means[rows]
        return Distribution(self.levels, self.values[rows], means)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Distribution):
            return NotImplemented
        return (
            np.array_equal(self.levels, other.levels)
            and np.array_equal(self.values, other.values)
            and np.array_equal(self.mean(), other.mean())
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Distribution of {len(self)} rows at {len(self.levels)} levels>"

    def quantile(self, q: npt.ArrayLike) -> FloatArray:
        """Return the seconds at level q, shape (n_rows,); at k levels, shape (n_rows, k).

        Args:
            q: 0 to 1, one number or k of them; beyond the outermost levels it gives the outermost
                values.

        Raises:
            InputError: q is not within 0 and 1, or has more than one axis.

        >>> d = Distribution([0.25, 0.75], [[10.0, 20.0]])
        >>> d.quantile(0.5).tolist(), d.quantile([0.5, 0.6]).tolist()
        ([15.0], [[15.0, 17.0]])
        """
        if type(q) is float and 0.0 <= q <= 1.0:  # a request asks for a few levels, one by one
            return self._quantile(q)
        asked = np.asarray(q, dtype=np.float64)
        if asked.ndim > 1:
            raise InputError(f"quantile: q has shape {asked.shape}; expected one number or a list")
        if not bool(np.all((asked >= 0.0) & (asked <= 1.0))):
            raise InputError(f"quantile: q is {q!r}; expected a number between 0 and 1")
        if asked.ndim == 0:
            return self._quantile(float(asked))
        return self.quantile_by_row(asked[np.newaxis, :])

    def quantile_by_row(self, q: FloatArray) -> FloatArray:
        """Return the seconds at levels that may differ by row, shape (n_rows, k).

        Args:
            q: 0 to 1, shape (n_rows, k), or (1, k) for the same levels in all rows.

        >>> d = Distribution([0.25, 0.75], [[10.0, 20.0], [0.0, 100.0]])
        >>> d.quantile_by_row(np.array([[0.5], [0.75]])).tolist()
        [[15.0], [100.0]]
        """
        upper = np.clip(np.searchsorted(self.levels, q), 1, len(self.levels) - 1)
        low = self.levels[upper - 1]
        part = np.clip((q - low) / (self.levels[upper] - low), 0.0, 1.0)
        if len(q) == 1:
            below, above = self.values[:, upper[0] - 1], self.values[:, upper[0]]
        else:
            below = np.take_along_axis(self.values, upper - 1, axis=1)
            above = np.take_along_axis(self.values, upper, axis=1)
        inside = np.minimum(below + (above - below) * part, above)
        return np.asarray(np.where(part == 1.0, above, inside))

    def _quantile(self, q: float) -> FloatArray:
        upper = int(self.levels.searchsorted(q))
        if upper == 0:
            return self.values[:, 0].copy()
        if upper == len(self.levels):
            return self.values[:, -1].copy()
        low, high = self.levels[upper - 1], self.levels[upper]
        if q == high:
            return self.values[:, upper].copy()
        below, above = self.values[:, upper - 1], self.values[:, upper]
        inside = below + (above - below) * ((q - low) / (high - low))
        return np.asarray(np.minimum(inside, above))

    def cdf(self, t: npt.ArrayLike) -> FloatArray:
        """Return the probability that the duration is at most t seconds.

        Args:
            t: one number for all rows, one per row, or k per row, shape (n_rows, k); NaN gives
                NaN.

        Returns:
            Shape (n_rows,), or (n_rows, k) where t has k per row.

        Raises:
            InputError: t has another shape.

        >>> d = Distribution([0.2, 0.8], [[10.0, 20.0]])
        >>> d.cdf(15.0).tolist(), d.cdf([[5.0, 15.0, 20.0]]).tolist()
        ([0.5], [[0.0, 0.5, 1.0]])
        """
        moment = np.asarray(t, dtype=np.float64)
        if moment.ndim > 2 or (moment.ndim and len(moment) != len(self)):
            raise InputError(
                f"cdf: t has shape {moment.shape}; expected one number, {len(self)} (one per row)"
                f" or ({len(self)}, k)"
            )
        if moment.ndim == 2:
            columns = [self._cdf(column) for column in moment.T]
            return np.column_stack(columns) if columns else np.empty((len(self), 0))
        return self._cdf(np.broadcast_to(moment, (len(self),)))

    def _cdf(self, moment: FloatArray) -> FloatArray:
        reached = (self.values <= moment[:, np.newaxis]).sum(axis=1)
        last = len(self.levels) - 1
        low = np.clip(reached - 1, 0, last - 1)
        rows = np.arange(len(self))
        below, above = self.values[rows, low], self.values[rows, low + 1]
        gap = np.where(above > below, above - below, 1.0)
        part = np.clip((moment - below) / gap, 0.0, 1.0)
        inside = self.levels[low] + (self.levels[low + 1] - self.levels[low]) * part
        result = np.where(reached == 0, 0.0, np.where(reached > last, 1.0, inside))
        return np.where(np.isnan(moment), np.nan, result)

    def mean(self) -> FloatArray:
        """Return the expected seconds, shape (n_rows,): ``means``, else :meth:`integral`.

        >>> Distribution([0.25, 0.75], [[10.0, 20.0]], [16.0]).mean().tolist()
        [16.0]
        """
        return self.integral() if self.means is None else self.means.copy()

    def integral(self) -> FloatArray:
        """Return the integral of the quantile function, shape (n_rows,).

        Integrals of parts add up to that of their sum; calibrated means need not.

        >>> Distribution([0.25, 0.75], [[10.0, 20.0]], [16.0]).integral().tolist()
        [15.0]
        """
        # Row by row: a matrix product rounds a single row otherwise than the same row among many.
        return np.asarray((self.values * _weights(self.levels.tobytes())).sum(axis=1))

    def interval(self, level: float) -> tuple[FloatArray, FloatArray]:
        """Return the central range that holds the duration with probability `level`.

        Args:
            level: above 0 and below 1; 0.8 gives the quantiles 0.1 and 0.9.

        >>> low, high = Distribution([0.1, 0.9], [[10.0, 20.0]]).interval(0.8)
        >>> low.tolist(), high.tolist()
        ([10.0], [20.0])
        """
        if not 0.0 < level < 1.0:
            raise InputError(f"interval: level is {level!r}; expected between 0 and 1")
        # Rounded, so that 0.8 meets the level 0.1 of the grid and not 0.09999999999999998.
        return (
            self.quantile(round((1.0 - level) / 2.0, 12)),
            self.quantile(round((1.0 + level) / 2.0, 12)),
        )

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Return n independent draws of every row, shape (n_rows, n).

        >>> d = Distribution([0.1, 0.9], [[10.0, 20.0]])
        >>> d.sample(3, np.random.default_rng(0)).shape
        (1, 3)
        """
        if n < 0:
            raise InputError(f"sample: n is {n}; expected 0 or more")
        return self.quantile_by_row(rng.random((len(self), n)))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able ``{"levels": [...], "values": [[...], ...]}``, and ``"means"`` if set.

        >>> Distribution([0.1, 0.9], [[10.0, 20.0]]).to_json()
        {'levels': [0.1, 0.9], 'values': [[10.0, 20.0]]}
        """
        means = {} if self.means is None else {"means": self.means.tolist()}
        return {"levels": self.levels.tolist(), "values": self.values.tolist(), **means}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Distribution:
        """Return the distribution that :meth:`to_json` wrote.

        >>> d = Distribution([0.1, 0.9], [[10.0, 20.0]])
        >>> Distribution.from_json(d.to_json()) == d
        True
        """
        if "levels" not in document or "values" not in document:
            raise InputError(f"a distribution has levels and values, not {sorted(document)}")
        levels = np.asarray(document["levels"], dtype=np.float64)
        values = np.asarray(document["values"], dtype=np.float64)
        return cls(levels, values.reshape(-1, len(levels)), document.get("means"))

    def to_arrow(self) -> pa.Table:
        """Return a pyarrow table with a column per level, named ``"q0.1"``, and ``"mean"`` if set.

        >>> Distribution([0.1, 0.9], [[10.0, 20.0]]).to_arrow().column_names
        ['q0.1', 'q0.9']
        """
        import pyarrow as pa

        names = [f"q{level!r}" for level in self.levels.tolist()]
        columns = dict(zip(names, self.values.T.copy(), strict=True))
        return pa.table(columns if self.means is None else {**columns, _MEAN: self.means})

    @classmethod
    def from_arrow(cls, table: pa.Table) -> Distribution:
        """Return the distribution that :meth:`to_arrow` wrote.

        >>> d = Distribution([0.1, 0.9], [[10.0, 20.0], [1.0, 2.0]])
        >>> Distribution.from_arrow(d.to_arrow()) == d
        True
        """
        names = [name for name in table.column_names if name != _MEAN]
        columns = [table.column(name).to_numpy() for name in names]
        means = table.column(_MEAN).to_numpy() if _MEAN in table.column_names else None
        levels = [float(name.removeprefix("q")) for name in names]
        return cls(levels, np.column_stack(columns), means)


@lru_cache(maxsize=64)
def _weights(of_levels: bytes) -> FloatArray:
    """Return what each level's value counts in the mean: the trapezoids and both ends."""
    levels = np.frombuffer(of_levels)
    edges = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2.0, [1.0]])
    return np.diff(edges)


def _check_levels(levels: FloatArray) -> None:
    if levels.ndim != 1 or not 2 <= len(levels) <= LEVELS_MAX:
        raise InputError(
            f"levels have shape {levels.shape}; expected 2 to {LEVELS_MAX} ascending numbers"
        )
    inside = bool(levels[0] > 0.0 and levels[-1] < 1.0)
    if not inside or not bool(np.all(np.diff(levels) > 0.0)):
        raise InputError(f"levels are {levels.tolist()}; expected strictly ascending in (0, 1)")


def _check_values(values: FloatArray, n_levels: int) -> None:
    if values.ndim != 2 or values.shape[1] != n_levels:
        raise InputError(f"values have shape {values.shape}; expected (n_rows, {n_levels})")
    if not bool(np.isfinite(values).all()):
        raise InputError("values are not all finite; expected seconds")
    if not bool(np.all(values[:, 1:] >= values[:, :-1])):
        row = int(np.argmax(~np.all(values[:, 1:] >= values[:, :-1], axis=1)))
        raise InputError(f"the quantiles of row {row} cross; expected non-decreasing values")


def _check_means(means: FloatArray, n_rows: int) -> None:
    if means.shape != (n_rows,):
        raise InputError(f"means have shape {means.shape}; expected ({n_rows},)")
    if not bool(np.isfinite(means).all()):
        raise InputError("means are not all finite; expected seconds")
