"""Assign couriers: the one who would arrive first is asked, and may refuse or give the order back.

Where the laws stack orders, a courier who collects another order may be asked before.
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
    OF_STACK,
    OF_YES,
    RESUME,
    schedule,
    schedule_at,
)
from simulator.engine.chance import DEFECTIVE, EXPONENTIAL, uniform
from simulator.engine.compiled import compiled, inner
from simulator.engine.rides import bin_of, distance_of, ride_s
from simulator.engine.routes import (
    added_m,
    go_on,
    is_wanted,
    join,
    leave,
    ride_to_store,
    stands_at_store,
    stop_on_the_way,
    takes_more,
)
from simulator.engine.state import (
    ASSIGNED,
    AT_STORE,
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

__all__ = ["answer", "find_courier", "find_on_the_way", "free_courier", "offer", "unassign"]

ANSWER_MEAN_S = 14.0
REFUSAL_PAUSE_MS = 75_000
"""Who has refused is not asked again for so long."""
WALK_IN_MS = 10_000
"""Who stands at the store of a further order already has to read what it is."""
REPAIR_MS = 600_000
REFUSAL_PER_RIDE_S = 0.15 / 900.0
"""A far store is refused more often: so much per second of the ride to it."""
REFUSAL_PER_MM = 0.02
LEAST_ACCEPTANCE = 0.2
BREAKDOWN_SHARE, BREAKDOWN_MEAN_S = 0.015, 200.0
REACH_S = 1_800.0
"""Nobody is asked to ride longer than this to a store."""
PATIENCE_WEIGHT = 0.7
"""A free courier takes an order that waits a second longer for so much more riding."""


@inner
def position(world: World, state: State, now: int, courier: int) -> int:
    """Return the node where an idle courier is: where the last order ended, later at home."""
    if now - state.idle_since_ms[courier] > 1_000.0 * world.laws.homeward_s:
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


@inner
def find_on_the_way(world: World, orders: Orders, state: State, key: int, now: int, o: int) -> None:
    """Ask a courier who collects other orders for a new one, else an idle courier."""
    courier = _on_the_way(world, orders, state, key, now, o)
    if courier < 0 or state.count[DECIDED_OUTSIDE] == 1:
        find_courier(world, orders, state, key, now, o)
        return
    orders.offers[o] += 1
    orders.offered_to[o] = courier
    _ask(state, key, now, orders.number[o], orders.offers[o], o, courier)


@inner
def _on_the_way(world: World, orders: Orders, state: State, key: int, now: int, o: int) -> int:
    """Return the courier to whose route an order would add the fewest metres; -1: nobody's."""
    best, best_m = NO - 1, world.laws.stack_detour_m
    if uniform(key, orders.number[o], OF_STACK, NO) >= world.laws.stack_share:
        return int(best)
    node = world.store_node[orders.store[o]]
    for courier in range(len(state.status)):
        if state.status[courier] != BUSY or state.heading[courier] < 0:
            continue
        if now >= state.until_ms[courier] or not takes_more(world, orders, state, courier):
            continue
        here = world.store_node[state.heading[courier]]
        if distance_of(world, courier, here, node) <= best_m:
            way_m = added_m(world, orders, state, courier, o)
            if way_m < best_m:
                best, best_m = NO + courier, way_m
    return int(best)


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
    state.status[courier] = OFFERED
    state.carries[courier] = o
    orders.offers[o] += 1
    orders.offered_to[o] = courier
    _ask(state, key, now, orders.number[o], orders.offers[o], o, courier)


@inner
def _ask(
    state: State, key: int, now: int, number: int, offer_number: int, o: int, courier: int
) -> None:
    """Offer an order to a courier, who answers after some seconds."""
    schedule(
        state, now, key, number, OF_ANSWER, offer_number, EXPONENTIAL, ANSWER_MEAN_S,
        0.0, ANSWER, o, courier, offer_number,
    )  # fmt: skip


@inner
def answer(
    world: World, orders: Orders, state: State, key: int, now: int, o: int, courier: int
) -> None:
    """A courier takes the order, or refuses it and is left alone for a while."""
    orders.offered_to[o] = -1
    if state.status[courier] != OFFERED or state.carries[courier] != o:
        _answer_on_the_way(world, orders, state, key, now, o, courier)
        return
    node = world.store_node[orders.store[o]]
    start = position(world, state, now, courier)
    away_s = ride_s(world, now, courier, start, node, 0.0)
    u = uniform(key, orders.number[o], OF_YES, orders.offers[o])
    if not _says_yes(world, now, courier, away_s, u):
        state.status[courier] = PAUSED
        state.carries[courier] = -1
        schedule_at(state, now + REFUSAL_PAUSE_MS, RESUME, NO, courier, NO)
        find_courier(world, orders, state, key, now, o)
        return
    state.status[courier] = BUSY
    state.at[courier] = start
    state.carries[courier] = -1
    orders.attempts[o] += 1
    orders.moments[ASSIGNED, o] = now
    orders.to_store_m[o] = round(distance_of(world, courier, start, node))
    number, attempt = orders.number[o], orders.attempts[o]
    join(orders.courier, orders.route, orders.next_on_route, state.carries, number, courier, o)
    ride_to_store(world, state, key, now, courier, o, orders.store[o], number, attempt)
    _may_break_down(state, key, now, number, attempt, o, courier)


@inner
def _answer_on_the_way(
    world: World, orders: Orders, state: State, key: int, now: int, o: int, courier: int
) -> None:
    """A courier who collects other orders takes one more; an idle one is asked where not."""
    fits = (
        state.status[courier] == BUSY
        and state.heading[courier] >= 0
        and takes_more(world, orders, state, courier)
        and added_m(world, orders, state, courier, o) < world.laws.stack_detour_m
    )
    u = uniform(key, orders.number[o], OF_YES, orders.offers[o])
    if not fits or not _says_yes(world, now, courier, 0.0, u):
        find_courier(world, orders, state, key, now, o)
        return
    here = world.store_node[state.heading[courier]]
    stands = stands_at_store(orders, state, courier)
    halfway = (state.leg_from_ms[courier] + state.leg_to_ms[courier]) // 2
    start = here if stands or now > halfway else state.at[courier]
    node = world.store_node[orders.store[o]]
    orders.attempts[o] += 1
    orders.moments[ASSIGNED, o] = now
    orders.to_store_m[o] = round(distance_of(world, courier, start, node))
    number, attempt = orders.number[o], orders.attempts[o]
    join(orders.courier, orders.route, orders.next_on_route, state.carries, number, courier, o)
    if stands and orders.store[o] == state.heading[courier]:
        schedule_at(state, now + WALK_IN_MS, ARRIVE_STORE, o, courier, state.leg[courier])
    _may_break_down(state, key, now, number, attempt, o, courier)


@inner
def _says_yes(world: World, now: int, courier: int, away_s: float, u: float) -> bool:
    """Return whether a courier takes an order whose store is so far away."""
    chance = world.accepts[courier] - REFUSAL_PER_RIDE_S * min(away_s, 900.0)
    chance -= REFUSAL_PER_MM * min(world.rain[bin_of(world, now)], 6.0)
    return bool(u < max(chance, LEAST_ACCEPTANCE))


@inner
def _may_break_down(
    state: State, key: int, now: int, number: int, attempt: int, o: int, courier: int
) -> None:
    schedule(
        state, now, key, number, OF_BREAKDOWN, attempt, DEFECTIVE, BREAKDOWN_MEAN_S,
        BREAKDOWN_SHARE, GIVE_BACK, o, courier, attempt,
    )  # fmt: skip


@inner
def unassign(
    world: World, orders: Orders, state: State, key: int, now: int, o: int, courier: int
) -> None:
    """A courier on the way to a store cannot go on: others are looked for.

    All orders whose stores are not reached are given back, ``o`` among them. A courier who has
    others in the bag or waits for them at a store goes on with those.
    """
    given_back = NO - 1
    p = state.carries[courier]
    while p >= 0:
        after = orders.next_on_route[p]
        if orders.moments[AT_STORE, p] == NEVER:
            _log_dropped(orders, state, now, p, courier)
            leave(orders, state, courier, p)
            orders.moments[ASSIGNED, p] = NEVER
            orders.courier[p] = -1
            orders.route[p] = -1
            orders.next_on_route[p] = given_back
            given_back = p
        p = after
    if state.carries[courier] < 0:
        state.status[courier] = PAUSED
        state.leg[courier] += 1
        state.heading[courier] = -1
        schedule_at(state, now + REPAIR_MS, RESUME, NO, courier, NO)
    elif not is_wanted(orders, state, courier):
        stop_on_the_way(world, orders, state, now, courier, o)
        go_on(world, orders, state, key, now, courier)
    while given_back >= 0:
        p = given_back
        given_back = orders.next_on_route[p]
        orders.next_on_route[p] = -1
        find_courier(world, orders, state, key, now, p)


@inner
def _log_dropped(orders: Orders, state: State, now: int, o: int, courier: int) -> None:
    row = state.count[N_DROPPED]
    if row < len(state.dropped):
        state.dropped[row, 0] = o
        state.dropped[row, 1] = orders.moments[ASSIGNED, o]
        state.dropped[row, 2] = now
        state.dropped[row, 3] = courier
        state.dropped[row, 4] = round(orders.to_store_m[o])
        state.dropped[row, 5] = orders.route[o]
    state.count[N_DROPPED] += 1


@inner
def free_courier(
    world: World, orders: Orders, state: State, key: int, now: int, courier: int
) -> None:
    """A courier has nothing to do: goes home, takes an order that waits, or waits for one."""
    state.carries[courier] = -1
    state.leg[courier] += 1
    state.heading[courier] = -1
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
        waited_s = (now - max(orders.activated_ms[o], orders.send_ms[o])) / 1_000.0
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
