"""Check whether an event store takes events now, for readiness."""

from __future__ import annotations

import logging
import sqlite3

from aggregators.errors import StoreError
from aggregators.stores import EventStore

__all__ = ["EventStoreCheck"]

logger = logging.getLogger("doorstep.services")


class EventStoreCheck:
    """Checks whether an event store takes events, and logs changes.

    >>> from aggregators import MemoryEventStore, Source
    >>> source = Source("orders", sample_id="order_id", events=("ready",))
    >>> EventStoreCheck().takes_events(MemoryEventStore(sources=[source]))
    True
    """

    def __init__(self) -> None:
        self._why = ""

    @property
    def unready_reason(self) -> str:
        """Why the last check failed; empty if it succeeded."""
        return self._why

    def takes_events(self, event_store: EventStore) -> bool:
        """Return whether the store takes events. A lost file is restored first, if possible."""
        try:
            event_store.check()
        except (StoreError, sqlite3.Error, OSError) as error:
            if str(error) != self._why:
                logger.error("the service is not ready: %s", error)
            self._why = str(error)
            return False
        if self._why:
            logger.warning("the event store takes events again")
        self._why = ""
        return True
