"""Define every limit of the services, each once.

A request beyond a limit is refused with 4xx and the limit; nothing is truncated silently.
"""

from __future__ import annotations

__all__ = [
    "EVENT_STORE_TIMEOUT_S",
    "FEW_ROWS",
    "LARGE_BODY_BYTES",
    "MAX_ANSWER_BYTES",
    "MAX_ARRIVALS",
    "MAX_BODY_BYTES",
    "MAX_CLIENT_CONNECTIONS",
    "MAX_COLUMN_ROWS",
    "MAX_COURIERS",
    "MAX_EVENTS",
    "MAX_EVENTS_PER_WRITE",
    "MAX_EXPLAINED_SAMPLES",
    "MAX_FEATURES",
    "MAX_HEADER_BYTES",
    "MAX_HEADER_LINES",
    "MAX_LEVELS",
    "MAX_NOTES",
    "MAX_ORDERS",
    "MAX_PAIRS",
    "MAX_PIPELINED",
    "MAX_PROBLEMS",
    "MAX_QUEUED_PAIRS",
    "MAX_QUEUED_ROWS",
    "MAX_RECEIVED_BYTES",
    "MAX_REQUESTS",
    "MAX_REQUESTS_PER_KEY",
    "MAX_REQUEST_ID_CHARACTERS",
    "MAX_ROWS",
    "MAX_STORES",
    "MAX_TEXT_CHARACTERS",
    "MAX_TIMEOUT_DIGITS",
    "MAX_WAITING_EVENTS",
    "PART_RESERVE_S",
    "PART_TIMEOUT_S",
    "REQUEST_TIMEOUT_S",
    "STALE_ORDER_S",
]

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Bytes of one request's body."""

MAX_HEADER_BYTES = 64 * 1024
"""Bytes of one request's path and headers, and of the framing of its chunks."""

MAX_HEADER_LINES = 256
"""Headers of one request."""

MAX_PIPELINED = 16
"""Requests that a connection may send before the answer to the first of them."""

MAX_RECEIVED_BYTES = 64 * 1024 * 1024
"""Bytes of all large bodies that are being received; beyond that, 503."""

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Bytes of an answer that a client reads; these services send less."""

MAX_CLIENT_CONNECTIONS = 128
"""Connections of one client to its service; calls beyond that wait for one."""

MAX_ROWS = 1_000
"""Rows of one batch of predictions."""

MAX_COLUMN_ROWS = 5_000
"""Rows of one columnar request."""

FEW_ROWS = 4
"""Rows that are computed in the event loop; more rows are computed in a thread, so that other
requests do not wait."""

MAX_ORDERS = 50
"""Orders of one courier selection."""

MAX_COURIERS = 500
"""Couriers of one courier selection."""

MAX_PAIRS = MAX_ORDERS * MAX_COURIERS
"""Pairs of an order and a courier in one courier selection."""

MAX_QUEUED_PAIRS = 4 * MAX_PAIRS
"""Pairs that are estimated or queued at once; beyond that, 503."""

MAX_STORES = 200
"""Stores of one request for displayed ranges."""

MAX_ARRIVALS = 200
"""Orders of one request for arrivals at a store."""

MAX_PROBLEMS = 1_000
"""Problems of rows that one answer lists; it says how many rows were refused in all."""

MAX_NOTES = 20
"""Different notes that one row of an answer lists."""

MAX_EVENTS = 5_000
"""Events of one batch."""

LARGE_BODY_BYTES = 256 * 1024
"""Bytes from which a body is decoded in a thread, so that other requests do not wait."""

MAX_WAITING_EVENTS = 50_000
"""Events that may wait for the running write; beyond that, 503."""

MAX_EVENTS_PER_WRITE = 10_000
"""Events of one group commit."""

MAX_FEATURES = 1_000
"""Features that one request may name."""

MAX_EXPLAINED_SAMPLES = 1_000
"""Latest samples that an explanation lists; it gives the total count as well."""

MAX_LEVELS = 20
"""Quantile levels that one request may ask for."""

MAX_TEXT_CHARACTERS = 256
"""Characters of an id or of a dimension's value; event stores have the same limit."""

MAX_REQUEST_ID_CHARACTERS = 128
"""Characters of an incoming ``x-request-id``; a longer one is replaced."""

MAX_TIMEOUT_DIGITS = 9
"""Digits of the milliseconds in a caller's deadline; the server's own limit is smaller."""

MAX_REQUESTS = 256
"""Requests in flight in one process; beyond that, 503."""

MAX_REQUESTS_PER_KEY = 128
"""Requests in flight of one API key; beyond that, 429. So one caller cannot take all capacity."""

MAX_QUEUED_ROWS = 20_000
"""Rows of batches that are computed or queued at once; beyond that, 503."""

REQUEST_TIMEOUT_S = 10.0
"""Seconds after which a request is answered with 504."""

PART_TIMEOUT_S = 1.0
"""Longest wait for a part of an ETA, whatever the deadline of the request: a later answer is worth
less than a quick fallback."""

STALE_ORDER_S = 86_400.0
"""Seconds after the last event of an open order from which on it is stale and not estimated: its
closing event was never recorded."""

EVENT_STORE_TIMEOUT_S = 1.0
"""Longest wait for an event store over the network; then the answer is made without it."""

PART_RESERVE_S = 0.02
"""Seconds before the deadline at which all parts must have answered."""
