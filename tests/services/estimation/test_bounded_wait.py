"""Answers come with the store where it answers in time, and without it where it does not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from services.client.circuit_breaker import CircuitBreaker
from services.core.errors import InvalidRequest
from services.core.executor import AnswerExecutor
from services.estimation.bounded_wait import BoundedWait
from tests.services.doubling import Clock


class Store:
    """Answers, or hangs until it goes on."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        self.goes_on.wait()
        return "with"


def running(test: Callable[[BoundedWait, Store, Clock], Any], timeout_s: float) -> Any:
    """Run a test in an event loop, and end all threads."""

    async def run() -> Any:
        event_store, clock = Store(), Clock()
        executor = AnswerExecutor(over_network=True)
        breaker = CircuitBreaker("the store", failures=2, open_s=10.0, clock=clock)
        wait = BoundedWait(executor, breaker=breaker, timeout_s=timeout_s, clock=clock)
        try:
            return await test(wait, event_store, clock)
        finally:
            event_store.goes_on.set()
            await asyncio.to_thread(executor.close)
            wait.close()

    return asyncio.run(run())


def test_a_store_that_answers_is_waited_for() -> None:
    async def test(wait: BoundedWait, event_store: Store, _clock: Clock) -> str:
        return await wait.run(1, event_store, lambda: "without")

    assert running(test, 60.0) == "with"


def test_what_the_answer_raises_is_raised() -> None:
    def refuse() -> str:
        raise InvalidRequest("no such field")

    async def test(wait: BoundedWait, _event_store: Store, _clock: Clock) -> None:
        with pytest.raises(InvalidRequest):
            await wait.run(1, refuse, lambda: "without")

    running(test, 60.0)


def test_a_store_that_hangs_is_left_alone_and_asked_again_later() -> None:
    async def test(
        wait: BoundedWait, event_store: Store, clock: Clock
    ) -> tuple[list[str], list[int]]:
        own_run, answers, asked = wait._executor.run, [], [0]

        async def counted(rows: int, answer: Callable[[], Any]) -> Any:
            asked[-1] += 1
            return await own_run(rows, answer)

        wait._executor.run = counted  # type: ignore[method-assign,assignment]
        event_store.goes_on.clear()
        for _ in range(4):
            answers.append(await wait.run(1, event_store, lambda: "without"))
            asked.append(asked[-1])
        event_store.goes_on.set()
        clock.now_s += 10.0
        wait._timeout_s = 60.0
        answers.append(await wait.run(1, event_store, lambda: "without"))
        return answers, asked

    answers, asked = running(test, 0.05)
    assert answers == ["without"] * 4 + ["with"]
    assert asked == [1, 2, 2, 2, 3]


def test_what_nobody_waits_for_any_more_is_not_computed() -> None:
    async def test(wait: BoundedWait, event_store: Store, clock: Clock) -> tuple[str, int]:
        own_run = wait._executor.run

        async def late(rows: int, answer: Callable[[], Any]) -> Any:
            clock.go_on()  # so long did it wait for a thread
            return await own_run(rows, answer)

        wait._executor.run = late  # type: ignore[method-assign,assignment]
        return await wait.run(1, event_store, lambda: "without"), event_store.asked

    assert running(test, 60.0) == ("without", 0)
