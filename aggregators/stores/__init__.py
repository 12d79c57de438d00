"""Event stores: where events are kept, and read from in one round trip per request."""

from __future__ import annotations

from aggregators.stores.base import AppendResult, EventStore
from aggregators.stores.memory import MemoryEventStore
from aggregators.stores.sqlite import SqliteEventStore

__all__ = ["AppendResult", "EventStore", "MemoryEventStore", "SqliteEventStore"]
