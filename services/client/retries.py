"""Decide when a client sends a request again, how long it waits, and what the request hands on.

Nothing here reads or writes: the blocking and the asynchronous client ask the same object what to
do after an answer or a failure. It is safe to send a request twice, because an event that is stored
already changes nothing.

Source of the waits: "full jitter" of "Exponential Backoff And Jitter",
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import httpx
import msgspec

from services.client.errors import (
    NoAnswerInTime,
    RequestRefused,
    ServiceUnreachable,
    UnreadableAnswer,
)
from services.client.retry_budget import RetryBudget
from services.core.context import TIMEOUT_HEADER, current_request
from services.core.secret_masking import masked
from services.schemas.common import Problem

__all__ = ["RETRIES", "Attempts", "Received", "RetryPolicy", "decoded", "timeout_of"]

T = TypeVar("T")

RETRIES = 3
"""How often a client sends a request again, unless told otherwise."""

_TRY_LATER = (429, 503)
_OK = (200, 207)
"""207: some events of a batch were refused; the answer says which."""
_BACKOFF_MIN_S = 0.1
_BACKOFF_MAX_S = 2.0
_LEAST_S = 0.001  # a millisecond is the least that a service can be told
_CONNECT_S = 1.0
"""Longest wait for a connection; then the request is sent again, if there is time."""
_SHOWN_CHARACTERS = 500

# Nothing of an answer was lost that could not be asked for again.
_BROKEN = (httpx.NetworkError, httpx.RemoteProtocolError)
_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout)


@dataclass(frozen=True, slots=True)
class Received:
    """Holds an answer as it arrived; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class RetryPolicy:
    """Holds what all calls of one client share.

    Args:
        url: address of the service, for messages.
        timeout_s: longest time for a call, retries included.
        retries: how often a request is sent again.
        budget: limits the retries of all calls.
        clock: seconds that never run back.
        random: returns a number from 0 up to 1, each time another.
    """

    __slots__ = ("budget", "clock", "random", "retries", "timeout_s", "url")

    def __init__(
        self,
        *,
        url: str,
        timeout_s: float,
        retries: int,
        budget: RetryBudget,
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self.url = url
        self.timeout_s = timeout_s
        self.retries = retries
        self.budget = budget
        self.clock = clock
        self.random = random

    def begin(self) -> Attempts:
        """Begin a call. Its time runs from now."""
        self.budget.add_request()
        return Attempts(self)


class Attempts:
    """Keeps the state of one call: the time that is left and the attempts that failed.

    Within a request that a service is answering, a call has no more time than that request, and
    carries its id and its trace.
    """

    __slots__ = ("_ends_s", "_failed", "_policy", "_request")

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._request = request = current_request()
        left_s = policy.timeout_s
        if request is not None:
            left_s = min(left_s, request.remaining_s())
        self._ends_s = policy.clock() + left_s
        self._failed = 0

    @property
    def url(self) -> str:
        """Address of the service, for messages."""
        return self._policy.url

    def left_s(self) -> float:
        """Return the seconds that are left.

        Raises:
            NoAnswerInTime: none is left.
        """
        left_s = self._ends_s - self._policy.clock()
        if left_s < _LEAST_S:
            raise NoAnswerInTime(f"no time is left to ask {self._policy.url}")
        return left_s

    def headers(self, left_s: float) -> dict[str, str]:
        """Return the headers that hand on the time that is left, the id and the trace."""
        headers = {TIMEOUT_HEADER: str(int(left_s * 1e3))}
        if self._request is not None:
            headers["x-request-id"] = self._request.request_id
            headers |= self._request.trace.headers()
        return headers

    def retry_delay_s(self, received: Received) -> float | None:
        """Return the seconds to wait before the next attempt; None where this is the answer."""
        if received.status not in _TRY_LATER:
            return None
        jitter_s = self._jitter_s()
        return self._again(_named_s(received.headers.get("retry-after", "")) + jitter_s)

    def retry_delay_after_failure_s(self, error: Exception) -> float:
        """Return the seconds to wait before the next attempt.

        The first time that a connection broke, there is no wait: the service may have closed it
        because it was idle.

        Raises:
            ServiceUnreachable: another attempt is of no use, or there is no time or budget for it.
        """
        wait_s: float | None = None
        if isinstance(error, _NOT_CONNECTED):
            wait_s = self._again(self._jitter_s())
        elif isinstance(error, _BROKEN):
            wait_s = self._again(self._jitter_s() if self._failed else 0.0)
        if wait_s is not None:
            return wait_s
        kind = ServiceUnreachable
        if isinstance(error, TimeoutError | httpx.TimeoutException):
            kind = NoAnswerInTime
        text = f"no answer from {masked(self._policy.url)}: {type(error).__name__} {error}"
        raise kind(text.rstrip()) from error

    def _jitter_s(self) -> float:
        longest_s = min(_BACKOFF_MIN_S * 2.0**self._failed, _BACKOFF_MAX_S)
        return longest_s * self._policy.random()

    def _again(self, wait_s: float) -> float | None:
        policy = self._policy
        if (
            self._failed >= policy.retries
            or policy.clock() + wait_s + _LEAST_S >= self._ends_s
            or not policy.budget.take_retry()
        ):
            return None
        self._failed += 1
        return wait_s


def timeout_of(left_s: float) -> dict[str, float]:
    """Return the limits on the parts of one attempt, as httpx's transports take them."""
    connect_s = min(left_s, _CONNECT_S)
    return {"connect": connect_s, "read": left_s, "write": left_s, "pool": left_s}


def decoded(received: Received, kind: type[T], url: str) -> T:
    """Return an answer as its type.

    Args:
        received: the answer.
        kind: its type.
        url: address of the service, for messages.

    Raises:
        RequestRefused: the service refused the request.
        UnreadableAnswer: the answer is not of this type.
    """
    hashable: Any = kind  # mypy does not know that types are hashable
    if received.status not in _OK:
        raise RequestRefused(received.status, _problem_of(received))
    try:
        answer: T = _decoder(hashable).decode(received.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        start = received.content[:_SHOWN_CHARACTERS].decode("utf-8", "replace")
        raise UnreadableAnswer(
            f"{url} answered what it should not: {error}; the answer begins with {start!r}"
        ) from None
    return answer


@lru_cache(maxsize=64)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _named_s(retry_after: str) -> float:
    """Return the seconds that a service names; 0 for a date and for anything else."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0


def _problem_of(received: Received) -> Problem:
    try:
        return msgspec.json.decode(received.content, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Problem(  # from something on the way, not from the service itself
            error="unknown",
            field="",
            reason=received.content[:_SHOWN_CHARACTERS].decode("utf-8", "replace"),
            request_id=received.headers.get("x-request-id", ""),
        )
