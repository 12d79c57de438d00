"""Stop asking a service that does not answer, for a while.

Source of the pattern: "Release It!" by Michael Nygard, and
https://martinfowler.com/bliki/CircuitBreaker.html.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from services.client.errors import ServiceUnreachable
from services.core.secret_masking import masked

__all__ = ["CircuitBreaker"]

logger = logging.getLogger("doorstep.services")

FAILURES_TO_OPEN = 3
"""Calls in a row without an answer that open the circuit."""

OPEN_S = 1.0
"""Seconds for which the circuit stays open."""


class CircuitBreaker:
    """Refuses calls for a while after several of them had no answer.

    After that while the circuit is half open: calls are let through again. An answer closes it, one
    more failure opens it anew.

    Args:
        url: address or name of the service, for messages.
        failures: calls in a row without an answer that open the circuit.
        open_s: seconds for which it stays open.
        clock: seconds that never run back; injected in tests.

    >>> breaker = CircuitBreaker("http://etp:3000", failures=1)
    >>> breaker.check()
    >>> breaker.failed()
    >>> breaker.check()
    Traceback (most recent call last):
    ...
    services.client.errors.ServiceUnreachable: http://etp:3000 did not answer lately; ...
    """

    def __init__(
        self,
        url: str,
        *,
        failures: int = FAILURES_TO_OPEN,
        open_s: float = OPEN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = masked(url)
        self._max_failures = failures
        self._open_s = open_s
        self._clock = clock
        self._failures = 0
        self._until_s = -math.inf

    def check(self) -> None:
        """Raise an error while the circuit is open.

        Raises:
            ServiceUnreachable: it is open.
        """
        if self._clock() < self._until_s:
            raise ServiceUnreachable(f"{self._url} did not answer lately; it is left alone")

    def succeeded(self) -> None:
        """Note an answer, which closes the circuit."""
        if self._failures >= self._max_failures:
            logger.warning("%s answers again", self._url)
        self._failures = 0

    def failed(self) -> None:
        """Note a call without an answer, which may open the circuit."""
        self._failures += 1
        if self._failures == self._max_failures:
            logger.warning("%s did not answer: it is asked rarely until it does", self._url)
        if self._failures >= self._max_failures:
            self._until_s = self._clock() + self._open_s
