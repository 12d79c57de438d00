"""Keep routes: the orders that a courier carries together, from their stores to their customers.

A courier collects first: at each store all its orders of the route, stores in the order in which
their orders were taken on. Then the courier delivers, by the shortest way. Until the last order of
a route is picked up, another one may join it.
"""

from __future__ import annotations

import math

from simulator.engine.agenda import (
    ARRIVE_CUSTOMER,
    ARRIVE_STORE,
    OF_TO_CUSTOMER,
    OF_TO_STORE,
    schedule,
)
from simulator.engine.chance import LOGNORMAL
from simulator.engine.compiled import inner
from simulator.engine.rides import distance_of, ride_s, store_stop_s
from simulator.engine.state import AT_STORE, NEVER, NO, PICKED_UP, Orders, State, World
from simulator.world.arrays import IntArray

__all__ = [
    "added_m",
    "go_on",
    "is_alone",
    "is_wanted",
    "join",
    "leave",
    "ride_to_customer",
    "ride_to_store",
    "stands_at_store",
    "stop_on_the_way",
    "takes_more",
]


@inner
def join(
    courier_of: IntArray, route: IntArray, next_on_route: IntArray, carries: IntArray,
    number: int, courier: int, o: int,
) -> None:  # fmt: skip
    """Put an order at the end of a courier's route; the first one gives the route its number."""
    courier_of[o] = courier
    next_on_route[o] = -1
    last = carries[courier]
    if last < 0:
        carries[courier] = o
        route[o] = number
        return
    route[o] = route[last]
    while next_on_route[last] >= 0:
        last = next_on_route[last]
    next_on_route[last] = o


@inner
def is_alone(next_on_route: IntArray, carries: IntArray, courier: int, o: int) -> bool:
    """Return whether an order is the only one of its route.

    Most are, and need no call of a kernel that gets all arrays, which costs more than its work.
    """
    return bool(carries[courier] == o and next_on_route[o] < 0)


@inner
def leave(orders: Orders, state: State, courier: int, o: int) -> None:
    """Take an order off a courier's route."""
    p = state.carries[courier]
    if p == o:
        state.carries[courier] = orders.next_on_route[o]
    while p >= 0:
        if orders.next_on_route[p] == o:
            orders.next_on_route[p] = orders.next_on_route[o]
        p = orders.next_on_route[p]
    orders.next_on_route[o] = -1


@inner
def is_wanted(orders: Orders, state: State, courier: int) -> bool:
    """Return whether an order is to be picked up where the courier heads or stands."""
    o = state.carries[courier]
    while o >= 0:
        if orders.moments[PICKED_UP, o] == NEVER and orders.store[o] == state.heading[courier]:
            return True
        o = orders.next_on_route[o]
    return False


@inner
def stands_at_store(orders: Orders, state: State, courier: int) -> bool:
    """Return whether the courier waits at a store for an order."""
    o = state.carries[courier]
    while o >= 0:
        if orders.moments[PICKED_UP, o] == NEVER and orders.moments[AT_STORE, o] != NEVER:
            return True
        o = orders.next_on_route[o]
    return False


@inner
def takes_more(world: World, orders: Orders, state: State, courier: int) -> bool:
    """Return whether a courier still collects and has room for one more order."""
    n, o, collects = NO, state.carries[courier], False
    while o >= 0:
        n += 1
        collects = collects or orders.moments[PICKED_UP, o] == NEVER
        o = orders.next_on_route[o]
    return collects and n < world.laws.stack_limit


@inner
def added_m(world: World, orders: Orders, state: State, courier: int, o: int) -> float:
    """Return the metres that an order would add to a courier's route."""
    first = state.carries[courier]
    second = orders.next_on_route[first]
    start = world.store_node[state.heading[courier]]
    now_m = _way_m(world, orders, courier, start, first, second, NO - 1)
    if second < 0:
        return _way_m(world, orders, courier, start, first, o, NO - 1) - now_m
    return _way_m(world, orders, courier, start, first, second, o) - now_m


@inner
def _way_m(
    world: World, orders: Orders, courier: int, start: int, first: int, second: int, third: int
) -> float:
    """Return the metres of a route from the store that is next: to stores, then to customers."""
    at, way_m = start, 0.0
    for o in (first, second, third):
        if o >= 0 and orders.moments[PICKED_UP, o] == NEVER:
            node = world.store_node[orders.store[o]]
            # What the first store has of the third order is collected with the first one.
            with_first = o == third and orders.store[o] == orders.store[first]
            if with_first and orders.moments[PICKED_UP, first] == NEVER:
                continue
            way_m += distance_of(world, courier, at, node)
            at = node
    return way_m + _shortest(world, orders, courier, at, first, second, third)[0]


@inner
def _shortest(
    world: World, orders: Orders, courier: int, start: int, x: int, y: int, z: int
) -> tuple[float, int, int, int]:
    """Return the metres of the shortest way to up to three customers, and their order."""
    best_m, first, second, third = math.inf, x, y, z
    for a, b, c in ((x, y, z), (y, x, z), (x, z, y), (z, x, y), (y, z, x), (z, y, x)):
        at, way_m = start, 0.0
        for o in (a, b, c):
            if o >= 0:
                way_m += distance_of(world, courier, at, orders.node[o]) + orders.extra_m[o]
                at = orders.node[o]
        if way_m < best_m:
            best_m, first, second, third = way_m, a, b, c
    return best_m, first, second, third


@inner
def stop_on_the_way(
    world: World, orders: Orders, state: State, now: int, courier: int, o: int
) -> None:
    """The courier need not reach the store of an order: is there, or at the nearer end."""
    halfway = (state.leg_from_ms[courier] + state.leg_to_ms[courier]) // 2
    if orders.moments[AT_STORE, o] != NEVER or now > halfway:
        state.at[courier] = world.store_node[orders.store[o]]


@inner
def go_on(world: World, orders: Orders, state: State, key: int, now: int, courier: int) -> None:
    """Wait for what is still to be picked up here, else ride to the next store or customer."""
    if is_wanted(orders, state, courier):
        return
    o = state.carries[courier]
    while o >= 0 and orders.moments[PICKED_UP, o] != NEVER:
        o = orders.next_on_route[o]
    if o >= 0:
        ride_to_store(
            world, state, key, now, courier, o, orders.store[o], orders.number[o],
            orders.attempts[o],
        )  # fmt: skip
        return
    _sort(world, orders, state, courier)
    ride_to_customer(world, orders, state, key, now, courier)


@inner
def _sort(world: World, orders: Orders, state: State, courier: int) -> None:
    """Put the orders of a route in the order of the shortest way to their customers."""
    x = state.carries[courier]
    y = orders.next_on_route[x]
    if y < 0:
        return
    z = orders.next_on_route[y]
    _, a, b, c = _shortest(world, orders, courier, state.at[courier], x, y, z)
    state.carries[courier] = a
    orders.next_on_route[a] = b
    orders.next_on_route[b] = c
    if c >= 0:
        orders.next_on_route[c] = -1


@inner
def ride_to_store(
    world: World, state: State, key: int, now: int, courier: int, o: int, store: int,
    number: int, attempt: int,
) -> None:  # fmt: skip
    """Start the ride to the store of an order, from where the courier is."""
    start, node = state.at[courier], world.store_node[store]
    away_s = ride_s(world, now, courier, start, node, 0.0)
    state.leg[courier] += 1
    state.heading[courier] = store
    state.leg_from_ms[courier] = now
    state.leg_to_ms[courier] = now + round(away_s * 1_000.0)
    schedule(
        state, now, key, number, OF_TO_STORE, attempt, LOGNORMAL,
        away_s + store_stop_s(world, now, courier, node), world.laws.ride_sigma, ARRIVE_STORE, o,
        courier, state.leg[courier],
    )  # fmt: skip


@inner
def ride_to_customer(
    world: World, orders: Orders, state: State, key: int, now: int, courier: int
) -> None:
    """Start the ride to the first customer of the route, from where the courier is."""
    o = state.carries[courier]
    state.leg[courier] += 1
    state.heading[courier] = -1
    median_s = ride_s(world, now, courier, state.at[courier], orders.node[o], orders.extra_m[o])
    schedule(
        state, now, key, orders.number[o], OF_TO_CUSTOMER, NO, LOGNORMAL, median_s,
        world.laws.ride_sigma, ARRIVE_CUSTOMER, o, courier, NO,
    )  # fmt: skip
