"""What BentoML does about every request, where it has to be done otherwise.

It counts requests by the path as it was sent, so that anybody who tries addresses makes the metrics
grow: what is not a path of the service is counted under one name instead. And it makes a task and a
timer for every request and lets the timer run on after the answer: thousands of them pile up, and
collecting them as garbage stops the process for 100 ms and more. The guard, which stands before
every endpoint, ends requests whose time is over, with a timer that ends with the request.
"""

from __future__ import annotations

from typing import Any, ClassVar

from bentoml._internal.context import server_context
from bentoml._internal.server.http import instruments, traffic

__all__ = ["OTHER_PATHS", "bound_paths", "disable_bentoml_timers"]

OTHER_PATHS = "other"

_OPERATION = frozenset(("/", "/livez", "/healthz", "/readyz", "/metrics", "/docs.json"))
_PATH = "doorstep.path"


class _RestoredPath:
    """Gives the application the path as it was sent."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if _PATH in scope:
            scope = {**scope, "path": scope[_PATH]}
        await self._app(scope, receive, send)


class _BoundedTraffic(instruments.RunnerTrafficMetricsMiddleware):
    """BentoML's metrics of requests, which see one path for all that do not exist."""

    __replaced__: ClassVar[Any] = instruments.RunnerTrafficMetricsMiddleware

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(_RestoredPath(app), **options)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path")
        if path not in _OPERATION and path not in server_context.service_routes:
            scope = {**scope, "path": OTHER_PATHS, _PATH: path}
        await super().__call__(scope, receive, send)


def bound_paths() -> None:
    """Let every service of this process count requests by the paths that it has."""
    # BentoML looks the class up by this name when it makes a service's application.
    instruments.RunnerTrafficMetricsMiddleware = _BoundedTraffic  # type: ignore[misc,assignment]


class _NoTimer:
    """Takes the place of BentoML's timeouts."""

    __replaced__: ClassVar[Any] = traffic.TimeoutMiddleware

    def __init__(self, app: Any, timeout: float) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)


def disable_bentoml_timers() -> None:
    """Let no service of this process have BentoML's timers; the guard has its own."""
    traffic.TimeoutMiddleware = _NoTimer  # type: ignore[misc,assignment]
