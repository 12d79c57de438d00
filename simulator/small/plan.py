"""What a synthetic city is made of: the numbers that a simulation starts from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from simulator.world.limits import check_between

MAX_STORES = 5_000
MAX_DAYS = 400
MAX_ORDERS_PER_STORE_DAY = 2_000.0
MAX_COURIERS_PER_CITY = 20_000

CITIES: tuple[tuple[str, str], ...] = (("BCN", "Europe/Madrid"), ("WAW", "Europe/Warsaw"))
"""Name and timezone of each city. Stores are dealt to them in turn."""


@dataclass(frozen=True, kw_only=True)
class CityPlan:
    """Size, span and seed of a simulation. Two equal plans give equal orders.

    Args:
        stores: stores over all cities, 1 to ``MAX_STORES``.
        days: length of the simulation, 1 to ``MAX_DAYS``.
        orders_per_store_day: mean orders of an average store on an average day, counted when
            they are activated (above 0).
        couriers_per_city: couriers on duty in each city, all day. None takes a number that is
            short in the busiest hours, so that food sometimes waits for a courier.
        start: first moment, timezone-aware.
        seed: seed of everything that is random, 0 or more.

    Raises:
        ValueError: a number outside its limits, or a naive ``start``.

    >>> plan = CityPlan(stores=10, days=2, seed=7)
    >>> (plan.end - plan.start).days
    2
    >>> CityPlan(stores=0)
    Traceback (most recent call last):
    ...
    ValueError: stores is 0; it must be between 1 and 5000
    """

    stores: int = 40
    days: int = 14
    orders_per_store_day: float = 45.0
    couriers_per_city: int | None = None
    start: datetime = datetime(2026, 3, 2, tzinfo=UTC)
    seed: int = 0

    def __post_init__(self) -> None:
        check_between("stores", self.stores, 1, MAX_STORES)
        check_between("days", self.days, 1, MAX_DAYS)
        check_between(
            "orders_per_store_day", self.orders_per_store_day, 0.1, MAX_ORDERS_PER_STORE_DAY
        )
        check_between("seed", self.seed, 0, 2**63 - 1)
        if self.couriers_per_city is not None:
            check_between("couriers_per_city", self.couriers_per_city, 1, MAX_COURIERS_PER_CITY)
        if self.start.tzinfo is None:
            raise ValueError(
                f"start is {self.start.isoformat()}, without a timezone; "
                "pass a timezone-aware datetime, such as datetime(2026, 3, 2, tzinfo=UTC)"
            )

    @property
    def end(self) -> datetime:
        """The moment after the last order could be activated."""
        return self.start + timedelta(days=self.days)

    @property
    def duration_s(self) -> float:
        """Seconds from start to end."""
        return self.days * 86_400.0

    @property
    def couriers(self) -> int:
        """Couriers on duty in each city."""
        if self.couriers_per_city is not None:
            return self.couriers_per_city
        stores_per_city = self.stores / min(len(CITIES), self.stores)
        busy_at_peak = stores_per_city * self.orders_per_store_day * _PEAK_HOUR_SHARE * _TOUR_H
        return max(2, round(_COURIER_SUPPLY * busy_at_peak))


_PEAK_HOUR_SHARE = 0.15  # of a day's orders, in its busiest hour
_TOUR_H = 0.5  # hours that one delivery occupies a courier
_COURIER_SUPPLY = 0.95  # couriers on duty per courier needed at the peak
