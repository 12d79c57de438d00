"""Hierarchical shrinkage: the typical duration of a store with few orders, or none.

The typical duration of a store's last three orders is uncertain, and a store without orders has
none. So it is shrunk towards that of its kind of kitchen, that towards the city's, and the city's
towards a constant, each by its number of orders:

    shrunk = (n * typical + k * shrunk of the parent) / (n + k)

``k`` is the number of own orders that weigh as much as the value of the parent. It is learned on
the training period from the variances within and between groups: if stores of a kind are alike, a
store needs many orders to differ.

``n`` and ``typical`` are real-time features (count and median of the last orders of the group), so
the result, a column beside them, is the same in training and inference, bit for bit, and counts no
order that had not happened.

Source: Efron and Morris, Data analysis using Stein's estimator (JASA, 1975); the variances by the
method of moments for groups of different size (Searle, Casella, McCulloch: Variance Components).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aggregators.kernels.argument_types import FLOAT, FLOATS
from aggregators.kernels.numba_cache import compiled
from estimators.core.typing import FloatArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Level", "Shrinkage", "ShrinkageSpec", "learn_shrinkage", "variances"]

K_MIN, K_MAX = 0.5, 500.0
"""Bounds of ``k``: groups always differ a little, and never are only noise."""

MEDIAN_PER_MEAN = np.pi / 2.0
"""The variance of a median of n over that of their mean, for normal errors."""

SHORTEST_S = 1.0
"""Durations are taken to last at least a second, so that they have a logarithm."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """One group of the hierarchy, and its real-time features.

    Args:
        dimension: what groups the samples (``"store_id"``).
        typical: name of the feature with the typical duration of its last orders, seconds.
        count: name of the feature that says how many these are.
    """

    dimension: str
    typical: str
    count: str

    def to_json(self) -> dict[str, str]:
        """Return a JSON-able dictionary."""
        return {"dimension": self.dimension, "typical": self.typical, "count": self.count}


@dataclass(frozen=True, kw_only=True)
class ShrinkageSpec:
    """A column of an estimator, before it is learned.

    Args:
        name: of the column.
        levels: from the finest group to the widest.

    >>> store = Level(dimension="store_id", typical="store_median", count="store_count")
    >>> city = Level(dimension="city", typical="city_median", count="city_count")
    >>> spec = ShrinkageSpec(name="store_shrunk", levels=(store, city))
    >>> [level.dimension for level in spec.given(["store_median", "store_count"]).levels]
    ['store_id']
    >>> spec.given(["city_median", "city_count"]) is None
    True
    """

    name: str
    levels: tuple[Level, ...]

    def given(self, features: Sequence[str]) -> ShrinkageSpec | None:
        """Return the column for the available features; None without those of the finest group."""
        kept = tuple(one for one in self.levels if {one.typical, one.count} <= {*features})
        if not kept or kept[0] != self.levels[0]:
            return None
        return ShrinkageSpec(name=self.name, levels=kept)


@dataclass(frozen=True, kw_only=True)
class Shrinkage:
    """A learned column: the typical duration of the finest group, shrunk towards the wider ones.

    Args:
        name: of the column.
        levels: from the finest group to the widest.
        k: of each level, orders.
        prior_s: the typical duration of all rows.

    >>> level = Level(dimension="store_id", typical="store_median", count="store_count")
    >>> shrinkage = Shrinkage(name="shrunk", levels=(level,), k=(5.0,), prior_s=600.0)
    >>> columns = {
    ...     "store_median": np.array([900.0, np.nan]),
    ...     "store_count": np.array([5.0, 0.0]),
    ... }
    >>> shrinkage.column(columns).tolist()
    [750.0, 600.0]
    """

    name: str
    levels: tuple[Level, ...]
    k: tuple[float, ...]
    prior_s: float

    def column(self, columns: Mapping[str, FloatArray]) -> FloatArray:
        """Return the column, seconds; it is never missing.

        Args:
            columns: those of the levels' features by name, of one shape, which is the result's.
        """
        shrunk = np.full(np.shape(columns[self.levels[0].count]), self.prior_s)
        for level, k in zip(reversed(self.levels), reversed(self.k), strict=True):
            typical_s = np.ascontiguousarray(columns[level.typical])
            count = np.ascontiguousarray(columns[level.count])
            _shrink(typical_s.reshape(-1), count.reshape(-1), k, shrunk.reshape(-1))
        return shrunk

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :meth:`from_json` reads it."""
        return {
            "name": self.name,
            "levels": [level.to_json() for level in self.levels],
            "k": list(self.k),
            "prior_s": self.prior_s,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Shrinkage:
        """Return the shrinkage that :meth:`to_json` wrote."""
        return cls(
            name=document["name"],
            levels=tuple(Level(**level) for level in document["levels"]),
            k=tuple(document["k"]),
            prior_s=document["prior_s"],
        )


def learn_shrinkage(spec: ShrinkageSpec, table: pd.DataFrame, duration_s: FloatArray) -> Shrinkage:
    """Return the column, learned from the training period.

    Args:
        spec: which column.
        table: the training rows, with the columns of the levels' dimensions.
        duration_s: how long each of them took, shape (n_rows,); NaN is left out.

    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> store = rng.integers(0, 50, 4000)
    >>> duration_s = 600.0 * np.exp(
    ...     rng.normal(0.0, 0.1, 50)[store] + rng.normal(0.0, 0.3, 4000)
    ... )
    >>> level = Level(dimension="store_id", typical="median", count="count")
    >>> spec = ShrinkageSpec(name="shrunk", levels=(level,))
    >>> learned = learn_shrinkage(spec, pd.DataFrame({"store_id": store}), duration_s)
    >>> 10.0 < learned.k[
    ...     0
    ... ] < 20.0  # (0.3 / 0.1) ** 2 orders, and half as many again for a median
    True
    """
    import pandas as pd

    known = ~np.isnan(duration_s)
    logs = np.log(np.maximum(duration_s[known], SHORTEST_S))
    groups = [pd.factorize(table.loc[known, one.dimension])[0] for one in spec.levels]
    ks = []
    for i, group in enumerate(groups):
        # What a group does is a part of what its parent does, and differs from it by so much.
        parent = groups[i + 1] if i + 1 < len(groups) else np.zeros(len(logs), dtype=np.int64)
        above = np.where(parent >= 0, _means(logs, parent)[parent], logs.mean())
        within, between = variances(logs - above, group)
        ratio = within / between if between > 0.0 else np.inf
        ks.append(float(np.clip(MEDIAN_PER_MEAN * ratio, K_MIN, K_MAX)))
    return Shrinkage(
        name=spec.name,
        levels=spec.levels,
        k=tuple(ks),
        prior_s=float(np.median(duration_s[known])),
    )


@compiled(FLOATS, FLOATS, FLOAT, FLOATS)
def _shrink(typical_s: FloatArray, count: FloatArray, k: float, shrunk: FloatArray) -> None:
    """Shrink a group's typical values towards its parent's, which are overwritten; shape (n,)."""
    for i in range(len(shrunk)):
        known = count[i] > 0.0 and not np.isnan(typical_s[i])
        weight = count[i] if known else 0.0
        own_s = typical_s[i] if known else 0.0
        shrunk[i] = (weight * own_s + k * shrunk[i]) / (weight + k)


def variances(values: FloatArray, group: npt.NDArray[np.intp]) -> tuple[float, float]:
    """Return the variance within groups, and the variance of the groups' true means.

    Args:
        values: shape (n_rows,).
        group: number of each row's group, shape (n_rows,); negative: in none.

    >>> within, between = variances(np.array([1.0, 1.0, 3.0, 3.0]), np.array([0, 0, 1, 1]))
    >>> within, between
    (0.0, 2.0)
    """
    values, group = values[group >= 0], group[group >= 0]
    n, sizes = len(values), np.bincount(group).astype(np.float64)
    groups = int((sizes > 0).sum())
    if groups < 2 or n <= groups:
        return 1.0, 0.0
    means = _means(values, group)
    within = float(np.square(values - means[group]).sum() / (n - groups))
    spread = float((sizes * np.square(means - values.mean())).sum() / (groups - 1))
    size = (n - float(np.square(sizes).sum()) / n) / (groups - 1)
    return within, max((spread - within) / size, 0.0)


def _means(values: FloatArray, group: npt.NDArray[np.intp]) -> FloatArray:
    """Return the mean of each group; 0 for one without rows."""
    inside = group >= 0
    sizes = np.bincount(group[inside])
    sums = np.bincount(group[inside], weights=values[inside])
    return np.asarray(sums / np.maximum(sizes, 1))
