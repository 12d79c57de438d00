"""Measure a duration of orders: its spread, how far stores explain it, load, and memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulator.moments.moment import Moment, jackknifed
from simulator.world.arrays import BoolArray, FloatArray, IntArray

__all__ = ["Durations", "durations_of"]

MEMORY_US = 600_000_000
"""The last finished order counts while it is younger than ten minutes."""
LEAST_ORDERS = 20
"""Orders of a store whose mean is known well enough for residuals."""
LOADS = ((1, 1), (2, 2), (3, 4))
"""Numbers of open orders that are compared with none."""


@dataclass(frozen=True, eq=False)
class Durations:
    """Durations by store and start: ``end_us`` is when each ended, ``store`` numbers stores."""

    store: IntArray
    start_us: IntArray
    end_us: IntArray

    def __len__(self) -> int:
        return len(self.store)

    @property
    def seconds(self) -> FloatArray:
        """The durations, in seconds."""
        return (self.end_us - self.start_us) / 1e6

    def median_s(self) -> Moment:
        """Return the median, in seconds."""
        return self.quantile_s(0.5)

    def quantile_s(self, level: float) -> Moment:
        """Return a quantile, in seconds."""
        seconds = self.seconds
        return jackknifed(lambda kept: float(np.quantile(seconds[kept], level)), self.store)

    def log_sd(self) -> Moment:
        """Return the standard deviation of the logarithm."""
        logs = np.log(self.seconds)
        return jackknifed(lambda kept: float(logs[kept].std(ddof=1)), self.store)

    def log_iqr(self) -> Moment:
        """Return the interquartile range of the logarithm around the store's mean.

        It says how an ordinary order varies: the few that take very long do not move it.
        """
        residual = _within(np.log(self.seconds), self.store)

        def spread(kept: BoolArray) -> float:
            low, high = np.quantile(residual[kept], (0.25, 0.75))
            return float(high - low)

        return jackknifed(spread, self.store)

    def store_share(self) -> Moment:
        """Return the share of the variance of the logarithm that lies between stores.

        Means of small stores differ by chance alone; the analysis of variance with unequal groups
        takes that out (Searle, Casella and McCulloch, Variance Components, 1992, section 3.6).
        """
        logs = np.log(self.seconds)
        n = np.bincount(self.store).astype(np.float64)
        mean = np.bincount(self.store, logs) / n
        squares = np.bincount(self.store, (logs - mean[self.store]) ** 2)

        def share(kept: BoolArray) -> float:
            m, total = n[kept], n[kept].sum()
            if len(m) < 2 or total <= len(m):
                return float("nan")
            within = squares[kept].sum() / (total - len(m))
            grand = (m * mean[kept]).sum() / total
            spread = (m * (mean[kept] - grand) ** 2).sum() - (len(m) - 1) * within
            between = max(spread / (total - (m**2).sum() / total), 0.0)
            return float(between / (between + within))

        return jackknifed(share, np.arange(len(n)))

    def last_order_correlation(self) -> Moment:
        """Return the correlation of residuals with the store's last finished order.

        Residuals are those of the logarithm around the store's mean, of stores with at least
        ``LEAST_ORDERS``; pairs count where that order had ended at most ten minutes before.
        """
        kept = np.flatnonzero(np.bincount(self.store)[self.store] >= LEAST_ORDERS)
        some = self._rows(kept)
        residual = _within(np.log(some.seconds), some.store)
        start, end = some._keys()
        by_end = np.argsort(end, kind="stable")
        place = np.searchsorted(end[by_end], start) - 1
        last = by_end[np.maximum(place, 0)] if len(by_end) else by_end
        pairs = np.flatnonzero(
            (place >= 0)
            & (some.store[last] == some.store)
            & (some.start_us - some.end_us[last] < MEMORY_US)
        )
        now, before = residual[pairs], residual[last[pairs]]
        return jackknifed(lambda some: _correlation(now[some], before[some]), some.store[pairs])

    def load_effects(self) -> tuple[Moment, ...]:
        """Return the duration after 1, 2, and 3 or 4 open orders, relative to none.

        Least squares of the logarithm, within stores. An order is open at a moment if it began
        before and had not ended.
        """
        n_open = self.open_orders()
        most = LOADS[-1][1]
        loads = [
            (n_open >= low) & (n_open <= high) for low, high in (*LOADS, (most + 1, len(self)))
        ]
        X = np.stack([_within(one.astype(np.float64), self.store) for one in loads], axis=1)
        y = _within(np.log(self.seconds), self.store)
        return tuple(
            jackknifed(lambda kept, i=i: _effect(X, y, kept, i), self.store)  # type: ignore[misc]
            for i in range(len(LOADS))
        )

    def open_orders(self) -> IntArray:
        """Return how many orders of the store were open when each began; shape (n,)."""
        start, end = self._keys()
        begun = np.searchsorted(np.sort(start), start)
        ended = np.searchsorted(np.sort(end), start)
        return np.asarray(begun - ended)

    def _keys(self) -> tuple[IntArray, IntArray]:
        """Return starts and ends as numbers that are sorted by store, then by time."""
        first = int(self.start_us.min()) if len(self) else 0
        span = int(self.end_us.max()) - first + 1 if len(self) else 1
        offset = self.store * span - first
        return self.start_us + offset, self.end_us + offset

    def _rows(self, rows: IntArray) -> Durations:
        stores = np.unique(self.store[rows], return_inverse=True)[1]
        return Durations(stores.astype(np.int64), self.start_us[rows], self.end_us[rows])


def durations_of(
    orders: pd.DataFrame, start: str, end: str, *, bounds_s: tuple[float, float]
) -> Durations:
    """Return the durations between two events, those outside the bounds left out."""
    seconds = (orders[end] - orders[start]).dt.total_seconds()
    table = orders[seconds.between(*bounds_s) & orders["store_id"].notna()]
    store = pd.factorize(table["store_id"])[0].astype(np.int64)
    return Durations(
        store=store,
        start_us=table[start].to_numpy("datetime64[us]").astype(np.int64),
        end_us=table[end].to_numpy("datetime64[us]").astype(np.int64),
    )


def _within(value: FloatArray, store: IntArray) -> FloatArray:
    """Return values less the mean of their store."""
    n = np.maximum(np.bincount(store), 1)
    return np.asarray(value - (np.bincount(store, value) / n)[store])


def _correlation(one: FloatArray, other: FloatArray) -> float:
    if len(one) < 3 or one.std() == 0.0 or other.std() == 0.0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def _effect(X: FloatArray, y: FloatArray, kept: BoolArray, column: int) -> float:
    """Return the factor that belongs to a column, NaN where no row has it."""
    if not X[kept, column].any():
        return float("nan")
    solution = np.linalg.lstsq(X[kept], y[kept])[0]
    return float(np.exp(solution[column]))
