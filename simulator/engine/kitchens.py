"""Run the kitchens: a fixed number of batches cooks at once, other orders wait in line."""

from __future__ import annotations

from simulator.engine.agenda import (
    BATCH_DONE,
    CANCEL,
    HAND_OVER,
    OF_COOKING,
    OF_HAND_OVER,
    OF_MISSING,
    OF_PACKING,
    PACKED,
    REQUEST,
    schedule,
    schedule_at,
    schedule_mixture,
)
from simulator.engine.chance import DEFECTIVE, LOGNORMAL
from simulator.engine.compiled import inner
from simulator.engine.rides import bin_of
from simulator.engine.state import (
    ACCEPTED,
    AT_STORE,
    COOKING,
    ITEM_MISSING,
    NEVER,
    NO,
    OPEN,
    READY,
    Orders,
    State,
    World,
)

__all__ = ["accept", "finish_batch", "hand_over", "ready"]

CROWD_MAX = 15
"""Cooks have less room with every order in the kitchen, up to so many."""
PACKING_MEDIAN_S, PACKING_SIGMA = 25.0, 0.5
MISSING_SHARE, MISSING_MEAN_S = 0.008, 300.0
LEAD_PER_LOAD = 0.5
"""Where orders are in line, couriers are asked for later: by this share of the work before."""
HAND_OVER_MEDIAN_S, HAND_OVER_SIGMA = 40.0, 0.5
HAND_OVER_CROWD = 0.05


@inner
def accept(world: World, orders: Orders, state: State, key: int, now: int, o: int) -> None:
    """Take an order into the kitchen, and ask for a courier when it will be nearly ready."""
    store = orders.store[o]
    orders.moments[ACCEPTED, o] = now
    state.inside[store] += 1
    if state.head[store] < 0:
        state.head[store] = o
    else:
        orders.next_in_line[state.tail[store]] = o
    state.tail[store] = o
    schedule(
        state, now, key, orders.number[o], OF_MISSING, NO, DEFECTIVE, MISSING_MEAN_S, MISSING_SHARE,
        CANCEL, o, ITEM_MISSING, NO,
    )  # fmt: skip
    load = state.inside[store] / world.store_slots[store]
    lead_s = world.store_lead_s[store] + LEAD_PER_LOAD * max(load - 1.0, 0.0) * orders.work_s[o]
    schedule_at(state, now + round(lead_s * 1_000.0), REQUEST, o, NO, NO)
    start_cooking(world, orders, state, key, now, store)


@inner
def start_cooking(
    world: World, orders: Orders, state: State, key: int, now: int, store: int
) -> None:
    """Fill the free places of a kitchen from its line."""
    while state.busy[store] < world.store_slots[store]:
        first = _take_first(orders, state, store)
        if first < 0:
            return
        i = bin_of(world, now)
        work_s, n = _batch(world, orders, state, now, store, first)
        crowd = 1.0 + world.laws.crowd_work * min(state.inside[store], CROWD_MAX)
        median_s = work_s * (1.0 + world.laws.batch_work * (n - 1)) * crowd * world.kitchen[i]
        median_s *= world.pace[store, world.shift_of_bin[i]]
        state.busy[store] += 1
        laws = world.laws
        schedule_mixture(
            state, now, key, orders.number[first], OF_COOKING, NO, median_s, laws.cooking_sigma,
            laws.tail_share, laws.tail_factor * median_s, laws.tail_sigma,
            BATCH_DONE, first, store, NO,
        )  # fmt: skip


@inner
def _take_first(orders: Orders, state: State, store: int) -> int:
    """Remove the first order in line that was not cancelled; -1 where there is none."""
    while state.head[store] >= 0:
        o = state.head[store]
        state.head[store] = orders.next_in_line[o]
        if orders.stands[o] == OPEN:
            return int(o)
    return -1


@inner
def _batch(
    world: World, orders: Orders, state: State, now: int, store: int, first: int
) -> tuple[float, int]:
    """Put orders of the same dish with the first; returns the work of the largest, and how many."""
    orders.moments[COOKING, first] = now
    work_s, n, last = orders.work_s[first], 1, first
    before, o = -1, state.head[store]
    for _ in range(int(world.laws.batch_lookahead)):
        if o < 0 or n >= world.store_batch[store]:
            break
        after = orders.next_in_line[o]
        if orders.stands[o] == OPEN and orders.dish[o] == orders.dish[first]:
            if before < 0:
                state.head[store] = after
            else:
                orders.next_in_line[before] = after
            if state.tail[store] == o:
                state.tail[store] = before
            orders.moments[COOKING, o] = now
            orders.next_in_batch[last] = o
            last, n = o, n + 1
            work_s = max(work_s, orders.work_s[o])
        else:
            before = o
        o = after
    return work_s, n


@inner
def finish_batch(
    world: World, orders: Orders, state: State, key: int, now: int, first: int, store: int
) -> None:
    """Pack what was cooked, one order after the other, and cook on."""
    state.busy[store] -= 1
    o, place = first, 1
    while o >= 0:
        if orders.stands[o] == OPEN:
            schedule(
                state, now, key, orders.number[o], OF_PACKING, NO, LOGNORMAL,
                PACKING_MEDIAN_S * place, PACKING_SIGMA, PACKED, o, NO, NO,
            )  # fmt: skip
            place += 1
        o = orders.next_in_batch[o]
    start_cooking(world, orders, state, key, now, store)


@inner
def ready(orders: Orders, state: State, key: int, now: int, o: int) -> None:
    """An order is ready; a courier who waits for it takes it."""
    orders.moments[READY, o] = now
    state.inside[orders.store[o]] -= 1
    if orders.moments[AT_STORE, o] != NEVER:
        hand_over(orders, state, key, now, o)


@inner
def hand_over(orders: Orders, state: State, key: int, now: int, o: int) -> None:
    """Begin to hand an order over the counter: a crowded store takes longer."""
    crowd = 1.0 + HAND_OVER_CROWD * min(state.inside[orders.store[o]], 12)
    schedule(
        state, now, key, orders.number[o], OF_HAND_OVER, NO, LOGNORMAL, HAND_OVER_MEDIAN_S * crowd,
        HAND_OVER_SIGMA, HAND_OVER, o, NO, NO,
    )  # fmt: skip
