"""Keep scheduled events in a binary heap by time; their ends can be drawn again."""

from __future__ import annotations

import math

from simulator.engine.chance import (
    DEFECTIVE,
    FIXED,
    MIXTURE,
    conditional_mixture_s,
    conditional_s,
    duration_s,
    mixture_s,
    uniform,
)
from simulator.engine.compiled import inner, numbers
from simulator.engine.state import N_FREE, N_HEAP, NO, SEQUENCE, State

__all__ = ["pop", "redraw", "schedule", "schedule_at", "schedule_mixture"]

# What happens next to an order, a batch or a courier.
(DISPATCH, SEEN, BATCH_DONE, PACKED, REQUEST, ANSWER, ARRIVE_STORE, HAND_OVER, ARRIVE_CUSTOMER,
 DELIVER, CANCEL, GIVE_BACK, RESUME) = numbers(13)  # fmt: skip

# What a draw is for. Each has a number of its own, so that no two draws are the same.
(OF_DISPATCH, OF_DECLINE, OF_SECOND_THOUGHT, OF_PATIENCE, OF_SEEN, OF_REFUSAL, OF_MISSING,
 OF_COOKING, OF_PACKING, OF_ANSWER, OF_YES, OF_TO_STORE, OF_BREAKDOWN, OF_HAND_OVER, OF_TO_CUSTOMER,
 OF_PARKING, OF_REDRAW, OF_STACK) = numbers(18)  # fmt: skip


@inner
def schedule(
    state: State, now: int, key: int, number: int, purpose: int, attempt: int,
    law: int, first: float, second: float, kind: int, a: int, b: int, token: int,
) -> None:  # fmt: skip
    """Draw how long something takes and schedule its end; what never ends is not scheduled."""
    lasts_s = duration_s(law, first, second, uniform(key, number, purpose, attempt))
    if math.isfinite(lasts_s):
        end = now + max(1, round(lasts_s * 1_000.0))
        _insert(state, end, kind, a, b, token, now, law, first, second)


@inner
def schedule_mixture(
    state: State, now: int, key: int, number: int, purpose: int, attempt: int,
    first: float, second: float, share: float, tail_first: float, tail_second: float,
    kind: int, a: int, b: int, token: int,
) -> None:  # fmt: skip
    """Draw how long something takes that is lognormal of one of two kinds; schedule its end."""
    u = uniform(key, number, purpose, attempt)
    lasts_s = mixture_s(first, second, share, tail_first, tail_second, u)
    end = now + max(1, round(lasts_s * 1_000.0))
    slot = _insert(state, end, kind, a, b, token, now, MIXTURE, first, second)
    state.tail_share[slot] = share
    state.tail_first[slot] = tail_first
    state.tail_second[slot] = tail_second


@inner
def schedule_at(state: State, moment: int, kind: int, a: int, b: int, token: int) -> None:
    """Schedule an event whose time is fixed."""
    _insert(state, moment, kind, a, b, token, moment, FIXED, 0.0, 0.0)


@inner
def _insert(
    state: State, moment: int, kind: int, a: int, b: int, token: int,
    since: int, law: int, first: float, second: float,
) -> int:  # fmt: skip
    """Put an entry into the heap; returns its slot."""
    count = state.count
    count[N_FREE] -= 1
    slot = state.free[count[N_FREE]]
    state.kind[slot] = kind
    state.a[slot] = a
    state.b[slot] = b
    state.token[slot] = token
    state.since_ms[slot] = since
    state.law[slot] = law
    state.first[slot] = first
    state.second[slot] = second
    count[SEQUENCE] += 1
    count[N_HEAP] += 1
    _sift_up(state, count[N_HEAP] - 1, moment, count[SEQUENCE], slot)
    return int(slot)


@inner
def _sift_up(state: State, i: int, moment: int, sequence: int, slot: int) -> None:
    while i > 0:
        parent = (i - 1) >> 1
        if state.heap_ms[parent] < moment or (
            state.heap_ms[parent] == moment and state.heap_sequence[parent] < sequence
        ):
            break
        state.heap_ms[i] = state.heap_ms[parent]
        state.heap_sequence[i] = state.heap_sequence[parent]
        state.heap_slot[i] = state.heap_slot[parent]
        i = parent
    state.heap_ms[i] = moment
    state.heap_sequence[i] = sequence
    state.heap_slot[i] = slot


@inner
def pop(state: State) -> int:
    """Remove the earliest entry; returns its slot, which keeps its content until the next one."""
    count = state.count
    slot = state.heap_slot[0]
    count[N_HEAP] -= 1
    last = count[N_HEAP]
    if last > 0:
        moment, sequence, moved = (
            state.heap_ms[last], state.heap_sequence[last], state.heap_slot[last],
        )  # fmt: skip
        i = 0
        while True:
            child = 2 * i + 1
            if child >= last:
                break
            if child + 1 < last and (
                state.heap_ms[child + 1] < state.heap_ms[child]
                or (
                    state.heap_ms[child + 1] == state.heap_ms[child]
                    and state.heap_sequence[child + 1] < state.heap_sequence[child]
                )
            ):
                child += 1
            if moment < state.heap_ms[child] or (
                moment == state.heap_ms[child] and sequence < state.heap_sequence[child]
            ):
                break
            state.heap_ms[i] = state.heap_ms[child]
            state.heap_sequence[i] = state.heap_sequence[child]
            state.heap_slot[i] = state.heap_slot[child]
            i = child
        state.heap_ms[i] = moment
        state.heap_sequence[i] = sequence
        state.heap_slot[i] = moved
    state.free[count[N_FREE]] = slot
    count[N_FREE] += 1
    return int(slot)


@inner
def redraw(state: State, now: int, key: int) -> None:
    """Draw the end of every pending duration again, given that it has lasted until now.

    What may never end is taken out: :func:`simulator.engine.run.redraw_risks` draws it for every
    order, also for those for which it was not scheduled.
    """
    count = state.count
    n = count[N_HEAP]
    count[N_HEAP] = 0
    for i in range(n):
        slot = state.heap_slot[i]
        law = state.law[slot]
        moment, sequence = state.heap_ms[i], state.heap_sequence[i]
        if law == DEFECTIVE:
            state.free[count[N_FREE]] = slot
            count[N_FREE] += 1
            continue
        if law != FIXED:
            since = state.since_ms[slot]
            lasts_s = _remaining_s(
                state, slot, (now - since) / 1_000.0, uniform(key, sequence, OF_REDRAW, NO)
            )
            moment = max(since + round(lasts_s * 1_000.0), now + 1)
        count[N_HEAP] += 1
        _sift_up(state, count[N_HEAP] - 1, moment, sequence, slot)


@inner
def _remaining_s(state: State, slot: int, elapsed_s: float, u: float) -> float:
    """Draw how long an entry lasts in all, given that it has lasted so long."""
    first, second = state.first[slot], state.second[slot]
    if state.law[slot] == MIXTURE:
        return conditional_mixture_s(
            first, second, state.tail_share[slot], state.tail_first[slot],
            state.tail_second[slot], elapsed_s, u,
        )  # fmt: skip
    return conditional_s(state.law[slot], first, second, elapsed_s, u)
