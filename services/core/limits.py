"""Every limit of the services, each named once.

A request beyond a limit is refused with 4xx and the limit's number; nothing is cut silently.
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
"""Bytes of one request's path and headers, and of what frames its body's chunks."""

MAX_HEADER_LINES = 256
"""Headers of one request."""

MAX_PIPELINED = 16
"""Requests that a connection may send before the answer to the first of them."""

MAX_RECEIVED_BYTES = 64 * 1024 * 1024
"""Bytes of all bodies that are being received, small ones not counted; beyond that, 503."""

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Bytes of an answer that a client reads; more is no answer of these services."""

MAX_CLIENT_CONNECTIONS = 128
"""Connections of one client to its service; calls beyond that wait for one."""

MAX_ROWS = 1_000
"""Rows of one batch of predictions."""

MAX_COLUMN_ROWS = 5_000
"""Rows of one request that comes column by column."""

FEW_ROWS = 4
"""So many rows are answered at once; more are computed beside the event loop, so that others need
not wait."""

MAX_ORDERS = 50
"""Orders of one choice of couriers."""

MAX_COURIERS = 500
"""Couriers of one choice."""

MAX_PAIRS = MAX_ORDERS * MAX_COURIERS
"""Pairs of an order and a courier of one choice."""

MAX_QUEUED_PAIRS = 4 * MAX_PAIRS
"""Pairs that are being estimated or wait for it; beyond that, 503."""

MAX_STORES = 200
"""Stores of one request for ranges to be shown."""

MAX_ARRIVALS = 200
"""Orders of one request for arrivals at a store."""

MAX_PROBLEMS = 1_000
"""Problems of rows that one answer lists; it says how many rows were refused in all."""

MAX_NOTES = 20
"""Different notes that one row of an answer lists."""

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
"""Characters of an id or of a dimension's value; event stores take no longer ones, either."""

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
"""Seconds after which a request is answered with 504."""

PART_TIMEOUT_S = 1.0
"""Seconds that a part of an ETA may take, however much time the request has: what does not answer
by then is not worth the wait."""

STALE_ORDER_S = 86_400.0
"""Seconds after its last event from which on nothing is estimated of an order that has not ended:
what ended it was never recorded."""

EVENT_STORE_TIMEOUT_S = 1.0
"""Seconds that an event store over the network may take; then the answer comes without it."""

PART_RESERVE_S = 0.02
"""Seconds of a request's time that are left for its answer when all parts must have answered."""
