"""Every limit of the services, each named once.

A request beyond a limit is refused with 4xx and the limit's number; nothing is cut silently.
"""

from __future__ import annotations

__all__ = [
    "MAX_BODY_BYTES",
    "MAX_EVENTS",
    "MAX_LEVELS",
    "MAX_REQUEST_ID_CHARACTERS",
    "MAX_ROWS",
    "MAX_TEXT_CHARACTERS",
    "REQUEST_TIMEOUT_S",
]

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Bytes of one request's body."""

MAX_ROWS = 1_000
"""Rows of one batch of predictions."""

MAX_EVENTS = 5_000
"""Events of one batch."""

MAX_LEVELS = 20
"""Quantile levels that one request may ask for."""

MAX_TEXT_CHARACTERS = 256
"""Characters of an id or of a dimension's value."""

MAX_REQUEST_ID_CHARACTERS = 128
"""Characters of an incoming ``x-request-id``; a longer one is replaced."""

REQUEST_TIMEOUT_S = 10.0
"""Seconds after which a request is answered with 504.

It is short for a second reason: the server keeps a timer per request for this long, and garbage
collection of many timers is what makes the slowest answers slow.
"""
