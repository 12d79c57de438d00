"""Assign couriers: the one who would arrive first is asked, and may refuse or give the order back.

Where ``state.count[DECIDED_OUTSIDE]`` is 1, nobody is asked by itself: orders and couriers wait for
:func:`offer`.
"""

from __future__ import annotations

from simulator.engine.agenda import (
    ANSWER,
    ARRIVE_STORE,
    GIVE_BACK,
    OF_ANSWER,
    OF_BREAKDOWN,
    OF_TO_STORE,
    OF_YES,
    RESUME,
    schedule,
    schedule_at,
)
from simulator.engine.chance import DEFECTIVE, EXPONENTIAL, LOGNORMAL, uniform
from simulator.engine.compiled import compiled, inner
from simulator.engine.rides import bin_of, distance_of, ride_s, store_stop_s
from simulator.engine.state import (
    ASSIGNED,
    BUSY,
    DECIDED_OUTSIDE,
    IDLE,
    N_DROPPED,
    N_WAITING,
    NEVER,
    NO,
    OFF,
    OFFERED,
    OPEN,
    PAUSED,
    Orders,
    State,
    World,
)

__all__ = ["answer", "find_courier", "free_courier", "offer", "unassign"]

ANSWER_MEAN_S = 14.0
REFUSAL_PAUSE_MS = 75_000
"""Who has refused is not asked again for so long."""
REPAIR_MS = 600_000
REFUSAL_PER_RIDE_S = 0.15 / 900.0
"""A far store is refused more often: so much per second of the ride to it."""
REFUSAL_PER_MM = 0.02
LEAST_ACCEPTANCE = 0.2
BREAKDOWN_SHARE, BREAKDOWN_MEAN_S = 0.015, 200.0
HOMEWARD_MS = 900_000
"""Who has been idle for so long has gone back to the place where most orders come."""
REACH_S = 1_800.0
"""Nobody is asked to ride longer than this to a store."""
PATIENCE_WEIGHT = 0.7
"""A free courier takes an order that waits a second longer for so much more riding."""


@inner
def position(world: World, state: State, now: int, courier: int) -> int:
    """Return the node where an idle courier is."""
    if now - state.idle_since_ms[courier] > HOMEWARD_MS:
        return int(world.home[courier])
    return int(state.at[courier])


@inner
def find_courier(world: World, orders: Orders, state: State, key: int, now: int, o: int) -> None:
    """Ask the idle courier who would be at the store first; else the order waits."""
    if state.count[DECIDED_OUTSIDE] == 1:
        return
    node = world.store_node[orders.store[o]]
    best, best_s = NO - 1, REACH_S
    for courier in range(len(state.status)):
        if state.status[courier] == IDLE:
            start = position(world, state, now, courier)
            # Nobody's ride is shorter than an empty street allows: most need no closer look.
            if world.distance_m[0, start, node] < best_s * world.speed_m_s[courier] * 2.0:
                away_s = ride_s(world, now, courier, start, node, 0.0)
                if away_s < best_s:
                    best, best_s = courier, away_s
    if best >= 0:
        _offer(world, orders, state, key, now, o, best)
    else:
        state.waiting[state.count[N_WAITING]] = o
        state.count[N_WAITING] += 1


@compiled
def offer(
    world: World, orders: Orders, state: State, key: int, now: int, o: int, courier: int
) -> None:
    """Ask a courier who is idle to take an order that has none; needs one free place."""
    _offer(world, orders, state, key, now, o, courier)


@inner
def _offer(
    world: World, orders: Orders, state: State, key: int, now: int, o: int, courier: int
) -> None:
    state.at[courier] = position(world, state, now, courier)
    state.idle_since_ms[courier] = now
    orders.offers[o] += 1
    orders.offered_to[o] = courier
    state.status[courier] = OFFERED
    state.carries[courier] = o
    schedule(
        state, now, key, orders.number[o], OF_ANSWER, orders.offers[o], EXPONENTIAL, ANSWER_MEAN_S,
        0.0, ANSWER, o, courier, orders.offers[o],
    )  # fmt: skip


@inner
def answer(
    world: World, orders: Orders, state: State, key: int, now: int, o: int, courier: int
) -> None:
    """A courier takes the order, or refuses it and is left alone for a while."""
    node = world.store_node[orders.store[o]]
    start = position(world, state, now, courier)
    orders.offered_to[o] = -1
    away_s = ride_s(world, now, courier, start, node, 0.0)
    chance = world.accepts[courier] - REFUSAL_PER_RIDE_S * min(away_s, 900.0)
    chance -= REFUSAL_PER_MM * min(world.rain[bin_of(world, now)], 6.0)
    yes = uniform(key, orders.number[o], OF_YES, orders.offers[o])
    if yes >= max(chance, LEAST_ACCEPTANCE):
        state.status[courier] = PAUSED
        state.carries[courier] = -1
        schedule_at(state, now + REFUSAL_PAUSE_MS, RESUME, NO, courier, NO)
        find_courier(world, orders, state, key, now, o)
        return
    orders.attempts[o] += 1
    attempt = orders.attempts[o]
    orders.moments[ASSIGNED, o] = now
    orders.courier[o] = courier
    orders.to_store_m[o] = round(distance_of(world, courier, start, node))
    state.status[courier] = BUSY
    state.at[courier] = start
    state.leg_from_ms[courier] = now
    state.leg_to_ms[courier] = now + round(away_s * 1_000.0)
    schedule(
        state, now, key, orders.number[o], OF_TO_STORE, attempt, LOGNORMAL,
        away_s + store_stop_s(world, now, courier, node), world.laws.ride_sigma, ARRIVE_STORE, o,
        courier, attempt,
    )  # fmt: skip
    schedule(
        state, now, key, orders.number[o], OF_BREAKDOWN, attempt, DEFECTIVE, BREAKDOWN_MEAN_S,
        BREAKDOWN_SHARE, GIVE_BACK, o, courier, attempt,
    )  # fmt: skip


@inner
def unassign(
    world: World, orders: Orders, state: State, key: int, now: int, o: int, courier: int
) -> None:
    """A courier on the way to the store cannot go on: another one is looked for."""
    row = state.count[N_DROPPED]
    if row < len(state.dropped):
        state.dropped[row, 0] = o
        state.dropped[row, 1] = orders.moments[ASSIGNED, o]
        state.dropped[row, 2] = now
        state.dropped[row, 3] = courier
        state.dropped[row, 4] = round(orders.to_store_m[o])
    state.count[N_DROPPED] += 1
    orders.moments[ASSIGNED, o] = NEVER
    orders.courier[o] = -1
    state.status[courier] = PAUSED
    state.carries[courier] = -1
    schedule_at(state, now + REPAIR_MS, RESUME, NO, courier, NO)
    find_courier(world, orders, state, key, now, o)


@inner
def free_courier(
    world: World, orders: Orders, state: State, key: int, now: int, courier: int
) -> None:
    """A courier has nothing to do: goes home, takes an order that waits, or waits for one."""
    state.carries[courier] = -1
    if now >= state.until_ms[courier]:
        state.status[courier] = OFF
        return
    state.status[courier] = IDLE
    state.idle_since_ms[courier] = now
    if state.count[DECIDED_OUTSIDE] == 1:
        return
    best, best_score, kept = NO - 1, 0.0, NO
    for i in range(state.count[N_WAITING]):
        o = state.waiting[i]
        if orders.stands[o] != OPEN:
            continue
        state.waiting[kept] = o
        away_s = ride_s(
            world, now, courier, state.at[courier], world.store_node[orders.store[o]], 0.0
        )
        waited_s = (now - orders.activated_ms[o]) / 1_000.0
        score = away_s - PATIENCE_WEIGHT * waited_s
        if away_s < REACH_S and (best < 0 or score < best_score):
            best, best_score = kept, score
        kept += 1
    if best >= 0:
        o = state.waiting[best]
        kept -= 1
        for i in range(best, kept):
            state.waiting[i] = state.waiting[i + 1]
        _offer(world, orders, state, key, now, o, courier)
    state.count[N_WAITING] = kept
