"""What the clients of all services share: connections that are kept, one policy, typed answers.

A service closes a connection that was idle for five seconds; these clients let go of one after two,
so that no request is sent into a connection that is being closed. Where it happens nevertheless,
the request is sent again.
"""

from __future__ import annotations

import asyncio
import os
import random as random_numbers
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import msgspec

from services.client.errors import UnreadableAnswer
from services.client.retries import Attempts, Received, RetryPolicy, decoded, timeout_of
from services.client.retry_budget import RetryBudget
from services.core.errors import SettingError
from services.core.limits import MAX_ANSWER_BYTES, MAX_CLIENT_CONNECTIONS, REQUEST_TIMEOUT_S
from services.core.placeholders import check_placeholder

__all__ = ["API_KEY_VARIABLE", "AsyncServiceClient", "ServiceClient"]

T = TypeVar("T")

API_KEY_VARIABLE = "DOORSTEP_API_KEY"
"""Environment variable of the key that a client sends, where it is given none."""
API_KEY_FILE_VARIABLE = "DOORSTEP_API_KEY_FILE"
"""Environment variable of the path of a file that holds that key, where the former is empty."""
RETRIES = 3
"""How often a request is sent again."""
IDLE_S = 2.0
"""Seconds for which an idle connection is kept; services keep theirs for five."""
_READY_S = 5.0
_LIMITS = httpx.Limits(
    max_connections=MAX_CLIENT_CONNECTIONS,
    max_keepalive_connections=MAX_CLIENT_CONNECTIONS,
    keepalive_expiry=IDLE_S,
)
_JSON = "application/json"


class ServiceClient:
    """Asks one service. A context manager; calls are blocking, and threads can share a client.

    Args:
        url: base address, such as ``http://127.0.0.1:3000``.
        api_key: what the service knows this client by; that of the environment variable
            ``DOORSTEP_API_KEY``, or of the file that ``DOORSTEP_API_KEY_FILE`` names, by default;
            none where both are empty.
        timeout_s: longest wait for an answer, with all that is sent again. The service is told
            how much of it is left.
        retries: how often a request is sent again after 429 or 503, or where the connection broke.
        budget: how many requests of all may be sent again; one of its own by default. Clients of
            one service can share one.
        transport: takes the place of the network, in tests.
        clock: seconds that never run back; injected in tests.
        sleep: waits for seconds; injected in tests.
        random: a number from 0 up to 1 that spreads the waits; injected in tests.
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
        self._policy = _policy(url, timeout_s, retries, budget, clock, random)
        self._sleep = sleep
        self._to = _Address(url, api_key)
        # A transport goes straight to the service: proxies are for the world outside.
        self._transport = transport or httpx.HTTPTransport(limits=_LIMITS, trust_env=False)

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
        """Return whether the service is up and has what it needs."""
        try:
            response = self._transport.handle_request(self._to.question())
        except httpx.HTTPError:
            return False
        response.close()
        return response.status_code == httpx.codes.OK

    def ask(self, path: str, question: Any, kind: type[T]) -> T:
        """Post a question as JSON and return the answer as a type.

        Args:
            path: of the endpoint.
            question: what msgspec can encode.
            kind: type of the answer.

        Raises:
            RequestRefused: the service said no, and why; after 429 and 503 it was asked again
                before.
            ServiceUnreachable: no answer; it was asked again where the connection broke.
            UnreadableAnswer: an answer that is not of this type.
        """
        body = msgspec.json.encode(question)
        attempts = self._policy.begin()
        while True:
            try:
                received = self._exchange(path, body, attempts)
            except httpx.HTTPError as error:
                wait_s: float | None = attempts.retry_delay_after_failure_s(error)
            else:
                wait_s = attempts.retry_delay_s(received)
                if wait_s is None:
                    return decoded(received, _decoder(kind), self._policy.url)
            self._sleep(wait_s or 0.0)

    def _exchange(self, path: str, body: bytes, attempts: Attempts) -> Received:
        left_s = attempts.left_s()
        response = self._transport.handle_request(
            self._to.request(path, body, attempts.headers(left_s), left_s)
        )
        try:
            size, parts = 0, []
            for part in response.iter_bytes():
                attempts.left_s()  # an answer that trickles in has no more time than one that hangs
                size = _grown(size, part, self._policy.url)
                parts.append(part)
        finally:
            response.close()
        return Received(response.status_code, response.headers, b"".join(parts))


class AsyncServiceClient:
    """Asks one service without blocking; belongs to one event loop. ``async with`` closes it.

    Args:
        url: base address, such as ``http://127.0.0.1:3000``.
        api_key: what the service knows this client by; that of the environment variable
            ``DOORSTEP_API_KEY``, or of the file that ``DOORSTEP_API_KEY_FILE`` names, by default;
            none where both are empty.
        timeout_s: longest wait for an answer, with all that is sent again. The service is told
            how much of it is left.
        retries: how often a request is sent again after 429 or 503, or where the connection broke.
        budget: how many requests of all may be sent again; one of its own by default. Clients of
            one service can share one.
        transport: takes the place of the network, in tests.
        clock: seconds that never run back; injected in tests.
        sleep: waits for seconds; injected in tests.
        random: a number from 0 up to 1 that spreads the waits; injected in tests.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
        retries: int = RETRIES,
        budget: RetryBudget | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Callable[[], float] = random_numbers.random,
    ) -> None:
        self._policy = _policy(url, timeout_s, retries, budget, clock, random)
        self._sleep = sleep
        self._to = _Address(url, api_key)
        self._transport = transport or httpx.AsyncHTTPTransport(limits=_LIMITS, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def is_ready(self) -> bool:
        """Return whether the service is up and has what it needs."""
        try:
            response = await self._transport.handle_async_request(self._to.question())
        except httpx.HTTPError:
            return False
        await response.aclose()
        return response.status_code == httpx.codes.OK

    async def ask(self, path: str, question: Any, kind: type[T]) -> T:
        """Post a question as JSON and return the answer as a type.

        Args:
            path: of the endpoint.
            question: what msgspec can encode.
            kind: type of the answer.

        Raises:
            RequestRefused: the service said no, and why; after 429 and 503 it was asked again
                before.
            ServiceUnreachable: no answer; it was asked again where the connection broke.
            UnreadableAnswer: an answer that is not of this type.
        """
        body = msgspec.json.encode(question)
        attempts = self._policy.begin()
        while True:
            try:
                received = await self._exchange(path, body, attempts)
            except (httpx.HTTPError, TimeoutError) as error:
                wait_s: float | None = attempts.retry_delay_after_failure_s(error)
            else:
                wait_s = attempts.retry_delay_s(received)
                if wait_s is None:
                    return decoded(received, _decoder(kind), self._policy.url)
            await self._sleep(wait_s or 0.0)

    async def _exchange(self, path: str, body: bytes, attempts: Attempts) -> Received:
        left_s = attempts.left_s()
        request = self._to.request(path, body, attempts.headers(left_s), left_s)
        async with asyncio.timeout(left_s):  # for all of it; those of the request are for its parts
            response = await self._transport.handle_async_request(request)
            try:
                size, parts = 0, []
                async for part in response.aiter_bytes():
                    size = _grown(size, part, self._policy.url)
                    parts.append(part)
            finally:
                await response.aclose()
        return Received(response.status_code, response.headers, b"".join(parts))


def _policy(
    url: str,
    timeout_s: float,
    retries: int,
    budget: RetryBudget | None,
    clock: Callable[[], float],
    random: Callable[[], float],
) -> RetryPolicy:
    return RetryPolicy(
        url=url,
        timeout_s=timeout_s,
        retries=retries,
        budget=RetryBudget() if budget is None else budget,
        clock=clock,
        random=random,
    )


class _Address:
    """Makes the requests to one service.

    What httpx's own clients do beside (redirects, cookies, other ways to prove who asks) is not
    needed here; without it, a call costs a quarter less.
    """

    def __init__(self, url: str, api_key: str | None) -> None:
        key = _key_of_environment() if api_key is None else api_key
        self._headers = {"accept": _JSON, "accept-encoding": "identity", "content-type": _JSON}
        if key:
            self._headers["authorization"] = f"Bearer {key}"
        self._url = httpx.URL(url)
        self._base = self._url.path.rstrip("/")
        self._urls: dict[str, httpx.URL] = {}

    def request(
        self, path: str, body: bytes, headers: dict[str, str], left_s: float
    ) -> httpx.Request:
        """Return a question that has so many seconds left."""
        return httpx.Request(
            "POST",
            self._url_of(path),
            content=body,
            headers={**self._headers, **headers},
            extensions={"timeout": timeout_of(left_s)},
        )

    def question(self) -> httpx.Request:
        """Return the request that asks whether the service is ready."""
        return httpx.Request(
            "GET",
            self._url_of("/readyz"),
            headers={"accept": "*/*"},
            extensions={"timeout": timeout_of(_READY_S)},
        )

    def _url_of(self, path: str) -> httpx.URL:
        found = self._urls.get(path)
        if found is None:
            found = self._urls[path] = self._url.copy_with(path=self._base + path)
        return found


def _key_of_environment() -> str:
    key, path = os.environ.get(API_KEY_VARIABLE), os.environ.get(API_KEY_FILE_VARIABLE)
    if not key and path:
        try:
            key = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise SettingError(f"{API_KEY_FILE_VARIABLE}: {path} cannot be read: {error}") from None
    check_placeholder(key or "", "the API key for other services")
    return key or ""


def _grown(size: int, part: bytes, url: str) -> int:
    """Return the size of an answer with one more part, within the limit."""
    grown = size + len(part)
    if grown > MAX_ANSWER_BYTES:
        raise UnreadableAnswer(f"{url} answered more than {MAX_ANSWER_BYTES} bytes")
    return grown


def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    hashable: Any = kind  # which mypy does not know of types
    found: msgspec.json.Decoder[T] = _any_decoder(hashable)
    return found


@lru_cache(maxsize=64)
def _any_decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)
