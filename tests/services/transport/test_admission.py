"""Requests begin one in a turn, in order, and not after they have waited for too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from services.transport.admission import AT_ONCE, QUICK_TURN_S, Gate, QueuedRequest

WAIT_S = 0.1


class Turns:
    """An event loop of which a test makes the turns, and the clock."""

    def __init__(self) -> None:
        self.now_s = 50.0
        self.soon: list[Callable[[], Any]] = []
        self.later: list[tuple[float, Callable[[], Any]]] = []

    def clock(self) -> float:
        return self.now_s

    def call_soon(self, callback: Callable[[], Any]) -> None:
        self.soon.append(callback)

    def call_later(self, delay_s: float, callback: Callable[[], Any]) -> None:
        self.later.append((self.now_s + delay_s, callback))

    def turn(self, *, takes_s: float = 0.0) -> None:
        """One turn of the loop; what runs before the gate's callback takes so long."""
        self.now_s += takes_s
        due = [one for one in self.later if one[0] <= self.now_s]
        self.later = [one for one in self.later if one[0] > self.now_s]
        ready, self.soon = self.soon, []
        for callback in [*ready, *(one for _, one in due)]:
            callback()

    def settle(self) -> None:
        while self.soon or self.later:
            self.turn(takes_s=0.001)


class Bench:
    """A gate, and what became of the requests that were offered to it."""

    def __init__(self, *, queued: int = 0, burst_s: float = 0.0) -> None:
        self.turns = Turns()
        self.queued = queued
        self.begun: list[int] = []
        self.refused: list[int] = []
        self.unwanted: set[int] = set()
        self.gate = Gate(
            cast("asyncio.AbstractEventLoop", self.turns),
            max_wait_s=WAIT_S,
            burst_s=burst_s,
            queued=lambda: self.queued,
            clock=self.turns.clock,
        )

    def offer(self, number: int, *, age_s: float = 0.0) -> None:
        self.gate.offer(
            QueuedRequest(
                lambda: self.begun.append(number),
                lambda: self.refused.append(number),
                self.turns.now_s - age_s,
                lambda: number not in self.unwanted,
            )
        )


def test_a_request_to_an_idle_service_begins_at_once() -> None:
    bench = Bench()
    bench.offer(1)
    assert (bench.begun, bench.gate.in_flight) == ([1], 1)
    bench.gate.ended()
    bench.turns.settle()
    bench.offer(2)
    assert bench.begun == [1, 2]


def test_one_request_begins_in_a_turn_in_the_order_of_arrival() -> None:
    bench = Bench()
    for number in range(5):
        bench.offer(number)
    assert bench.begun == [0]
    for number in range(1, 5):
        bench.turns.turn()
        assert bench.begun == list(range(number + 1))
    bench.turns.turn()
    assert not bench.turns.soon
    assert not bench.turns.later


def test_requests_that_wait_for_others_do_not_keep_out_more() -> None:
    bench = Bench()
    for number in range(3 * AT_ONCE):
        bench.offer(number)
    bench.turns.settle()
    assert bench.gate.in_flight == 3 * AT_ONCE


def test_no_more_begin_than_a_few_while_turns_are_long() -> None:
    bench = Bench()
    for number in range(AT_ONCE + 2):
        bench.offer(number)
    for _ in range(20):
        bench.turns.turn(takes_s=2.0 * QUICK_TURN_S)
    assert bench.gate.in_flight == AT_ONCE
    bench.gate.ended()
    bench.turns.turn(takes_s=2.0 * QUICK_TURN_S)
    assert bench.begun[-1] == AT_ONCE


def test_no_more_begin_than_a_few_while_threads_have_a_queue() -> None:
    bench = Bench(queued=1)
    for number in range(AT_ONCE + 2):
        bench.offer(number)
    for _ in range(20):
        bench.turns.turn(takes_s=0.001)
    assert bench.gate.in_flight == AT_ONCE
    assert not bench.turns.soon  # it looks again later, and does not spin
    bench.queued = 0
    bench.turns.settle()
    assert bench.gate.in_flight == AT_ONCE + 2


def test_what_has_waited_too_long_is_refused_and_never_begins() -> None:
    bench = Bench()
    for number in range(4):
        bench.offer(number)
    bench.turns.turn(takes_s=1.01 * WAIT_S)
    assert (bench.begun, bench.refused) == ([0], [1, 2, 3])
    bench.turns.settle()
    assert (bench.begun, bench.gate.in_flight) == ([0], 1)


def test_a_burst_may_wait_longer_than_what_lasts() -> None:
    bench = Bench(queued=1, burst_s=3 * WAIT_S)
    for number in range(40):
        bench.offer(number)
    for _ in range(AT_ONCE):
        bench.turns.turn(takes_s=2.0 * QUICK_TURN_S)
    bench.turns.turn(takes_s=2 * WAIT_S)
    assert bench.refused == []  # it came a moment ago
    bench.turns.turn(takes_s=WAIT_S)
    assert bench.refused == list(range(AT_ONCE, 40))  # and did not pass
    bench.queued = 0
    bench.turns.settle()
    for number in range(40, 60):  # the next one is a burst again
        bench.offer(number)
    bench.turns.turn(takes_s=2 * WAIT_S)
    assert bench.refused[-1] == 39


def test_the_age_of_a_request_counts_from_its_arrival() -> None:
    bench = Bench()
    bench.offer(0)
    bench.offer(1, age_s=0.99 * WAIT_S)
    bench.offer(2)
    bench.turns.turn(takes_s=0.02 * WAIT_S)
    assert (bench.begun, bench.refused) == ([0, 2], [1])


def test_nobody_works_for_those_who_are_gone() -> None:
    bench = Bench()
    for number in range(4):
        bench.offer(number)
    bench.unwanted = {1, 2}
    bench.turns.settle()
    assert bench.begun == [0, 3]
    assert bench.gate.in_flight == 2
    bench.offer(4)
    bench.offer(5)
    bench.unwanted = {5}
    bench.turns.turn(takes_s=2 * WAIT_S)
    assert bench.refused == []
