"""Declare what is simulated: size, span, switches, city profiles and seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from simulator.world.limits import check_between
from simulator.world.nature import Nature, nature_of
from simulator.world.regimes import Regime

__all__ = ["CITY_PROFILES", "CityProfile", "Imperfections", "Scenario"]

MAX_DAYS = 400
MAX_ORDERS = 20_000_000
MAX_STORES_PER_CITY = 5_000
MAX_NEW_STORE_SHARE = 0.9
ORDERS_PER_STORE_DAY = 42.0
"""Orders of an average store on an average day, where the number of stores is left open."""
DEFAULT_STORES_PER_CITY = 60
MIN_STORES_PER_CITY = 4


@dataclass(frozen=True, kw_only=True)
class CityProfile:
    """The properties in which cities differ.

    Args:
        name: value of the dimension ``city``.
        timezone: IANA name; demand, traffic and opening hours follow the local clock.
        meals_later_h: how much later than noon and seven people eat.
        wet_share: share of the time in which it rains.
        mean_temperature_c: over the simulated season.
        wind_m_s: mean wind speed.
        vehicles: share of bicycles, scooters and cars among the couriers; sums to 1.
        bridges: streets that cross the river.
        size: demand relative to the other cities.
    """

    name: str
    timezone: str
    meals_later_h: float
    wet_share: float
    mean_temperature_c: float
    wind_m_s: float
    vehicles: tuple[float, float, float]
    bridges: int
    size: float


CITY_PROFILES = (
    CityProfile(
        name="BCN", timezone="Europe/Madrid", meals_later_h=1.5, wet_share=0.07,
        mean_temperature_c=15.0, wind_m_s=3.5, vehicles=(0.4, 0.5, 0.1), bridges=6, size=1.3,
    ),
    CityProfile(
        name="WAW", timezone="Europe/Warsaw", meals_later_h=0.0, wet_share=0.13,
        mean_temperature_c=6.0, wind_m_s=4.0, vehicles=(0.35, 0.2, 0.45), bridges=4, size=1.1,
    ),
    CityProfile(
        name="LIS", timezone="Europe/Lisbon", meals_later_h=0.75, wet_share=0.1,
        mean_temperature_c=15.5, wind_m_s=4.8, vehicles=(0.15, 0.65, 0.2), bridges=3, size=0.9,
    ),
    CityProfile(
        name="MIL", timezone="Europe/Rome", meals_later_h=0.5, wet_share=0.11,
        mean_temperature_c=10.5, wind_m_s=1.8, vehicles=(0.6, 0.25, 0.15), bridges=5, size=1.0,
    ),
    CityProfile(
        name="BUH", timezone="Europe/Bucharest", meals_later_h=0.25, wet_share=0.12,
        mean_temperature_c=8.0, wind_m_s=2.8, vehicles=(0.15, 0.25, 0.6), bridges=4, size=0.7,
    ),
)  # fmt: skip
"""The cities that there are; a scenario takes the first of them."""


@dataclass(frozen=True, kw_only=True)
class Imperfections:
    """What goes wrong between what happens and what is recorded. Each share is off at 0.

    Args:
        late_share: events that arrive late, by ``late_mean_s`` on average (exponential).
        late_mean_s: see there.
        duplicate_share: events that are delivered twice or more.
        missing_share: events that never arrive; the first of a sample's life always does.
        corrected_share: events whose first record is wrong by ``correction_s`` (standard
            deviation) and is put right minutes later.
        correction_s: see there.
        ready_missing_share: orders for which nobody presses the `ready` button, on average;
            stores differ.
        ready_late_share: orders for which it is pressed when the courier stands there, or minutes
            late; stores differ.
        clock_skew_s: standard deviation of how wrong the clock of a tablet or a phone is.

    Raises:
        ValueError: a share outside [0, 1], or a negative duration.

    >>> Imperfections.typical().late_share
    0.02
    >>> Imperfections(late_share=2.0)
    Traceback (most recent call last):
    ...
    ValueError: late_share is 2.0; it must be between 0.0 and 1.0
    """

    late_share: float = 0.0
    late_mean_s: float = 240.0
    duplicate_share: float = 0.0
    missing_share: float = 0.0
    corrected_share: float = 0.0
    correction_s: float = 120.0
    ready_missing_share: float = 0.0
    ready_late_share: float = 0.0
    clock_skew_s: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name.endswith("_share"):
                check_between(name, value, 0.0, 1.0)
            else:
                check_between(name, value, 0.0, 86_400.0)

    @classmethod
    def typical(cls) -> Imperfections:
        """Return the imperfections of an ordinary day at a marketplace."""
        return cls(
            late_share=0.02,
            duplicate_share=0.01,
            missing_share=0.004,
            corrected_share=0.005,
            ready_missing_share=0.12,
            ready_late_share=0.2,
            clock_skew_s=2.0,
        )

    @property
    def none(self) -> bool:
        """Whether everything is recorded as it happened."""
        shares = [value for name, value in vars(self).items() if name.endswith("_share")]
        return not any(shares) and self.clock_skew_s == 0.0


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Size, span, switches and seed. Two equal scenarios give the same cities, event by event.

    Args:
        cities: how many of ``CITY_PROFILES``, 1 to 5.
        days: length, 1 to 400; orders are placed from ``start`` on for so long.
        orders: expected number of orders over all cities; what comes differs by chance. None takes
            ``ORDERS_PER_STORE_DAY`` for every store.
        stores_per_city: 4 to 5,000. None follows from ``orders``.
        start: first moment, timezone-aware.
        seed: seed of everything random, 0 or more.
        new_store_share: stores that open only after the start, 0 to 0.9.
        courier_supply: couriers on duty, relative to what an ordinary hour needs, 0.3 to 3.
        shock_day: day (0 is the first) on which a shock begins, as a pandemic would: within four
            days demand and all times change, and stay so. None: no shock.
        imperfections: what goes wrong in the records.
        nature: how kitchens, demand and traffic are: a name of ``simulator.world.nature.NATURES``,
            or a :class:`Nature` with numbers of its own.
        regimes: what changes from a day on; see :mod:`simulator.world.regimes`.

    Raises:
        ValueError: a number outside its limits, an unknown nature, or a naive ``start``.
        TypeError: a regime that is none.

    >>> scenario = Scenario(cities=2, days=7, orders=10_000)
    >>> scenario.n_stores
    17
    >>> Scenario(cities=9)
    Traceback (most recent call last):
    ...
    ValueError: cities is 9; it must be between 1 and 5
    """

    cities: int = 5
    days: int = 28
    orders: int | None = None
    stores_per_city: int | None = None
    start: datetime = datetime(2026, 3, 2, tzinfo=UTC)
    seed: int = 0
    new_store_share: float = 0.15
    courier_supply: float = 1.0
    shock_day: int | None = None
    imperfections: Imperfections = field(default_factory=Imperfections)
    nature: Nature | str = "lively"
    regimes: tuple[Regime, ...] = ()

    def __post_init__(self) -> None:
        check_between("cities", self.cities, 1, len(CITY_PROFILES))
        check_between("days", self.days, 1, MAX_DAYS)
        check_between("seed", self.seed, 0, 2**63 - 1)
        check_between("new_store_share", self.new_store_share, 0.0, MAX_NEW_STORE_SHARE)
        check_between("courier_supply", self.courier_supply, 0.3, 3.0)
        if self.orders is not None:
            check_between("orders", self.orders, 1, MAX_ORDERS)
        if self.stores_per_city is not None:
            check_between(
                "stores_per_city", self.stores_per_city, MIN_STORES_PER_CITY, MAX_STORES_PER_CITY
            )
        if self.shock_day is not None:
            check_between("shock_day", self.shock_day, 0, MAX_DAYS)
        if self.start.tzinfo is None:
            raise ValueError(
                f"start is {self.start.isoformat()}, without a timezone; "
                "pass a timezone-aware datetime, such as datetime(2026, 3, 2, tzinfo=UTC)"
            )
        nature_of(self.nature)
        for regime in self.regimes:
            if not isinstance(regime, Regime):
                raise TypeError(
                    f"regimes has {regime!r}; expected regimes, such as Creep(from_day=7)"
                )

    @property
    def numbers(self) -> Nature:
        """The numbers of the scenario's nature."""
        return nature_of(self.nature)

    @property
    def profiles(self) -> tuple[CityProfile, ...]:
        """The cities of the scenario."""
        return CITY_PROFILES[: self.cities]

    @property
    def n_stores(self) -> int:
        """Stores of each city."""
        if self.stores_per_city is not None:
            return self.stores_per_city
        if self.orders is None:
            return DEFAULT_STORES_PER_CITY
        wanted = round(self.orders / (self.days * self.cities * ORDERS_PER_STORE_DAY))
        return min(max(wanted, MIN_STORES_PER_CITY), MAX_STORES_PER_CITY)

    def expected_orders(self, city: int) -> float:
        """Return how many orders a city is expected to place."""
        total = self.orders
        if total is None:
            return self.n_stores * self.days * ORDERS_PER_STORE_DAY * self.profiles[city].size
        return total * self.profiles[city].size / sum(profile.size for profile in self.profiles)

    @property
    def end(self) -> datetime:
        """The moment after the last order can be placed."""
        return self.start + timedelta(days=self.days)
