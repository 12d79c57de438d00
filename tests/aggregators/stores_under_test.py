"""The event stores, all of which must pass the same tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aggregators import MemoryEventStore, SqliteEventStore
from tests.aggregators.building import source_from
from tests.aggregators.random_data import RandomTable

StoreMaker = Callable[[RandomTable, Path], Any]


def memory_store(table: RandomTable, path: Path) -> Any:
    """A store in memory; it keeps nothing at the path."""
    return MemoryEventStore(sources=[source_from(table.source)])


def sqlite_store(table: RandomTable, path: Path) -> Any:
    """A durable store in the file at the path."""
    return SqliteEventStore(path, sources=[source_from(table.source)])


STORES: dict[str, StoreMaker] = {"memory": memory_store, "sqlite": sqlite_store}
