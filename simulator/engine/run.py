"""Run the event loop until a moment, or until certain orders have ended."""

from __future__ import annotations

from simulator.engine.agenda import (
    ANSWER,
    ARRIVE_CUSTOMER,
    ARRIVE_STORE,
    BATCH_DONE,
    CANCEL,
    DELIVER,
    DISPATCH,
    GIVE_BACK,
    HAND_OVER,
    OF_BREAKDOWN,
    OF_DECLINE,
    OF_DISPATCH,
    OF_MISSING,
    OF_PARKING,
    OF_PATIENCE,
    OF_REDRAW,
    OF_REFUSAL,
    OF_SECOND_THOUGHT,
    OF_SEEN,
    PACKED,
    REQUEST,
    RESUME,
    SEEN,
    pop,
    redraw,
    schedule,
    schedule_at,
)
from simulator.engine.assignment import (
    BREAKDOWN_MEAN_S,
    BREAKDOWN_SHARE,
    answer,
    find_courier,
    find_on_the_way,
    free_courier,
    unassign,
)
from simulator.engine.chance import (
    DEFECTIVE,
    EXPONENTIAL,
    LOGNORMAL,
    UNIFORM,
    conditional_s,
    uniform,
)
from simulator.engine.compiled import compiled, inner
from simulator.engine.kitchens import (
    MISSING_MEAN_S,
    MISSING_SHARE,
    accept,
    finish_batch,
    hand_over,
    ready,
)
from simulator.engine.rides import parking_s
from simulator.engine.routes import (
    go_on,
    is_alone,
    is_wanted,
    leave,
    ride_to_customer,
    stop_on_the_way,
)
from simulator.engine.state import (
    ACCEPTED,
    ACTIVATED,
    ASSIGNED,
    AT_CUSTOMER,
    AT_STORE,
    CANCELLED,
    CHANGED_MIND,
    DECLINED,
    DELIVERED,
    DISPATCHED,
    DONE,
    GONE,
    IDLE,
    ITEM_MISSING,
    N_DONE,
    N_FREE,
    N_HEAP,
    N_WAITING,
    NEVER,
    NEXT_ARRIVAL,
    NEXT_SHIFT,
    NO,
    NOW,
    OFF,
    OPEN,
    OUT_OF_PATIENCE,
    PAUSED,
    PICKED_UP,
    READY,
    REFUSED,
    REQUESTED,
    TARGETS,
    Orders,
    State,
    World,
)

__all__ = ["FINISHED", "FULL", "redraw_future", "run"]

FINISHED, FULL = 0, 1

DISPATCH_S = (4.0, 40.0)
DECLINED_SHARE, DECLINED_MEAN_S = 0.005, 8.0
SECOND_THOUGHT_SHARE, SECOND_THOUGHT_MEAN_S = 0.014, 420.0
PATIENCE_SIGMA = 0.3
SEEN_AFTER_S = 8.0
BUSY_ATTENTION = 0.12
"""Every order in the kitchen adds this share to the time until a new one is seen."""
REFUSED_SHARE, REFUSED_PER_LOAD, REFUSED_MAX = 0.006, 0.012, 0.2
"""Stores refuse now and then, and more for every order per place beyond three."""
FOREVER = 1 << 62
SPARE = 64
"""Free places that an event may need at most."""


@compiled
def run(
    world: World, orders: Orders, state: State, key: int, until_ms: int, only_targets: bool
) -> int:
    """Process all events up to a moment, that moment included.

    Returns ``FULL`` where the state must be grown before it can go on, else ``FINISHED``.
    """
    count = state.count
    n_orders, n_shifts = len(orders.number), len(world.shift_ms)
    while True:
        if count[N_FREE] < SPARE or count[N_WAITING] + SPARE > len(state.waiting):
            return FULL
        if only_targets and count[TARGETS] == 0:
            return FINISHED
        scheduled = state.heap_ms[0] if count[N_HEAP] > 0 else FOREVER
        arrival = FOREVER
        if count[NEXT_ARRIVAL] < n_orders:
            arrival = orders.activated_ms[count[NEXT_ARRIVAL]]
        shift = FOREVER
        if count[NEXT_SHIFT] < n_shifts:
            shift = world.shift_ms[count[NEXT_SHIFT]]
        now = min(scheduled, arrival, shift)
        if now > until_ms or now == FOREVER:
            return FINISHED
        count[NOW] = now
        if shift == now:
            _shift(world, orders, state, key, now)
        elif scheduled == now:
            slot = pop(state)
            kind, a, b, token = state.kind[slot], state.a[slot], state.b[slot], state.token[slot]
            _happen(world, orders, state, key, now, kind, a, b, token)
        else:
            _place(world, orders, state, key, now, count[NEXT_ARRIVAL])
            count[NEXT_ARRIVAL] += 1


@inner
def _shift(world: World, orders: Orders, state: State, key: int, now: int) -> None:
    """A courier begins or ends a shift; who is busy ends it with the order."""
    i = state.count[NEXT_SHIFT]
    state.count[NEXT_SHIFT] += 1
    courier = world.shift_courier[i]
    if world.shift_until_ms[i] < 0:
        if state.status[courier] == IDLE and now >= state.until_ms[courier]:
            state.status[courier] = OFF
        return
    state.until_ms[courier] = world.shift_until_ms[i]
    if state.status[courier] == OFF:
        state.at[courier] = world.home[courier]
        free_courier(world, orders, state, key, now, courier)


@inner
def _place(world: World, orders: Orders, state: State, key: int, now: int, o: int) -> None:
    """A customer places an order, for now or for later."""
    number = orders.number[o]
    orders.moments[ACTIVATED, o] = now
    if orders.send_ms[o] > now:
        schedule_at(state, orders.send_ms[o], DISPATCH, o, NO, NO)
    else:
        schedule(
            state, now, key, number, OF_DISPATCH, NO, UNIFORM, DISPATCH_S[0], DISPATCH_S[1],
            DISPATCH, o, NO, NO,
        )  # fmt: skip
    schedule(
        state, now, key, number, OF_DECLINE, NO, DEFECTIVE, DECLINED_MEAN_S, DECLINED_SHARE,
        CANCEL, o, DECLINED, NO,
    )  # fmt: skip
    schedule(
        state, now, key, number, OF_SECOND_THOUGHT, NO, DEFECTIVE, SECOND_THOUGHT_MEAN_S,
        SECOND_THOUGHT_SHARE, CANCEL, o, CHANGED_MIND, NO,
    )  # fmt: skip
    # Nobody is impatient before the kitchen has the order.
    schedule(
        state, max(now, orders.send_ms[o]), key, number, OF_PATIENCE, NO, LOGNORMAL,
        world.laws.patience_s, PATIENCE_SIGMA, CANCEL, o, OUT_OF_PATIENCE, NO,
    )  # fmt: skip


@inner
def _happen(
    world: World, orders: Orders, state: State, key: int, now: int, kind: int, a: int, b: int,
    token: int,
) -> None:  # fmt: skip
    """Process a scheduled event, unless it has become obsolete."""
    if kind == BATCH_DONE:
        finish_batch(world, orders, state, key, now, a, b)
    elif kind == RESUME:
        if state.status[b] == PAUSED:
            free_courier(world, orders, state, key, now, b)
    elif kind == ARRIVE_STORE:
        if state.leg[b] == token:
            _arrive(orders, state, key, now, b)
    elif orders.stands[a] != OPEN:
        return
    elif kind == CANCEL:
        if _may_cancel(orders, a, b):
            _cancel(world, orders, state, key, now, a, b)
    elif kind == ANSWER:
        if orders.offered_to[a] == b and orders.offers[a] == token:
            answer(world, orders, state, key, now, a, b)
    elif kind == GIVE_BACK:
        on_the_way = orders.courier[a] == b and orders.attempts[a] == token
        if on_the_way and orders.moments[AT_STORE, a] == NEVER:
            unassign(world, orders, state, key, now, a, b)
    else:
        _proceed(world, orders, state, key, now, kind, a)


@inner
def _arrive(orders: Orders, state: State, key: int, now: int, courier: int) -> None:
    """A courier is at a store, and gets what is ready of the route's orders there."""
    o = state.carries[courier]
    while o >= 0:
        here = orders.store[o] == state.heading[courier]
        if here and orders.moments[AT_STORE, o] == NEVER:
            orders.moments[AT_STORE, o] = now
            if orders.moments[READY, o] != NEVER:
                hand_over(orders, state, key, now, o)
        o = orders.next_on_route[o]


@inner
def _proceed(
    world: World, orders: Orders, state: State, key: int, now: int, kind: int, o: int
) -> None:
    """Take the next step of an open order."""
    if kind == DISPATCH:
        _dispatch(world, orders, state, key, now, o)
    elif kind == SEEN:
        store = orders.store[o]
        load = state.inside[store] / world.store_slots[store]
        refused = REFUSED_SHARE + REFUSED_PER_LOAD * max(load - 3.0, 0.0)
        if uniform(key, orders.number[o], OF_REFUSAL, NO) < min(refused, REFUSED_MAX):
            _cancel(world, orders, state, key, now, o, REFUSED)
        else:
            accept(world, orders, state, key, now, o)
    elif kind == PACKED:
        ready(orders, state, key, now, o)
    elif kind == REQUEST:
        orders.moments[REQUESTED, o] = now
        if world.laws.stack_share > 0.0:
            find_on_the_way(world, orders, state, key, now, o)
        else:
            find_courier(world, orders, state, key, now, o)
    elif kind == HAND_OVER:
        _set_off(world, orders, state, key, now, o)
    elif kind == ARRIVE_CUSTOMER:
        orders.moments[AT_CUSTOMER, o] = now
        median_s = parking_s(world, now, orders.courier[o], orders.node[o], orders.door_s[o])
        schedule(
            state, now, key, orders.number[o], OF_PARKING, NO, LOGNORMAL, median_s,
            world.laws.parking_sigma, DELIVER, o, NO, NO,
        )  # fmt: skip
    elif kind == DELIVER:
        _deliver(world, orders, state, key, now, o)


@inner
def _set_off(world: World, orders: Orders, state: State, key: int, now: int, o: int) -> None:
    """The courier has the bag, and rides on if nothing more is wanted here."""
    courier = orders.courier[o]
    orders.moments[PICKED_UP, o] = now
    state.at[courier] = world.store_node[orders.store[o]]
    if is_alone(orders.next_on_route, state.carries, courier, o):
        ride_to_customer(world, orders, state, key, now, courier)
    else:
        go_on(world, orders, state, key, now, courier)


@inner
def _deliver(world: World, orders: Orders, state: State, key: int, now: int, o: int) -> None:
    """The customer has the order; its courier rides to the next one, or is free."""
    courier = orders.courier[o]
    orders.moments[DELIVERED, o] = now
    state.at[courier] = orders.node[o]
    _end(orders, state, o, DONE)
    if is_alone(orders.next_on_route, state.carries, courier, o):
        free_courier(world, orders, state, key, now, courier)
    else:
        leave(orders, state, courier, o)
        ride_to_customer(world, orders, state, key, now, courier)


@inner
def _dispatch(world: World, orders: Orders, state: State, key: int, now: int, o: int) -> None:
    """The store's tablet rings; a busy kitchen takes longer to look."""
    store = orders.store[o]
    orders.moments[DISPATCHED, o] = now
    busy = 1.0 + BUSY_ATTENTION * state.inside[store]
    mean_s = SEEN_AFTER_S + world.store_attention_s[store] * busy
    schedule(
        state, now, key, orders.number[o], OF_SEEN, NO, EXPONENTIAL, mean_s, 0.0, SEEN, o, NO, NO
    )


@inner
def _may_cancel(orders: Orders, o: int, cause: int) -> bool:
    if cause == DECLINED:
        return bool(orders.moments[DISPATCHED, o] == NEVER)
    if cause == ITEM_MISSING:
        return bool(orders.moments[READY, o] == NEVER)
    return bool(orders.moments[PICKED_UP, o] == NEVER)


@inner
def _cancel(
    world: World, orders: Orders, state: State, key: int, now: int, o: int, cause: int
) -> None:
    """An order is given up: the kitchen stops counting it, its courier is free where it is."""
    orders.moments[CANCELLED, o] = now
    orders.cause[o] = cause
    _end(orders, state, o, GONE)
    if orders.moments[ACCEPTED, o] != NEVER and orders.moments[READY, o] == NEVER:
        state.inside[orders.store[o]] -= 1
    courier, asked = orders.courier[o], orders.offered_to[o]
    orders.offered_to[o] = -1
    if courier >= 0:
        leave(orders, state, courier, o)
        if is_wanted(orders, state, courier):
            return
        stop_on_the_way(world, orders, state, now, courier, o)
        if state.carries[courier] >= 0:
            go_on(world, orders, state, key, now, courier)
        else:
            free_courier(world, orders, state, key, now, courier)
    elif asked >= 0 and state.carries[asked] == o:
        free_courier(world, orders, state, key, now, asked)


@inner
def _end(orders: Orders, state: State, o: int, stands: int) -> None:
    orders.stands[o] = stands
    state.count[N_DONE] += 1
    if orders.is_target[o] == 1:
        state.count[TARGETS] -= 1


@compiled
def redraw_future(world: World, orders: Orders, state: State, key: int, now: int) -> None:
    """Draw every pending end again, given that it has not come by now."""
    redraw(state, now, key)
    for o in range(state.count[NEXT_ARRIVAL]):
        if orders.stands[o] != OPEN or orders.moments[PICKED_UP, o] != NEVER:
            continue
        _risk(orders, state, key, now, o, ACTIVATED, SECOND_THOUGHT_MEAN_S, SECOND_THOUGHT_SHARE,
              OF_SECOND_THOUGHT, CANCEL, CHANGED_MIND, NO)  # fmt: skip
        if orders.moments[DISPATCHED, o] == NEVER:
            _risk(orders, state, key, now, o, ACTIVATED, DECLINED_MEAN_S, DECLINED_SHARE,
                  OF_DECLINE, CANCEL, DECLINED, NO)  # fmt: skip
        if orders.moments[ACCEPTED, o] != NEVER and orders.moments[READY, o] == NEVER:
            _risk(orders, state, key, now, o, ACCEPTED, MISSING_MEAN_S, MISSING_SHARE,
                  OF_MISSING, CANCEL, ITEM_MISSING, NO)  # fmt: skip
        if orders.courier[o] >= 0 and orders.moments[AT_STORE, o] == NEVER:
            _risk(orders, state, key, now, o, ASSIGNED, BREAKDOWN_MEAN_S, BREAKDOWN_SHARE,
                  OF_BREAKDOWN, GIVE_BACK, orders.courier[o], orders.attempts[o])  # fmt: skip


@inner
def _risk(
    orders: Orders, state: State, key: int, now: int, o: int, since: int, mean_s: float,
    share: float, purpose: int, kind: int, b: int, token: int,
) -> None:  # fmt: skip
    """Draw whether and when a hazard (such as a cancellation) reaches an order."""
    elapsed_s = (now - orders.moments[since, o]) / 1_000.0
    u = uniform(key, orders.number[o], OF_REDRAW, 1 + purpose)
    wait_s = conditional_s(DEFECTIVE, mean_s, share, elapsed_s, u) - elapsed_s
    if wait_s < 1e9:
        schedule_at(state, now + max(1, round(wait_s * 1_000.0)), kind, o, b, token)
