"""Send requests for a service's endpoints straight to the guard, past the layers before it.

Between the server and the guard stand uvicorn's reading of proxies' headers, Starlette's handler of
errors, BentoML's metrics, traces that are switched off, and timers that the guard replaces. They
take as long as the guard and the endpoint's own HTTP. Requests for endpoints need only the
metrics, which are counted here in BentoML's own instruments.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.bento.fast_path import FastPath
from services.bento.patches import BoundedTraffic
from services.bento.request_counts import RequestCounts
from services.core.context import REQUEST_KEY
from services.middleware.guard import Guard

__all__ = ["DirectRoute"]

_INNER = ("middleware_stack", "app", "_app")
"""Where a layer keeps the next one: Starlette's applications, other middleware, and our own."""
_LAYERS_MAX = 30


class DirectRoute:
    """Stands before the application of a worker, as ASGI application itself.

    The layers are looked up at the first request, because Starlette makes them when it starts.
    Without them all, a request takes the way through all layers.

    Args:
        app: the application, with all of its layers.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._guard: Guard | None = None
        self._endpoints: frozenset[tuple[str, str]] = frozenset()
        self._counts: RequestCounts | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._guard is None:
            self._find()
        guard, counts = self._guard, self._counts
        if guard is None or counts is None:
            await self._app(scope, receive, send)
            return
        if (scope["method"], scope["path"]) not in self._endpoints:
            await self._app(scope, receive, send)
            return
        request_counts = counts.begin(scope["path"])
        try:
            await guard(scope, receive, send)
        finally:
            request = scope.get(REQUEST_KEY)
            request_counts.end(0 if request is None else request.status)

    def _find(self) -> None:
        """Look up the layers that are needed."""
        layers = list(_layers(self._app))
        guard = next((one for one in layers if isinstance(one, Guard)), None)
        traffic = next((one for one in layers if isinstance(one, BoundedTraffic)), None)
        endpoints = next((one for one in layers if isinstance(one, FastPath)), None)
        if guard is not None and traffic is not None and endpoints is not None:
            self._guard, self._endpoints = guard, endpoints.endpoints
            self._counts = RequestCounts(traffic)


def _layers(app: Any) -> Iterator[Any]:
    """Return an application and the layers within it, from the outside to the inside."""
    for _ in range(_LAYERS_MAX):
        yield app
        inner = (getattr(app, name, None) for name in _INNER)
        app = next((one for one in inner if one is not None), None)
        if app is None:
            return
