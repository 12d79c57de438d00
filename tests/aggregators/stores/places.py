"""Places where events are kept: each can be opened again and again, also by other processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aggregators import (
    EventStore,
    MemoryEventStore,
    RedisEventStore,
    Source,
    SqliteEventStore,
)


class Place:
    """Where a store's events are.

    Args:
        kind: memory, sqlite or redis.
        where: the file, or the server's URL.
        prefix: for Redis, what tells this place from others on the same server.
    """

    def __init__(self, kind: str, where: str = "", prefix: str = "") -> None:
        self.kind = kind
        self.where = where
        self.prefix = prefix
        self._opened: list[EventStore] = []

    def open(self, sources: Sequence[Source], **options: Any) -> Any:
        """Open a store here; in memory there is only one."""
        store: EventStore
        if self.kind == "memory":
            store = self._opened[0] if self._opened else MemoryEventStore(sources)
        elif self.kind == "sqlite":
            store = SqliteEventStore(Path(self.where), sources)
        else:
            store = RedisEventStore(self.where, sources, prefix=self.prefix, **options)
        self._opened.append(store)
        return store

    @property
    def arguments(self) -> list[str]:
        """What another process passes to the constructor."""
        return [self.kind, self.where, self.prefix]

    def close(self) -> None:
        """Close all stores that were opened."""
        for store in self._opened:
            store.close()
