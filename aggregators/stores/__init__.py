"""Event stores: where events are kept, and read from in one round trip per request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aggregators.stores.base import AppendResult, CompactionResult, EventStore
from aggregators.stores.memory import MemoryEventStore
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
