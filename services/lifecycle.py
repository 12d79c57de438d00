"""Start a service, retry until nothing is missing, and close it.

Each service answers from an event store. It starts with the available resources, answers with them,
and is ready once none is missing.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import ClassVar, TypeAlias

import bentoml

from aggregators.stores import EventStore
from services.bento.startup import ESTIMATE_KERNELS, Startup
from services.core.errors import SettingError, Unavailable
from services.core.settings.events import IntakeSettings, StoreSettings
from services.event_store.check import EventStoreCheck
from services.event_store.kept_windows import KeptWindowMetrics, bound_kept_windows
from services.intake.intake import Intake
from services.intake.metrics import IntakeMetrics

__all__ = ["Closing", "Lifecycle"]

logger = logging.getLogger("doorstep.services")

Closing: TypeAlias = Callable[[], Awaitable[object] | object]
"""Closes a resource; called in a thread, or awaited if it is a coroutine function."""


class Lifecycle:
    """Base class of the BentoML services.

    A subclass gets its resources in :meth:`obtain` and closes them in :meth:`closings`. This class
    has the event store and the intake of events, which every service has.
    """

    kernels: ClassVar[Sequence[str]] = ESTIMATE_KERNELS
    """The modules whose kernels are compiled before the first attempt."""

    def __init__(self) -> None:
        self.start = Startup(self.complete, kernels=self.kernels)
        self._event_store: EventStore | None = None
        self._intake: Intake | None = None
        self._store_check = EventStoreCheck()
        self._attempt = threading.Lock()
        self._is_complete = False
        self._has_bad_setting = False
        self._missing = "the service is starting"
        self._logged: dict[str, str] = {}

    # --- what a service says ----------------------------------------------------------------------

    def obtain(self) -> list[str]:
        """Get the missing resources; return the reasons of failures. Called until it returns none.

        Only one thread calls it at a time.
        """
        raise NotImplementedError

    def closings(self) -> Iterable[Closing]:
        """Return what lets go of what the service has, in order, beside the event store."""
        return ()

    # --- what BentoML calls -----------------------------------------------------------------------

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    def begin(self) -> None:
        """Start a background thread that gets the resources, with retries.

        A Redis server may start after the services that need it.
        """
        self.start.begin()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    async def finish(self) -> None:
        """Write the waiting events, then close all resources, the event store last.

        What cannot be closed is logged, and does not keep the rest from being closed.
        """
        closings: list[Closing] = [self.start.end]
        if self._intake is not None:
            closings.append(self._intake.close)
        closings += self.closings()
        if self._event_store is not None:
            closings.append(self._event_store.close)
        for close in closings:
            try:
                if inspect.iscoroutinefunction(close):
                    await close()
                else:
                    await asyncio.to_thread(close)
            except Exception:
                logger.exception("something of the service could not be closed")

    def __is_ready__(self) -> bool:
        """Return whether nothing is missing and the event store takes events."""
        if not self._is_complete or self._event_store is None:
            return False
        return self._store_check.takes_events(self._event_store)

    # --- what the endpoints ask -------------------------------------------------------------------

    @property
    def unready_reason(self) -> str:
        """Why the service is not ready; empty if it is."""
        return self.start.unready_reason or self._store_check.unready_reason or self._missing

    @property
    def intake(self) -> Intake:
        """The intake of events. Raises :class:`Unavailable` before the event store is open."""
        if self._intake is None:
            raise Unavailable(self.unready_reason)
        return self._intake

    # --- the attempts -----------------------------------------------------------------------------

    def complete(self) -> bool:
        """Get the missing resources; return whether none is missing."""
        if self._has_bad_setting:
            return False
        with self._attempt:
            if not self._is_complete:
                missing = self.obtain()
                self._missing = "; ".join(missing)
                self._is_complete = not missing
            return self._is_complete

    def cannot_start(self, error: SettingError) -> None:
        """Record an invalid setting, which ends the attempts: a retry would fail, too."""
        logger.error("%s", error)
        self._has_bad_setting = True
        self._missing = f"the service cannot start: {error}"

    def take_events_into(self, event_store: EventStore, settings: StoreSettings) -> None:
        """Append events to an event store from now on, as the settings say."""
        self._intake = Intake(
            event_store,
            IntakeMetrics.of_process(),
            max_clock_skew_s=settings.max_clock_skew_s,
            unknown_data=IntakeSettings.from_environment().unknown_data,
        )
        bound_kept_windows(settings.kept_windows_mib, KeptWindowMetrics.of_process())
        self._event_store = event_store

    def is_news(self, what: str, reason: str) -> bool:
        """Log a reason once; return whether it is new."""
        if self._logged.get(what) == reason:
            return False
        self._logged[what] = reason
        logger.error("%s", reason)
        return True
