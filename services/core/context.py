"""Keep the context of the request that is being answered, in tasks and in threads.

The module imports the standard library alone, because clients use it to forward trace and deadline.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from services.core.errors import InvalidRequest
from services.core.limits import MAX_REQUEST_ID_CHARACTERS, MAX_TIMEOUT_DIGITS
from services.core.trace_context import TraceContext

__all__ = [
    "ARRIVED_KEY",
    "ENVOY_TIMEOUT_HEADER",
    "REQUEST_KEY",
    "TIMEOUT_HEADER",
    "RequestContext",
    "current_request",
    "enter_request",
    "in_thread",
    "queued_in_threads",
    "record_duration",
    "request_id_from",
    "timeout_s_of",
]

T = TypeVar("T")

REQUEST_KEY = "doorstep.request"
"""The key of the :class:`RequestContext` in an ASGI scope."""

ARRIVED_KEY = "doorstep.arrived_s"
"""The key of the arrival time of the first byte in an ASGI scope, by ``time.monotonic``."""

TIMEOUT_HEADER = "x-timeout-ms"
"""The header with the milliseconds that the caller still waits."""
ENVOY_TIMEOUT_HEADER = "x-envoy-expected-rq-timeout-ms"
"""The header that Envoy sets for the same purpose."""

_REQUEST_ID = re.compile(rf"[\x21-\x7e]{{1,{MAX_REQUEST_ID_CHARACTERS}}}")
_MILLISECONDS = re.compile(rf"[0-9]{{1,{MAX_TIMEOUT_DIGITS}}}")


@dataclass(slots=True)
class RequestContext:
    """Hold the state of one request.

    Args:
        request_id: the id that the caller gave, or a generated one.
        trace: the span of this service.
        ends_s: the deadline, by ``time.monotonic``.
        key_id: the API key of the caller; empty where none is needed.
        status: the HTTP status of what was sent; 0 where nothing was.
        times_s: the seconds that each part of the work took, by name.
    """

    request_id: str
    trace: TraceContext
    ends_s: float
    key_id: str = ""
    status: int = 0
    times_s: dict[str, float] = field(default_factory=dict)

    def remaining_s(self) -> float:
        """Return the seconds until the deadline; negative after it."""
        return self.ends_s - time.monotonic()


_CURRENT: ContextVar[RequestContext | None] = ContextVar("doorstep_request", default=None)


def current_request() -> RequestContext | None:
    """Return the context of the current request; None outside of a request."""
    return _CURRENT.get()


def enter_request(request: RequestContext) -> None:
    """Set the current request of this task."""
    _CURRENT.set(request)


_QUEUED: set[object] = set()  # a set, because threads change it: adding and discarding are atomic


async def in_thread(threads: Executor, function: Callable[..., T], *arguments: Any) -> T:
    """Run a function in a thread, with the current request, and return its result."""
    within = partial(copy_context().run, function, *arguments)
    ticket = object()

    def begun() -> T:
        _QUEUED.discard(ticket)
        return within()

    _QUEUED.add(ticket)
    try:
        return await asyncio.get_running_loop().run_in_executor(threads, begun)
    finally:
        _QUEUED.discard(ticket)


def queued_in_threads() -> int:
    """Return the number of functions that wait for a thread of this process."""
    return len(_QUEUED)


def record_duration(part: str, seconds: float) -> None:
    """Record for the request log how long a part of the work took.

    Durations of the same name are added. Outside of a request this does nothing.
    """
    request = _CURRENT.get()
    if request is not None:
        request.times_s[part] = request.times_s.get(part, 0.0) + seconds


def request_id_from(given: str) -> str:
    """Return the id of a request, or a new one if it has no valid id.

    >>> request_id_from("r-7")
    'r-7'
    >>> len(request_id_from("not an id"))
    16
    """
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def timeout_s_of(given: str, from_envoy: str = "") -> float | None:
    """Return the seconds that the caller waits; None if it gives no limit.

    Args:
        given: the header ``x-timeout-ms``, empty where there is none.
        from_envoy: the header of Envoy; 0 and anything that is not a number mean no limit.

    Raises:
        InvalidRequest: the header is there, but is not a whole number of at least 1.

    >>> timeout_s_of("250")
    0.25
    >>> timeout_s_of("800", "300")
    0.3
    """
    timeouts_ms: list[int] = []
    if given:
        if not _MILLISECONDS.fullmatch(given) or int(given) < 1:
            raise InvalidRequest(
                f"is {given[:20]!r}; expected whole milliseconds, 1 or more", field=TIMEOUT_HEADER
            )
        timeouts_ms.append(int(given))
    if _MILLISECONDS.fullmatch(from_envoy) and int(from_envoy) > 0:
        timeouts_ms.append(int(from_envoy))
    return min(timeouts_ms) / 1_000.0 if timeouts_ms else None
