"""Make a city from a scenario and run it from its first order to its last delivery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from simulator.demand.baskets import Baskets, Customers, make_customers
from simulator.demand.orders import Arrivals, Demand, make_demand
from simulator.demand.regime_orders import with_regimes
from simulator.demand.scheduled import merged, scheduled_arrivals, sent_ms
from simulator.engine.run import FULL, run
from simulator.engine.snapshots import doubled, oldest_order, part_of, renumbered
from simulator.engine.state import (
    N_DROPPED,
    NEXT_ARRIVAL,
    Laws,
    Orders,
    State,
    World,
    make_orders,
    make_state,
)
from simulator.world.arrays import FloatArray, IntArray
from simulator.world.clock import BIN_S, BINS_PER_DAY, TAIL_BINS, LocalTime, local_time
from simulator.world.conditions import ConditionFactors, make_conditions
from simulator.world.couriers import Couriers, make_couriers, without_strikers
from simulator.world.latents import first_latents, latent_path
from simulator.world.local_events import LocalEvents, make_local_events
from simulator.world.nature import Nature
from simulator.world.scenario import CityProfile, Scenario
from simulator.world.stores import Stores, make_stores, with_slots
from simulator.world.streets import Streets, make_streets

__all__ = ["Checkpoint", "City", "drawn_pace", "make_city", "make_world", "orders_of", "run_until"]

BIN_MS = BIN_S * 1_000
DAY_MS = 86_400_000
QUIET_MS = 4 * 3_600_000
"""Checkpoints are made when the cities sleep."""
MEMORY_MS = 14 * 3_600_000
"""An order that was placed so long ago has ended; only a list of waiting ones may still have it."""
LEAD_SHARE, LEAD_S = 0.55, 160.0
"""A courier is asked for after this share of a typical order's work, less the seconds of a ride."""
TYPICAL_PRODUCTS = 2.6

Progress = Callable[[float], None]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A city at a moment: its state, and the orders from row ``first`` on that are placed by then.

    The state refers to orders by their row in ``orders``.
    """

    at_ms: int
    first: int
    orders: Orders
    state: State


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class City:
    """A simulated city with everything that happened in it.

    Made by :func:`make_city`. ``orders.moments`` are the true moments, ``checkpoints`` the states
    at the beginning of each day, from which :mod:`simulator.truth.futures` goes on.
    """

    index: int
    scenario: Scenario
    profile: CityProfile
    streets: Streets
    local: LocalTime
    stores: Stores
    couriers: Couriers
    events: LocalEvents
    latents: FloatArray
    conditions: ConditionFactors
    demand: Demand
    customers: Customers
    baskets: Baskets
    world: World
    orders: Orders
    dropped: IntArray
    checkpoints: tuple[Checkpoint, ...]
    key: int

    @property
    def name(self) -> str:
        """The city's name."""
        return self.profile.name

    def __len__(self) -> int:
        return len(self.orders.number)


def make_city(scenario: Scenario, index: int, progress: Progress | None = None) -> City:
    """Draw a city of a scenario and let it run.

    Args:
        scenario: what to simulate.
        index: which of the scenario's cities, from 0 on.
        progress: called with the part that is done, 0.0 to 1.0.
    """
    profile, nature = scenario.profiles[index], scenario.numbers
    seeds = np.random.SeedSequence([scenario.seed, index])
    chance = [np.random.default_rng(seed) for seed in seeds.spawn(12)]
    streets = make_streets(profile.bridges, chance[0])
    local = local_time(scenario, profile.timezone)
    stores = make_stores(scenario, profile, streets, chance[1])
    latents = latent_path(profile, first_latents(profile, chance[2]), len(local), 1, chance[2])[0]
    events = make_local_events(scenario, profile, local, chance[3])
    without = replace(scenario, regimes=())
    conditions = make_conditions(without, profile, local, events, latents)
    expected = scenario.expected_orders(index)
    demand = make_demand(nature, profile, streets, stores, local, conditions, expected, chance[4])
    planned = _planned(demand)
    stores = with_slots(stores, _peaks(planned, local, stores), nature, chance[1])
    at_node: FloatArray = np.zeros(len(streets))
    np.add.at(at_node, stores.node, planned.sum(axis=1))
    couriers = make_couriers(scenario, profile, streets, planned.sum(axis=0), at_node, chance[5])
    customers = make_customers(streets, stores, chance[6])
    arrivals = _arrivals(demand, conditions, scenario, chance[7], chance[10])
    hour = local.hour[arrivals.wanted_ms // BIN_MS]
    baskets = customers.baskets(arrivals.store, hour, chance[8])
    if scenario.regimes:
        ordinary = conditions
        conditions = make_conditions(scenario, profile, local, events, latents)
        arrivals, baskets = with_regimes(
            scenario, index, demand, customers, ordinary, conditions, (arrivals, baskets),
            chance[11],
        )  # fmt: skip
        couriers = without_strikers(scenario, index, couriers)
    pace = drawn_pace(nature, (len(stores), int(local.shift[-1]) + 1), chance[9])
    world = make_world(nature, streets, stores, couriers, conditions, local, pace)
    orders = orders_of(nature, np.arange(len(arrivals)), arrivals, baskets)
    key = int(seeds.generate_state(1, np.uint64)[0] >> np.uint64(2))
    state, checkpoints = _run(world, orders, key, scenario, progress)
    dropped = state.dropped[: int(state.count[N_DROPPED])]
    return City(
        index=index, scenario=scenario, profile=profile, streets=streets, local=local,
        stores=stores, couriers=couriers, events=events, latents=latents, conditions=conditions,
        demand=demand, customers=customers, baskets=baskets, world=world, orders=orders,
        dropped=dropped, checkpoints=checkpoints, key=key,
    )  # fmt: skip


def _planned(demand: Demand) -> FloatArray:
    """Return the expected orders by store and bin, without weather and good or bad days."""
    n_bins = len(demand.local) - TAIL_BINS
    mean = demand.level.mean(axis=1, keepdims=True)
    by_day = demand.level.mean(axis=0) / demand.level.mean()
    calendar = Demand(**{**vars(demand), "level": mean * by_day})
    return np.concatenate(
        [calendar.ordinary(i, BINS_PER_DAY) for i in range(0, n_bins, BINS_PER_DAY)]
        + [calendar.ordinary(n_bins, TAIL_BINS)],
        axis=1,
    )


def _peaks(planned: FloatArray, local: LocalTime, stores: Stores) -> FloatArray:
    """Orders per hour of each store's busiest hour of the day, in an ordinary week; (stores,)."""
    hour = local.hour.astype(np.int64)
    per_hour = np.stack([planned[:, hour == h].mean(axis=1) for h in range(24)], axis=1)
    return np.asarray(per_hour.max(axis=1) * (3_600 / BIN_S))


def _arrivals(
    demand: Demand,
    conditions: ConditionFactors,
    scenario: Scenario,
    rng: np.random.Generator,
    rng_of_scheduled: np.random.Generator,
) -> Arrivals:
    share = scenario.numbers.scheduled_share
    parts = []
    for first in range(0, scenario.days * BINS_PER_DAY, BINS_PER_DAY):
        bins = slice(first, first + BINS_PER_DAY)
        expected = demand.ordinary(first, BINS_PER_DAY)
        rates = (1.0 - share) * expected * conditions.demand[demand.zone, bins]
        parts.append(demand.arrivals(rates, first, first * BIN_MS, rng))
        if share > 0.0:
            parts.append(scheduled_arrivals(share * expected, first, 0, rng_of_scheduled))
    return merged(parts)


def make_world(
    nature: Nature,
    streets: Streets,
    stores: Stores,
    couriers: Couriers,
    conditions: ConditionFactors,
    local: LocalTime,
    pace: FloatArray,
    first_bin: int = 0,
) -> World:
    """Return what the engine needs to know, with the conditions from ``first_bin`` on."""
    span = slice(first_bin, first_bin + len(conditions.kitchen))
    return World(
        distance_m=streets.distance_m,
        node_zone=streets.zone,
        store_node=stores.node,
        store_slots=stores.slots,
        store_batch=stores.batch,
        store_attention_s=stores.attention_s,
        store_lead_s=np.maximum(LEAD_SHARE * stores.work_s(TYPICAL_PRODUCTS) - LEAD_S, 0.0) + 10.0,
        vehicle=couriers.vehicle,
        speed_m_s=couriers.speed_m_s,
        accepts=couriers.accepts,
        parking_skill=couriers.parking,
        home=couriers.home,
        shift_ms=couriers.shift_ms,
        shift_courier=couriers.shift_courier,
        shift_until_ms=couriers.shift_until_ms,
        first_bin=first_bin,
        traffic=np.ascontiguousarray(conditions.traffic),
        parking=np.ascontiguousarray(conditions.parking),
        rain=np.ascontiguousarray(conditions.weather.rain_mm_h),
        wind=np.ascontiguousarray(conditions.weather.wind_m_s),
        temperature=np.ascontiguousarray(conditions.weather.temperature_c),
        kitchen=np.ascontiguousarray(conditions.kitchen),
        shift_of_bin=np.ascontiguousarray(local.shift[span]),
        pace=pace,
        laws=Laws(*(float(getattr(nature, name)) for name in Laws._fields)),
    )


def orders_of(nature: Nature, number: IntArray, arrivals: Arrivals, baskets: Baskets) -> Orders:
    """Return new orders in the engine's form, without any events."""
    return make_orders(
        number=number.astype(np.int64),
        store=arrivals.store,
        activated_ms=arrivals.activated_ms,
        promised_ms=arrivals.promised_ms,
        send_ms=sent_ms(
            nature, arrivals.promised_ms, baskets.work_s, baskets.distance_m, baskets.door_s
        ),
        dish=baskets.dish,
        node=baskets.node,
        extra_m=baskets.extra_m,
        work_s=baskets.work_s,
        door_s=baskets.door_s,
    )


def run_until(
    world: World, orders: Orders, state: State, key: int, until_ms: int, only_targets: bool
) -> State:
    """Run, double the state whenever it is full, and return the final state."""
    while run(world, orders, state, key, until_ms, only_targets) == FULL:
        state = doubled(state)
    return state


def _run(
    world: World, orders: Orders, key: int, scenario: Scenario, progress: Progress | None
) -> tuple[State, tuple[Checkpoint, ...]]:
    state = make_state(len(world.store_node), world.home, 4_096)
    checkpoints = []
    for day in range(scenario.days):
        at_ms = day * DAY_MS + (QUIET_MS if day else 0)
        state = run_until(world, orders, state, key, at_ms - 1, False)
        checkpoints.append(_checkpoint(orders, state, at_ms))
        if progress is not None:
            progress(day / scenario.days)
    state = run_until(world, orders, state, key, (scenario.days + 1) * DAY_MS, False)
    if int(state.count[N_DROPPED]) > len(state.dropped):
        raise AssertionError("the log of orders that couriers gave back is full")
    if progress is not None:
        progress(1.0)
    return state, tuple(checkpoints)


def _checkpoint(orders: Orders, state: State, at_ms: int) -> Checkpoint:
    # Cancelled orders stay among the waiting ones until a courier is free: long, in a strike.
    first = oldest_order(state, int(np.searchsorted(orders.activated_ms, at_ms - MEMORY_MS)))
    return Checkpoint(
        at_ms=at_ms,
        first=first,
        orders=part_of(orders, first, int(state.count[NEXT_ARRIVAL])),
        state=renumbered(state, first),
    )


def drawn_pace(nature: Nature, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Draw the pace of kitchens in each half day, relative to their average.

    Nobody announces it: only what comes out of a kitchen shows it.
    """
    return np.asarray(np.exp(nature.half_day_sigma * rng.standard_normal(shape)))
