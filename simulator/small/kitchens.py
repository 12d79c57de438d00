"""Run the kitchens: a finite number of orders cooks at once, the rest waits in line.

This queue is why features of the present are worth computing: how long an order takes depends on
how many are before it.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from simulator.small.baskets import SmallBaskets
from simulator.small.cancellations import Cancellations
from simulator.small.demand import SmallDemand
from simulator.small.stores import BASE_PREP_S, PREP_PER_PRODUCT_S, SmallStores
from simulator.world.arrays import FloatArray

ACCEPT_GAP_S = 5.0
"""The least time between two acceptances in one store: one tablet, one pair of hands."""
BUSY_ATTENTION = 0.15
"""Each order in the kitchen adds this share to the time until a new one is seen."""


@dataclass(frozen=True, kw_only=True)
class KitchenTimes:
    """Seconds since the start at which each order was dispatched, accepted, ready; NaN if never.

    ``cancelled_s`` is NaN where nothing has cancelled the order until it is ready.
    """

    dispatched_s: FloatArray
    accepted_s: FloatArray
    ready_s: FloatArray
    cancelled_s: FloatArray


def cook(
    stores: SmallStores,
    demand: SmallDemand,
    baskets: SmallBaskets,
    cancellations: Cancellations,
    rng: np.random.Generator,
) -> KitchenTimes:
    """Send every order through its store's kitchen, first come, first served.

    A shift (half a day) of a store has its own pace, which nobody announces: only the orders that
    come out show it.
    """
    n = len(demand.store)
    dispatched_s = demand.activated_s + rng.uniform(5.0, 45.0, n)
    shifts = int(demand.shift.max(initial=0)) + 1
    shift_pace = rng.lognormal(0.0, 0.22, (len(stores), shifts))
    category = stores.category[demand.store]
    cook_s = BASE_PREP_S[category] + PREP_PER_PRODUCT_S[category] * (baskets.products - 1.0)
    cook_s *= stores.pace[demand.store] * shift_pace[demand.store, demand.shift]
    cook_s *= rng.lognormal(-0.02, 0.2, n)
    see_s = rng.exponential(stores.attention_s[demand.store])
    cancel_s = np.minimum(
        demand.activated_s + cancellations.gives_up_s, dispatched_s + cancellations.refused_s
    )
    declined = np.isfinite(cancellations.declined_s)
    dispatched_s[declined] = np.nan
    cooked = KitchenTimes(
        dispatched_s=dispatched_s,
        accepted_s=np.full(n, np.nan),
        ready_s=np.full(n, np.nan),
        cancelled_s=np.where(declined, demand.activated_s + cancellations.declined_s, np.nan),
    )
    kitchen_of = [_Kitchen(slots=int(slots)) for slots in stores.slots]
    refused = np.isfinite(cancellations.refused_s)
    for i in np.argsort(dispatched_s, kind="stable")[: n - int(declined.sum())]:
        kitchen_of[demand.store[i]].take(
            int(i), cooked, see_s=float(see_s[i]), cook_s=float(cook_s[i]),
            cancel_s=float(cancel_s[i]), refused=bool(refused[i]),
        )  # fmt: skip
    return cooked


class _Kitchen:
    """One store's line. Orders must be given to it in the order of dispatch."""

    def __init__(self, *, slots: int) -> None:
        self._free_s = [0.0] * slots
        self._finished_s: list[float] = []
        self._last_accepted_s = -np.inf

    def take(
        self,
        i: int,
        cooked: KitchenTimes,
        *,
        see_s: float,
        cook_s: float,
        cancel_s: float,
        refused: bool,
    ) -> None:
        dispatched_s = float(cooked.dispatched_s[i])
        load = self._orders_inside(dispatched_s)
        accepted_s = max(
            dispatched_s + see_s * (1.0 + BUSY_ATTENTION * load),
            self._last_accepted_s + ACCEPT_GAP_S,
        )
        if refused or cancel_s <= accepted_s:
            cooked.cancelled_s[i] = max(cancel_s, dispatched_s)
            return
        cooked.accepted_s[i] = self._last_accepted_s = accepted_s
        start_s = max(accepted_s, self._free_s[0])
        if cancel_s <= start_s:  # cancelled in line: its slot goes to the next
            cooked.cancelled_s[i] = cancel_s
            self._leaves(cancel_s)
            return
        ready_s = start_s + cook_s
        if cancel_s <= ready_s:
            cooked.cancelled_s[i] = cancel_s
        else:
            cooked.ready_s[i] = ready_s
        heapq.heapreplace(self._free_s, min(ready_s, cancel_s))
        self._leaves(min(ready_s, cancel_s))

    def _orders_inside(self, at_s: float) -> int:
        """Orders taken before that are neither ready nor cancelled at that moment."""
        done = bisect_right(self._finished_s, at_s)
        del self._finished_s[:done]
        return len(self._finished_s)

    def _leaves(self, at_s: float) -> None:
        self._finished_s.insert(bisect_right(self._finished_s, at_s), at_s)
