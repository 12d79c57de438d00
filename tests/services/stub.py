"""A service that needs no model, for the tests of processes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import bentoml
import msgspec
from starlette.responses import Response

from services.bento.endpoints import Call, json_endpoint, json_response
from services.bento.guarded import guarded
from services.bento.tuning import SERVICE_OPTIONS
from services.schemas.decoding import decode


class Ids(msgspec.Struct):
    """Process ids."""

    worker: int
    server: int


class Wait(msgspec.Struct):
    """Until when: a file that will be there."""

    until: str


@guarded({"/ids": ("app",), "/wait": ("app",)})
@bentoml.service(name="stub", **SERVICE_OPTIONS)
class Stub:
    """Tells which process answers."""

    def __init__(self) -> None:
        if os.environ.get("STUB_FAILS"):
            raise RuntimeError("this service was told to fail")

    @json_endpoint("/ids", takes=dict, gives=Ids)
    async def ids(self, call: Call, /) -> Response:
        return await self._ids(call)

    @json_endpoint("/wait", takes=Wait, gives=Ids)
    async def wait(self, call: Call, /) -> Response:
        path = Path(decode(call.body, Wait).until)
        while not path.exists():
            await asyncio.sleep(0.01)
        return await self._ids(call)

    async def _ids(self, call: Call) -> Response:
        return json_response(Ids(os.getpid(), os.getppid()), request_id=call.request_id)
