"""Simulate the city of the demo: its past, and its live hour step by step."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aggregators import Event
from estimators.datasets import Dataset, cities_dataset
from simulator import ORDERS, Scenario, Simulation, simulate_cities
from simulator.dispatch import DispatchedCity, nearest
from simulator.world.couriers import VEHICLES

if TYPE_CHECKING:
    from estimators.core.typing import FloatArray, IntArray
    from simulator.engine.city import City

__all__ = ["DemoCity", "known_at", "make_demo_city", "send_nearest"]

LIVE_FROM_H = 18.75
"""Hours of the last day, UTC, at which the live hour begins: people are about to have dinner."""
COURIER_SUPPLY = 1.3
"""More couriers than an ordinary hour needs, so that there are some to choose from."""
PAST_STEP = timedelta(seconds=30)
FACTS = ("store_id", "store_category", "city", "zone", "store_zone", "building", "floor",
         "amount", "products", "distance_m")  # fmt: skip
"""What a platform knows of an order when it is placed, and callers say."""


@dataclass(eq=False)
class DemoCity:
    """A city that stands at the beginning of its live hour.

    Args:
        simulation: the city with the platform's own choice of couriers.
        running: the same city, up to now, from here on with couriers chosen from outside.
        baseline: once more the same, to send the nearest courier in: what to compare with.
        past: all events until now, by time.
        now: the moment at which the live hour begins.
    """

    simulation: Simulation
    running: DispatchedCity
    baseline: DispatchedCity
    past: list[Event]
    now: datetime
    live: list[Event] = field(default_factory=list)

    @property
    def city(self) -> City:
        """The city as it was simulated."""
        return self.simulation.cities[0]

    @cached_property
    def orders(self) -> pd.DataFrame:
        """The facts of all orders by id, also of those that are still to come."""
        table = self.simulation.tables["orders"][[ORDERS.sample_id, *FACTS]]
        return table.set_index(ORDERS.sample_id)

    def facts(self, order_id: str) -> dict[str, Any]:
        """Return what a caller says of an order."""
        row = self.orders.loc[order_id]
        return {name: value.item() if isinstance(value := row[name], np.generic) else value
                for name in FACTS}  # fmt: skip

    @cached_property
    def stores(self) -> list[str]:
        """The ids of all stores that have orders."""
        return sorted(set(self.orders["store_id"]))

    def store_facts(self, store_id: str) -> dict[str, Any]:
        """Return what a caller says of a store."""
        return self._of_store[store_id]

    def distance_m(self, store_id: str, order_id: str) -> float:
        """Return the metres along streets from a store to the customer of an order."""
        city, row = self.city, int(order_id[-7:])
        start = city.world.store_node[int(store_id[-4:])]
        way_m = city.world.distance_m[1, start, city.orders.node[row]]
        return float(round(way_m + city.orders.extra_m[row]))

    def placed_s(self, orders: IntArray) -> FloatArray:
        """Return when orders were placed, by number, in seconds since the epoch."""
        placed_s = self.city.orders.activated_ms[orders] / 1_000.0
        return np.asarray(placed_s + self.city.scenario.start.timestamp())

    @cached_property
    def _of_store(self) -> dict[str, dict[str, Any]]:
        columns = ["store_id", "store_category", "store_zone"]
        table = self.orders[columns].drop_duplicates("store_id")
        return {
            str(row["store_id"]): {name: row[name] for name in columns[1:]}
            for row in table.to_dict("records")
        }

    def vehicle(self, courier_id: str) -> str:
        """Return what a courier rides."""
        return VEHICLES[int(self.city.couriers.vehicle[int(courier_id[-5:])])]

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return all tables as they are now."""
        return Simulation(self.simulation.scenario, (self.running.result(),)).tables

    def dataset(self) -> Dataset:
        """Return what is known when the live hour begins, to learn from."""
        scenario = self.simulation.scenario
        tables = dict(self.tables())
        tables["orders"] = known_at(tables["orders"], self.now)
        return cities_dataset(
            tables,
            start=pd.Timestamp(scenario.start),
            days=scenario.days - 1,
            timezones={profile.name: profile.timezone for profile in scenario.profiles},
        )

    def go_on(self, moment: datetime) -> list[Event]:
        """Run the city to a moment and return its events."""
        events = self.running.run_to(moment)
        self.live += events
        self.baseline.run_to(moment)
        send_nearest(self.baseline)
        return events


def make_demo_city(*, days: int, orders_per_day: int, seed: int) -> DemoCity:
    """Simulate a city and let its last day run until its live hour begins."""
    scenario = Scenario(cities=1, days=days + 1, orders=(days + 1) * orders_per_day,
                        courier_supply=COURIER_SUPPLY, seed=seed)  # fmt: skip
    simulation = simulate_cities(scenario)
    running = DispatchedCity(simulation.cities[0], day=days)
    past = list(simulation.events(before=running.now + timedelta(milliseconds=1)))
    begins = scenario.start + timedelta(days=days, hours=LIVE_FROM_H)
    # Some of what has happened arrives a moment later; the running city does not tell it again.
    late = simulation.events(after=running.now, before=running.now + timedelta(hours=1))
    now_us = round(running.now.timestamp() * 1e6)
    past += [event for event in late if event.time_us <= now_us]
    while running.now < begins:
        past += running.run_to(min(running.now + PAST_STEP, begins))
        send_nearest(running)
    # The simulated city itself is not changed by what runs in it: it is not copied.
    baseline = deepcopy(running, {id(running.city): running.city})
    return DemoCity(simulation, running, baseline, past, begins)


def send_nearest(city: DispatchedCity) -> None:
    """Offer each order whose time has come to the nearest courier who has nothing to do."""
    waiting = city.round()
    if len(waiting.orders) and len(waiting.couriers):
        city.offer(nearest(waiting), waiting)


def known_at(orders: pd.DataFrame, moment: datetime) -> pd.DataFrame:
    """Return the orders as they were known at a moment, without later events."""
    cut = pd.Timestamp(moment)
    known = orders[orders["activated"] < cut].copy()
    for event in ORDERS.events:
        known[event] = known[event].where(known[event] < cut)
    for column in (name for name in ORDERS.data_columns if name in known):
        event = ORDERS.known_from_event(column)
        known[column] = known[column].where(known[event].notna())
    return known
