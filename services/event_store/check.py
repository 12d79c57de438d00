"""Whether an event store takes events now, for readiness."""

from __future__ import annotations

import logging
import sqlite3

from aggregators.errors import StoreError
from aggregators.stores import EventStore

__all__ = ["EventStoreCheck"]

logger = logging.getLogger("doorstep.services")


class EventStoreCheck:
    """Asks a store whether it takes events, and logs when that changes.

    >>> from aggregators import MemoryEventStore, Source
    >>> source = Source("orders", sample_id="order_id", events=("ready",))
    >>> EventStoreCheck().takes_events(MemoryEventStore(sources=[source]))
    True
    """

    def __init__(self) -> None:
        self._why = ""

    @property
    def unready_reason(self) -> str:
        """Why it did not when it was asked last, empty where it did."""
        return self._why

    def takes_events(self, event_store: EventStore) -> bool:
        """Return whether it does; one that has lost its place gets it back first, if it can."""
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
