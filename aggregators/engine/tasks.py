"""Divide the work of training into tasks for threads, which may share the samples of an index."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from aggregators.engine.clustering import IndexedPlans
from aggregators.engine.execution import OrderedQueries

__all__ = ["SharedCluster", "parts_of"]

PARTS_PER_THREAD = 4
"""So many tasks per thread: the last one of a thread is short beside all its work."""


class SharedCluster:
    """Holds a cluster and its queries from the first task that needs them to the last.

    Args:
        make: makes them.
        n_tasks: how many tasks need them.
    """

    def __init__(
        self, make: Callable[[], tuple[IndexedPlans, OrderedQueries]], n_tasks: int
    ) -> None:
        self._make = make
        self._left = n_tasks
        self._made: tuple[IndexedPlans, OrderedQueries] | None = None
        self._changing = threading.Lock()

    def take(self) -> tuple[IndexedPlans, OrderedQueries]:
        """Return the cluster and its queries; other tasks wait while they are made."""
        with self._changing:
            if self._made is None:
                self._made = self._make()
            return self._made

    def give_back(self) -> None:
        """Note that a task has ended: after the last one the memory is free."""
        with self._changing:
            self._left -= 1
            if self._left == 0:
                self._made = None


def parts_of(costs: Sequence[int], total: int, threads: int) -> list[list[int]]:
    """Divide the plans of one index so that no part is too long for its thread.

    Args:
        costs: of each plan.
        total: of all plans of all indexes.
        threads: how many there are.

    Returns:
        The numbers of the plans in each part.

    >>> parts_of([3, 1, 1, 3], total=24, threads=2)
    [[0], [1, 2], [3]]
    >>> parts_of([3, 1, 1, 3], total=24, threads=1)
    [[0, 1, 2, 3]]
    """
    most = total if threads == 1 else total // (PARTS_PER_THREAD * threads)
    parts: list[list[int]] = []
    cost = 0
    for number, one in enumerate(costs):
        if not parts or cost + one > most:
            parts.append([])
            cost = 0
        parts[-1].append(number)
        cost += one
    return parts
