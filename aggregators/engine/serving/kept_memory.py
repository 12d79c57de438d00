"""Bound the memory of all windows that a process keeps, and say how much they take."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol
from weakref import WeakSet

__all__ = [
    "KEPT_MEMORY",
    "KEPT_VARIABLE",
    "MAX_KEPT_BYTES",
    "KeepsWindows",
    "KeptCounts",
    "KeptMemory",
]

KEPT_VARIABLE = "DOORSTEP_KEPT_WINDOWS_MIB"
"""The environment variable that bounds the memory in a service."""

MAX_KEPT_BYTES = 256 * 2**20
"""The most memory for the kept windows of a process, by default."""

IDLE_ANSWERS = 10_000
"""Who has answered none of so many requests gives way to others, if it was asked before them."""


class KeptCounts(NamedTuple):
    """Holds what the kept windows of a process take, and what has become of them.

    Args:
        n_bytes: how many bytes they take now.
        n_built: how many windows were begun, those included that were begun anew.
        n_changed: how many were begun anew or dropped because samples changed that they rest on.
        n_crowded: how many were dropped because the memory was needed.
    """

    n_bytes: int
    n_built: int
    n_changed: int
    n_crowded: int


class KeepsWindows(Protocol):
    """Keeps windows of one plan over one source of a store."""

    last_used: int

    @property
    def n_bytes(self) -> int:
        """How much memory they take."""

    def empty(self) -> None:
        """Keep nothing any more; the memory is free."""


class KeptMemory:
    """Shares a number of bytes among all who keep windows in this process.

    Whoever uses windows holds the lock ``changing``, because they may be dropped for others.

    Args:
        bytes_max: how many bytes they may take together; with 0 no windows are kept.

    Attributes:
        listener: is called with the counts when they may have changed.
    """

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.changing = threading.RLock()
        self.listener: Callable[[KeptCounts], None] | None = None
        self._owners: WeakSet[KeepsWindows] = WeakSet()
        self._n_used = 0
        self._n_built = 0
        self._n_changed = 0
        self._n_crowded = 0

    @property
    def n_bytes(self) -> int:
        """How many bytes the windows take."""
        return sum(owner.n_bytes for owner in self._owners)

    @property
    def counts(self) -> KeptCounts:
        """What the windows take, and what has become of them."""
        return KeptCounts(self.n_bytes, self._n_built, self._n_changed, self._n_crowded)

    def join(self, owner: KeepsWindows) -> None:
        """Count the memory of one who keeps windows from now on."""
        with self.changing:
            self._owners.add(owner)

    def note_use(self, owner: KeepsWindows) -> None:
        """Note that an owner is asked."""
        self._n_used += 1
        owner.last_used = self._n_used

    def has_room(self, owner: KeepsWindows, n_bytes: int) -> bool:
        """Return whether an owner may take so many bytes more; others give way if they are idle.

        Those who answer requests all the time do not: they would take the memory back at the next
        one, and both would build their windows again and again.
        """
        while self.n_bytes + n_bytes > self.bytes_max:
            others = [one for one in self._owners if one is not owner and one.n_bytes > 0]
            oldest = min(others, key=lambda one: one.last_used, default=None)
            if oldest is None or self._n_used - oldest.last_used < IDLE_ANSWERS:
                return False
            oldest.empty()
        return True

    def count(self, *, built: int = 0, changed: int = 0, crowded: int = 0) -> None:
        """Count windows that were begun, were changed under, or had to go."""
        self._n_built += built
        self._n_changed += changed
        self._n_crowded += crowded

    def tell(self) -> None:
        """Call the listener."""
        if self.listener is not None:
            self.listener(self.counts)


KEPT_MEMORY = KeptMemory(MAX_KEPT_BYTES)
"""The memory of this process."""
