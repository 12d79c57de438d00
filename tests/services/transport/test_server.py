"""Connections are taken all at once, within limits; an end leaves nobody without an answer.

Tests `services.transport.acceptor` and `services.transport.open_connection`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from typing import Any

import pytest

from services.transport import process_limits as shared_module
from services.transport.server import Server
from tests.services.transport.raw import (
    GET,
    answer_to,
    echo,
    opened,
    run,
    said,
    served,
    status_of,
)

PAUSE_S = 0.01


def ask(path: str, *, more: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: here\r\n{more}\r\n".encode()


class Held:
    """An application of which a test decides when it answers."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.begun: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun.append(scope["path"])
        if scope["path"] != "/livez":
            await self.may_answer.wait()
        await echo(scope, receive, send)


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(PAUSE_S)


def busy(scope: Any, took: list[str], seconds: float) -> None:
    ends_s = time.monotonic() + seconds
    while time.monotonic() < ends_s:
        pass
    took.append(scope["path"])


def test_more_than_can_be_answered_is_refused_soon_and_health_is_answered_meanwhile() -> None:
    answered: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/livez":
            answered.append("/livez")
        else:
            busy(scope, answered, 0.02)
        await echo(scope, receive, send)

    async def check() -> None:
        async with served(app, max_wait_ms=75.0) as (_server, port):
            connections = [await opened(port) for _ in range(100)]
            for i, (_, writer) in enumerate(connections):
                writer.write(ask("/work", more=f"x-request-id: r-{i}\r\nconnection: close\r\n"))
            # It is asked last, over a new connection; a hundred answers would take two seconds.
            assert status_of(await answer_to(port, ask("/livez", more="connection: close\r\n")))
            place = answered.index("/livez")
            answers = [await said(reader) for reader, _ in connections]
            for _, writer in connections:
                writer.close()
            refused = {i: one for i, one in enumerate(answers) if status_of(one) == 503}
            assert sum(status_of(one) == 200 for one in answers) == 100 - len(refused)
            assert len(refused) > 50 > place
            for i, answer in refused.items():
                assert b"retry-after: 1\r\n" in answer
                problem = json.loads(answer.partition(b"\r\n\r\n")[2])
                assert (problem["error"], problem["request_id"]) == ("unavailable", f"r-{i}")
            while status_of(await answer_to(port, ask("/", more="connection: close\r\n"))) != 200:
                await asyncio.sleep(PAUSE_S)

    run(check())


def test_connections_beyond_the_limit_are_told_so_and_health_is_answered() -> None:
    async def check() -> None:
        app = Held()
        async with served(app, max_connections=3) as (server, port):
            connections = [await opened(port) for _ in range(3)]
            for _, writer in connections:
                writer.write(ask("/held"))
            await until(lambda: len(app.begun) == 3)
            answer = await answer_to(port, ask("/more"))
            assert status_of(answer) == 503
            assert b"connection: close" in answer
            assert b"retry-after" in answer
            assert status_of(await answer_to(port, ask("/livez", more="connection: close\r\n")))
            app.may_answer.set()
            for reader, writer in connections:
                assert b"200" in await reader.readline()
                writer.close()
            await until(lambda: not server.server_state.connections)
            assert status_of(await answer_to(port, ask("/", more="connection: close\r\n"))) == 200

    run(check())


def test_a_connection_that_does_nothing_makes_room_for_a_new_one() -> None:
    async def check() -> None:
        async with served(max_connections=2) as (_server, port):
            idle, half = await opened(port), await opened(port)
            half[1].write(b"GET / HTT")
            assert status_of(await answer_to(port, ask("/", more="connection: close\r\n"))) == 200
            assert status_of(await answer_to(port, ask("/", more="connection: close\r\n"))) == 200
            assert await said(idle[0]) == b""
            half[1].close()
            idle[1].close()

    run(check())


def test_one_address_may_have_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_module, "RESERVED", 0)

    async def check() -> None:
        async with served(per_address=2) as (_server, port):
            kept = [await opened(port) for _ in range(2)]
            for reader, writer in kept:
                writer.write(GET)
                assert b"200" in await reader.readline()
            assert await answer_to(port, GET) == b""
            kept[0][1].close()
            answer = b""
            while not answer:
                answer = await answer_to(port, ask("/", more="connection: close\r\n"))
            assert status_of(answer) == 200
            kept[1][1].close()

    run(check())


def test_an_end_answers_what_has_arrived_and_closes_what_is_idle() -> None:
    async def check() -> None:
        app = Held()
        async with served(app) as (server, port):
            held = [await opened(port) for _ in range(16)]
            for _, writer in held:
                writer.write(ask("/held"))
            await until(lambda: len(app.begun) == 16)
            idle = await opened(port)
            idle[1].write(GET)
            assert b"200" in await idle[0].readline()
            late = [await opened(port) for _ in range(16)]
            for _, writer in late:  # not read yet when the end begins
                writer.write(ask("/late"))
            ending = asyncio.create_task(end(server))
            assert (await said(idle[0])).endswith(b"content-length: 0\r\n\r\n")  # and closed
            with pytest.raises(OSError, match="refused"):
                await opened(port)
            app.may_answer.set()
            for reader, writer in [*held, *late]:
                answer = await said(reader)
                assert status_of(answer) == 200
                assert b"connection: close" in answer
                writer.close()
            idle[1].close()
            await ending

    run(check())


def test_an_end_waits_no_longer_than_its_grace() -> None:
    async def check() -> None:
        app = Held()
        async with served(app, grace_s=0.1) as (server, port):
            _reader, writer = await opened(port)
            writer.write(ask("/held"))
            await until(lambda: app.begun)
            await end(server)
            writer.close()

    run(check())


async def end(server: Server) -> None:
    """End a server as a signal does."""
    server.should_exit = True
    await server.shutdown()


def test_a_process_without_files_left_takes_connections_once_it_has_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures = [OSError(24, "Too many open files")] * 3
    accept = socket.socket.accept

    def sometimes(self: socket.socket) -> Any:
        if failures:
            raise failures.pop()
        return accept(self)

    async def check() -> None:
        async with served() as (_server, port):
            monkeypatch.setattr(socket.socket, "accept", sometimes)
            assert status_of(await answer_to(port, ask("/", more="connection: close\r\n"))) == 200
            assert not failures

    with contextlib.closing(socket.socket()):
        run(check())
