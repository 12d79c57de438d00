"""Simulate the small cities whose moments are compared with those of a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from simulator.moments import Moment, moments_of
from simulator.moments.table import FIRST_EVENTS
from simulator.simulation import simulate_cities
from simulator.world.nature import Nature
from simulator.world.scenario import (
    CITY_PROFILES,
    MAX_STORES_PER_CITY,
    MIN_STORES_PER_CITY,
    Scenario,
)

__all__ = ["Trials", "scenario_like"]

DAYS = (7, 28)
TRIAL_ORDERS = (20_000, 120_000)
"""Bounds of a trial: with fewer, chance moves the moments; with more, a fit takes too long."""
TABLES = 2
"""Orders of a trial for each of the table: its moments are then more certain than the table's."""


@dataclass(frozen=True)
class Trials:
    """Cities of one scenario that differ by their nature alone.

    All have the same seed, and every draw is a function of the order and its purpose: the moments
    of two natures differ by the natures, hardly by chance (common random numbers).

    Args:
        scenario: size, span and seed.
        columns: of the table; others are dropped, so that both have the same moments.
    """

    scenario: Scenario
    columns: frozenset[str]

    @classmethod
    def of(cls, scenario: Scenario, columns: Iterable[str]) -> Trials:
        """Return trials that record the columns of a table, and the city."""
        return cls(scenario, frozenset({*columns, "city"}))

    def moments(self, nature: Nature) -> dict[str, Moment]:
        """Return the moments of a city with this nature."""
        scenario = replace(self.scenario, nature=nature)
        orders = simulate_cities(scenario).tables["orders"]
        zones = {profile.name: profile.timezone for profile in scenario.profiles}
        known = orders[[name for name in orders.columns if name in self.columns]]
        return moments_of(known, timezone_by="city", timezones=zones)


def scenario_like(
    orders: pd.DataFrame, *, seed: int, limits: tuple[int, int] = TRIAL_ORDERS
) -> Scenario:
    """Return a scenario with as many orders per store and day as a table has.

    Args:
        orders: with ``store_id`` and ``city`` where they are known, and one of ``FIRST_EVENTS``.
        seed: of the cities.
        limits: least and greatest number of orders; between them ``TABLES`` times the table's.

    Raises:
        ValueError: the table has none of ``FIRST_EVENTS``.
    """
    event = next((name for name in FIRST_EVENTS if name in orders.columns), None)
    if event is None:
        raise ValueError(f"the table has none of the events {', '.join(FIRST_EVENTS)}")
    span = orders[event].max() - orders[event].min()
    table_days = max(span.total_seconds() / 86_400.0, 1.0)
    days = min(max(round(table_days), DAYS[0]), DAYS[1])
    n = min(max(TABLES * len(orders), limits[0]), limits[1])
    n_cities = orders["city"].nunique() if "city" in orders.columns else 1
    cities = min(max(n_cities, 1), len(CITY_PROFILES))
    if "store_id" not in orders.columns:
        return Scenario(cities=cities, days=days, orders=n, seed=seed)
    per_day = len(orders) / table_days / max(orders["store_id"].nunique(), 1)
    stores = round(n / (cities * days * per_day))
    return Scenario(
        cities=cities,
        days=days,
        orders=n,
        stores_per_city=min(max(stores, MIN_STORES_PER_CITY), MAX_STORES_PER_CITY),
        seed=seed,
    )
