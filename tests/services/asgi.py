"""A BentoML service in this process, asked over ASGI: no network, no second process."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

import httpx


class AsgiClient:
    """Starts and ends the service with the block; requests return when the answer is complete."""

    def __init__(self, service: Any) -> None:
        self._app = service.to_asgi()
        self._runner = asyncio.Runner()
        self._lifespan = self._app.router.lifespan_context(self._app)
        self._http = httpx.AsyncClient(
            base_url="http://127.0.0.1", transport=httpx.ASGITransport(self._app)
        )

    def __enter__(self) -> AsgiClient:
        self._runner.run(self._lifespan.__aenter__())
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
