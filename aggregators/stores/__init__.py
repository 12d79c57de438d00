"""Keep events, and read what a request needs of them in one round trip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aggregators.stores.base import EventStore
from aggregators.stores.memory import MemoryEventStore
from aggregators.stores.reading import AppendResult, CompactionResult
from aggregators.stores.sqlite.store import SqliteEventStore

if TYPE_CHECKING:
    from aggregators.stores.redis.store import RedisEventStore

__all__ = [
    "AppendResult",
    "CompactionResult",
    "EventStore",
    "MemoryEventStore",
    "RedisEventStore",
    "SqliteEventStore",
]


def __getattr__(name: str) -> Any:
    if name != "RedisEventStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from aggregators.stores.redis.store import RedisEventStore

    return RedisEventStore
