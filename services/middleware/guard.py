"""Apply keys, limits, deadlines, traces and logs to every request of a service.

The guard is ASGI middleware, so that it covers all endpoints: those of BentoML, those of mounted
applications, and unknown paths, which need an admin key.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from typing import Any, TypeAlias

from services.core.context import (
    ARRIVED_KEY,
    ENVOY_TIMEOUT_HEADER,
    REQUEST_KEY,
    TIMEOUT_HEADER,
    RequestContext,
    enter_request,
    request_id_from,
    timeout_s_of,
)
from services.core.errors import (
    DeadlineExceeded,
    ServiceError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from services.core.limits import MAX_REQUESTS, MAX_REQUESTS_PER_KEY, REQUEST_TIMEOUT_S
from services.core.settings.access import ANONYMOUS_VARIABLE
from services.core.settings.logs import LogSettings
from services.core.settings.misspelt import warn_of_misspelt_variables
from services.core.settings.transport import TransportSettings
from services.core.trace_context import TraceContext
from services.middleware.api_keys import Scope
from services.middleware.key_ring import KeyRing, allows_anonymous, is_loopback
from services.middleware.metrics import GuardMetrics
from services.middleware.request_log import RequestLog, log_as_json
from services.middleware.responses import UNEXPECTED, ResponseSender, answer_problem
from services.middleware.web_pages import allowed_hosts, check_page

__all__ = ["NEEDS_KEY", "OPEN_PATHS", "Access", "Guard"]

logger = logging.getLogger("doorstep.services")

Access: TypeAlias = Mapping[str, tuple[Scope, ...]]

OPEN_PATHS = frozenset(
    ("/", "/livez", "/healthz", "/readyz", "/metrics", "/docs.json", "/schema.json")
)
"""Health, metrics and description: these paths need no key and are never refused under load."""
NEEDS_KEY = "doorstep.needs_key"
"""The key of an ASGI scope that says whether the service has API keys."""
_READY = "/readyz"
_HEALTH_PATHS = frozenset(("/livez", "/healthz", _READY))
_OTHER = "other"


class Guard:
    """Checks each request as ASGI middleware: key, concurrency, deadline, log.

    Args:
        app: the application behind the guard.
        access: as for :func:`services.bento.guarded.guarded`.
        service: name of the service, for the log.
        environment: has the settings; that of the process by default.
        metrics: what is counted; those of the process by default.
        methods: path -> the methods that it takes, as the header ``Allow`` has them.
    """

    def __init__(
        self,
        app: Any,
        *,
        access: Access,
        service: str,
        environment: Mapping[str, str] | None = None,
        metrics: GuardMetrics | None = None,
        methods: Mapping[str, str] | None = None,
    ) -> None:
        self._app = app
        self._methods = dict(methods or {})
        self._access = dict(access)
        self._metrics = GuardMetrics.of_process() if metrics is None else metrics
        self._in_flight = 0
        self._by_key: dict[str, int] = {}
        self._ring: KeyRing | None = None
        self._unready_reason = ""
        settings = LogSettings()
        given = os.environ if environment is None else environment
        try:
            settings = LogSettings.from_environment(given)
            TransportSettings.from_environment(given)  # the server has them; here they are checked
            self._anonymous = allows_anonymous(given)
            self._hosts = allowed_hosts(given)
            self._ring = KeyRing(given)  # last: without it, nothing is answered
        except ServiceError as error:
            # A process that stays up and says why is easier to mend than one that starts again and
            # again; nothing is answered meanwhile.
            self._unready_reason = f"the service cannot start: {error}"
        if settings.format == "json":
            log_as_json(service)
        if self._unready_reason:
            logger.error("%s", self._unready_reason)
        warn_of_misspelt_variables(given)
        self._log = RequestLog(settings)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Forward a request or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = scope.get(ARRIVED_KEY) or time.monotonic()
        path, headers = scope["path"], dict(scope["headers"])
        request = RequestContext(
            request_id_from(_text(headers, b"x-request-id")),
            TraceContext.taken(_text(headers, b"traceparent"), _text(headers, b"tracestate")),
            ends_s=began_s + REQUEST_TIMEOUT_S,
        )
        scope[REQUEST_KEY] = request
        enter_request(request)
        answering = ResponseSender(
            send, request, method=scope["method"], path=path, allow=self._methods.get(path, "")
        )
        is_open = path in OPEN_PATHS
        try:
            if path not in _HEALTH_PATHS:
                self._check_page(scope, headers)
            if is_open:
                await self._opened(scope, receive, answering, request, path)
            else:
                await self._admitted(scope, receive, answering, headers, request)
        except ServiceError as error:
            self._metrics.count_refused(error.error)
            await self._refuse(answering, error, request)
        except Exception:
            logger.exception("request %s failed", request.request_id)
            await self._refuse(answering, ServiceError(UNEXPECTED), request)
        finally:
            request.status = answering.status
            if not is_open:
                self._log.answered(
                    request,
                    method=scope["method"],
                    path=path if path in self._access else _OTHER,
                    status=answering.status,
                    seconds=time.monotonic() - began_s,
                )

    async def _refuse(
        self, answering: ResponseSender, error: ServiceError, request: RequestContext
    ) -> None:
        """Answer an error, unless an answer has already begun."""
        if answering.status == 0:
            await answer_problem(answering, error, request.request_id)

    async def _opened(
        self,
        scope: Any,
        receive: Any,
        answering: ResponseSender,
        request: RequestContext,
        path: str,
    ) -> None:
        """Forward a request for health, metrics or description, even under load."""
        if self._unready_reason and path == _READY:
            raise Unavailable(self._unready_reason)
        scope[NEEDS_KEY] = self._ring is None or self._ring.keys() is not None
        await self._in_time(scope, receive, answering, request)

    async def _admitted(
        self,
        scope: Any,
        receive: Any,
        answering: ResponseSender,
        headers: Mapping[bytes, bytes],
        request: RequestContext,
    ) -> None:
        """Forward a request if its key and the limits allow; count it as in flight."""
        request.key_id = key = self._key_of(scope, headers)
        timeout_s = timeout_s_of(
            _text(headers, TIMEOUT_HEADER.encode()), _text(headers, ENVOY_TIMEOUT_HEADER.encode())
        )
        if self._in_flight >= MAX_REQUESTS:
            raise Unavailable(f"{self._in_flight} requests are under way; send this one later")
        of_key = self._by_key.get(key, 0)
        if key and of_key >= MAX_REQUESTS_PER_KEY:
            raise TooManyRequests(f"{of_key} requests of the API key {key} are under way")
        self._in_flight += 1
        self._by_key[key] = of_key + 1
        self._metrics.set_in_flight(self._in_flight)
        try:
            if timeout_s is None or timeout_s > REQUEST_TIMEOUT_S:
                timeout_s = REQUEST_TIMEOUT_S
            request.ends_s += timeout_s - REQUEST_TIMEOUT_S
            await self._in_time(scope, receive, answering, request)
        finally:
            self._in_flight -= 1
            self._by_key[key] -= 1
            if not self._by_key[key]:
                del self._by_key[key]
            self._metrics.set_in_flight(self._in_flight)

    async def _in_time(
        self, scope: Any, receive: Any, answering: ResponseSender, request: RequestContext
    ) -> None:
        began_s = time.monotonic()
        timer = asyncio.timeout(max(request.ends_s - began_s, 0.0))
        try:
            async with timer:
                await self._app(scope, receive, answering)
        except TimeoutError:
            if not timer.expired():  # something within gave up, for reasons of its own
                raise
            waited_ms = (time.monotonic() - began_s) * 1e3
            raise DeadlineExceeded(f"there is no answer after {waited_ms:.0f} ms") from None

    def _check_page(self, scope: Any, headers: Mapping[bytes, bytes]) -> None:
        """Refuse web pages of other origins if the service has no keys.

        A page can neither reach a Unix socket nor send an API key.
        """
        server = scope.get("server")
        if self._ring is None or self._anonymous or self._ring.keys() is not None or not server:
            return
        if is_loopback(server[0]) and not server[0].startswith("/"):
            check_page(_text(headers, b"host"), _text(headers, b"origin"), self._hosts)

    def _key_of(self, scope: Any, headers: Mapping[bytes, bytes]) -> str:
        """Return the id of the caller's key; empty if no key is needed."""
        if self._ring is None:
            raise Unavailable(self._unready_reason)
        keys = self._ring.keys()
        if keys is not None:
            scopes = self._access.get(scope["path"], ())
            return keys.check(_text(headers, b"authorization"), scopes).id
        server = scope.get("server")
        if not self._anonymous and (server is None or not is_loopback(server[0])):
            raise Unauthorized(
                "this service has no API keys, so it answers its own machine alone; give it keys,"
                f" or set {ANONYMOUS_VARIABLE}=1 where only trusted machines can reach it"
            )
        return ""


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")
