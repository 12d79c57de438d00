"""Derive each step's events of a running city from what has changed."""

from __future__ import annotations

from typing import Any

import numpy as np

from aggregators.events import Event
from aggregators.standard_sources import ORDERS
from simulator.engine import state as engine
from simulator.engine.city import City
from simulator.engine.state import NEVER, Orders, State
from simulator.records.imperfections import EVENT_OF_MOMENT, records_of
from simulator.records.sources import ROUTE_ID, orders_source
from simulator.records.stream import carried_by, plain_values, surroundings_of
from simulator.records.tables import courier_ids, order_table, route_ids, vehicles_of
from simulator.world.arrays import IntArray

__all__ = ["EventLog"]

_MOMENTS = np.array([EVENT_OF_MOMENT[name] for name in ORDERS.events])
_FIRST = ORDERS.events[0]
_ASSIGNED = "courier_assigned"


class EventLog:
    """The events of a city that runs, step by step.

    Args:
        city: the city, for the columns that events carry.
        orders: its orders from row ``first`` on, which the engine changes.
        state: at the moment from which events are told.
        first: number of the first of the orders.
        now_ms: that moment.
    """

    def __init__(self, city: City, orders: Orders, state: State, first: int, now_ms: int) -> None:
        source = orders_source(city.scenario.numbers)
        table = order_table(city, records_of(city)).iloc[first:]
        self._ids: list[str] = table[ORDERS.sample_id].to_list()
        self._facts = {name: plain_values(table[name]) for name in carried_by(source, _FIRST)}
        self._city = city
        self._couriers = courier_ids(city)
        self._vehicles = vehicles_of(city, np.arange(len(self._couriers)))
        self._start_us = round(city.scenario.start.timestamp() * 1e6)
        self._orders = orders
        self._reported = orders.moments.copy()
        self._placed = int(state.count[engine.NEXT_ARRIVAL])
        self._dropped = int(state.count[engine.N_DROPPED])
        started = np.arange(self._placed)
        self.open_rows: IntArray = started[orders.stands[: self._placed] == engine.OPEN]
        now_us = self._start_us + now_ms * 1_000
        self._around = [one for one in surroundings_of(city) if one[0] > now_us]
        self._around.reverse()

    def since_last(self, state: State, now_ms: int) -> list[Event]:
        """Return the events since the last call, by time, and update the open orders."""
        events = self._retracted_assignments(state)
        placed = int(state.count[engine.NEXT_ARRIVAL])
        rows = np.concatenate([self.open_rows, np.arange(self._placed, placed)])
        self._placed = placed
        now = self._orders.moments[:, rows]
        changed = (now != self._reported[:, rows]) & (now != NEVER)
        for k, name in zip(_MOMENTS, ORDERS.events, strict=True):
            events += [self._event(int(row), name) for row in rows[changed[k]]]
        self._reported[:, rows] = now
        self.open_rows = rows[self._orders.stands[rows] == engine.OPEN]
        events.sort(key=lambda event: event.recorded_us)
        now_us = self._start_us + now_ms * 1_000
        while self._around and self._around[-1][0] <= now_us:
            events.append(self._around.pop()[1])
        return events

    def _retracted_assignments(self, state: State) -> list[Event]:
        """Return the assignments that did not last, where not told, and their retractions."""
        events: list[Event] = []
        count = int(state.count[engine.N_DROPPED])
        for row, assigned, dropped, courier, away_m, route in state.dropped[self._dropped : count]:
            time_us = self._us(assigned)
            if self._reported[engine.ASSIGNED, row] != assigned:
                data = self._assigned(int(courier), float(away_m), int(route))
                events.append(Event(ORDERS.name, self._ids[row], _ASSIGNED, time_us, data))
            events.append(
                Event(ORDERS.name, self._ids[row], _ASSIGNED, time_us, {}, self._us(dropped), True)
            )
            self._reported[engine.ASSIGNED, row] = NEVER
        self._dropped = count
        return events

    def _event(self, row: int, name: str) -> Event:
        data: dict[str, Any] = {}
        if name == _FIRST:
            data = {column: values[row] for column, values in self._facts.items()}
        elif name == _ASSIGNED:
            courier = int(self._orders.courier[row])
            away_m, route = float(self._orders.to_store_m[row]), int(self._orders.route[row])
            data = self._assigned(courier, away_m, route)
        time_us = self._us(self._orders.moments[EVENT_OF_MOMENT[name], row])
        return Event(ORDERS.name, self._ids[row], name, time_us, data)

    def _assigned(self, courier: int, away_m: float, route: int) -> dict[str, Any]:
        """Return the columns of the courier that an assignment makes known."""
        data: dict[str, Any] = {
            "courier_id": self._couriers[courier],
            "distance_to_store_m": away_m,
            "vehicle": self._vehicles[courier],
        }
        if self._city.scenario.numbers.stacks:
            data[ROUTE_ID] = route_ids(self._city, np.array([route]))[0]
        return data

    def _us(self, moment_ms: int) -> int:
        return self._start_us + int(moment_ms) * 1_000
