"""Ways of choosing couriers in a replay: by distance, and by the numbers.

By the numbers, in each round:

1. An order waits for a later round while it is likelier than ``1 - ready_share`` that the courier
   who would be there first would have to wait for it: that courier may be of use elsewhere until
   then, and a later start costs the customer nothing. Where couriers are short the share is larger.
2. All others are matched with couriers at the least cost in all, in weighted seconds
   (:func:`services.handlers.pair_cost.cost_s`), less ``patience`` for every second since an order
   was placed. Where couriers are short this decides, too, who has to wait.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from benchmarks.courier_estimates import Estimates, Known, TrueEstimates
from services.handlers.pair_cost import CostWeights, cost_s
from simulator.dispatch import Decide, Round
from simulator.world.arrays import BoolArray, FloatArray, IntArray

__all__ = ["ByNumbers", "Choice", "RegretMeter", "Together"]

Pairs = list[tuple[int, int]]

NOT_ALLOWED = 1e6
"""Costs more than every allowed choice together."""
LOOK_AGAIN_SHARE = 0.25
"""An order that will be wanted in so many seconds is looked at again after this share of them."""
LOOK_AGAIN_MAX_S = 20.0


class Together:
    """The least metres in all, for orders whose lead time is over."""

    def __call__(self, waiting: Round) -> Pairs:
        """Return the pairs of a round."""
        rows = np.flatnonzero(waiting.requested)
        return _matched(waiting.distance_m[rows], rows)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What choosing by the numbers is made of.

    Args:
        weights: what a second of each kind is worth.
        ready_share: the least probability that the order is ready when a courier comes, where there
            are couriers enough.
        short_share: the same where as many orders as couriers wait, or more: a courier who stands
            in a store is missing elsewhere then. In between it grows with the orders per courier.
        patience: seconds of cost that a second since the order was placed makes up for.
        early: whether couriers may be sent before a store's usual lead time is over.
    """

    weights: CostWeights = field(
        default_factory=lambda: CostWeights(courier_wait=0.0, food_wait=1.0, eta=1.0, lateness=0.0)
    )
    ready_share: float = 0.1
    short_share: float = 0.3
    patience: float = 0.2
    early: bool = True


class ByNumbers:
    """Pairs of the least expected cost; what will not be ready yet waits for a later round.

    Args:
        known: what is known of orders and couriers.
        choice: what it is made of.
        activated_s: when each order of the city was placed, seconds since the start.
        start_s: the start of the city, seconds since the epoch.
    """

    def __init__(
        self, known: Known, choice: Choice, activated_s: FloatArray, start_s: float
    ) -> None:
        self._known = known
        self._choice = choice
        self._activated_s = activated_s
        self._start_s = start_s
        self._again_s: dict[int, float] = {}

    def __call__(self, waiting: Round) -> Pairs:
        """Return the pairs of a round."""
        now_s = waiting.as_of.timestamp() - self._start_s
        due = np.array([self._again_s.get(int(o), 0.0) <= now_s for o in waiting.orders])
        if not self._choice.early:
            due &= waiting.requested
        rows = np.flatnonzero(due)
        if not len(rows):
            return []
        estimates = self._known(waiting, rows)
        wanted = self._wanted(estimates, len(waiting.orders) / len(waiting.couriers))
        self._put_off(waiting.orders[rows], estimates, wanted, now_s)
        if not wanted.any():
            return []
        age_s = now_s - self._activated_s[waiting.orders[rows]]
        cost = _costs(estimates, self._choice.weights) - self._choice.patience * age_s[:, None]
        return _matched(cost[wanted], rows[wanted])

    def _wanted(self, estimates: Estimates, per_courier: float) -> BoolArray:
        """Return the orders that would be ready for the courier who comes first."""
        more = self._choice.short_share - self._choice.ready_share
        least = self._choice.ready_share + more * min(per_courier, 1.0)
        first = _first(estimates)
        return np.asarray(estimates.ready_on_arrival[np.arange(len(first)), first] >= least)

    def _put_off(
        self, orders: IntArray, estimates: Estimates, wanted: BoolArray, now_s: float
    ) -> None:
        """Note when to look again at orders whose kitchens are slow."""
        first = _first(estimates)
        wait_s = estimates.courier_wait_s[np.arange(len(first)), first]
        for k in np.flatnonzero(~wanted):
            pause_s = min(LOOK_AGAIN_SHARE * float(wait_s[k]), LOOK_AGAIN_MAX_S)
            self._again_s[int(orders[k])] = now_s + pause_s


class RegretMeter:
    """Compares what is chosen with the best that could have been chosen, in hindsight.

    Args:
        decide: chooses.
        truth: what will be.
        weights: of the cost.
    """

    def __init__(self, decide: Decide, truth: TrueEstimates, weights: CostWeights) -> None:
        self._decide = decide
        self._truth = truth
        self._weights = weights
        self.regret_s: list[float] = []

    def __call__(self, waiting: Round) -> Pairs:
        """Return the pairs that were chosen."""
        pairs = list(self._decide(waiting))
        if pairs:
            rows = np.array([order for order, _ in pairs])
            couriers = np.array([courier for _, courier in pairs])
            cost = _costs(self._truth(waiting, rows), self._weights)
            chosen = cost[np.arange(len(rows)), couriers].sum()
            best = cost[linear_sum_assignment(cost)].sum()
            self.regret_s += [float(chosen - best) / len(pairs)] * len(pairs)
        return pairs


def _first(estimates: Estimates) -> IntArray:
    """Return who would be at each order's store first."""
    return np.asarray(np.nanargmin(estimates.at_store_s, axis=1))


def _costs(estimates: Estimates, weights: CostWeights) -> FloatArray:
    """Return the cost of each pair; too much where there are no estimates.

    What an order needs after its pickup whoever rides is not counted: it must be done in any case,
    and would make couriers pass by the far customers.
    """
    cost = cost_s(estimates, weights)  # type: ignore[arg-type]
    cost -= weights.eta * np.nanmin(estimates.afterwards_s, axis=1, keepdims=True)
    return np.nan_to_num(cost, nan=NOT_ALLOWED)


def _matched(cost: FloatArray, rows: IntArray) -> Pairs:
    order, courier = linear_sum_assignment(cost)
    allowed = cost[order, courier] < NOT_ALLOWED / 2.0
    return [(int(rows[o]), int(c)) for o, c in zip(order[allowed], courier[allowed], strict=True)]
