"""Bound the wait for an event store over the network; answer without it after that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

from services.client.circuit_breaker import CircuitBreaker
from services.client.errors import ServiceUnreachable
from services.core.context import current_request
from services.core.executor import AnswerExecutor
from services.core.limits import EVENT_STORE_TIMEOUT_S, PART_RESERVE_S

__all__ = ["BoundedWait"]

T = TypeVar("T")


class BoundedWait:
    """Answers with the event store where it answers in time, and without it otherwise.

    After several timeouts the circuit is open for a moment, so that a store that hangs costs
    most requests nothing but their features.

    Args:
        executor: runs what reads the store; threads that hang are its own.
        breaker: leaves the store alone.
        timeout_s: longest wait, however much time the request has.
        clock: seconds that never run back; injected in tests.
    """

    def __init__(
        self,
        executor: AnswerExecutor,
        *,
        breaker: CircuitBreaker | None = None,
        timeout_s: float = EVENT_STORE_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executor = executor
        self._fallback_executor = AnswerExecutor()
        self._breaker = (
            CircuitBreaker("the event store", clock=clock) if breaker is None else breaker
        )
        self._timeout_s = timeout_s
        self._clock = clock
        self._unfinished: set[asyncio.Task[Any]] = set()

    async def run(self, rows: int, answer: Callable[[], T], without: Callable[[], T]) -> T:
        """Return an answer about ``n_rows`` rows.

        Args:
            rows: that are asked about.
            answer: reads the store.
            without: does not.
        """
        try:
            self._breaker.check()
        except ServiceUnreachable:
            return await self._fallback_executor.run(rows, without)
        ends_s = self._ends_s()

        def answer_if_wanted() -> T | None:
            return answer() if self._clock() < ends_s else None

        task = asyncio.ensure_future(self._executor.run(rows, answer_if_wanted))
        await asyncio.wait({task}, timeout=max(ends_s - self._clock(), 0.0))
        found = task.result() if task.done() else None
        if found is not None:
            self._breaker.succeeded()
            return found
        if not task.done():  # it ends by itself, once the store answers or its own time is over
            self._unfinished.add(task)
            task.add_done_callback(self._forget)
        self._breaker.failed()
        return await self._fallback_executor.run(rows, without)

    def close(self) -> None:
        """End the threads that answer without the event store."""
        self._fallback_executor.close()

    def _ends_s(self) -> float:
        request = current_request()
        left_s = self._timeout_s
        if request is not None:
            left_s = min(left_s, request.remaining_s() - PART_RESERVE_S)
        return self._clock() + left_s

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._unfinished.discard(task)
        if not task.cancelled():
            task.exception()  # looked at: nobody waits for it any more
