"""What is scheduled comes out by time, and of two at one time the one that came first."""

from __future__ import annotations

import random

import numpy as np

from simulator.engine.agenda import pop, schedule_at
from simulator.engine.state import N_FREE, N_HEAP, State, make_state

SEED = 20_261_128


def state_of(n_events: int) -> State:
    return make_state(3, np.zeros(4, np.int64), n_events)


def popped(state: State, n: int) -> list[tuple[int, int]]:
    """Take so many events out; returns their moments and what they are about."""
    found = []
    for _ in range(n):
        moment = int(state.heap_ms[0])
        slot = pop(state)
        found.append((moment, int(state.a[slot])))
    return found


def test_events_come_out_in_the_order_of_time_and_of_their_coming() -> None:
    rng = random.Random(SEED)
    for _ in range(20):
        state = state_of(64)
        moments = [rng.randrange(12) for _ in range(40)]
        for number, moment in enumerate(moments):
            schedule_at(state, moment, 1, number, 0, 0)
        expected = sorted((moment, number) for number, moment in enumerate(moments))
        assert popped(state, 40) == expected, f"seed {SEED}"


def test_slots_are_used_again() -> None:
    state = state_of(64)
    free = int(state.count[N_FREE])
    for round_ in range(100):
        schedule_at(state, round_, 1, round_, 0, 0)
        assert popped(state, 1) == [(round_, round_)]
    assert state.count[N_HEAP] == 0
    assert state.count[N_FREE] == free


def test_what_comes_while_others_leave_takes_its_place() -> None:
    state = state_of(64)
    for moment in (50, 10, 30):
        schedule_at(state, moment, 1, moment, 0, 0)
    assert popped(state, 1) == [(10, 10)]
    schedule_at(state, 20, 1, 20, 0, 0)
    schedule_at(state, 60, 1, 60, 0, 0)
    assert [moment for moment, _ in popped(state, 4)] == [20, 30, 50, 60]
