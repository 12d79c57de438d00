"""Score the answers to the demo's three callers, and the waits that followed from them.

Couriers are compared with a second city that stood at the same moment and sent the nearest courier
from then on, order by order: the same customers, kitchens, streets, and the same chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from commands.live_demo.callers import FINE_LEVELS
from simulator.engine import state as engine
from simulator.engine.state import NEVER

if TYPE_CHECKING:
    from commands.live_demo.callers import Estimate
    from commands.live_demo.city import DemoCity
    from commands.live_demo.hour import LiveHour
    from estimators.core.typing import FloatArray, IntArray
    from simulator.dispatch import DispatchedCity

__all__ = [
    "LATE_FOOD_S",
    "MeanDifference",
    "RangeOutcomes",
    "Waits",
    "app_ranges",
    "chosen_waits",
    "mean_difference",
    "orders_between",
    "partner_ranges",
    "ranges_of",
    "stage_ranges",
    "waits_of",
]

LATE_FOOD_S = 300.0
"""Food that has waited for longer than this is late."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RangeOutcomes:
    """Ranges given for some orders and their outcomes; all in seconds, shape (n,).

    Args:
        took_s: what happened.
        low_s, high_s: the ends of the 80% range.
        error_s: how far the median was off.
        crps_s: the loss of all quantiles that were told, in seconds.
    """

    took_s: FloatArray
    low_s: FloatArray
    high_s: FloatArray
    error_s: FloatArray
    crps_s: FloatArray

    def __len__(self) -> int:
        return len(self.took_s)

    @property
    def inside(self) -> float:
        """The share that lay in the range."""
        return float(((self.low_s <= self.took_s) & (self.took_s <= self.high_s)).mean())

    @property
    def width_s(self) -> float:
        """The mean width of the ranges."""
        return float((self.high_s - self.low_s).mean())


def ranges_of(
    estimates: Sequence[Estimate], delivered: Sequence[datetime | None], levels: Sequence[float]
) -> RangeOutcomes:
    """Return the ranges and outcomes of some estimates.

    Args:
        estimates: with quantiles at the levels.
        delivered: when each order was handed over; None: not yet, so it does not count.
        levels: ascending, with 0.1, 0.5 and 0.9 among them.
    """
    scored = [(one, end) for one, end in zip(estimates, delivered, strict=True) if end is not None]
    quantiles = np.array([one.quantiles_s for one, _ in scored]).reshape(-1, len(levels))
    took_s = np.array([(end - one.at).total_seconds() for one, end in scored])
    place = {level: k for k, level in enumerate(levels)}
    below = took_s[:, np.newaxis] - quantiles
    # Twice the mean pinball loss over even levels: the CRPS, as far as quantiles tell it.
    pinball = np.maximum(below * np.array(levels), below * (np.array(levels) - 1.0))
    return RangeOutcomes(
        took_s=took_s,
        low_s=quantiles[:, place[0.1]],
        high_s=quantiles[:, place[0.9]],
        error_s=np.abs(below[:, place[0.5]]),
        crps_s=2.0 * pinball.mean(axis=1),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Waits:
    """Who waited for whom at the stores, by order; seconds, shape (n_orders,).

    Args:
        courier_s: how long the courier waited for the order.
        food_s: how long the ready order waited for its courier.
        delivery_s: from the order to the door.
    """

    courier_s: FloatArray
    food_s: FloatArray
    delivery_s: FloatArray

    @property
    def late(self) -> FloatArray:
        """1.0 where food waited for longer than ``LATE_FOOD_S``, shape (n_orders,)."""
        return np.asarray(self.food_s > LATE_FOOD_S, dtype=np.float64)

    @classmethod
    def of(cls, city: DispatchedCity, orders: IntArray) -> Waits:
        """Return them for orders that were delivered."""
        at_s = city.moments(orders) / 1_000.0
        early_s = at_s[engine.READY] - at_s[engine.AT_STORE]
        return cls(
            courier_s=np.maximum(early_s, 0.0),
            food_s=np.maximum(-early_s, 0.0),
            delivery_s=at_s[engine.DELIVERED] - at_s[engine.ACTIVATED],
        )


@dataclass(frozen=True, kw_only=True)
class MeanDifference:
    """A mean difference with its 95% interval."""

    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """The conclusion in a word.

        >>> MeanDifference(mean=-40.0, low=-60.0, high=-20.0).verdict
        'less'
        >>> MeanDifference(mean=-40.0, low=-90.0, high=10.0).verdict
        'may be chance'
        """
        if self.low <= 0.0 <= self.high:
            return "may be chance"
        return "less" if self.high < 0.0 else "more"


def mean_difference(values: FloatArray, reference: FloatArray, groups: IntArray) -> MeanDifference:
    """Return the mean of the paired differences.

    Orders of one store are late together, so that they do not count as so many observations: the
    interval is that of a mean over groups (Student's t, sandwich estimate).

    Args:
        values: values, shape (n,).
        reference: of the same orders.
        groups: the store of each order, numbered from 0.

    >>> some = np.array([1.0, 2.0, 4.0, 5.0])
    >>> mean_difference(some, some + 3.0, np.array([0, 0, 1, 1]))
    MeanDifference(mean=-3.0, low=-3.0, high=-3.0)
    """
    gap = values - reference
    mean = float(gap.mean())
    sums = np.bincount(groups, weights=gap - mean)
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        return MeanDifference(mean=mean, low=-np.inf, high=np.inf)
    error = float(np.sqrt(np.square(sums).sum() * n_groups / (n_groups - 1.0))) / len(gap)
    reach = float(stats.t.ppf(0.975, n_groups - 1)) * error
    return MeanDifference(mean=mean, low=mean - reach, high=mean + reach)


def orders_between(demo: DemoCity, first: datetime, last: datetime) -> IntArray:
    """Return the numbers of the orders that are placed from one moment until before another."""
    start = demo.city.scenario.start
    placed_ms = demo.city.orders.activated_ms
    first_ms, last_ms = (one / timedelta(milliseconds=1) for one in (first - start, last - start))
    return np.flatnonzero((placed_ms >= first_ms) & (placed_ms < last_ms))


def waits_of(hour: LiveHour, first: datetime, last: datetime) -> tuple[Waits, Waits, IntArray]:
    """Return the waits of couriers and food with Doorstep's choice, and with the nearest courier.

    Args:
        hour: that is over, with everything delivered.
        first: orders placed from then on count,
        last: and before then.

    Returns:
        Both, of the same orders, and these: those that were delivered in either way.
    """
    demo = hour.demo
    orders = orders_between(demo, first, last)
    both = (demo.running, demo.baseline)
    ended = [one.moments(orders)[[engine.READY, engine.AT_STORE, engine.DELIVERED]] != NEVER
             for one in both]  # fmt: skip
    orders = orders[np.all(ended, axis=(0, 1))]
    chosen, nearest = (Waits.of(one, orders) for one in both)
    return chosen, nearest, orders


def stage_ranges(hour: LiveHour, stage: str) -> RangeOutcomes:
    """Return the ranges and outcomes of one stage."""
    asked = [one for one in hour.tracking.estimates if one.stage == stage]
    delivered = [hour.happened[one.order_id].get("delivered") for one in asked]
    return ranges_of(asked, delivered, FINE_LEVELS)


def app_ranges(hour: LiveHour) -> FloatArray:
    """Return the ranges shown to customers, of delivered orders.

    Rows of seconds: taken, and the ends of the range; shape (n, 3).
    """
    rows = [
        ((end - one.at).total_seconds(), one.low_s, one.high_s)
        for one in hour.app.promises
        if (end := hour.happened[one.order_id].get("delivered")) is not None
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def partner_ranges(hour: LiveHour) -> FloatArray:
    """Return the arrivals announced to stores, of couriers who came.

    Rows of seconds: taken, then the 10%, 50% and 90% quantiles; shape (n, 4).
    """
    rows = [
        ((came - one.at).total_seconds(), one.low_s, one.median_s, one.high_s)
        for one in hour.partner.arrivals
        if hour.riders.get(one.order_id) == one.courier_id
        and (came := hour.happened[one.order_id].get("courier_at_store")) is not None
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def chosen_waits(hour: LiveHour) -> FloatArray:
    """Return how long chosen couriers were expected to wait, and waited; shape (n, 2), seconds."""
    rows = []
    for one in hour.routing.chosen:
        moments = hour.happened.get(one.order_id, {})
        both = {"ready", "courier_at_store"} <= moments.keys()
        if both and hour.riders.get(one.order_id) == one.courier_id:
            waited_s = (moments["ready"] - moments["courier_at_store"]).total_seconds()
            rows.append((one.courier_wait_s, max(waited_s, 0.0)))
    return np.array(rows, dtype=np.float64).reshape(-1, 2)
