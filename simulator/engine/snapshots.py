"""Copy a running city, so that it can continue from there."""

from __future__ import annotations

import numpy as np

from simulator.engine.agenda import RESUME
from simulator.engine.state import (
    N_FREE,
    N_HEAP,
    N_WAITING,
    NEXT_ARRIVAL,
    Orders,
    State,
    make_orders,
)
from simulator.world.arrays import IntArray

__all__ = ["copy_of", "doubled", "fresh_orders", "joined", "oldest_order", "part_of", "renumbered"]

_PER_SLOT = ("heap_ms", "heap_sequence", "heap_slot", "kind", "a", "b", "token", "since_ms",
             "law", "first", "second", "tail_share", "tail_first", "tail_second", "waiting",
             "dropped")  # fmt: skip


def doubled(state: State) -> State:
    """Return the same state with room for twice as much."""
    capacity = len(state.free)
    larger = {
        name: np.concatenate([getattr(state, name), np.zeros_like(getattr(state, name))])
        for name in _PER_SLOT
    }
    n_free = int(state.count[N_FREE])
    free = np.empty(2 * capacity, dtype=np.int64)
    free[:n_free] = state.free[:n_free]
    free[n_free : n_free + capacity] = np.arange(capacity, 2 * capacity)
    count = state.count.copy()
    count[N_FREE] += capacity
    return state._replace(**larger, free=free, count=count)


def copy_of(state: State) -> State:
    """Return a copy that shares nothing with the state."""
    return State(**{name: part.copy() for name, part in state._asdict().items()})


def part_of(orders: Orders, first: int, end: int) -> Orders:
    """Return a copy of some rows, which refer to each other by their new numbers."""
    parts = {name: part[..., first:end].copy() for name, part in orders._asdict().items()}
    for name in ("next_in_line", "next_in_batch", "next_on_route"):
        parts[name] = _moved(parts[name], first)
    return Orders(**parts)


def fresh_orders(orders: Orders, rows: slice) -> Orders:
    """Return some rows as new orders, without any events."""
    return make_orders(
        number=orders.number[rows],
        store=orders.store[rows],
        activated_ms=orders.activated_ms[rows],
        promised_ms=orders.promised_ms[rows],
        send_ms=orders.send_ms[rows],
        dish=orders.dish[rows],
        node=orders.node[rows],
        extra_m=orders.extra_m[rows],
        work_s=orders.work_s[rows],
        door_s=orders.door_s[rows],
    )


def joined(first: Orders, second: Orders) -> Orders:
    """Return the orders of both, those of ``first`` first; shares nothing with either."""
    return Orders(
        *(np.concatenate([one, other], axis=-1) for one, other in zip(first, second, strict=True))
    )


def renumbered(state: State, first: int) -> State:
    """Return a copy of a state that refers to the orders from row ``first`` on as 0, 1, ...

    Nothing that is still to happen may refer to an earlier order: see :func:`oldest_order`.
    """
    moved = copy_of(state)
    slots, n_waiting = _order_slots(state), state.count[N_WAITING]
    moved.a[slots] -= first
    moved.waiting[:n_waiting] -= first
    for name in ("head", "tail", "carries"):
        getattr(moved, name)[:] = _moved(getattr(state, name), first)
    moved.count[NEXT_ARRIVAL] -= first
    return moved


def oldest_order(state: State, latest: int) -> int:
    """Return the first row to which something that is still to happen refers, or ``latest``."""
    referred = np.concatenate(
        [state.a[_order_slots(state)], state.waiting[: state.count[N_WAITING]],
         state.carries[state.carries >= 0], state.head[state.head >= 0]]
    )  # fmt: skip
    return int(referred.min(initial=latest))


def _order_slots(state: State) -> IntArray:
    """Return where the events of the agenda are that are about an order."""
    slots = state.heap_slot[: state.count[N_HEAP]]
    return np.asarray(slots[state.kind[slots] != RESUME])


def _moved(rows: IntArray, first: int) -> IntArray:
    """Rows by their new numbers; those before ``first`` are not referred to any more."""
    return np.where(rows >= first, rows - first, -1)
