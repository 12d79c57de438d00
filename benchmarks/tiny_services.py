"""One tiny endpoint behind three routes from HTTP, for ``benchmarks.endpoint_routes``.

Guard, metrics, transport and the endpoint itself are the same; what differs is how a request gets
from the guard to the endpoint.
"""

from typing import Any

import bentoml
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.bento.endpoints import Call, json_endpoint, json_response, read_call
from services.bento.fast_path import FastPath
from services.bento.guarded import guarded
from services.bento.tuning import SERVICE_OPTIONS, freeze_garbage
from services.schemas.decoding import decode

ACCESS: dict[str, Any] = {"/double": ("app",)}
PATH = "/double"


class Number(msgspec.Struct, forbid_unknown_fields=True):
    """What is asked and answered."""

    number: int


async def doubled(call: Call) -> Response:
    """Answer twice the number."""
    number = decode(call.body, Number).number
    return json_response(Number(2 * number), request_id=call.request_id)


async def mounted(request: Request) -> Response:
    """Answer it as an endpoint of Starlette."""
    return await doubled(await read_call(request, ("application/json",)))


class Tiny:
    """A service that is ready at once."""

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    def begin(self) -> None:
        """Leave what is loaded out of garbage collection, as all services do."""
        freeze_garbage()


@guarded(ACCESS)
@bentoml.service(name="tiny", **SERVICE_OPTIONS)
class Found(Tiny):
    """The endpoint is found in a dictionary, behind the guard."""

    @json_endpoint(PATH, takes=Number, gives=Number)
    async def double(self, call: Call, /) -> Response:
        """Answer twice the number."""
        return await doubled(call)


@guarded(ACCESS)
@bentoml.service(name="tiny", **SERVICE_OPTIONS)
@bentoml.asgi_app(Starlette(routes=[Route(PATH, mounted, methods=["POST"])]))
class Mounted(Tiny):
    """The endpoint stands in a Starlette application that is mounted into BentoML's."""


@guarded(ACCESS)
@bentoml.service(name="tiny", **SERVICE_OPTIONS)
class Routed(Tiny):
    """The endpoint is reached by BentoML's own router."""

    @json_endpoint(PATH, takes=Number, gives=Number)
    async def double(self, call: Call, /) -> Response:
        """Answer twice the number."""
        return await doubled(call)


_routed: Any = Routed
_routed.middlewares[:] = [one for one in _routed.middlewares if one[0] is not FastPath]
