"""The orders on which everything here is measured: seeded, and as dense as a real marketplace's.

2,000 stores in 20 cities take about 30 orders each a day with peaks at noon and in the evening, so
a longer table is a longer time, not a busier one. All times are whole seconds, as many systems log
them: ties do occur, and peers that keep seconds as floats represent every moment exactly.

This module needs numpy alone, because the peers' environments import it too.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MISSING_S = np.iinfo(np.int64).min
"""The time of an event that has not happened (numpy's NaT has the same bits)."""

EVENTS = (
    "activated",
    "dispatched",
    "accepted",
    "ready",
    "courier_assigned",
    "courier_at_store",
    "picked_up",
    "courier_at_customer",
    "delivered",
    "cancelled",
)
START_S = 1_735_689_600
"""2025-01-01 00:00 UTC."""

DAY_S = 86_400
HOUR_WEIGHTS = np.array(
    [2, 1, 1, 1, 1, 1, 2, 4, 6, 8, 12, 30, 45, 35, 18, 12, 14, 25, 50, 60, 48, 28, 12, 5], float
)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How large the marketplace is; `orders` sets how many days are drawn."""

    orders: int
    stores: int = 2_000
    cities: int = 20
    zones_per_city: int = 10
    couriers_per_city: int = 300
    orders_per_store_and_day: float = 30.0
    cancelled_share: float = 0.03
    text_ids: bool = False
    seed: int = 20_250_101

    @property
    def days(self) -> int:
        """Days over which the orders spread."""
        return max(1, round(self.orders / (self.stores * self.orders_per_store_and_day)))


def columns(shape: Shape) -> dict[str, npt.NDArray[Any]]:
    """Orders as plain arrays: ids and numbers, and per event int64 seconds (`MISSING_S`).

    Rows stand in the order of activation, as in a table to which orders were appended.

    Example:
        >>> table = columns(Shape(orders=1_000, stores=10, cities=2))
        >>> len(table["store_id"]), bool(np.all(np.diff(table["activated"]) >= 0))
        (1000, True)
    """
    rng = np.random.default_rng(shape.seed)
    table = _who_and_what(rng, shape)
    times = _times(rng, shape, table)
    _cancel(rng, shape, times)
    for event in EVENTS:
        table[event] = times[event]
    if shape.text_ids:
        table["order_id"] = np.char.mod("order-%08d", table["order_id"])
        table["store_id"] = np.char.mod("store-%05d", table["store_id"])
    return table


def orders_table(shape: Shape) -> "pd.DataFrame":
    """The same orders as a pandas table: UTC datetimes, city names, integer ids."""
    import pandas as pd

    arrays: dict[str, Any] = dict(columns(shape))
    for event in EVENTS:
        seconds = arrays[event]
        micros = np.where(seconds == MISSING_S, MISSING_S, seconds * 1_000_000)
        arrays[event] = pd.DatetimeIndex(micros.view("M8[us]")).tz_localize("UTC")
    names = np.array([f"city-{number:02d}" for number in range(shape.cities)])
    arrays["city"] = pd.array(names, dtype="str").take(arrays["city"])
    return pd.DataFrame(arrays, copy=False)


def _who_and_what(rng: np.random.Generator, shape: Shape) -> dict[str, npt.NDArray[Any]]:
    popularity = rng.lognormal(0.0, 0.7, shape.stores)
    store = rng.choice(shape.stores, shape.orders, p=popularity / popularity.sum())
    city = store % shape.cities
    zone = city * shape.zones_per_city + rng.integers(0, shape.zones_per_city, shape.orders)
    courier = city * shape.couriers_per_city + rng.integers(
        0, shape.couriers_per_city, shape.orders
    )
    products = 1 + rng.poisson(2.2, shape.orders)
    return {
        "order_id": np.arange(shape.orders, dtype=np.int64),
        "store_id": store.astype(np.int64),
        "courier_id": courier.astype(np.int64),
        "city": city.astype(np.int64),
        "zone": zone.astype(np.int64),
        "amount": np.round(products * rng.gamma(9.0, 0.9, shape.orders), 2),
        "products": products.astype(np.int64),
        "distance_m": np.round(rng.gamma(3.0, 700.0, shape.orders) + 150.0),
        "distance_to_store_m": np.round(rng.gamma(2.0, 450.0, shape.orders) + 20.0),
    }


def _activation_times(rng: np.random.Generator, shape: Shape) -> Ints:
    hour = rng.choice(24, shape.orders, p=HOUR_WEIGHTS / HOUR_WEIGHTS.sum())
    day = rng.integers(0, shape.days, shape.orders)
    second = rng.integers(0, 3_600, shape.orders)
    return np.sort(START_S + day * DAY_S + hour * 3_600 + second).astype(np.int64)


def _times(
    rng: np.random.Generator, shape: Shape, table: dict[str, npt.NDArray[Any]]
) -> dict[str, Ints]:
    n = shape.orders

    def about(median_s: float, spread: float) -> Ints:
        return np.rint(rng.lognormal(np.log(median_s), spread, n)).astype(np.int64)

    kitchen_s = rng.lognormal(np.log(540.0), 0.35, shape.stores)[table["store_id"]]
    speed_m_s = rng.normal(5.0, 0.8, shape.cities * shape.couriers_per_city).clip(2.5, 9.0)
    ride_m_s = speed_m_s[table["courier_id"]] * rng.lognormal(0.0, 0.2, n)
    activated = _activation_times(rng, shape)
    dispatched = activated + about(25.0, 0.6)
    accepted = dispatched + about(45.0, 0.9)
    cooking_s = kitchen_s * rng.lognormal(0.0, 0.35, n) + 25.0 * table["products"]
    ready = accepted + np.rint(cooking_s).astype(np.int64)
    assigned = dispatched + about(110.0, 0.8)
    at_store = assigned + np.rint(table["distance_to_store_m"] / ride_m_s).astype(np.int64) + 30
    picked_up = np.maximum(ready, at_store) + about(60.0, 0.5)
    at_customer = picked_up + np.rint(table["distance_m"] / ride_m_s).astype(np.int64) + 45
    return {
        "activated": activated,
        "dispatched": dispatched,
        "accepted": accepted,
        "ready": ready,
        "courier_assigned": assigned,
        "courier_at_store": at_store,
        "picked_up": picked_up,
        "courier_at_customer": at_customer,
        "delivered": at_customer + about(120.0, 0.6),
        "cancelled": np.full(n, MISSING_S, dtype=np.int64),
    }


def _cancel(rng: np.random.Generator, shape: Shape, times: dict[str, Ints]) -> None:
    """Let some orders end before the handover: what would have come later has not happened."""
    chosen = np.flatnonzero(rng.random(shape.orders) < shape.cancelled_share)
    start, end = times["activated"][chosen], times["delivered"][chosen]
    at = start + 1 + ((end - start) * rng.random(len(chosen))).astype(np.int64)
    times["cancelled"][chosen] = at
    for event in EVENTS[1:-1]:
        happened = times[event][chosen]
        times[event][chosen] = np.where(happened < at, happened, MISSING_S)
