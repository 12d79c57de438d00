"""Simulate all cities of a scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import pandas as pd

from aggregators.events import Event, Source
from simulator.engine.city import City, make_city
from simulator.records.imperfections import Records, records_of
from simulator.records.sources import sources_of
from simulator.records.stream import events_of_records
from simulator.records.tables import local_event_table, order_table, true_table, weather_table
from simulator.truth.futures import Truth, truth_of
from simulator.world.scenario import Scenario

__all__ = ["Simulation", "simulate_cities"]

Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False, repr=False)
class Simulation:
    """The cities of a scenario after a simulation, as recorded and in truth.

    Made by :func:`simulate_cities`.

    >>> from simulator import Scenario, simulate_cities
    >>> simulation = simulate_cities(Scenario(cities=1, days=1, orders=200))
    >>> sorted(simulation.tables)
    ['local_events', 'orders', 'weather']
    """

    scenario: Scenario
    cities: tuple[City, ...]

    def __len__(self) -> int:
        return sum(len(city) for city in self.cities)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources of the events: the standard ones, with the facts of the scenario's nature."""
        return sources_of(self.scenario.numbers)

    @cached_property
    def records(self) -> tuple[Records, ...]:
        """What was recorded of each city's orders, with the scenario's imperfections."""
        return tuple(records_of(city) for city in self.cities)

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """A table for each of ``simulator.SOURCES``, as all that was recorded in the end says it.

        Orders are sorted by activation, over all cities; events are datetimes in UTC, NaT: never.
        """
        return {
            "orders": _together(
                [order_table(city, records) for city, records in self._recorded()], "activated"
            ),
            "weather": _together([weather_table(city) for city in self.cities], "observed"),
            "local_events": _together([local_event_table(city) for city in self.cities], "started"),
        }

    @cached_property
    def truth_table(self) -> pd.DataFrame:
        """What really happened to every order, and what nobody records.

        One row per order, in the order of ``tables["orders"]``. Beside the ten events:
        ``cooking`` (when it came out of the line), ``courier_requested``, ``cause`` of a
        cancellation, ``offers`` (couriers asked) and ``store_age_days``.
        """
        return _together([true_table(city) for city in self.cities], "activated")

    def events(
        self, *, after: datetime | None = None, before: datetime | None = None
    ) -> Iterator[Event]:
        """Yield the events of all sources and cities in the order in which they arrive.

        With imperfections, some arrive late, twice, never, or wrong at first. An order that a
        courier gave back has its assignment retracted and, later, another one.

        Args:
            after: only events that arrive at this moment or later; timezone-aware.
            before: only events that arrive earlier than this moment; timezone-aware.
        """
        return events_of_records(self.cities, self.records, after=after, before=before)

    def truth(
        self, order_id: str | Sequence[str], as_of: datetime, *, draws: int = 200
    ) -> dict[str, Truth]:
        """Return the true distribution of what is still to come for orders, at a moment.

        The city goes on ``draws`` times from the state that it has at ``as_of``, each time with
        another future. See :class:`simulator.truth.futures.Truth` and docs/simulator.md.

        Args:
            order_id: one order, or several of one city; all must have been placed by ``as_of``.
            as_of: the moment, timezone-aware. What happens at this very moment is known.
            draws: number of futures, at least 1.

        Raises:
            ValueError: an unknown order, one that is not placed yet, or orders of several cities.
        """
        ids = [order_id] if isinstance(order_id, str) else list(order_id)
        city = self._city_of(ids)
        return truth_of(city, ids, as_of, draws=draws)

    def _city_of(self, ids: Sequence[str]) -> City:
        names = {order_id.partition("-")[0] for order_id in ids}
        found = [city for city in self.cities if city.name in names]
        if len(found) != 1 or len(names) != 1:
            known = ", ".join(city.name for city in self.cities)
            raise ValueError(
                f"the orders are of {', '.join(sorted(names)) or 'no city'}; expected orders of one"
                f" of {known}"
            )
        return found[0]

    def _recorded(self) -> Iterator[tuple[City, Records]]:
        return zip(self.cities, self.records, strict=True)


def simulate_cities(scenario: Scenario, progress: Progress | None = None) -> Simulation:
    """Simulate the cities of a scenario.

    The same scenario gives the same cities, event by event. The first call after an installation
    compiles the engine, which takes half a minute.

    Args:
        scenario: what to simulate.
        progress: called with the name of a stage and the part of it that is done, 0.0 to 1.0.

    >>> from simulator import Scenario
    >>> simulation = simulate_cities(Scenario(cities=1, days=1, orders=200))
    >>> orders = simulation.tables["orders"]
    >>> bool((orders["delivered"].dropna() > orders["activated"].min()).all())
    True
    """
    cities = []
    for index, profile in enumerate(scenario.profiles):
        stage = f"simulate {profile.name}"

        def report(done: float, stage: str = stage) -> None:
            if progress is not None:
                progress(stage, done)

        report(0.0)
        cities.append(make_city(scenario, index, report))
    return Simulation(scenario, tuple(cities))


def _together(parts: list[pd.DataFrame], event: str) -> pd.DataFrame:
    table = pd.concat(parts, ignore_index=True)
    order = np.argsort(table[event].to_numpy("datetime64[us]"), kind="stable")
    return table.take(order).reset_index(drop=True)
