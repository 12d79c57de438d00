"""Wrap a BentoML service with the guard, the OpenAPI description and the front page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import bentoml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from services.bento.fast_path import FastPath
from services.bento.http_methods import methods_of
from services.bento.openapi import described
from services.middleware.front_page import PAGE_HEADERS, page_of
from services.middleware.guard import NEEDS_KEY, Access, Guard

__all__ = ["guarded"]

T = TypeVar("T")


def guarded(access: Access) -> Callable[[T], T]:
    """Wrap a BentoML service with the guard; a decorator above ``bentoml.service``.

    Args:
        access: path -> scopes, of which a key needs one. Other paths need an admin key.
    """

    def guard(service: T) -> T:
        known: Any = service

        def document(request: Request) -> dict[str, Any]:
            found = described(known, access, needs_key=request.scope.get(NEEDS_KEY, True))
            # What a service answers beside BentoML's endpoints, it describes itself.
            more = getattr(bentoml.get_current_service(), "describe", None)
            return found if more is None else dict(more(found))

        async def description(request: Request) -> Response:
            return JSONResponse(document(request))

        async def front_page(request: Request) -> Response:
            return HTMLResponse(page_of(document(request)), headers=PAGE_HEADERS)

        # BentoML looks here before it answers with a description and a page of its own.
        open_routes = [Route("/docs.json", description), Route("/", front_page)]
        known.mount_asgi_app(Starlette(routes=open_routes), name="docs")
        known.add_asgi_middleware(
            Guard, access=access, service=known.name, methods=methods_of(known)
        )
        known.add_asgi_middleware(FastPath, of=known)  # behind the guard
        return service

    return guard
