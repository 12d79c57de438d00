"""Run a city step by step, with couriers that a caller assigns.

The city is one that has been simulated already. From the beginning of one of its days it runs once
more: the same customers, baskets, kitchens, weather and streets, and the same chance for every
order (each draw is a function of the order and of what it is for). Only who is asked to carry what
is decided by the caller, so that two ways of deciding are compared on one city.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from aggregators.events import Event
from simulator.engine import state as engine
from simulator.engine.assignment import offer
from simulator.engine.city import City, run_until
from simulator.engine.compiled import compiled
from simulator.engine.rides import ride_s, store_stop_s
from simulator.engine.run import SPARE
from simulator.engine.snapshots import copy_of, doubled, fresh_orders, joined, part_of
from simulator.engine.state import NEVER, Orders, State, World
from simulator.records.dispatch_events import EventLog
from simulator.world.arrays import BoolArray, FloatArray, IntArray

__all__ = ["Decide", "DispatchedCity", "Round", "dispatch", "nearest"]

STEP_S = 5.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Round:
    """The orders and couriers that wait at a moment, with what is known of them.

    Orders and couriers are numbered as in the city: ``city.orders`` and ``city.couriers``, and the
    digits at the end of their ids.

    Args:
        as_of: the moment.
        orders: accepted orders without a courier, by acceptance, shape (n_orders,).
        requested: whether the store's usual lead time has passed, so that a courier is wanted.
        couriers: couriers on duty who have nothing to do, shape (n_couriers,).
        idle_s: seconds for which each has had nothing to do.
        distance_m: metres that each would ride to each store, shape (n_orders, n_couriers).
    """

    as_of: datetime
    orders: IntArray
    requested: BoolArray
    couriers: IntArray
    idle_s: FloatArray
    distance_m: FloatArray


Decide = Callable[[Round], Sequence[tuple[int, int]]]
"""Returns who is offered what: pairs of an index into ``orders`` and one into ``couriers``."""


class DispatchedCity:
    """A city that runs from the beginning of a day and leaves the choice of couriers to its caller.

    Args:
        city: a simulated city; it is not changed.
        day: the day from which it goes on (at 4:00 UTC, the first one at its very beginning).

    Raises:
        ValueError: the city has no such day.

    >>> from simulator import Scenario, simulate_cities
    >>> city = simulate_cities(Scenario(cities=1, days=1, orders=200)).cities[0]
    >>> running = DispatchedCity(city)
    >>> events = running.run_to(running.now + timedelta(hours=14))
    >>> waiting = running.round()
    >>> running.offer([(0, int(waiting.distance_m[0].argmin()))], waiting)
    >>> any(event.event == "courier_assigned" for event in events)
    False
    """

    def __init__(self, city: City, *, day: int = 0) -> None:
        if not 0 <= day < len(city.checkpoints):
            raise ValueError(f"day is {day}; expected 0 to {len(city.checkpoints) - 1}")
        checkpoint = city.checkpoints[day]
        placed = checkpoint.first + len(checkpoint.orders.number)
        self.city = city
        self.first = checkpoint.first
        self._world: World = city.world
        self._orders: Orders = joined(
            checkpoint.orders, fresh_orders(city.orders, slice(placed, None))
        )
        self._state: State = copy_of(checkpoint.state)
        self._state.count[engine.DECIDED_OUTSIDE] = 1
        # Who waited for a courier is known by the order's own moments.
        self._state.count[engine.N_WAITING] = 0
        self._now_ms = checkpoint.at_ms - 1
        self._log = EventLog(city, self._orders, self._state, self.first, self._now_ms)

    @property
    def now(self) -> datetime:
        """The moment up to which everything has happened."""
        return self._at(self._now_ms)

    def run_to(self, moment: datetime) -> list[Event]:
        """Let everything happen up to a moment, that moment included.

        Returns:
            The events of all sources that have happened meanwhile, by time. An assignment that did
            not last is followed by its retraction.
        """
        self._now_ms = round((moment - self.city.scenario.start).total_seconds() * 1_000)
        self._state = run_until(
            self._world, self._orders, self._state, self.city.key, self._now_ms, False
        )
        return self._log.since_last(self._state, self._now_ms)

    def round(self) -> Round:
        """Return who waits now: orders for a courier, couriers for an order."""
        orders, state = self._orders, self._state
        rows = self._log.open_rows
        moments = orders.moments
        wants = (
            (moments[engine.ACCEPTED, rows] != NEVER)
            & (orders.courier[rows] < 0)
            & (orders.offered_to[rows] < 0)
            & (orders.stands[rows] == engine.OPEN)
        )
        rows = rows[wants]
        rows = rows[np.argsort(moments[engine.ACCEPTED, rows], kind="stable")]
        couriers = np.flatnonzero(state.status == engine.IDLE)
        bound = np.where(self._world.vehicle[couriers] == 0, 0, 1)
        nodes = self._world.store_node[orders.store[rows]]
        return Round(
            as_of=self.now,
            orders=rows + self.first,
            requested=moments[engine.REQUESTED, rows] != NEVER,
            couriers=couriers,
            idle_s=(self._now_ms - state.idle_since_ms[couriers]) / 1_000.0,
            distance_m=self._world.distance_m[bound, self._places(couriers), nodes[:, np.newaxis]],
        )

    def offer(self, pairs: Sequence[tuple[int, int]], waiting: Round) -> None:
        """Ask couriers to take orders; each answers after some seconds, and may refuse.

        Raises:
            ValueError: an order or a courier stands in two pairs, or does not wait any more.
        """
        while self._state.count[engine.N_FREE] < SPARE + len(pairs):
            self._state = doubled(self._state)
        for order, courier in pairs:
            row = int(waiting.orders[order]) - self.first
            rider = int(waiting.couriers[courier])
            taken = self._orders.courier[row] >= 0 or self._orders.offered_to[row] >= 0
            if taken or self._orders.stands[row] != engine.OPEN:
                raise ValueError(f"order {row + self.first} does not wait for a courier")
            if self._state.status[rider] != engine.IDLE:
                raise ValueError(f"courier {rider} does not wait for an order")
            offer(self._world, self._orders, self._state, self.city.key, self._now_ms, row, rider)

    def moments(self, orders: IntArray) -> IntArray:
        """Return the moments of some orders, as ``city.orders.moments`` has them, until now."""
        return self._orders.moments[:, orders - self.first]

    def median_to_store_s(self, waiting: Round) -> FloatArray:
        """Return the true median seconds of each courier into each store; no service knows them.

        Shape (n_orders, n_couriers); for bounds on how well couriers could be chosen.
        """
        nodes = self._world.store_node[self._orders.store[waiting.orders - self.first]]
        places = self._places(waiting.couriers)
        return _median_to_store_s(self._world, self._now_ms, waiting.couriers, places, nodes)

    def result(self) -> City:
        """Return the city with what has happened to its orders until now.

        Orders that were placed before the day, and ended long before it, are as they were.
        """
        orders = joined(part_of(self.city.orders, 0, self.first), self._orders)
        dropped = self._state.dropped[: int(self._state.count[engine.N_DROPPED])].copy()
        dropped[:, 0] += self.first
        return replace(self.city, orders=orders, dropped=dropped, checkpoints=())

    def _places(self, couriers: IntArray) -> IntArray:
        """Return the node of each idle courier: where they were last, later at home."""
        idle_ms = self._now_ms - self._state.idle_since_ms[couriers]
        at_home = idle_ms > 1_000.0 * self._world.laws.homeward_s
        return np.where(at_home, self._world.home[couriers], self._state.at[couriers])

    def _at(self, moment_ms: int) -> datetime:
        return self.city.scenario.start + timedelta(milliseconds=moment_ms)


def dispatch(
    city: City,
    decide: Decide,
    *,
    day: int = 0,
    until: datetime,
    step_s: float = STEP_S,
    listen: Callable[[list[Event]], None] | None = None,
) -> City:
    """Run a city from a day on, and ask a policy for couriers every few seconds.

    Args:
        city: a simulated city.
        decide: asked whenever both an order and a courier wait.
        day: the day from which it goes on.
        until: when to stop; timezone-aware.
        step_s: seconds of the city between two decisions.
        listen: given the events that have happened before each decision.

    >>> from simulator import Scenario, simulate_cities
    >>> city = simulate_cities(Scenario(cities=1, days=1, orders=200)).cities[0]
    >>> again = dispatch(city, nearest, until=city.scenario.end, step_s=30.0)
    >>> bool((again.orders.moments[engine.DELIVERED] > 0).any())
    True
    """
    running = DispatchedCity(city, day=day)
    step = timedelta(seconds=step_s)
    moment = running.now
    while moment < until:
        moment = min(moment + step, until)
        events = running.run_to(moment)
        if listen is not None and events:
            listen(events)
        waiting = running.round()
        if len(waiting.orders) and len(waiting.couriers):
            running.offer(decide(waiting), waiting)
    return running.result()


def nearest(waiting: Round) -> list[tuple[int, int]]:
    """Return the nearest idle courier for each order whose lead time is over, first come first.

    >>> from datetime import UTC
    >>> waiting = Round(
    ...     as_of=datetime(2026, 3, 2, 12, tzinfo=UTC),
    ...     orders=np.array([4, 5, 6]),
    ...     requested=np.array([True, False, True]),
    ...     couriers=np.array([0, 1]),
    ...     idle_s=np.zeros(2),
    ...     distance_m=np.array([[300.0, 200.0], [10.0, 10.0], [100.0, 50.0]]),
    ... )
    >>> nearest(waiting)
    [(0, 1), (2, 0)]
    """
    free = np.ones(len(waiting.couriers), dtype=bool)
    pairs = []
    for order in np.flatnonzero(waiting.requested):
        if free.any():
            courier = int(np.where(free, waiting.distance_m[order], np.inf).argmin())
            free[courier] = False
            pairs.append((int(order), courier))
    return pairs


@compiled
def _median_to_store_s(
    world: World, now: int, couriers: IntArray, places: IntArray, nodes: IntArray
) -> FloatArray:
    seconds = np.empty((len(nodes), len(couriers)))
    for j in range(len(couriers)):
        for i in range(len(nodes)):
            away_s = ride_s(world, now, couriers[j], places[j], nodes[i], 0.0)
            seconds[i, j] = away_s + store_stop_s(world, now, couriers[j], nodes[i])
    return seconds
