"""Compute the true distribution of an order at a moment by running its city on many times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from simulator.demand.regime_orders import chosen, overload, served
from simulator.demand.scheduled import merged, scheduled_arrivals
from simulator.engine import state as engine
from simulator.engine.city import (
    BIN_MS,
    City,
    drawn_pace,
    make_world,
    orders_of,
    run_until,
)
from simulator.engine.run import redraw_future
from simulator.engine.snapshots import copy_of, fresh_orders, joined
from simulator.engine.state import Orders, State, World
from simulator.records.imperfections import EVENT_OF_MOMENT
from simulator.world.arrays import FloatArray, IntArray
from simulator.world.clock import BINS_PER_DAY
from simulator.world.conditions import make_conditions
from simulator.world.latents import latent_path

__all__ = ["Truth", "truth_of"]

HORIZON_BINS = 24
"""A future lasts six hours: longer than all but no order does."""
ARRIVAL_BINS = 13
"""Orders that are placed more than three hours later come too late to matter."""
PARTS = {
    "ready": ("dispatched", "ready"),
    "to_store": ("courier_assigned", "courier_at_store"),
    "at_store": ("courier_at_store", "picked_up"),
    "to_customer": ("picked_up", "courier_at_customer"),
    "parking": ("courier_at_customer", "delivered"),
    "total": ("activated", "delivered"),
}
"""The parts of a delivery, each from one event to another."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """The possible outcomes of an order, one per future that was drawn.

    Args:
        order_id: the order.
        as_of: the moment.
        moments: for every event of an order, seconds after ``as_of`` in each future, shape
            (draws,): negative for what has happened, NaN where it never does (the order was
            cancelled before).
    """

    order_id: str
    as_of: datetime
    moments: Mapping[str, FloatArray]

    def seconds(self, start: str, end: str) -> FloatArray:
        """Return the seconds between two events in each future; shape (draws,), NaN: never."""
        return self.moments[end] - self.moments[start]

    def part(self, name: str) -> FloatArray:
        """Return the seconds of one of ``simulator.truth.futures.PARTS`` in each future.

        The parts are ``ready``, ``to_store``, ``at_store``, ``to_customer``, ``parking`` and
        ``total``; shape (draws,), NaN where the order is cancelled before.
        """
        return self.seconds(*PARTS[name])

    @property
    def cancelled(self) -> float:
        """The probability that the order is never delivered."""
        return float(np.isnan(self.moments["delivered"]).mean())


@dataclass(frozen=True)
class _Snapshot:
    """A city at a moment. ``orders`` are its rows from ``first`` on, ``state`` counts likewise.

    ``idle_bins`` is how long its future goes on before the orders in question are sent to stores.
    """

    at_ms: int
    first: int
    orders: Orders
    state: State
    idle_bins: int = 0


def truth_of(
    city: City, order_ids: Sequence[str], as_of: datetime, *, draws: int
) -> dict[str, Truth]:
    """Return the truth about some orders of a city; see ``Simulation.truth``."""
    if draws < 1:
        raise ValueError(f"draws is {draws}; expected at least 1")
    if as_of.tzinfo is None:
        raise ValueError(f"as_of is {as_of.isoformat()}, without a timezone; it must have one")
    at_ms = round((as_of - city.scenario.start).total_seconds() * 1_000)
    rows = np.array([_row_of(city, order_id) for order_id in order_ids], dtype=np.int64)
    late = city.orders.activated_ms[rows] > at_ms
    early = [one for one, is_early in zip(order_ids, late, strict=True) if is_early]
    if early:
        raise ValueError(f"{early[0]} is placed only after {as_of.isoformat()}")
    sent_ms = int(city.orders.send_ms[rows].max(initial=at_ms))
    snapshot = replace(
        _snapshot(city, at_ms, int(rows.min(initial=len(city) - 1))),
        idle_bins=-((at_ms - sent_ms) // BIN_MS),
    )
    drawn = _futures(city, snapshot, rows - snapshot.first, draws)
    return {
        order_id: Truth(
            order_id=order_id,
            as_of=as_of,
            moments={name: drawn[:, moment, i] for name, moment in EVENT_OF_MOMENT.items()},
        )
        for i, order_id in enumerate(order_ids)
    }


def _row_of(city: City, order_id: str) -> int:
    number = order_id.rpartition("-")[2]
    if not number.isdigit() or int(number) >= len(city):
        raise ValueError(f"there is no order {order_id!r} in {city.name}")
    return int(number)


def _snapshot(city: City, at_ms: int, first_target: int) -> _Snapshot:
    """Run from the last checkpoint before a moment to that moment, as the city did."""
    checkpoint = max((c for c in city.checkpoints if c.at_ms <= at_ms), key=lambda c: c.at_ms)
    first = checkpoint.first
    end = max(int(np.searchsorted(city.orders.activated_ms, at_ms, side="right")), first)
    fresh = slice(first + len(checkpoint.orders.number), end)
    if first_target < first:  # it ended long before: nothing about it is left to chance
        raise ValueError("one of the orders ended long before as_of; ask for it at its time")
    orders = joined(checkpoint.orders, fresh_orders(city.orders, fresh))
    state = run_until(city.world, orders, copy_of(checkpoint.state), city.key, at_ms, False)
    return _Snapshot(at_ms, first, orders, state)


def _futures(city: City, snapshot: _Snapshot, targets: IntArray, draws: int) -> FloatArray:
    """Return the moments of the targets, seconds after the snapshot; (draws, moments, targets)."""
    first_bin = snapshot.at_ms // BIN_MS
    n_bins = min(HORIZON_BINS + snapshot.idle_bins + 1, len(city.local) - first_bin)
    if n_bins < 1:
        raise ValueError("as_of is long after the end of the simulation")
    seed = [city.scenario.seed, city.index, snapshot.at_ms]
    rng = np.random.default_rng(seed)
    now = city.latents[first_bin]
    ahead = latent_path(city.profile, now, n_bins - 1, draws, rng)
    drawn = np.empty((draws, engine.N_MOMENTS, len(targets)))
    for d in range(draws):
        path = np.concatenate([now[None], ahead[d]])
        chance = np.random.default_rng([*seed, d])
        moments = _one_future(city, snapshot, targets, path, int(first_bin), chance)
        drawn[d] = np.where(moments == engine.NEVER, np.nan, (moments - snapshot.at_ms) / 1_000.0)
    return drawn


def _one_future(
    city: City,
    snapshot: _Snapshot,
    targets: IntArray,
    path: FloatArray,
    first_bin: int,
    rng: np.random.Generator,
) -> IntArray:
    """Return the moments of the targets in one future; (moments, targets)."""
    world = _world_of(city, path, first_bin, rng)
    orders = joined(snapshot.orders, _to_come(city, snapshot, path, first_bin, rng))
    state = copy_of(snapshot.state)
    orders.is_target[targets] = 1
    state.count[engine.TARGETS] = int((orders.stands[targets] == engine.OPEN).sum())
    key = int(rng.integers(0, 2**62))
    redraw_future(world, orders, state, key, snapshot.at_ms)
    until_ms = snapshot.at_ms + (HORIZON_BINS + snapshot.idle_bins) * BIN_MS
    run_until(world, orders, state, key, until_ms, True)
    return orders.moments[:, targets]


def _world_of(city: City, path: FloatArray, first_bin: int, rng: np.random.Generator) -> World:
    """The city in one future: its weather, its traffic, its kitchens' half days to come."""
    conditions = make_conditions(
        city.scenario, city.profile, city.local, city.events, path, first_bin
    )
    pace = city.world.pace.copy()
    present = int(city.local.shift[first_bin])
    later = pace[:, present + 1 :]
    nature = city.scenario.numbers
    later[:] = drawn_pace(nature, later.shape, rng)
    return make_world(
        nature, city.streets, city.stores, city.couriers, conditions, city.local, pace, first_bin
    )


def _to_come(
    city: City, snapshot: _Snapshot, path: FloatArray, first_bin: int, rng: np.random.Generator
) -> Orders:
    """Draw the orders that are placed in one future."""
    nature, at_ms = city.scenario.numbers, snapshot.at_ms
    span = path[: ARRIVAL_BINS + snapshot.idle_bins]
    conditions = make_conditions(
        city.scenario, city.profile, city.local, city.events, span, first_bin
    )
    open_bins = max(city.scenario.days * BINS_PER_DAY - first_bin, 0)
    rates = (1.0 - nature.scheduled_share) * city.demand.rates(conditions, first_bin)
    rates *= overload(
        city.scenario, city.index, len(city.stores), city.local, first_bin, rates.shape[1]
    )
    rates[:, open_bins:] = 0.0
    arrivals = city.demand.arrivals(rates, first_bin, at_ms, rng)
    if nature.scheduled_share > 0.0:
        expected = nature.scheduled_share * city.demand.ordinary(first_bin, len(span))
        expected[:, open_bins:] = 0.0
        arrivals = merged([arrivals, scheduled_arrivals(expected, first_bin, at_ms, rng)])
    hour = city.local.hour[arrivals.wanted_ms // BIN_MS]
    baskets = city.customers.baskets(arrivals.store, hour, rng)
    kept = np.flatnonzero(served(city.scenario, city.customers, arrivals, baskets.node))
    arrivals, baskets = chosen(arrivals, baskets, kept)
    return orders_of(nature, len(city) + np.arange(len(arrivals)), arrivals, baskets)
