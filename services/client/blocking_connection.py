"""The base of the blocking clients: one service, one policy of retries, typed answers.

``make generate`` generates this file: do not edit it.
"""

from __future__ import annotations

import random as random_numbers
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import msgspec

from services.client.exchange import LIMITS, receive
from services.client.requests import RequestBuilder
from services.client.retries import RETRIES, Attempts, Received, RetryPolicy, decoded
from services.client.retry_budget import RetryBudget
from services.core.limits import REQUEST_TIMEOUT_S

__all__ = ["ServiceClient"]

T = TypeVar("T")


class ServiceClient:
    """Asks one service; ``with`` closes it. Calls block; threads can share a client.

    Args:
        url: base address, such as ``http://127.0.0.1:3000``.
        api_key: key that the client sends; an empty text sends none. By default the key of the
            environment variable ``DOORSTEP_API_KEY``, or of the file that
            ``DOORSTEP_API_KEY_FILE`` names.
        timeout_s: longest time for a call, retries included. The service learns how much of it
            is left.
        retries: how often a request is sent again after 429 or 503, or after a broken connection.
        budget: limits the retries of all calls; by default one of this client alone. Clients of
            one service can share one.
        transport: replaces the network in tests.
        clock: seconds that never run back; injected in tests.
        sleep: waits for seconds; injected in tests.
        random: returns a number from 0 up to 1 that spreads the waits; injected in tests.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
        retries: int = RETRIES,
        budget: RetryBudget | None = None,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        random: Callable[[], float] = random_numbers.random,
    ) -> None:
        self._policy = RetryPolicy(
            url=url,
            timeout_s=timeout_s,
            retries=retries,
            budget=RetryBudget() if budget is None else budget,
            clock=clock,
            random=random,
        )
        self._sleep = sleep
        self._requests = RequestBuilder(url, api_key)
        # No proxies: a client and its service are on the same network.
        self._transport = transport or httpx.HTTPTransport(limits=LIMITS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def is_ready(self) -> bool:
        """Return whether the service runs and has what it needs to answer."""
        try:
            response = self._transport.handle_request(self._requests.readiness())
        except httpx.HTTPError:
            return False
        response.close()
        return response.status_code == httpx.codes.OK

    def ask(self, path: str, question: Any, kind: type[T]) -> T:
        """Post a question as JSON and return the answer as a type.

        Args:
            path: path of the endpoint.
            question: anything that msgspec can encode.
            kind: type of the answer.

        Raises:
            RequestRefused: the service refused the request; ``problem`` has the field and the
                reason. After 429 and 503 the request was sent again before.
            ServiceUnreachable: no answer; the request was sent again where the connection broke.
            UnreadableAnswer: the answer is not of this type.
        """
        body = msgspec.json.encode(question)
        attempts = self._policy.begin()
        while True:
            try:
                received = self._exchange(path, body, attempts)
            except (httpx.HTTPError, TimeoutError) as error:
                wait_s: float | None = attempts.retry_delay_after_failure_s(error)
            else:
                wait_s = attempts.retry_delay_s(received)
                if wait_s is None:
                    return decoded(received, kind, self._policy.url)
            self._sleep(wait_s or 0.0)

    def _exchange(self, path: str, body: bytes, attempts: Attempts) -> Received:
        left_s = attempts.left_s()
        request = self._requests.question(path, body, attempts.headers(left_s), left_s)
        return receive(self._transport, request, attempts)
