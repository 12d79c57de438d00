"""Run the computation of an answer in the event loop or in a thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from services.core.context import in_thread
from services.core.limits import FEW_ROWS

__all__ = ["AnswerExecutor"]

T = TypeVar("T")

_THREADS = 4


class AnswerExecutor:
    """Chooses where each answer is computed: in the event loop or in a thread.

    A few rows over a local event store take a millisecond, and a thread switch would cost more.
    More rows, and all rows over a store in the network, are computed in threads. A reader of a
    local store holds its lock. So while a thread reads, even a single row goes to a thread: the
    event loop never waits for a lock.

    Args:
        over_network: whether the event store is reached over the network.

    >>> import asyncio
    >>> executor = AnswerExecutor()
    >>> asyncio.run(executor.run(1, sum, [1, 2]))
    3
    >>> executor.close()
    """

    def __init__(self, *, over_network: bool = False) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="computing")
        self._over_network = over_network
        self._in_flight = 0

    async def run(self, rows: int, function: Callable[..., T], *arguments: Any) -> T:
        """Run a function that answers so many rows, and return its result."""
        if rows <= FEW_ROWS and not self._over_network and not self._in_flight:
            return function(*arguments)
        self._in_flight += 1
        try:
            return await in_thread(self._threads, function, *arguments)
        finally:
            self._in_flight -= 1

    def close(self) -> None:
        """Wait for the running work, then end the threads."""
        self._threads.shutdown()
