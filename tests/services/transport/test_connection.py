"""Requests are read as wholes, within limits, and answered in order; nothing is awaited forever.

Tests `services.transport.cycle`.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from services.core.context import ARRIVED_KEY
from services.core.limits import (
    MAX_BODY_BYTES,
    MAX_HEADER_BYTES,
    MAX_HEADER_LINES,
    MAX_PIPELINED,
)
from services.transport import process_limits as shared_module
from services.transport.cycle import Pipe
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

SHORT_S = 1.0  # runs out in the tests; what comes before it must not be slower
LAST = b"GET /last HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n"
CHUNKED = b"POST /a HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n"


def post(body: bytes, *, more: bytes = b"") -> bytes:
    head = b"POST /a HTTP/1.1\r\nhost: here\r\n" + more
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


async def answered(data: bytes, **settings: Any) -> bytes:
    async with served(**settings) as (_server, port):
        return await answer_to(port, data)


def problem_of(answer: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


LONG = b"x" * (MAX_HEADER_BYTES + 20_000)


@pytest.mark.parametrize(
    ("data", "status", "says"),
    [
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 100_000, 431, "64 KiB"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * (MAX_HEADER_LINES + 2), 431, "256 lines"),
        (b"GET / HTTP/1.1\r\nx: " + LONG, 431, "headers"),
        (b"GET / HTTP/1.1\r\n" + LONG, 431, "headers"),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"%d: %s\r\n" % (i, b"y" * 999) for i in range(70)),
         431, "headers"),
        (b"GET /" + LONG, 414, "path and query"),
        (b"GET /?" + LONG + b" HTTP/1.1\r\n\r\n", 414, "path and query"),
        (CHUNKED + b"1;" + LONG + LONG, 431, "frames"),
        (CHUNKED + b"1\r\nx\r\n0\r\n" + b"t: r\r\n" * 40_000, 431, "frames"),
        (CHUNKED + b"1\r\nx\r\n0\r\nt: " + LONG + LONG, 431, "frames"),
        (b"POST /a HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), 413, "4194304"),
        (CHUNKED + b"%x\r\n" % (MAX_BODY_BYTES + 1) + b"z" * (MAX_BODY_BYTES + 1), 413, "4194304"),
        (b"hello\r\n\r\n", 400, "HTTP/1.1"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "HTTP/1.1"),
        (b"GET /\xff HTTP/1.1\r\n\r\n", 400, "HTTP/1.1"),
        (b"GET /livez HTTP/1.1\r\n\r\n", 400, "is missing"),
        (b"GET /livez HTTP/1.1\r\nhost: evil.example\r\nHost: here\r\n\r\n", 400, "more than once"),
        (b"GET /livez HTTP/1.1\r\nHOST: here\r\nhost: here\r\n\r\n", 400, "more than once"),
        (b"GET /livez HTTP/1.0\r\nhost: here\r\nhost: there\r\n\r\n", 400, "more than once"),
        (b"POST /a HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n", 400, "missing"),
    ],
)  # fmt: skip
def test_what_is_too_much_or_no_request_is_refused_and_the_connection_ends(
    data: bytes, status: int, says: str
) -> None:
    answer = run(answered(data))
    assert status_of(answer) == status
    assert b"connection: close" in answer
    problem = problem_of(answer)
    assert says in problem["reason"]
    assert (problem["error"], len(problem["request_id"])) == ("invalid_request", 16)


def test_http_1_0_knows_no_host() -> None:
    assert status_of(run(answered(b"GET /livez HTTP/1.0\r\n\r\n"))) == 200


def test_what_is_within_the_limits_is_answered() -> None:
    body = bytes(range(256)) * (MAX_BODY_BYTES // 256)
    tiny = b"".join(b"1\r\n%c\r\n" % byte for byte in b"abc" * 20_000) + b"0\r\nt: r\r\n\r\n"
    lines = b"".join(b"h%d: %s\r\n" % (i, b"v" * 230) for i in range(MAX_HEADER_LINES - 2))

    async def check() -> None:
        async with served() as (_server, port):
            assert (await answer_to(port, post(body) + LAST)).count(body) == 1
            assert b"abc" * 20_000 in await answer_to(port, CHUNKED + tiny + LAST)
            assert status_of(await answer_to(port, post(b"x", more=lines) + LAST)) == 200

    run(check())


def test_requests_that_were_sent_at_once_are_answered_in_order() -> None:
    many = b"".join(post(b"<%d>" % i) for i in range(MAX_PIPELINED - 1))
    answer = run(answered(many + LAST))
    assert [answer.index(b"<%d>" % i) for i in range(MAX_PIPELINED - 1)] == sorted(
        answer.index(b"<%d>" % i) for i in range(MAX_PIPELINED - 1)
    )
    assert answer.count(b"HTTP/1.1 200") == MAX_PIPELINED


def test_too_many_requests_at_once_end_the_connection_after_those_that_were_few_enough() -> None:
    answer = run(answered(GET * 1_000))
    assert answer.count(b"HTTP/1.1 200") == MAX_PIPELINED


def test_a_refusal_does_not_cut_into_the_answer_before_it() -> None:
    answer = run(answered(post(b"first") + b"nonsense\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"first")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /livez HTTP/1.1\r\nhost: he", 408),
        (b"GET /li", 408),
        (b"POST /a HTTP/1.1\r\nhost: here\r\ncontent-length: 9\r\n\r\nabc", 408),
        (b"", 0),
        (b"\r\n\r\n", 0),
    ],
)
def test_a_request_that_does_not_arrive_as_a_whole_is_not_waited_for(
    data: bytes, status: int
) -> None:
    answer = run(answered(data, header_timeout_s=SHORT_S, body_timeout_s=SHORT_S))
    assert status_of(answer) == status
    if status:
        assert problem_of(answer)["error"] == "request_timeout"


def test_bytes_that_trickle_do_not_prolong_the_wait() -> None:
    async def check() -> None:
        async with served(header_timeout_s=SHORT_S) as (_server, port):
            reader, writer = await opened(port)
            hearing = asyncio.create_task(said(reader))
            writer.write(b"GET / HTTP/1.1\r\n")
            while not hearing.done():
                writer.write(b"x: y\r\n")
                await asyncio.sleep(0.02)
            assert status_of(hearing.result()) == 408
            writer.close()

    run(check())


def test_an_idle_connection_is_closed() -> None:
    answer = run(answered(GET, idle_timeout_s=SHORT_S))
    assert answer.count(b"HTTP/1.1 200") == 1


def test_who_does_not_read_an_answer_loses_the_connection() -> None:
    async def endless(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            await asyncio.sleep(0)

    async def check() -> None:
        async with served(endless, write_timeout_s=SHORT_S) as (server, port):
            _reader, writer = await opened(port)
            writer.write(GET)
            while not server.server_state.connections:
                await asyncio.sleep(0.01)
            while server.server_state.connections:
                await asyncio.sleep(0.05)
            for task in server.server_state.tasks:
                task.cancel()
            writer.close()

    run(check())


def test_a_body_arrives_before_the_request_begins() -> None:
    began: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        began.append(scope["raw_path"])
        await echo(scope, receive, send)

    async def check() -> None:
        async with served(app) as (_server, port):
            reader, writer = await opened(port)
            writer.write(post(b"0123456789")[:-5])
            assert status_of(await answer_to(port, LAST)) == 200
            assert began == [b"/last"]
            writer.write(b"56789")
            assert b"200" in await reader.readline()
            writer.close()

    run(check())


def test_a_body_is_sent_once_the_service_says_that_it_may_come() -> None:
    async def check() -> None:
        async with served() as (_server, port):
            reader, writer = await opened(port)
            head, _, body = post(b"later", more=b"expect: 100-continue\r\n").partition(b"\r\n\r\n")
            writer.write(head + b"\r\n\r\n")
            assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
            writer.write(body)
            assert b"later" in await reader.readuntil(b"later")
            writer.close()

    run(check())


def test_an_upgrade_is_answered_over_http() -> None:
    upgrade = b"GET /a HTTP/1.1\r\nhost: here\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    assert status_of(run(answered(upgrade + b"binary"))) == 200


def test_bodies_that_are_being_received_have_a_limit_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared_module, "MAX_RECEIVED_BYTES", 200_000)

    async def check() -> None:
        async with served() as (_server, port):
            first_reader, first = await opened(port)
            body = b"x" * 150_000
            first.write(post(body)[:-1])
            await first.drain()
            while status_of(await answer_to(port, post(body)[:-1])) != 503:
                await asyncio.sleep(0.05)
            assert status_of(await answer_to(port, post(b"small") + LAST)) == 200
            first.write(b"x")
            assert b"200" in await first_reader.readline()
            first.close()

    run(check())


def test_a_request_knows_since_when_its_data_is_here() -> None:
    arrived: list[float] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        arrived.append(scope[ARRIVED_KEY])
        await echo(scope, receive, send)

    async def check() -> None:
        async with served(app) as (_server, port):
            before_s = asyncio.get_running_loop().time()
            await answer_to(port, GET + LAST)
            assert before_s - 0.1 <= arrived[0] == arrived[1]

    run(check())


class Packets:
    """A transport that keeps what is written at once apart."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_ended = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return False


def piped() -> tuple[Packets, Pipe]:
    packets = Packets()

    def end() -> None:
        packets.is_ended = True

    return packets, Pipe(packets, end)  # type: ignore[arg-type]


def test_the_head_of_an_answer_leaves_with_its_body() -> None:
    packets, pipe = piped()
    pipe.hold()
    pipe.write(b"head ")
    assert packets.written == []
    pipe.write(b"body")
    pipe.write(b"more")
    assert packets.written == [b"head body", b"more"]


def test_a_head_without_a_body_leaves_when_the_connection_is_closed() -> None:
    packets, pipe = piped()
    pipe.hold()
    pipe.write(b"head")
    pipe.close()
    assert packets.written == [b"head"]
    assert packets.is_ended
