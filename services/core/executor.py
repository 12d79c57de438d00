"""Where answers are computed: at once, or beside the event loop so that others need not wait."""

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
    """Decides for each answer where it is computed.

    A few rows over a store in this process take a millisecond: handing them to a thread would cost
    more. More rows, and all where the store is reached over the network, are computed in threads.
    Whoever reads a store in this process holds its lock for that long, so while a thread does, even
    a single row goes to a thread: the event loop never waits for a lock.

    Args:
        over_network: whether the store is reached over the network.

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
        """Return what a function gives that answers so many rows."""
        if rows <= FEW_ROWS and not self._over_network and not self._in_flight:
            return function(*arguments)
        self._in_flight += 1
        try:
            return await in_thread(self._threads, function, *arguments)
        finally:
            self._in_flight -= 1

    def close(self) -> None:
        """Wait for what is under way, and end the threads."""
        self._threads.shutdown()
