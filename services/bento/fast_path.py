"""The short way to JSON endpoints, and to readiness.

What BentoML does between the guard and an endpoint is half of what an estimate costs, and nothing
that these endpoints need.

``/readyz`` is answered here, too: it says why a service is not ready.

BentoML keeps its metrics, which are counted before the guard, its description of the service, and
every other path.
"""

from __future__ import annotations

from typing import Any

import bentoml
from bentoml.exceptions import BentoMLException
from starlette.requests import ClientDisconnect, Request

from services.bento.endpoints import read_call, request_id_of
from services.bento.readiness import READY_PATH, answer_readiness
from services.core.errors import Unavailable

__all__ = ["FastPath"]

_READING = ("GET", "HEAD")
"""Methods of questions; BentoML refuses the others."""


class FastPath:
    """ASGI middleware: answers the JSON endpoints of a service itself, and hands on all else.

    Args:
        app: what answers all else.
        of: the BentoML service.
    """

    def __init__(self, app: Any, *, of: Any) -> None:
        self._app = app
        self._kind = of.inner
        self._endpoints = {
            method.route: method
            for method in of.apis.values()
            if hasattr(method.input_spec, "media_types")  # made by ``json_endpoint``
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        endpoint = self._endpoints.get(scope["path"]) if is_post else None
        is_read = scope["type"] == "http" and scope["method"] in _READING
        is_question = is_read and scope["path"] == READY_PATH
        # There is no instance while the process starts, and that start comes through here, too.
        service = _running() if endpoint or is_question else None
        if is_question and service is None:
            raise Unavailable("the service is starting")
        if is_question and isinstance(service, self._kind):
            asked = Request(scope, receive)
            answer = await answer_readiness(service, request_id=request_id_of(asked))
            await answer(scope, receive, send)
            return
        # Where several services share a process, BentoML alone knows which instance is whose.
        if endpoint is None or not isinstance(service, self._kind):
            await self._app(scope, receive, send)
            return
        try:
            call = await read_call(Request(scope, receive), endpoint.input_spec.media_types)
        except ClientDisconnect:
            return  # nobody waits for the answer
        response = await endpoint.func(service, call)
        await response(scope, receive, send)


def _running() -> Any:
    """Return the instance that this process serves, None before there is one."""
    try:
        return bentoml.get_current_service()
    except BentoMLException:
        return None
