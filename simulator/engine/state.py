"""Define the engine's state: the fixed world, the orders and the present.

Moments are milliseconds since the start, ``NEVER`` where nothing has happened. Everything that
changes is in ``Orders`` and ``State``, so a copy of the two is a snapshot.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.engine.compiled import numbers
from simulator.world.arrays import FloatArray, IntArray

__all__ = ["NEVER", "NO", "Laws", "Orders", "State", "World", "make_orders", "make_state"]

NEVER = -1
NO = numbers(1)[0]
"""Stands where an entry of the agenda has nothing to say."""

(ACTIVATED, DISPATCHED, ACCEPTED, COOKING, READY, REQUESTED, ASSIGNED, AT_STORE, PICKED_UP,
 AT_CUSTOMER, DELIVERED, CANCELLED) = numbers(12)  # fmt: skip
N_MOMENTS = 12

# How an order stands, and why it was cancelled.
OPEN, DONE, GONE = numbers(3)
NO_CAUSE, DECLINED, REFUSED, ITEM_MISSING, CHANGED_MIND, OUT_OF_PATIENCE = numbers(6)

# What a courier does.
OFF, IDLE, OFFERED, BUSY, PAUSED = numbers(5)

# Entries of ``State.count``.
(N_HEAP, N_FREE, SEQUENCE, NEXT_ARRIVAL, NEXT_SHIFT, N_WAITING, NOW, N_DROPPED, TARGETS,
 N_DONE, DECIDED_OUTSIDE) = numbers(11)  # fmt: skip
N_COUNTS = 11


class Laws(NamedTuple):
    """The numbers of a nature that the event loop needs, see ``simulator.world.nature``."""

    cooking_sigma: float
    tail_share: float
    tail_factor: float
    tail_sigma: float
    crowd_work: float
    batch_work: float
    batch_lookahead: float
    patience_s: float
    homeward_s: float
    ride_sigma: float
    parking_sigma: float
    stack_share: float
    stack_limit: float
    stack_detour_m: float


class World(NamedTuple):
    """The part that does not change while a city runs; per bin from ``first_bin`` on."""

    distance_m: FloatArray
    node_zone: IntArray
    store_node: IntArray
    store_slots: IntArray
    store_batch: IntArray
    store_attention_s: FloatArray
    store_lead_s: FloatArray
    vehicle: IntArray
    speed_m_s: FloatArray
    accepts: FloatArray
    parking_skill: FloatArray
    home: IntArray
    shift_ms: IntArray
    shift_courier: IntArray
    shift_until_ms: IntArray
    first_bin: int
    traffic: FloatArray
    parking: FloatArray
    rain: FloatArray
    wind: FloatArray
    temperature: FloatArray
    kitchen: FloatArray
    shift_of_bin: IntArray
    pace: FloatArray
    laws: Laws


class Orders(NamedTuple):
    """One entry per order, by activation. ``number`` is the order's own for all its draws.

    ``route`` is the number of the order that opened the route on which the order rides,
    ``next_on_route`` the row of the next order of that route. ``send_ms`` is when an order that
    was placed for a later time is sent to its store, ``NEVER`` for those that are sent at once.
    """

    number: IntArray
    store: IntArray
    activated_ms: IntArray
    promised_ms: IntArray
    send_ms: IntArray
    dish: IntArray
    node: IntArray
    extra_m: FloatArray
    work_s: FloatArray
    door_s: FloatArray
    moments: IntArray
    courier: IntArray
    to_store_m: FloatArray
    stands: IntArray
    cause: IntArray
    attempts: IntArray
    offers: IntArray
    offered_to: IntArray
    next_in_line: IntArray
    next_in_batch: IntArray
    route: IntArray
    next_on_route: IntArray
    is_target: IntArray


class State(NamedTuple):
    """The present: what is scheduled, the kitchens, the couriers, orders without a courier.

    The heap holds time, sequence number and slot of what is scheduled; the slots say what it is,
    since when it lasts and from which distribution its end was drawn. ``dropped`` logs what
    couriers gave back: order, moment of assignment, of giving back, courier, distance, route.
    ``carries`` is the first order of a courier's route, ``leg`` counts the courier's rides to
    stores, and ``heading`` is the store of the last one until the courier leaves it.
    """

    heap_ms: IntArray
    heap_sequence: IntArray
    heap_slot: IntArray
    free: IntArray
    kind: IntArray
    a: IntArray
    b: IntArray
    token: IntArray
    since_ms: IntArray
    law: IntArray
    first: FloatArray
    second: FloatArray
    tail_share: FloatArray
    tail_first: FloatArray
    tail_second: FloatArray
    busy: IntArray
    head: IntArray
    tail: IntArray
    inside: IntArray
    status: IntArray
    at: IntArray
    idle_since_ms: IntArray
    until_ms: IntArray
    carries: IntArray
    leg: IntArray
    heading: IntArray
    leg_from_ms: IntArray
    leg_to_ms: IntArray
    waiting: IntArray
    dropped: IntArray
    count: IntArray  # type: ignore[assignment]  # a tuple has a method of that name


def make_orders(
    *,
    number: IntArray,
    store: IntArray,
    activated_ms: IntArray,
    promised_ms: IntArray,
    send_ms: IntArray,
    dish: IntArray,
    node: IntArray,
    extra_m: FloatArray,
    work_s: FloatArray,
    door_s: FloatArray,
) -> Orders:
    """Return new orders, without any events."""
    n = len(number)
    nobody = np.full(n, -1, dtype=np.int64)
    return Orders(
        number=number,
        store=store,
        activated_ms=activated_ms,
        promised_ms=promised_ms,
        send_ms=send_ms,
        dish=dish,
        node=node,
        extra_m=extra_m,
        work_s=work_s,
        door_s=door_s,
        moments=np.full((N_MOMENTS, n), NEVER, dtype=np.int64),
        courier=nobody.copy(),
        to_store_m=np.full(n, np.nan),
        stands=np.zeros(n, dtype=np.int64),
        cause=np.zeros(n, dtype=np.int64),
        attempts=np.zeros(n, dtype=np.int64),
        offers=np.zeros(n, dtype=np.int64),
        offered_to=nobody.copy(),
        next_in_line=nobody.copy(),
        next_in_batch=nobody.copy(),
        route=nobody.copy(),
        next_on_route=nobody.copy(),
        is_target=np.zeros(n, dtype=np.int64),
    )


def make_state(n_stores: int, home: IntArray, capacity: int) -> State:
    """Return a city at rest: nothing scheduled, empty kitchens, couriers at home."""
    n_couriers = len(home)
    count = np.zeros(N_COUNTS, dtype=np.int64)
    count[N_FREE] = capacity
    return State(
        heap_ms=np.zeros(capacity, dtype=np.int64),
        heap_sequence=np.zeros(capacity, dtype=np.int64),
        heap_slot=np.zeros(capacity, dtype=np.int64),
        free=np.arange(capacity, dtype=np.int64),
        kind=np.zeros(capacity, dtype=np.int64),
        a=np.zeros(capacity, dtype=np.int64),
        b=np.zeros(capacity, dtype=np.int64),
        token=np.zeros(capacity, dtype=np.int64),
        since_ms=np.zeros(capacity, dtype=np.int64),
        law=np.zeros(capacity, dtype=np.int64),
        first=np.zeros(capacity),
        second=np.zeros(capacity),
        tail_share=np.zeros(capacity),
        tail_first=np.zeros(capacity),
        tail_second=np.zeros(capacity),
        busy=np.zeros(n_stores, dtype=np.int64),
        head=np.full(n_stores, -1, dtype=np.int64),
        tail=np.full(n_stores, -1, dtype=np.int64),
        inside=np.zeros(n_stores, dtype=np.int64),
        status=np.full(n_couriers, OFF, dtype=np.int64),
        at=home.astype(np.int64),
        idle_since_ms=np.zeros(n_couriers, dtype=np.int64),
        until_ms=np.zeros(n_couriers, dtype=np.int64),
        carries=np.full(n_couriers, -1, dtype=np.int64),
        leg=np.zeros(n_couriers, dtype=np.int64),
        heading=np.full(n_couriers, -1, dtype=np.int64),
        leg_from_ms=np.zeros(n_couriers, dtype=np.int64),
        leg_to_ms=np.zeros(n_couriers, dtype=np.int64),
        waiting=np.zeros(capacity, dtype=np.int64),
        dropped=np.zeros((capacity, 6), dtype=np.int64),
        count=count,
    )
