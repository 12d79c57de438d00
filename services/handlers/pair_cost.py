"""Compute the cost of a pair in seconds, and rank the couriers of each order.

Pure arithmetic over arrays: the service ranks with it, and so do replays of past decisions.

What is weighed are expected seconds of different people: of a courier who stands in a store, of
food that grows cold, of a customer who waits, and of a customer who waits for longer than promised.
A weight says what one such second is worth, so that a cost is in weighted seconds; only the ratios
of the weights matter for who comes first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from estimators.core.typing import FloatArray, IntArray
from services.core.errors import InvalidRequest

__all__ = ["CostWeights", "DurationQuantiles", "PairEstimates", "cost_s", "lateness_s", "ranks"]


MAX_WEIGHT = 1_000.0
"""The most that a second of one kind may be worth."""


class DurationQuantiles(Protocol):
    """Durations as quantiles: a :class:`~estimators.core.distribution.Distribution` is one."""

    @property
    def levels(self) -> FloatArray:
        """Levels within (0, 1), ascending, shape (n_levels,)."""

    @property
    def values(self) -> FloatArray:
        """Seconds, shape (n_pairs, n_levels)."""


class PairEstimates(Protocol):
    """Estimates for pairs of an order and a courier; all of shape (n_pairs,), in seconds."""

    @property
    def courier_wait_s(self) -> FloatArray:
        """Expected wait of the courier for the order, at the store."""

    @property
    def food_wait_s(self) -> FloatArray:
        """Expected wait of the ready order for the courier."""

    @property
    def expected_eta_s(self) -> FloatArray:
        """Expected time from now until the customer has the order."""

    @property
    def eta(self) -> DurationQuantiles:
        """Its distribution; only asked for where there is a promised time."""


@dataclass(frozen=True, kw_only=True)
class CostWeights:
    """The weight of a second of each kind, 0 to ``MAX_WEIGHT``; not all of them are 0.

    Args:
        courier_wait: of a courier who waits at the store.
        food_wait: of a ready order that waits for its courier.
        eta: until the customer has the order.
        lateness: after the moment that the customer was promised.

    Raises:
        InvalidRequest: a weight is out of its bounds.

    >>> CostWeights(courier_wait=-1.0)
    Traceback (most recent call last):
    ...
    services.core.errors.InvalidRequest: weights.courier_wait: is -1.0; expected a number ...
    """

    courier_wait: float = 1.0
    food_wait: float = 1.0
    eta: float = 1.0
    lateness: float = 1.0

    def __post_init__(self) -> None:
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        for name, value in values.items():
            if not (math.isfinite(value) and 0.0 <= value <= MAX_WEIGHT):
                raise InvalidRequest(
                    f"is {value!r}; expected a number from 0 to {MAX_WEIGHT:g}",
                    field=f"weights.{name}",
                )
        if not any(values.values()):
            raise InvalidRequest("are all 0; expected one above 0", field="weights")


def cost_s(
    estimates: PairEstimates, weights: CostWeights, promised_s: FloatArray | None = None
) -> FloatArray:
    """Return the cost of each pair in weighted seconds, shape (n_pairs,).

    Args:
        estimates: of the pairs.
        weights: what a second of each kind is worth.
        promised_s: seconds from now until the moment that the customer was promised, below 0 where
            it is over, NaN where nothing was promised, shape (n_pairs,); None: nothing at all.

    >>> from types import SimpleNamespace
    >>> pairs = SimpleNamespace(
    ...     courier_wait_s=np.array([300.0, 0.0]),
    ...     food_wait_s=np.array([0.0, 120.0]),
    ...     expected_eta_s=np.array([1_500.0, 1_620.0]),
    ... )
    >>> cost_s(pairs, CostWeights(courier_wait=0.5)).tolist()
    [1650.0, 1740.0]
    >>> cost_s(pairs, CostWeights(courier_wait=2.0)).tolist()
    [2100.0, 1740.0]
    """
    cost = (
        weights.courier_wait * np.asarray(estimates.courier_wait_s)
        + weights.food_wait * np.asarray(estimates.food_wait_s)
        + weights.eta * np.asarray(estimates.expected_eta_s)
    )
    if promised_s is None or not weights.lateness:
        return np.asarray(cost)
    promised = np.flatnonzero(~np.isnan(promised_s))
    grid = estimates.eta
    late_s = lateness_s(grid.levels, grid.values[promised], promised_s[promised])
    cost[promised] += weights.lateness * late_s
    return np.asarray(cost)


def lateness_s(levels: FloatArray, values: FloatArray, promised_s: FloatArray) -> FloatArray:
    """Return the expected seconds by which durations exceed what was promised, shape (n_pairs,).

    It is the area between the quantile function and the promise, exactly: the function is linear
    between two levels and constant beyond the outermost.

    Args:
        levels: of the quantiles, ascending, shape (n_levels,).
        values: seconds, shape (n_pairs, n_levels).
        promised_s: shape (n_pairs,).

    >>> evenly = np.array([[0.0, 100.0]])
    >>> lateness_s(np.array([0.25, 0.75]), evenly, np.array([50.0])).tolist()
    [18.75]
    """
    excess = values - promised_s[:, np.newaxis]
    late = np.maximum(excess, 0.0)
    rise = np.diff(excess, axis=1)
    flat = rise <= 0.0
    area = (late[:, 1:] ** 2 - late[:, :-1] ** 2) / np.where(flat, 1.0, 2.0 * rise)
    between = (np.where(flat, late[:, 1:], area) * np.diff(levels)).sum(axis=1)
    return np.asarray(between + late[:, 0] * levels[0] + late[:, -1] * (1.0 - levels[-1]))


def ranks(cost: FloatArray, order: IntArray, courier: IntArray) -> IntArray:
    """Return the rank of each pair among those of its order: 1 is the least cost, shape (n_pairs,).

    Of pairs that cost the same, the courier with the smaller number comes first: the ranks do not
    depend on the order in which the pairs stand. A pair without a cost (NaN) has no rank: 0.

    Args:
        cost: of each pair.
        order: the number of its order.
        courier: the number of its courier.

    >>> cost = np.array([5.0, 3.0, 3.0, np.nan, 7.0])
    >>> order = np.array([0, 0, 0, 0, 1])
    >>> ranks(cost, order, np.array([0, 2, 1, 3, 0])).tolist()
    [3, 2, 1, 0, 1]
    """
    sequence = np.lexsort((courier, cost, order))
    sorted_order = order[sequence]
    new = np.r_[True, sorted_order[1:] != sorted_order[:-1]] if len(order) else np.empty(0, bool)
    starts = np.flatnonzero(new)
    first = np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    result = np.empty(len(order), dtype=np.int64)
    result[sequence] = np.arange(len(order)) - first + 1
    result[np.isnan(cost)] = 0  # they stand last, so that the others are counted without them
    return result
