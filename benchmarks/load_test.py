"""Many callers for a long time: does any call fail, and does any service keep growing?

The ETA service and the three that it asks over the network, each in a process of its own over one
event store. Each connection asks one question after the other, of all kinds, while new orders
arrive. A call fails that is not answered with 200, or breaks; a part is lost where a service said
nothing that it had been asked for. Nothing is sent again by the callers, so that nothing is hidden.

    python -m benchmarks.load_test FOLDER [--seconds 600] [--connections 32] [--rate 60]

FOLDER has models, events and questions; what is not there is made (`benchmarks/service_world.py`).
"""

import argparse
import asyncio
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil  # type: ignore[import-untyped]

from benchmarks.measuring import RESULTS, machine
from benchmarks.service_world import World, made
from services.bento.process import ServiceProcess
from services.client import AsyncEtaClient, AsyncServiceClient, ClientError, RequestRefused
from services.schemas.common import CloudEvent

CALL_S = 9.0
"""Longest wait for an answer: less than a service takes before it says that it is too late."""
EVENTS_PER_S = 20
RATE = 60.0
"""Questions a second: what two cores answer that also run the four services and the callers."""
WARM_UP_SHARE = 0.2
"""Of the time: memory counts from then on, when caches and pools are as large as they get."""
_SAMPLE_S = 1.0
_COURIERS = 20
_LOST = ("cannot be reached", "failed", "did not answer in time", "refused")
_BROKEN = re.compile(r"no answer from \S+ (RemoteProtocol|Read|Write|Connect|Close|Network)Error")
_MB = 1024 * 1024

Question = tuple[str, Mapping[str, Any]]


@dataclass
class Load:
    """What became of all calls."""

    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    took_ms: dict[str, list[float]] = field(default_factory=dict)
    events: int = 0

    @property
    def failed(self) -> int:
        """Calls that were not answered."""
        return sum(number for (_, how), number in self.calls.items() if how != "200")

    def answered(self, path: str, took_s: float, answer: bytes) -> None:
        """Count an answer, and the parts that it lacks."""
        self.calls[path, "200"] += 1
        self.took_ms.setdefault(path, []).append(took_s * 1e3)
        for why in _LOST:
            if f" {why}".encode() in answer:
                self.lost[why] += 1

    def broken(self, path: str, error: Exception) -> None:
        """Count a call without an answer."""
        how = str(error.http_status) if isinstance(error, RequestRefused) else type(error).__name__
        self.calls[path, how] += 1
        if len(self.failures) < 20:
            self.failures.append(f"{path}: {error}")

    def summary(self, seconds: float) -> dict[str, Any]:
        """What is worth knowing, as JSON."""
        everything = [ms for of_path in self.took_ms.values() for ms in of_path]
        return {
            "calls": sum(self.calls.values()),
            "failed": self.failed,
            "calls_per_s": round(sum(self.calls.values()) / seconds, 1),
            "by_path_and_status": {f"{path} {how}": n for (path, how), n in self.calls.items()},
            "answers_with_lost_parts": dict(self.lost),
            "failures": self.failures,
            "events": self.events,
            "all": percentiles(everything),
            "by_path": {path: percentiles(of_path) for path, of_path in self.took_ms.items()},
        }


def percentiles(took_ms: Sequence[float]) -> dict[str, float]:
    """Percentiles of times in milliseconds."""
    levels = {"p50_ms": 50, "p90_ms": 90, "p99_ms": 99, "max_ms": 100}
    return {name: round(float(np.percentile(took_ms, q)), 1) for name, q in levels.items()}


async def sustained(
    url: str, questions: Sequence[Question], *, connections: int, seconds: float, rate: float
) -> Load:
    """Ask over so many connections, on each the next question once the last is answered.

    Args:
        url: of the ETA service.
        questions: paths and bodies, asked in turn.
        connections: how many questions are under way at once, at most.
        seconds: how long.
        rate: questions a second, at most; fewer where they are not answered as quickly.
    """
    load, start_s = Load(), time.perf_counter()
    until_s = start_s + seconds
    async with (
        AsyncServiceClient(url, timeout_s=CALL_S, retries=0) as client,
        AsyncEtaClient(url, timeout_s=CALL_S) as intake,
    ):

        async def work(first: int) -> None:
            for number in count(first, connections):
                await asyncio.sleep(max(start_s + number / rate - time.perf_counter(), 0.0))
                began_s = time.perf_counter()
                if began_s >= until_s:
                    return
                path, question = questions[number % len(questions)]
                try:
                    answer = await client.ask(path, question, msgspec.Raw)
                except ClientError as error:
                    load.broken(path, error)
                else:
                    load.answered(path, time.perf_counter() - began_s, bytes(answer))

        async def feed() -> None:
            for number in count():
                if time.perf_counter() >= until_s:
                    return
                try:
                    load.events += (await intake.send_events(new_events(number))).accepted
                except ClientError as error:
                    load.broken("/events", error)
                await asyncio.sleep(1.0)

        await asyncio.gather(feed(), *(work(k) for k in range(connections)))
    return load


def new_events(number: int) -> list[CloudEvent]:
    """A second of new orders."""
    return [
        CloudEvent(
            specversion="1.0",
            id=f"load-{number}-{k}",
            source="orders",
            type="activated",
            subject=f"load-{number}-{k}",
            time=datetime.now(UTC),
            data={"store_id": f"load-{k}", "city": "BCN", "amount": 20.0, "products": 2},
        )
        for k in range(EVENTS_PER_S)
    ]


def broken_connections(log: str) -> list[str]:
    """Lines of the ETA service's log about connections to others that broke or were refused."""
    return [line for line in log.splitlines() if _BROKEN.search(line)]


class Memory:
    """Resident memory of services, looked at while the load lasts."""

    def __init__(self, services: Mapping[str, ServiceProcess]) -> None:
        self._families = {
            name: [psutil.Process(one.pid), *psutil.Process(one.pid).children(recursive=True)]
            for name, one in services.items()
        }
        self._samples: list[dict[str, float]] = []

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            self._samples.append(
                {
                    name: sum(one.memory_info().rss for one in family) / _MB
                    for name, family in self._families.items()
                }
            )
            await asyncio.sleep(_SAMPLE_S)

    def summary(self) -> dict[str, dict[str, float]]:
        """Megabytes of each service: after the warm-up, at the end, and most."""
        kept = self._samples[int(len(self._samples) * WARM_UP_SHARE) :]
        tenth = max(1, len(kept) // 10)
        found: dict[str, dict[str, float]] = {}
        for name in self._families:
            values = [sample[name] for sample in kept]
            first, last = np.median(values[:tenth]), np.median(values[-tenth:])
            found[name] = {
                "after_warm_up_mb": round(float(first), 1),
                "at_the_end_mb": round(float(last), 1),
                "growth_mb": round(float(last - first), 1),
                "most_mb": round(max(values), 1),
            }
        return found


def questions_of(world: World) -> list[Question]:
    """Questions of all callers about the last evening, mixed."""
    orders = [
        (body["sample_id"], body["as_of"]) for body in json.loads(world.bodies("etp").read_text())
    ]
    selections = json.loads(world.bodies("courier_selection").read_text())
    displays = json.loads(world.bodies("displayed_eta").read_text())
    questions: list[Question] = []
    for k, (order_id, as_of) in enumerate(orders):
        some = [one for one, _ in orders[max(0, k - 4) : k + 1]]
        questions += [
            ("/eta", {"order_id": order_id, "as_of": as_of}),
            ("/displayed_eta", displays[k % len(displays)]),
            ("/eta", {"order_id": some[0], "as_of": as_of}),
            ("/courier_arrival", {"orders": [{"order_id": one} for one in some], "as_of": as_of}),
            ("/courier_selection", fewer_couriers(selections[k % len(selections)])),
        ]
    return questions


def fewer_couriers(body: Mapping[str, Any]) -> dict[str, Any]:
    """A choice among a few of the couriers."""
    couriers = body["couriers"]
    return {
        **body,
        "couriers": {
            "courier_id": couriers["courier_id"][:_COURIERS],
            "facts": {name: column[:_COURIERS] for name, column in couriers["facts"].items()},
        },
        "distance_to_store_m": [row[:_COURIERS] for row in body["distance_to_store_m"]],
    }


PEERS = {
    "etp": ("services.etp:EtpService", {"DOORSTEP_ETP_MODEL": "eta_ready:latest"}),
    "courier_travel": ("services.courier_travel:CourierTravelService", {}),
    "wall_eta": (
        "services.wall_eta:WallEtaService",
        {"DOORSTEP_WALL_ETA_MODEL": "eta_direct:latest"},
    ),
}


def started(world: World, stack: ExitStack) -> dict[str, ServiceProcess]:
    """Start all services; the ETA asks the others over the network."""
    quiet = {**world.environment, "DOORSTEP_LOG_SAMPLE": "0", "DOORSTEP_MAX_CLOCK_SKEW_S": "1e10"}

    def start(name: str, target: str, settings: Iterable[tuple[str, str]]) -> ServiceProcess:
        log = world.folder / f"{name}.log"
        log.unlink(missing_ok=True)
        process = ServiceProcess(target, log=log, settings={**quiet, **dict(settings)})
        return stack.enter_context(process)

    services = {name: start(name, target, more.items()) for name, (target, more) in PEERS.items()}
    urls = {f"DOORSTEP_{name.upper()}_URL": service.url for name, service in services.items()}
    services["eta"] = start("eta", "services.eta:EtaService", urls.items())
    return services


async def measured(
    services: Mapping[str, ServiceProcess], questions: Sequence[Question], options: Any
) -> dict[str, Any]:
    """Ask for as long as was asked for, and look at memory meanwhile."""
    memory = Memory(services)
    watching = asyncio.create_task(memory.watch())
    load = await sustained(
        services["eta"].url,
        questions,
        connections=options.connections,
        seconds=options.seconds,
        rate=options.rate,
    )
    watching.cancel()
    return {
        "machine": machine(),
        "seconds": options.seconds,
        "connections": options.connections,
        "asked_per_s": options.rate,
        **load.summary(options.seconds),
        "memory": memory.summary(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, print the result, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--out", type=Path, default=RESULTS / "load_test.json")
    options = parser.parse_args(arguments)
    world = made(options.folder.resolve())
    os.environ.update(world.environment)
    with ExitStack() as stack:
        services = started(world, stack)
        result = asyncio.run(measured(services, questions_of(world), options))
    log = (world.folder / "eta.log").read_text(encoding="utf-8", errors="replace")
    result["broken_connections"] = len(broken_connections(log))
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
