"""Share the limits of a process among its connections: their number, and the admission gate."""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from services.core.context import queued_in_threads
from services.core.limits import MAX_RECEIVED_BYTES
from services.core.settings.transport import TransportSettings
from services.middleware.metrics import GuardMetrics
from services.transport.admission import Gate
from services.transport.open_connection import OpenConnection
from services.transport.refusals import Refusal

__all__ = ["ProcessLimits"]

logger = logging.getLogger("doorstep.services")

RESERVED = 32
"""Connections beyond the limit that answer health checks alone."""

PASSING = 16
"""Health checks in flight that skip admission; further ones wait like other requests."""

_ROOM_SHARE = 32
_SMALL_BODY_BYTES = 64 * 1024
_LOG_EVERY_S = 1.0


class ProcessLimits:
    """Hold the limits of a process, and their current use.

    Args:
        loop: the event loop of the process.
        settings: the limits.
        metrics: count refusals; those of the process by default.
        clock: seconds that never run back; injected in tests.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: TransportSettings,
        *,
        metrics: GuardMetrics | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.gate = Gate(
            loop, max_wait_s=settings.max_wait_ms / 1e3, queued=queued_in_threads, clock=clock
        )
        self._metrics = GuardMetrics.of_process() if metrics is None else metrics
        self._clock = clock
        self._open: dict[OpenConnection, str] = {}
        self._by_address: Counter[str] = Counter()
        self._received_bytes = 0
        self._overloaded = 0
        self._passing = 0
        self._logged_s = -_LOG_EVERY_S

    @property
    def connections(self) -> list[OpenConnection]:
        """The open connections."""
        return list(self._open)

    def takes(self, address: str) -> bool:
        """Return whether one more connection from an address is allowed.

        At the limit, an idle connection is closed to make room.
        """
        most = self.settings.per_address
        if most and self._by_address[address] >= most:
            self._metrics.count_refused("connections_of_address")
            return False
        if len(self._open) >= self.settings.max_connections:
            self._make_room()
        if len(self._open) >= self.settings.max_connections + RESERVED:
            self._metrics.count_refused("connections")
            return False
        return True

    @property
    def is_full(self) -> bool:
        """Whether the number of connections is at its limit."""
        return len(self._open) >= self.settings.max_connections

    def joined(self, connection: OpenConnection, address: str) -> None:
        """Register an open connection."""
        self._open[connection] = address
        self._by_address[address] += 1
        self._metrics.set_connections(len(self._open))

    def left(self, connection: OpenConnection) -> None:
        """Unregister a closed connection."""
        address = self._open.pop(connection, None)
        if address is None:
            return
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
        self._metrics.set_connections(len(self._open))

    def check(self) -> None:
        """Close connections after their timeouts; log refusals."""
        now_s = self._clock()
        for connection in self.connections:
            connection.check(now_s)
        if self._overloaded and now_s - self._logged_s >= _LOG_EVERY_S:
            logger.warning("overloaded: %d requests were refused", self._overloaded)
            self._overloaded, self._logged_s = 0, now_s

    @property
    def has_too_many_bodies(self) -> bool:
        """Whether the bodies that are being received exceed their limit."""
        return self._received_bytes > MAX_RECEIVED_BYTES

    def count_body(self, before: int, now: int) -> int:
        """Count the received bytes of one body and return them; small bodies are not counted."""
        counted = now if now > _SMALL_BODY_BYTES else 0
        self._received_bytes += counted - before
        return counted

    def may_pass(self) -> bool:
        """Return whether a health check skips admission; count it, if so."""
        if self._passing >= PASSING:
            return False
        self._passing += 1
        return True

    def passed(self) -> None:
        """Record that such a health check was answered."""
        self._passing -= 1

    def count_overloaded(self) -> None:
        """Count a request that waited too long for admission."""
        self._overloaded += 1
        self._metrics.count_refused("overloaded")

    def count_refused(self, refusal: Refusal) -> None:
        """Count a request that was refused unread."""
        self._metrics.count_refused(refusal.error.error)

    def _make_room(self) -> None:
        idle: list[Any] = [one for one in self._open if one.is_idle]
        # Some at once: under attack, to look for one each time would take more time than the rest.
        some = max(1, self.settings.max_connections // _ROOM_SHARE)
        for oldest in heapq.nsmallest(some, idle, key=lambda one: one.since_s):
            self.left(oldest)
            oldest.transport.abort()
