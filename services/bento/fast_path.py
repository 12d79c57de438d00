"""Route a request from the guard to its endpoint, by method and path.

BentoML's router and decorators take half of the time of an estimate, and these endpoints need none
of it (docs/decisions/0002-direct-endpoints.md). ``/readyz`` is answered here as well, with the
reason why a service is not ready.

BentoML keeps its metrics, which are counted before the guard, its description of the service, and
all other paths.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import bentoml
from bentoml.exceptions import BentoMLException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from services.bento.endpoints import read_call, request_id_of
from services.bento.readiness import READY_PATH, answer_readiness
from services.core.errors import Unavailable

__all__ = ["READING", "FastPath", "questions_of"]

Answer: TypeAlias = Callable[[Any, Request], Awaitable[Response]]
"""Answers a request with the running service."""

READING = ("GET", "HEAD")
"""Methods without a request body; the server omits the body of an answer to HEAD."""


class FastPath:
    """Answers the endpoints of a service as ASGI middleware, and forwards all other requests.

    Args:
        app: answers all other requests.
        of: the BentoML service.
    """

    def __init__(self, app: Any, *, of: Any) -> None:
        self._app = app
        self._kind = of.inner
        self._answers: dict[tuple[str, str], Answer] = {
            ("POST", method.route): _posted(method)
            for method in of.apis.values()
            if hasattr(method.input_spec, "media_types")  # made by ``json_endpoint``
        }
        for reading in READING:
            self._answers[reading, READY_PATH] = _readiness
            for path, question in questions_of(of.inner).items():
                self._answers[reading, path] = question

    @property
    def endpoints(self) -> frozenset[tuple[str, str]]:
        """The methods and paths that it answers, but for ``/readyz``."""
        return frozenset(one for one in self._answers if one[1] != READY_PATH)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        answer: Answer | None = None
        if scope["type"] == "http":
            answer = self._answers.get((scope["method"], scope["path"]))
        # There is no instance while the process starts, and that start comes through here, too.
        service = _running() if answer else None
        if answer is _readiness and service is None:
            raise Unavailable("the service is starting")
        # Where several services share a process, BentoML alone knows which instance is whose.
        if answer is None or not isinstance(service, self._kind):
            await self._app(scope, receive, send)
            return
        try:
            response = await answer(service, Request(scope, receive))
        except ClientDisconnect:
            return  # nobody waits for the answer
        await response(scope, receive, send)


def questions_of(kind: type) -> dict[str, Answer]:
    """Return the GET endpoints of a service class, by path (``question_endpoint``)."""
    members = (getattr(kind, name) for name in dir(kind))
    return {one.question_path: one for one in members if hasattr(one, "question_path")}


def _posted(method: Any) -> Answer:
    """Return the handler of a JSON endpoint."""
    media_types, endpoint = method.input_spec.media_types, method.func

    async def answer(service: Any, request: Request) -> Response:
        response: Response = await endpoint(service, await read_call(request, media_types))
        return response

    return answer


async def _readiness(service: Any, request: Request) -> Response:
    return await answer_readiness(service, request_id=request_id_of(request))


def _running() -> Any:
    """Return the running service of this process; None before its start."""
    try:
        return bentoml.get_current_service()
    except BentoMLException:
        return None
