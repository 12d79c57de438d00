"""Three times as many questions as a service can answer: what becomes of them, and of its health?

One ETA service with all parts in its process, asked `/eta` about single orders.

1. The capacity: a few callers who ask one after the other.
2. Overload: questions at a fixed rate of three times that, over connections that are opened as
   they are needed; the time of each counts from the moment at which it was due. Meanwhile `/livez`
   is asked ten times a second, each time over a new connection.
3. Recovery: a third of the capacity; how long until a second in which nothing is refused or slow.
4. Callers who do not wait: many connections, each of which asks again at once whatever it was told.

The processor is shared with whatever else the machine does and with the callers themselves, so that
ratios and bounds say more than times; `load` is the mean number of processes that want to run.

    python -m benchmarks.overload FOLDER [--seconds 300] [--times 3] [--callers 320]

FOLDER has models, events and questions; what is not there is made (`benchmarks/service_world.py`).
"""

import argparse
import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import uvloop

from benchmarks.load import Connection, milliseconds, opened, requests_of
from benchmarks.measuring import RESULTS, machine
from benchmarks.service_world import World, made
from services.bento.process import ServiceProcess

CAPACITY_S = 8.0
CAPACITY_CALLERS = 4
LIVEZ_EVERY_S = 0.1
RECOVERY_S = 15.0
SLOW_S = 0.5
POOL = 1_500
"""Most connections that are opened at a fixed rate."""
OK, REFUSED = 200, 503
_LIVEZ = b"GET /livez HTTP/1.1\r\nhost: here\r\n\r\n"


@dataclass
class Answers:
    """What became of questions: when they were asked, how long it took, what was said."""

    asked_s: list[float] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def add(self, asked_s: float, status: int) -> None:
        """Note an answer that is just here."""
        self.asked_s.append(asked_s)
        self.took_s.append(time.perf_counter() - asked_s)
        self.statuses.append(status)

    def summary(self, seconds: float) -> dict[str, Any]:
        """Counts and percentiles, by status."""
        found: dict[str, Any] = {"per_s": round(len(self.statuses) / seconds, 1)}
        for status, count in sorted(Counter(self.statuses).items()):
            took = [s for s, one in zip(self.took_s, self.statuses, strict=True) if one == status]
            found[str(status)] = {
                "n": count,
                "per_s": round(count / seconds, 1),
                **milliseconds(took),
            }
        return found


class Callers:
    """Asks a service.

    Args:
        url: of the endpoint.
        bodies: questions, asked in turn.
    """

    def __init__(self, url: str, bodies: list[bytes]) -> None:
        self._url = url
        self._requests = requests_of(url, bodies)
        self._free: list[Connection] = []
        self._open = 0

    async def one_after_the_other(self, callers: int, seconds: float) -> Answers:
        """Ask over some connections, on each again as soon as there is an answer."""
        answers = Answers()
        until_s = time.perf_counter() + seconds

        async def work(connection: Connection) -> None:
            while (asked_s := time.perf_counter()) < until_s:
                status = await connection.ask(next(self._requests))
                answers.add(asked_s, status)
                if not status:
                    (connection,) = await opened(self._url, 1)

        connections = await asyncio.gather(*(opened(self._url, 1) for _ in range(callers)))
        await asyncio.gather(*(work(one) for (one,) in connections))
        return answers

    async def at_rate(self, rate: float, seconds: float) -> tuple[Answers, float]:
        """Ask at a fixed rate; return the answers, and by how much a question was late at most."""
        answers, late_s = Answers(), 0.0
        under_way: set[asyncio.Task[None]] = set()
        began_s = time.perf_counter()
        for k in range(round(rate * seconds)):
            due_s = began_s + k / rate
            if (left_s := due_s - time.perf_counter()) > 0.0:
                await asyncio.sleep(left_s)
            elif k % 16 == 0:
                await asyncio.sleep(0)  # answers are taken although questions are late
            late_s = max(late_s, time.perf_counter() - due_s)
            task = asyncio.create_task(self._ask(due_s, answers))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)
        return answers, late_s

    async def _ask(self, due_s: float, answers: Answers) -> None:
        connection = None
        while self._free and connection is None:
            connection = self._free.pop()
            if not connection.is_fresh:
                connection.close()
                connection = None
        if connection is None:
            self._open += 1
            assert self._open < POOL, "nothing is answered"
            (connection,) = await opened(self._url, 1)
            self._open -= 1
        status = await connection.ask(next(self._requests))
        answers.add(due_s, status)
        if status:
            self._free.append(connection)

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._free:
            self._free.pop().close()


async def watch_livez(url: str, answers: Answers) -> None:
    """Ask for health over new connections until cancelled."""
    while True:
        asked_s = time.perf_counter()
        (connection,) = await opened(url, 1)
        answers.add(asked_s, await connection.ask(_LIVEZ))
        connection.close()
        await asyncio.sleep(LIVEZ_EVERY_S)


def recovery_s(answers: Answers, began_s: float) -> float | None:
    """Return when the first second began in which nothing was refused or slow; None: never."""
    bad = [
        asked_s - began_s
        for asked_s, took_s, status in zip(
            answers.asked_s, answers.took_s, answers.statuses, strict=True
        )
        if status != OK or took_s > SLOW_S
    ]
    for start in range(round(RECOVERY_S) * 10):
        if not any(start / 10 <= one < start / 10 + 1.0 for one in bad):
            return start / 10
    return None


async def measured(service: ServiceProcess, bodies: list[bytes], options: Any) -> dict[str, Any]:
    """Ask, and say what became of it."""
    url = f"{service.url}/eta"
    callers = Callers(url, bodies)
    workers = psutil.Process(service.pid).children(recursive=True)
    await callers.one_after_the_other(CAPACITY_CALLERS, CAPACITY_S / 2)  # warm
    usual = await callers.one_after_the_other(CAPACITY_CALLERS, CAPACITY_S)
    capacity = usual.statuses.count(OK) / CAPACITY_S

    livez = Answers()
    watching = asyncio.create_task(watch_livez(service.url, livez))
    asked, late_s = await callers.at_rate(options.times * capacity, options.seconds)
    watching.cancel()
    began_s = time.perf_counter()
    after, _ = await callers.at_rate(capacity / 3.0, RECOVERY_S)

    rash_livez = Answers()
    watching = asyncio.create_task(watch_livez(service.url, rash_livez))
    rash_s = min(options.seconds, 30.0)
    rash = await callers.one_after_the_other(options.callers, rash_s)
    watching.cancel()
    callers.close()
    return {
        "machine": machine(),
        "load": [round(one, 1) for one in os.getloadavg()],
        "seconds": options.seconds,
        "capacity_per_s": round(capacity, 1),
        "capacity": usual.summary(CAPACITY_S),
        "asked_per_s": round(options.times * capacity, 1),
        "overload": asked.summary(options.seconds),
        "questions_late_s": round(late_s, 3),
        "livez_over_new_connections": livez.summary(options.seconds),
        "recovery_s": recovery_s(after, began_s),
        "after": after.summary(RECOVERY_S),
        "callers_who_do_not_wait": options.callers,
        "rash": rash.summary(rash_s),
        "rash_livez": rash_livez.summary(rash_s),
        "memory_mb": round(sum(one.memory_info().rss for one in workers) / 2**20),
    }


def questions_of(world: World) -> list[bytes]:
    """Questions about single orders of the last evening."""
    return [
        json.dumps({"order_id": body["sample_id"], "as_of": body["as_of"]}).encode()
        for body in json.loads(world.bodies("etp").read_text())
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, print the result, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--times", type=float, default=3.0)
    parser.add_argument("--callers", type=int, default=320)
    parser.add_argument(
        "--keep", action="store_true", help="write benchmarks/results/overload.json"
    )
    options = parser.parse_args(arguments)
    world = made(options.folder.resolve())
    log = world.folder / "overload.log"
    log.unlink(missing_ok=True)
    settings = {
        **world.environment,
        "DOORSTEP_LOG_SAMPLE": "0",
        "DOORSTEP_MAX_CLOCK_SKEW_S": "1e10",
    }
    with ServiceProcess("services.eta:EtaService", log=log, settings=settings) as service:
        result = uvloop.run(measured(service, questions_of(world), options))
    text = json.dumps(result, indent=2)
    print(text)
    if options.keep:
        (RESULTS / "overload.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
