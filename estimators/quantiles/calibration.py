"""From three predicted quantiles to a full distribution whose levels are calibrated.

Conformalised quantile regression, asymmetric and on a logarithmic scale: on a period after the
training period, measure how far outside (or inside) its predicted quantiles each outcome fell. The
quantiles of that distance stretch every later prediction. Groups of rows (cities, hours) whose
outcomes fell further out than others' are stretched more, see :class:`GroupStretch`. The median is
moved only as far as its shift lasts (:mod:`estimators.quantiles.lasting_shift`), and the mean is
calibrated as a mean (:class:`MeanLine`).

Source: Romano, Patterson, Candes: Conformalized Quantile Regression (NeurIPS 2019), with the
stretch measured relative to the predicted spread of either side (Kivaranovic et al., 2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np

from estimators.core.distribution import Distribution
from estimators.core.errors import InputError
from estimators.core.typing import FloatArray, IntArray
from estimators.quantiles import calibration_kernels as kernels
from estimators.quantiles.group_stretch import GroupStretch
from estimators.quantiles.lasting_shift import lasting_share, middle_moved, time_blocks
from estimators.quantiles.mean_line import MeanLine

__all__ = ["GRID", "GRID_LEVELS", "ConformalGrid", "Scale", "constant"]

Scale: TypeAlias = Literal["log", "linear"]
"""How seconds are compared: "log" by their ratio, for durations; "linear" by their difference, for
seconds that may be negative, such as those that bad weather adds."""

GRID_LEVELS = (0.01, 0.025, *(round(0.05 * i, 2) for i in range(1, 20)), 0.975, 0.99)
"""The levels of every estimate: each twentieth, and two more towards either end."""

GRID = np.array(GRID_LEVELS)
"""The same as a read-only array."""
GRID.flags.writeable = False

_KEPT = (GRID_LEVELS.index(0.1), GRID_LEVELS.index(0.5), GRID_LEVELS.index(0.9))
"""Places of the median, and of the levels between which the stretch follows it."""

_NO_ROWS = np.empty((0, 0))

MIN_ROWS = 100
"""Fewer outcomes do not determine the outermost levels."""

DAY_US = 86_400_000_000

FLOOR_S = 1.0
"""Durations are taken to last at least a second, so that they have a logarithm."""

MIN_SPREAD = 0.05
"""The anchors are at least 5% apart: crossing or equal quantiles have no scale."""

MIN_SPREAD_S = 1.0
"""The same on the linear scale."""

SPREAD_SHARE_MIN = 0.5
"""The least predicted spread, as a share of the typical one. If trees predict less, the median and
an outer level were fitted apart, and a stretch in such units would be immense.
"""

SPREAD_EXPONENTS = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Candidates for the exponent of predicted differences in spread."""

HEED_LOSS_MAX = 1.005
"""The largest exponent whose loss exceeds the best by at most this share is chosen: ranges that are
sharper on average must not be wrong at night.
"""

EXPONENT_ROWS_MAX = 20_000
"""The most rows, evenly chosen, that decide between them."""


def constant(target_s: FloatArray, n_rows: int) -> Distribution:
    """Return the distribution of earlier durations for every row, with their mean.

    >>> constant(np.array([60.0, 120.0, 180.0]), 2).quantile(0.5).tolist()
    [120.0, 120.0]
    """
    values = np.tile(np.quantile(target_s, GRID_LEVELS), (n_rows, 1))
    return Distribution(GRID_LEVELS, values, np.full(n_rows, target_s.mean()))


class ConformalGrid:
    """Stretches predicted anchors (levels 0.1, 0.5, 0.9) to a calibrated distribution.

    The stretch of an outcome is 0 at the predicted median, 1 at the upper and -1 at the lower
    anchor, linear in the logarithm (or the seconds) between and beyond. The grid holds the
    quantiles of the stretch on the calibration period, so its levels hold there by construction.

    A predicted spread is the difference of two predictions, noisier than both. It is shrunk towards
    the typical spread: the ratio of the two is raised to the power of ``spread_exponent``, which is
    chosen by the loss of the distributions on the calibration period.

    Args:
        stretch: at ``GRID_LEVELS``, non-decreasing.
        longest_s: no estimate exceeds it: otherwise a spread that was predicted too wide, far out
            in a tail, would be stretched beyond everything that has ever happened.
        shortest_s: no estimate is below it.
        scale: of the stretch.
        groups: what the spread is multiplied by first, by the row's city, hour and so on.
        typical: the typical spread below and above the median; None: spreads as predicted.
        spread_exponent: exponent of predicted differences in spread, above 0 and at most 1.
        mean_line: what the mean is made of; None: it is the integral of the quantiles.

    >>> rng = np.random.default_rng(0)
    >>> anchors = np.tile([500.0, 1000.0, 2000.0], (4000, 1))
    >>> outcome = 1000.0 * np.exp(rng.normal(size=4000))
    >>> grid = ConformalGrid.fit(anchors[:2000], outcome[:2000])
    >>> low, high = grid.distribution(anchors[2000:]).interval(0.8)
    >>> bool(0.77 < np.mean((low <= outcome[2000:]) & (outcome[2000:] <= high)) < 0.83)
    True
    """

    def __init__(
        self,
        stretch: FloatArray,
        longest_s: float = np.inf,
        *,
        shortest_s: float = -np.inf,
        scale: Scale = "log",
        groups: Sequence[GroupStretch] = (),
        typical: tuple[float, float] | None = None,
        spread_exponent: float = 1.0,
        mean_line: MeanLine | None = None,
    ) -> None:
        self.stretch = np.asarray(stretch, dtype=np.float64)
        self.longest_s = float(longest_s)
        self.shortest_s = float(shortest_s)
        self.scale: Scale = scale
        self.groups = tuple(groups)
        self.typical = typical
        self.spread_exponent = float(spread_exponent)
        self.mean_line = mean_line
        if self.stretch.shape != (len(GRID_LEVELS),) or bool(np.any(np.diff(self.stretch) < 0)):
            raise InputError(f"expected {len(GRID_LEVELS)} non-decreasing numbers of stretch")
        if scale not in ("log", "linear"):
            raise InputError(f"scale is {scale!r}; expected 'log' or 'linear'")

    @classmethod
    def fit(
        cls,
        anchors_s: FloatArray,
        target_s: FloatArray,
        *,
        longest_s: float = np.inf,
        shortest_s: float = -np.inf,
        scale: Scale = "log",
        X: FloatArray | None = None,
        as_of_us: IntArray | None = None,
        edges: Mapping[int, Sequence[float]] | None = None,
        fold: IntArray | None = None,
    ) -> ConformalGrid:
        """Learn from outcomes after the training of the anchors.

        Args:
            anchors_s: predicted seconds, shape (n_rows, 3).
            target_s: what happened, shape (n_rows,).
            longest_s: the longest duration that is known.
            shortest_s: the shortest.
            scale: of the stretch.
            X: the rows, shape (n_rows, n_features); needed for groups.
            as_of_us: when each row was asked; needed for groups and folds.
            edges: columns of X that make groups, in the order in which their factors are learned,
                and the edges between the groups of each.
            fold: number of the calibration period of each row, from 0. With it the median is moved
                only as far as the shift lasts, and the mean is calibrated as well. None: the
                median is moved to that of the outcomes, and the mean is the integral.

        Raises:
            InputError: fewer than ``MIN_ROWS`` rows, groups without X or moments, or folds without
                moments.
        """
        if len(target_s) < MIN_ROWS:
            raise InputError(f"{len(target_s)} rows to calibrate on; expected at least {MIN_ROWS}")
        _, below, above = _spreads(anchors_s, _spread(scale))
        typical = float(np.median(below)), float(np.median(above))
        spread_exponent = _best_spread_exponent(anchors_s, target_s, typical, scale)
        centre, below, above = _spreads(anchors_s, _spread(scale, typical, spread_exponent))
        distance = _scaled(target_s, scale) - centre
        stretch = distance / np.where(distance >= 0.0, above, below)
        groups: list[GroupStretch] = []
        for column, between in (edges or {}).items():
            if X is None or as_of_us is None:
                raise InputError("groups were asked for without X or the moments of the rows")
            one = GroupStretch.learn(column, between, X[:, column], stretch, as_of_us // DAY_US)
            stretch = one.undo(stretch, X)
            groups.append(one)
        # Positions q (n + 1), the exact levels of order statistics ("weibull" to numpy).
        levels = np.quantile(stretch, GRID_LEVELS, method="weibull")
        whole = cls(
            levels,
            longest_s,
            shortest_s=shortest_s,
            scale=scale,
            groups=groups,
            typical=typical,
            spread_exponent=spread_exponent,
        )
        if fold is None:
            return whole
        if as_of_us is None:
            raise InputError("folds were given without the moments of the rows")
        return whole._as_it_lasts(anchors_s, target_s, stretch, time_blocks(fold, as_of_us), X)

    def _as_it_lasts(
        self,
        anchors_s: FloatArray,
        target_s: FloatArray,
        stretch: FloatArray,
        block: IntArray,
        X: FloatArray | None,
    ) -> ConformalGrid:
        """Return the grid with its median moved as far as the shift lasts, and a calibrated mean.

        Args:
            anchors_s: predicted seconds of the calibration.
            target_s: what happened.
            stretch: of each outcome, its groups taken out.
            block: of time, of each row.
            X: the rows; needed where there are groups.
        """
        shifts = np.array([np.median(stretch[block == one]) for one in np.unique(block)])
        moved = copy(self)
        moved.stretch = middle_moved(self.stretch, _KEPT, lasting_share(shifts))
        integral_s = moved.distribution(anchors_s, X).integral()
        moved.mean_line = MeanLine.learn(integral_s, target_s, block)
        return moved

    def distribution(self, anchors_s: FloatArray, X: FloatArray | None = None) -> Distribution:
        """Return calibrated distributions for predicted anchors.

        Args:
            anchors_s: predicted seconds, shape (n_rows, 3).
            X: the rows, shape (n_rows, n_features); needed where there are groups.

        Raises:
            InputError: there are groups and no X.
        """
        _check_anchors(anchors_s)
        if X is None:
            if self.groups:
                raise InputError("this grid has groups; expected the rows of X beside the anchors")
            X = _NO_ROWS
        values = np.empty((len(anchors_s), len(GRID_LEVELS)))
        kernels.stretched(
            np.ascontiguousarray(anchors_s),
            np.ascontiguousarray(X),
            self._spread,
            self._group_arrays,
            self.stretch,
            self.shortest_s,
            self.longest_s,
            values,
        )
        predicted = Distribution.unchecked(GRID, values)
        if self.mean_line is not None:
            line = self.mean_line
            mean_s = line.intercept_s + line.slope * predicted.integral()
            # np.clip takes 3 us longer for the one row of a request.
            predicted.means = np.minimum(np.maximum(mean_s, values[:, 0]), self.longest_s)
        return predicted

    @cached_property
    def _spread(self) -> kernels.Spread:
        return _spread(self.scale, self.typical, self.spread_exponent)

    @cached_property
    def _group_arrays(self) -> kernels.GroupFactors:
        edges = [np.asarray(group.edges, dtype=np.float64) for group in self.groups]
        nothing = np.empty(0)
        return kernels.GroupFactors(
            columns=np.array([group.column for group in self.groups], dtype=np.int64),
            edges=np.concatenate([nothing, *edges]),
            edge_bounds=np.cumsum([0, *map(len, edges)], dtype=np.int64),
            below=np.concatenate([nothing, *(group.below for group in self.groups)]),
            above=np.concatenate([nothing, *(group.above for group in self.groups)]),
        )

    @property
    def typical_distances(self) -> FloatArray:
        """How far each level typically is from the median on the scale, negative below it.

        All zero where the typical spread is not known.
        """
        below, above = self.typical or (0.0, 0.0)
        from_centre = self.stretch * np.where(self.stretch >= 0.0, above, below)
        return np.asarray(from_centre - from_centre[GRID_LEVELS.index(0.5)])

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :meth:`from_json` reads it."""
        return {
            "levels": list(GRID_LEVELS),
            "stretch": self.stretch.tolist(),
            "longest_s": self.longest_s if np.isfinite(self.longest_s) else None,
            "shortest_s": self.shortest_s if np.isfinite(self.shortest_s) else None,
            "scale": self.scale,
            "groups": [group.to_json() for group in self.groups],
            "typical": None if self.typical is None else list(self.typical),
            "heed": self.spread_exponent,
            # Readers of earlier versions know no mean; grids without one are as they were.
            **({} if self.mean_line is None else {"mean": self.mean_line.to_json()}),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ConformalGrid:
        """Return the grid that :meth:`to_json` wrote."""
        if tuple(document["levels"]) != GRID_LEVELS:
            raise InputError("a grid of other levels than this version's")
        # Models that were saved before there was a choice have no bound below, the logarithm, no
        # groups, spreads as predicted, and the integral as mean.
        longest_s, shortest_s = document["longest_s"], document.get("shortest_s")
        typical, mean = document.get("typical"), document.get("mean")
        return cls(
            np.asarray(document["stretch"], dtype=np.float64),
            np.inf if longest_s is None else longest_s,
            shortest_s=-np.inf if shortest_s is None else shortest_s,
            scale=document.get("scale", "log"),
            groups=[GroupStretch.from_json(one) for one in document.get("groups", ())],
            typical=None if typical is None else (float(typical[0]), float(typical[1])),
            spread_exponent=document.get("heed", 1.0),
            mean_line=None if mean is None else MeanLine.from_json(mean),
        )


def _scaled(seconds: FloatArray, scale: Scale) -> FloatArray:
    return np.asarray(np.log(np.maximum(seconds, FLOOR_S)) if scale == "log" else seconds)


def _check_anchors(anchors_s: FloatArray) -> None:
    if anchors_s.ndim != 2 or anchors_s.shape[1] != 3:
        raise InputError(f"anchors have shape {anchors_s.shape}; expected (n_rows, 3)")


def _spread(
    scale: Scale, typical: tuple[float, float] | None = None, spread_exponent: float = 1.0
) -> kernels.Spread:
    """Return the distances of the outer anchors from the middle one."""
    below, above = (np.nan, np.nan) if typical is None else typical
    return kernels.Spread(
        is_log=scale == "log",
        floor_s=FLOOR_S,
        least=MIN_SPREAD if scale == "log" else MIN_SPREAD_S,
        typical_below=below,
        typical_above=above,
        share_min=SPREAD_SHARE_MIN,
        spread_exponent=spread_exponent,
    )


def _spreads(
    anchors_s: FloatArray, spread: kernels.Spread
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the median on the scale and the distances of the lower and upper anchor from it."""
    _check_anchors(anchors_s)
    result = np.empty((len(anchors_s), 3))
    kernels.spreads(np.ascontiguousarray(anchors_s), spread, result)
    return result[:, 0], result[:, 1], result[:, 2]


def _best_spread_exponent(
    anchors_s: FloatArray, target_s: FloatArray, typical: tuple[float, float], scale: Scale
) -> float:
    """Return the largest of ``SPREAD_EXPONENTS`` whose loss on these rows is about the least."""
    stride = -(-len(target_s) // EXPONENT_ROWS_MAX)
    anchors_s, target_s = anchors_s[::stride], target_s[::stride]
    levels = np.array(GRID_LEVELS)
    losses = []
    for spread_exponent in SPREAD_EXPONENTS:
        centre, below, above = _spreads(anchors_s, _spread(scale, typical, spread_exponent))
        distance = _scaled(target_s, scale) - centre
        stretch = distance / np.where(distance >= 0.0, above, below)
        grid = ConformalGrid(
            np.quantile(stretch, GRID_LEVELS, method="weibull"),
            float(target_s.max()),
            scale=scale,
            typical=typical,
            spread_exponent=spread_exponent,
        )
        error_s = target_s[:, np.newaxis] - grid.distribution(anchors_s).values
        losses.append(np.maximum(levels * error_s, (levels - 1.0) * error_s).mean())
    good = np.array(losses) <= HEED_LOSS_MAX * min(losses)
    return float(np.array(SPREAD_EXPONENTS)[good].max())
