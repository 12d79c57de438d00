"""A BentoML service in this process, asked over ASGI: no network, no second process."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

import bentoml
import httpx
from bentoml._internal.server.http.instruments import RunnerTrafficMetricsMiddleware

from services.bento.direct_route import DirectRoute

_INSTRUMENTS: dict[str, Any] = {}


def share_request_metrics() -> None:
    """Let all services of this process count requests in the same instruments.

    Each would register its own under the same names, which the registry refuses.
    """
    if _INSTRUMENTS:
        return
    middleware: Any = RunnerTrafficMetricsMiddleware
    own_setup = middleware._setup

    def setup(self: Any) -> None:
        if "metrics_request_duration" not in _INSTRUMENTS:
            own_setup(self)
            _INSTRUMENTS.update(
                {name: one for name, one in vars(self).items() if name.startswith("metrics_")}
            )
        vars(self).update(_INSTRUMENTS, _is_setup=True)

    middleware._setup = setup
    _INSTRUMENTS["metrics_shared"] = True


class AsgiClient:
    """Starts and ends the service with the block; requests return when the answer is complete."""

    def __init__(self, service: Any) -> None:
        share_request_metrics()
        self.app = service.to_asgi()
        self._runner = asyncio.Runner()
        self._lifespan = self.app.router.lifespan_context(self.app)
        self._http = httpx.AsyncClient(
            base_url="http://127.0.0.1", transport=httpx.ASGITransport(DirectRoute(self.app))
        )

    def __enter__(self) -> AsgiClient:
        self._runner.run(self._lifespan.__aenter__())
        instance = bentoml.get_current_service()
        if hasattr(instance, "start"):
            instance.start.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._runner.run(self._http.aclose())
        self._runner.run(self._lifespan.__aexit__(None, None, None))
        self._runner.close()

    def get(self, path: str) -> httpx.Response:
        return self._runner.run(self._http.get(path))

    def post(self, path: str, **request: Any) -> httpx.Response:
        return self._runner.run(self._http.post(path, **request))
