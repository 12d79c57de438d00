"""Every limit of the services, each named once.

A request beyond a limit is refused with 4xx and the limit's number; nothing is cut silently.
"""

from __future__ import annotations

__all__ = [
    "LARGE_BODY_BYTES",
    "MAX_BODY_BYTES",
    "MAX_EVENTS",
    "MAX_EVENTS_PER_WRITE",
    "MAX_EXPLAINED_SAMPLES",
    "MAX_FEATURES",
    "MAX_LEVELS",
    "MAX_QUEUED_ROWS",
    "MAX_REQUESTS",
    "MAX_REQUESTS_PER_KEY",
    "MAX_REQUEST_ID_CHARACTERS",
    "MAX_ROWS",
    "MAX_TEXT_CHARACTERS",
    "MAX_TIMEOUT_DIGITS",
    "MAX_WAITING_EVENTS",
    "REQUEST_TIMEOUT_S",
]

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Bytes of one request's body."""

MAX_ROWS = 1_000
"""Rows of one batch of predictions."""

MAX_EVENTS = 5_000
"""Events of one batch."""

LARGE_BODY_BYTES = 256 * 1024
"""From so many bytes on, a body is decoded beside the event loop, so that others need not wait."""

MAX_WAITING_EVENTS = 50_000
"""Events that may wait for the store while it writes others; beyond that, 503."""

MAX_EVENTS_PER_WRITE = 10_000
"""Events of waiting requests that are written together."""

MAX_FEATURES = 1_000
"""Features that one request may name."""

MAX_EXPLAINED_SAMPLES = 1_000
"""Samples that an explanation lists: the latest; it says how many there are."""

MAX_LEVELS = 20
"""Quantile levels that one request may ask for."""

MAX_TEXT_CHARACTERS = 256
"""Characters of an id or of a dimension's value."""

MAX_REQUEST_ID_CHARACTERS = 128
"""Characters of an incoming ``x-request-id``; a longer one is replaced."""

MAX_TIMEOUT_DIGITS = 9
"""Digits of the milliseconds that a caller will wait; the server's own limit is below that."""

MAX_REQUESTS = 256
"""Requests under way in one process; beyond that, 503."""

MAX_REQUESTS_PER_KEY = 128
"""Requests under way for one API key; beyond that, 429. One caller leaves room for the others."""

MAX_QUEUED_ROWS = 20_000
"""Rows of batches that are being computed or wait for it; beyond that, 503."""

REQUEST_TIMEOUT_S = 10.0
"""Seconds after which a request is answered with 504.

It is short for a second reason: the server keeps a timer per request for this long, and garbage
collection of many timers is what makes the slowest answers slow.
"""
