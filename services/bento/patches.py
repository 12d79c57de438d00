"""Patch what BentoML does for every request.

BentoML counts requests by their path, so that unknown paths make its metrics grow without bound.
The patch counts all unknown paths under one name. BentoML also creates a task and a timer for every
request, and the timer continues after the answer: thousands of them pile up, and their garbage
collection stops the process for 100 ms and more. The patch removes them, since the guard enforces
deadlines with a timer that ends with the request.
"""

from __future__ import annotations

from typing import Any, ClassVar

from bentoml._internal.context import server_context
from bentoml._internal.server.http import instruments, traffic

__all__ = ["OTHER_PATHS", "BoundedTraffic", "bound_paths", "counted_path", "disable_bentoml_timers"]

OTHER_PATHS = "other"

_OPERATION = frozenset(("/", "/livez", "/healthz", "/readyz", "/metrics", "/docs.json"))
_PATH = "doorstep.path"


class _RestoredPath:
    """Restores the original path for the application."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if _PATH in scope:
            scope = {**scope, "path": scope[_PATH]}
        await self._app(scope, receive, send)


class BoundedTraffic(instruments.RunnerTrafficMetricsMiddleware):
    """Counts all unknown paths as one in BentoML's metrics of requests."""

    __replaced__: ClassVar[Any] = instruments.RunnerTrafficMetricsMiddleware

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(_RestoredPath(app), **options)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Count a request under its path, or under one for all that are unknown."""
        path = scope.get("path")
        if counted_path(path) != path:
            scope = {**scope, "path": OTHER_PATHS, _PATH: path}
        await super().__call__(scope, receive, send)


def counted_path(path: str | None) -> str:
    """Return the path under which a request is counted.

    >>> counted_path("/livez"), counted_path("/a/path/that/nobody/knows")
    ('/livez', 'other')
    """
    is_known = path in _OPERATION or path in server_context.service_routes
    return path if path is not None and is_known else OTHER_PATHS


def bound_paths() -> None:
    """Make all services of this process count requests by known paths alone."""
    # BentoML looks the class up by this name when it makes a service's application.
    instruments.RunnerTrafficMetricsMiddleware = BoundedTraffic  # type: ignore[misc,assignment]


class _NoTimer:
    """Replaces BentoML's timeout middleware."""

    __replaced__: ClassVar[Any] = traffic.TimeoutMiddleware

    def __init__(self, app: Any, timeout: float) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)


def disable_bentoml_timers() -> None:
    """Disable BentoML's timers in all services of this process; the guard has its own."""
    traffic.TimeoutMiddleware = _NoTimer  # type: ignore[misc,assignment]
