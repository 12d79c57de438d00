"""How well a city's couriers were chosen: what it cost couriers, food and customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy import stats

from simulator.engine import state as engine
from simulator.engine.city import City
from simulator.engine.state import NEVER
from simulator.world.arrays import BoolArray, FloatArray

__all__ = ["Scores", "Span", "difference", "scores_of"]

LATE_FOOD_S = 300.0
"""Food that has waited for longer than this is late."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """The orders that count: those placed within it; milliseconds since the start."""

    first_ms: int
    end_ms: int

    def of(self, city: City) -> BoolArray:
        """Return which of a city's orders count."""
        placed = city.orders.activated_ms
        return np.asarray((placed >= self.first_ms) & (placed < self.end_ms))


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What a day came to; means over its delivered orders, in seconds unless it says otherwise.

    Args:
        courier_wait_s: couriers' waiting at stores for orders that are not ready.
        courier_wait_p90_s: nine in ten couriers waited for at most this.
        food_wait_s: ready orders' waiting for their couriers.
        late_food_share: orders that waited for more than five minutes.
        delivery_s: from the order to the door.
        late_s: how much later than promised orders came; 0 for those in time.
        late_share: orders that came later than promised.
        ride_s: couriers' ways to the stores.
        busy_share: of the couriers' hours on duty, with an order in hand or in mind.
        refused: offers that were refused, per order.
        delivered_share: orders that were not cancelled.
    """

    courier_wait_s: float
    courier_wait_p90_s: float
    food_wait_s: float
    late_food_share: float
    delivery_s: float
    late_s: float
    late_share: float
    ride_s: float
    busy_share: float
    refused: float
    delivered_share: float


def scores_of(city: City, span: Span, promised_s: FloatArray) -> Scores:
    """Score what happened to a city's orders.

    Args:
        city: with what happened.
        span: the orders that count.
        promised_s: by when after it was placed each of the city's orders was to be there.
    """
    orders = city.orders
    counted = span.of(city)
    done = counted & (orders.moments[engine.DELIVERED] != NEVER)
    at_s = orders.moments[:, done] / 1_000.0
    at_store, ready = at_s[engine.AT_STORE], at_s[engine.READY]
    wait_s = np.maximum(ready - at_store, 0.0)
    food_s = np.maximum(at_store - ready, 0.0)
    delivery_s = at_s[engine.DELIVERED] - at_s[engine.ACTIVATED]
    late_s = np.maximum(delivery_s - promised_s[done], 0.0)
    busy_s = float((at_s[engine.DELIVERED] - at_s[engine.ASSIGNED]).sum())
    return Scores(
        courier_wait_s=float(wait_s.mean()),
        courier_wait_p90_s=float(np.quantile(wait_s, 0.9)),
        food_wait_s=float(food_s.mean()),
        late_food_share=float((food_s > LATE_FOOD_S).mean()),
        delivery_s=float(delivery_s.mean()),
        late_s=float(late_s.mean()),
        late_share=float((late_s > 0.0).mean()),
        ride_s=float((at_store - at_s[engine.ASSIGNED]).mean()),
        busy_share=busy_s / _on_duty_s(city, span),
        refused=float((orders.offers[done] - orders.attempts[done]).mean()),
        delivered_share=float(done.sum() / counted.sum()),
    )


def difference(
    ours: Sequence[Scores], theirs: Sequence[Scores]
) -> Mapping[str, tuple[float, float, float]]:
    """Return by how much the first differ from the second, paired, with 95% intervals.

    Student's t over the pairs: days of cities are few, and far from each other.

    Args:
        ours: scores of some days.
        theirs: of the same days.

    Returns:
        For each score the mean difference, and the ends of its interval.

    >>> def day(wait_s: float) -> Scores:
    ...     return Scores(**{one.name: wait_s for one in fields(Scores)})
    >>> low = difference([day(1.0), day(2.0)], [day(3.0), day(4.0)])
    >>> low["courier_wait_s"]
    (-2.0, -2.0, -2.0)
    """
    found = {}
    for one in fields(Scores):
        gaps = np.array(
            [getattr(a, one.name) - getattr(b, one.name) for a, b in zip(ours, theirs, strict=True)]
        )
        mean = float(gaps.mean())
        error = float(gaps.std(ddof=1) / np.sqrt(len(gaps))) if len(gaps) > 1 else np.nan
        reach = float(stats.t.ppf(0.975, max(len(gaps) - 1, 1))) * error
        found[one.name] = (mean, mean - reach, mean + reach)
    return found


def _on_duty_s(city: City, span: Span) -> float:
    """Return the seconds that all couriers together are on duty within a span."""
    couriers = city.couriers
    begins = couriers.shift_until_ms >= 0
    begin = np.maximum(couriers.shift_ms[begins], span.first_ms)
    end = np.minimum(couriers.shift_until_ms[begins], span.end_ms)
    return float(np.maximum(end - begin, 0).sum() / 1_000.0)
