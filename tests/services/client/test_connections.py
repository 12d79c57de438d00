"""Clients over real sockets, to servers that close, reset, hang, trickle and answer nonsense.

Tests `services.client.blocking_connection`, too.
"""

from __future__ import annotations

import inspect
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvicorn

from services.bento.process import free_port
from services.client import ClientError, NoAnswerInTime, ServiceUnreachable
from services.client.exchange import IDLE_S
from tests.services.asking import KINDS, Kind, opened
from tests.services.scripted import Connection, ScriptedServer
from tests.waiting import PATIENCE_S

TAKEN = json.dumps(
    {"request_id": "r", "accepted": 1, "refused": 0, "applied": 0, "duplicates": 0,
     "superseded": 0, "events": []}
).encode()  # fmt: skip
SHORT_S = 0.3

both = pytest.mark.parametrize("kind", KINDS)


@both
def test_a_connection_is_used_again(kind: Kind) -> None:
    def serve(connection: Connection) -> None:
        while connection.read_request():
            connection.answer(TAKEN)

    with ScriptedServer(serve) as server, opened("EventClient", kind, server.url) as client:
        for _ in range(5):
            assert client.send_events([]).accepted == 1
        assert server.connections == 1


@both
def test_an_idle_connection_that_was_closed_costs_no_call(kind: Kind) -> None:
    closed = threading.Event()

    def answer_once(connection: Connection) -> None:
        connection.read_request()
        connection.answer(TAKEN)
        connection.reset()
        closed.set()

    with ScriptedServer(answer_once) as server, opened("EventClient", kind, server.url) as client:
        for _ in range(5):
            assert client.send_events([]).accepted == 1
            assert closed.wait(PATIENCE_S)
            closed.clear()
        assert server.connections == 5


@both
def test_a_connection_that_is_closed_while_it_is_asked_costs_no_call(kind: Kind) -> None:
    def close_at_second(connection: Connection) -> None:
        connection.read_request()
        connection.answer(TAKEN)
        connection.read_request()  # and no answer: it was about to be closed

    with (
        ScriptedServer(close_at_second) as server,
        opened("EventClient", kind, server.url) as client,
    ):
        for _ in range(5):
            assert client.send_events([]).accepted == 1
        assert server.connections == 5


@pytest.mark.parametrize("how", ["reset", "end", "half an answer"])
@both
def test_an_answer_that_breaks_off_is_asked_for_again(kind: Kind, how: str) -> None:
    def break_once(connection: Connection) -> None:
        connection.read_request()
        if connection.number > 0:
            connection.answer(TAKEN)
        elif how == "reset":
            connection.reset()
        elif how == "half an answer":
            connection.answer(TAKEN[:10], length=len(TAKEN))

    with ScriptedServer(break_once) as server, opened("EventClient", kind, server.url) as client:
        assert client.send_events([]).accepted == 1
        assert server.connections == 2


@both
def test_what_is_no_http_is_given_up(kind: Kind) -> None:
    def nonsense(connection: Connection) -> None:
        connection.read_request()
        connection.send(b"\x16\x03\x01 SSH-2.0 +PONG\r\n" * 20)

    with (
        ScriptedServer(nonsense) as server,
        opened("EventClient", kind, server.url, retries=2) as client,
    ):
        with pytest.raises(ServiceUnreachable, match="RemoteProtocolError"):
            client.send_events([])
        assert server.connections == 3


@pytest.mark.parametrize("how", ["nothing", "half a head", "a body that trickles"])
@both
def test_the_deadline_is_for_the_whole_call(kind: Kind, how: str) -> None:
    def be_slow(connection: Connection) -> None:
        connection.read_request()
        if how == "nothing":
            connection.hang()
        elif how == "half a head":
            connection.send(b"HTTP/1.1 200 OK\r\n")
            connection.hang()
        connection.answer(b"", length=10**6)
        connection.trickle(b" ")

    with (
        ScriptedServer(be_slow) as server,
        opened("EventClient", kind, server.url, timeout_s=SHORT_S) as client,
    ):
        with pytest.raises(NoAnswerInTime):
            client.send_events([])
        assert server.connections <= 1  # none where even connecting was too slow


@both
def test_a_service_that_is_not_there_is_said_to_be_so(kind: Kind) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with opened("EventClient", kind, url) as client:
        with pytest.raises(ServiceUnreachable, match=f"no answer from {url}"):
            client.send_events([])
        assert not client.is_ready()


@both
def test_a_service_that_comes_back_is_asked_again(kind: Kind) -> None:
    def refuse_then_answer(connection: Connection) -> None:
        while connection.read_request():
            if connection.number == 0:
                return
            connection.answer(TAKEN)

    with (
        ScriptedServer(refuse_then_answer) as server,
        opened("EventClient", kind, server.url, retries=0) as client,
    ):
        with pytest.raises(ClientError):
            client.send_events([])
        assert client.send_events([]).accepted == 1


def test_threads_share_a_blocking_client() -> None:
    def serve(connection: Connection) -> None:
        while connection.read_request():
            connection.answer(TAKEN)

    with (
        ScriptedServer(serve) as server,
        opened("EventClient", "blocking", server.url) as client,
        ThreadPoolExecutor(8) as threads,
    ):
        answers = list(threads.map(lambda _: client.send_events([]).accepted, range(64)))
        assert sum(answers) == 64
        assert server.connections <= 8


def test_clients_let_go_of_connections_before_services_do() -> None:
    served = inspect.signature(uvicorn.Config).parameters["timeout_keep_alive"].default
    assert served >= 2 * IDLE_S
