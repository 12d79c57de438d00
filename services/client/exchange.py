"""Sends one request and reads its whole answer: all input and output of the clients.

The two functions are the only code of the clients that exists twice by hand: a task can be
cancelled when its time is over, a thread cannot.

A service closes a connection that was idle for five seconds. The clients close theirs after two,
so that no request is sent into a connection that is being closed. Where it happens nevertheless,
the request is sent again.
"""

from __future__ import annotations

import asyncio

import httpx

from services.client.errors import UnreadableAnswer
from services.client.retries import Attempts, Received
from services.core.limits import MAX_ANSWER_BYTES, MAX_CLIENT_CONNECTIONS

__all__ = ["IDLE_S", "LIMITS", "receive", "receive_async"]

IDLE_S = 2.0
"""Seconds for which an idle connection is kept; services keep theirs for five."""

LIMITS = httpx.Limits(
    max_connections=MAX_CLIENT_CONNECTIONS,
    max_keepalive_connections=MAX_CLIENT_CONNECTIONS,
    keepalive_expiry=IDLE_S,
)


async def receive_async(
    transport: httpx.AsyncBaseTransport, request: httpx.Request, attempts: Attempts
) -> Received:
    """Send a request and return its answer, within the time of the call.

    Raises:
        TimeoutError: the time is over.
        UnreadableAnswer: the answer has more than ``MAX_ANSWER_BYTES`` bytes.
    """
    # httpx limits each read and write alone, so an answer that trickles in would never be late.
    async with asyncio.timeout(attempts.left_s()):
        response = await transport.handle_async_request(request)
        try:
            size, parts = 0, []
            async for part in response.aiter_bytes():
                size = _grown(size, part, attempts.url)
                parts.append(part)
        finally:
            await response.aclose()
    return Received(response.status_code, response.headers, b"".join(parts))


def receive(transport: httpx.BaseTransport, request: httpx.Request, attempts: Attempts) -> Received:
    """Send a request and return its answer, within the time of the call.

    Raises:
        NoAnswerInTime: the time is over.
        UnreadableAnswer: the answer has more than ``MAX_ANSWER_BYTES`` bytes.
    """
    response = transport.handle_request(request)
    try:
        size, parts = 0, []
        for part in response.iter_bytes():
            attempts.left_s()  # raises once the time is over: an answer may trickle in
            size = _grown(size, part, attempts.url)
            parts.append(part)
    finally:
        response.close()
    return Received(response.status_code, response.headers, b"".join(parts))


def _grown(size: int, part: bytes, url: str) -> int:
    """Return the size of an answer with one more part, within the limit."""
    grown = size + len(part)
    if grown > MAX_ANSWER_BYTES:
        raise UnreadableAnswer(f"{url} answered more than {MAX_ANSWER_BYTES} bytes")
    return grown
