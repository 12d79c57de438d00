"""What stands for an event store that cannot be opened yet, so that answers come all the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from aggregators.errors import StoreError
from aggregators.events import Source
from aggregators.stores import EventStore

__all__ = ["MissingEventStore"]


class MissingEventStore(EventStore):
    """Knows its sources and nothing else: whatever is asked of it fails as a store does.

    Args:
        sources: those that the store would keep.
        why: what is the matter with it.

    >>> MissingEventStore([], "connection refused").count(
    ...     Source("orders", sample_id="id", events=("a",))
    ... )
    Traceback (most recent call last):
    ...
    aggregators.errors.StoreError: the event store is not open: connection refused
    """

    def __init__(self, sources: Iterable[Source], why: str) -> None:
        self.sources = {source.name: source for source in sources}
        self._why = why

    def _fail(self, *_: Any, **__: Any) -> NoReturn:
        raise StoreError(f"the event store is not open: {self._why}")

    append = read = read_with_samples = sample = samples = table = compact = _fail
    compacted_until = count = reopen = latest_moment_us = _fail
