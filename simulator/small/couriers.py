"""The couriers, kept minimal: a fixed pool per city, the soonest courier takes the order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.small.baskets import SmallBaskets
from simulator.small.kitchens import KitchenTimes
from simulator.small.plan import CITIES, CityPlan
from simulator.small.stores import CITY_RADIUS_M, SmallStores
from simulator.world.arrays import FloatArray, IntArray

PARKING_MEDIAN_S: FloatArray = np.array([190.0, 110.0, 120.0, 110.0, 130.0])
"""Time from reaching the customer's street to the door, by zone of the customer."""
PICKUP_MEDIAN_S = 60.0
"""Time that handing an order over the counter takes."""
REQUEST_DELAY_S = (20.0, 90.0)
"""A courier is looked for this long after the store accepts."""


@dataclass(frozen=True, kw_only=True)
class Deliveries:
    """Courier (-1: none) and moments of each order's legs, seconds since the start, NaN: never.

    ``distance_to_store_m`` is the street distance from where the courier was when assigned.
    """

    courier: IntArray
    distance_to_store_m: FloatArray
    assigned_s: FloatArray
    at_store_s: FloatArray
    picked_up_s: FloatArray
    at_customer_s: FloatArray
    delivered_s: FloatArray
    cancelled_s: FloatArray


def deliver(
    plan: CityPlan,
    stores: SmallStores,
    store: IntArray,
    baskets: SmallBaskets,
    cooked: KitchenTimes,
    gives_up_s: FloatArray,
    rng: np.random.Generator,
) -> Deliveries:
    """Assign couriers in the order of acceptance and ride the legs.

    ``gives_up_s`` is the moment at which the customer cancels what has not been picked up.
    """
    n = len(store)
    request_s = cooked.accepted_s + rng.uniform(*REQUEST_DELAY_S, n)
    pickup_s = PICKUP_MEDIAN_S * rng.lognormal(0.0, 0.4, n)
    parking_s = PARKING_MEDIAN_S[baskets.zone] * rng.lognormal(0.0, 0.35, n)
    traffic = rng.lognormal(0.0, 0.15, (2, n))
    moments = np.full((7, n), np.nan)
    moments[5] = cooked.cancelled_s
    legs = Deliveries(
        courier=np.full(n, -1, dtype=np.int64),
        assigned_s=moments[0],
        at_store_s=moments[1],
        picked_up_s=moments[2],
        at_customer_s=moments[3],
        delivered_s=moments[4],
        cancelled_s=moments[5],
        distance_to_store_m=moments[6],
    )
    pools = [_Pool(plan.couriers, city * plan.couriers, rng) for city in range(len(CITIES))]
    accepted = np.flatnonzero(~np.isnan(cooked.accepted_s))
    for i in accepted[np.argsort(request_s[accepted], kind="stable")]:
        s = store[i]
        pools[stores.city[s]].ride(
            int(i), legs, request_s=float(request_s[i]), ready_s=float(cooked.ready_s[i]),
            store_xy=(float(stores.x_m[s]), float(stores.y_m[s])),
            customer_xy=(float(baskets.x_m[i]), float(baskets.y_m[i])),
            distance_m=float(baskets.distance_m[i]), pickup_s=float(pickup_s[i]),
            parking_s=float(parking_s[i]), traffic=(float(traffic[0, i]), float(traffic[1, i])),
            gives_up_s=float(gives_up_s[i]),
        )  # fmt: skip
    return legs


class _Pool:
    """The couriers of one city: where each is, when free, how fast, how good at parking."""

    def __init__(self, couriers: int, first: int, rng: np.random.Generator) -> None:
        self._first = first
        self._x_m = rng.uniform(-CITY_RADIUS_M, CITY_RADIUS_M, couriers) / 2.0
        self._y_m = rng.uniform(-CITY_RADIUS_M, CITY_RADIUS_M, couriers) / 2.0
        self._free_s = np.zeros(couriers)
        self._speed_m_s = 4.5 * rng.lognormal(0.0, 0.2, couriers)
        self._parking = rng.lognormal(0.0, 0.2, couriers)

    def ride(
        self,
        i: int,
        legs: Deliveries,
        *,
        request_s: float,
        ready_s: float,
        store_xy: tuple[float, float],
        customer_xy: tuple[float, float],
        distance_m: float,
        pickup_s: float,
        parking_s: float,
        traffic: tuple[float, float],
        gives_up_s: float,
    ) -> None:
        away_m = np.abs(self._x_m - store_xy[0]) + np.abs(self._y_m - store_xy[1])
        leaves_s = np.maximum(self._free_s, request_s)
        c = int(np.argmin(leaves_s + away_m / self._speed_m_s))
        assigned_s = float(leaves_s[c])
        at_store_s = assigned_s + float(away_m[c] / self._speed_m_s[c]) * traffic[0] + 20.0
        cancelled_s = legs.cancelled_s[i]
        picked_up_s = max(at_store_s, ready_s) + pickup_s
        if np.isnan(cancelled_s) and gives_up_s <= picked_up_s:
            cancelled_s = legs.cancelled_s[i] = gives_up_s
        ends_s = np.inf if np.isnan(cancelled_s) else float(cancelled_s)
        if assigned_s >= ends_s:
            return
        legs.courier[i] = self._first + c
        legs.assigned_s[i] = assigned_s
        legs.distance_to_store_m[i] = np.round(away_m[c])
        if at_store_s < ends_s:
            legs.at_store_s[i] = at_store_s
            self._x_m[c], self._y_m[c] = store_xy
        if ends_s < np.inf:
            self._free_s[c] = ends_s
            return
        at_customer_s = picked_up_s + distance_m / float(self._speed_m_s[c]) * traffic[1]
        legs.picked_up_s[i] = picked_up_s
        legs.at_customer_s[i] = at_customer_s
        legs.delivered_s[i] = at_customer_s + parking_s * float(self._parking[c])
        self._free_s[c] = legs.delivered_s[i]
        self._x_m[c], self._y_m[c] = customer_xy
