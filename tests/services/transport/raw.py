"""A server in this process, before a small application, and what is sent to it byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import uvicorn
import uvloop

from services.core.settings.transport import TransportSettings
from services.transport.server import Server
from tests.waiting import PATIENCE_S

GET = b"GET /livez HTTP/1.1\r\nhost: here\r\n\r\n"

T = TypeVar("T")
_OPENED: list[asyncio.StreamWriter] = []
App = Callable[[Any, Any, Any], Awaitable[None]]


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the body that came."""
    body = (await receive())["body"]
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def run(body: Coroutine[Any, Any, T]) -> T:
    """Run something on the event loop that services use; it ends in bounded time."""

    async def bounded() -> T:
        async with asyncio.timeout(PATIENCE_S):
            return await body

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(bounded())


@contextlib.asynccontextmanager
async def served(app: App = echo, **settings: Any) -> AsyncIterator[tuple[Server, int]]:
    """Serve while the block lasts; gives the server and its port."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port = int(listening.getsockname()[1])
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
    config.load()
    server = Server(config, TransportSettings(**settings))
    server.lifespan = config.lifespan_class(config)
    await server.startup([listening])
    ticking = asyncio.create_task(server.main_loop())
    try:
        yield server, port
    finally:
        while _OPENED:
            _OPENED.pop().close()
        server.should_exit = True
        await ticking
        await server.shutdown([listening])


async def opened(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a connection, which is closed with the server at the latest."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    _OPENED.append(writer)
    return reader, writer


async def said(reader: asyncio.StreamReader) -> bytes:
    """Return all that a server says until it closes; what was reset is what came before."""
    parts: list[bytes] = []
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE_S):
            while part := await reader.read(65_536):
                parts.append(part)
    return b"".join(parts)


async def answer_to(port: int, data: bytes) -> bytes:
    """Return what a server says to some bytes until it closes the connection."""
    reader, writer = await opened(port)
    with contextlib.suppress(ConnectionError):
        writer.write(data)
        await writer.drain()
    answer = await said(reader)
    writer.close()
    return answer


def status_of(answer: bytes) -> int:
    """Return the status of an answer, 0 where there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0
