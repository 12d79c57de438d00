"""Load on a service: requests at a fixed rate, or as many as it answers.

At a fixed rate every request has a moment at which it is due, whatever became of those before it,
and its time counts from that moment on: a service that stops for a second is late for all that were
due meanwhile, not for the one that happened to be under way (no "coordinated omission"; Gil Tene:
How NOT to measure latency).

A process of its own, so that it can be pinned to another core than the service:

    python -m benchmarks.load URL BODIES [--rate 200 --seconds 20 | --connections 16 --seconds 10]
    python -m benchmarks.load URL BODIES --connections 32 --once
"""

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import uvloop

WARM_UP_S = 2.0
IDLE_S = 2.0
"""A connection that was idle for longer is not used again: a server closes such after a while."""
POOL = 64
"""Most connections at a fixed rate; a request that finds none free waits, and its time runs on."""


class Connection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection: a request after the other."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._bytes = b""
        self.used_s = time.perf_counter()

    @property
    def is_fresh(self) -> bool:
        """Whether it was used lately."""
        return time.perf_counter() - self.used_s < IDLE_S

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        end = self._bytes.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._bytes[:end].lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at:].split(b"\r\n", 1)[0])
        if len(self._bytes) < end + 4 + length:
            return
        status = int(head[9:12])
        self._bytes = b""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(0)

    async def ask(self, request: bytes) -> int:
        """Send a request; give the status of its answer, 0 where the connection broke."""
        self._answer = asyncio.get_running_loop().create_future()
        assert self._transport is not None, "not connected"
        self._transport.write(request)
        status = await self._answer
        self.used_s = time.perf_counter()
        return status


def requests_of(url: str, bodies: list[bytes]) -> Iterator[bytes]:
    """Every body as a whole HTTP request, again and again."""
    where = urlsplit(url)
    return cycle(
        f"POST {where.path} HTTP/1.1\r\nhost: {where.netloc}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n".encode()
        + body
        for body in bodies
    )


async def opened(url: str, n: int) -> list[Connection]:
    where = urlsplit(url)
    host, port = str(where.hostname), where.port or 80
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(Connection, host, port) for _ in range(n)]
    return [connection for _, connection in made]


async def at_rate(url: str, bodies: list[bytes], rate: float, seconds: float) -> dict[str, Any]:
    """Ask at a fixed rate; times count from the moment at which a request was due."""
    free: asyncio.LifoQueue[Connection | None] = asyncio.LifoQueue()
    for _ in range(POOL):
        free.put_nowait(None)  # opened when it is needed
    requests = requests_of(url, bodies)
    took_s: list[float] = []
    statuses: dict[int, int] = {}

    async def one(due_s: float, request: bytes, *, counts: bool) -> None:
        connection = await free.get()
        if connection is not None and not connection.is_fresh:
            connection.close()
            connection = None
        if connection is None:
            (connection,) = await opened(url, 1)
        status = await connection.ask(request)
        free.put_nowait(connection)
        if counts:
            took_s.append(time.perf_counter() - due_s)
            statuses[status] = statuses.get(status, 0) + 1

    began_s = time.perf_counter() + 0.1
    under_way: set[asyncio.Task[None]] = set()
    for k in range(round(rate * (WARM_UP_S + seconds))):
        due_s = began_s + k / rate
        # Sleeping ends late by up to a millisecond; the last stretch is waited for awake.
        while (left_s := due_s - time.perf_counter()) > 0.0:
            await asyncio.sleep(left_s - 0.0015 if left_s > 0.002 else 0.0)
        counts = due_s >= began_s + WARM_UP_S
        task = asyncio.create_task(one(due_s, next(requests), counts=counts))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    return {
        "rate": rate,
        "seconds": seconds,
        "warm_up_s": WARM_UP_S,
        "statuses": statuses,
        **milliseconds(took_s),
    }


async def at_most(
    url: str, bodies: list[bytes], connections: int, seconds: float
) -> dict[str, Any]:
    """Ask over some connections, on each the next request as soon as the last is answered."""
    requests = requests_of(url, bodies)
    took_s: list[float] = []
    statuses: dict[int, int] = {}
    from_s = time.perf_counter() + WARM_UP_S
    until_s = from_s + seconds

    async def work(connection: Connection) -> None:
        while (began_s := time.perf_counter()) < until_s:
            status = await connection.ask(next(requests))
            if from_s <= began_s:
                took_s.append(time.perf_counter() - began_s)
                statuses[status] = statuses.get(status, 0) + 1

    await asyncio.gather(*(work(one) for one in await opened(url, connections)))
    return {
        "connections": connections,
        "seconds": seconds,
        "warm_up_s": WARM_UP_S,
        "requests_per_s": round(len(took_s) / seconds, 1),
        "statuses": statuses,
        **milliseconds(took_s),
    }


async def each_once(url: str, bodies: list[bytes], connections: int) -> dict[str, Any]:
    """Ask each body once over some connections: what a service has taken is no news again."""
    requests = islice(requests_of(url, bodies), len(bodies))
    took_s: list[float] = []
    statuses: dict[int, int] = {}

    async def work(connection: Connection) -> None:
        for request in requests:
            began_s = time.perf_counter()
            status = await connection.ask(request)
            took_s.append(time.perf_counter() - began_s)
            statuses[status] = statuses.get(status, 0) + 1

    ready = await opened(url, connections)
    from_s = time.perf_counter()
    await asyncio.gather(*(work(one) for one in ready))
    seconds = time.perf_counter() - from_s
    return {
        "connections": connections,
        "seconds": round(seconds, 4),
        "requests_per_s": round(len(took_s) / seconds, 1),
        "statuses": statuses,
        **milliseconds(took_s),
    }


def milliseconds(took_s: list[float]) -> dict[str, float]:
    """Percentiles of times."""
    values = np.array(took_s) * 1e3
    levels = {"p50_ms": 50, "p90_ms": 90, "p99_ms": 99, "p999_ms": 99.9, "max_ms": 100}
    return {name: round(float(np.percentile(values, q)), 3) for name, q in levels.items()}


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("bodies", type=Path, help="a JSON list of bodies")
    parser.add_argument("--rate", type=float, help="requests a second; without it: all it answers")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--once", action="store_true", help="each body once, then end")
    options = parser.parse_args()
    documents = json.loads(options.bodies.read_bytes())
    bodies = [json.dumps(document).encode() for document in documents]
    gc.collect()
    gc.disable()
    if options.once:
        call = each_once(options.url, bodies, options.connections)
    elif options.rate is None:
        call = at_most(options.url, bodies, options.connections, options.seconds)
    else:
        call = at_rate(options.url, bodies, options.rate, options.seconds)
    print(json.dumps(uvloop.run(call)))


if __name__ == "__main__":
    main()
