"""The services under load: latency at a fixed rate, most requests a second, memory.

    python -m benchmarks.services [--folder FOLDER] [--runs 3] [--seconds 8]

One process of a service is pinned to one core, the load comes from another (of several cores; on
one they share it). At a fixed rate, times count from the moment at which a request was due
(``benchmarks.load``). Medians of several runs. A model store and a store with a million events are
made first (``benchmarks.service_world``), two to three minutes; with --folder they are kept for the
next time. Everything together takes about ten minutes.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from benchmarks.measuring import machine, ranges, save
from benchmarks.service_world import COURIERS, STORES, World, made
from services.bento.process import ServiceProcess

ETP, ETA = "services.etp:EtpService", "services.eta:EtaService"
CONNECTIONS = 16

ETP_RATE = 200.0
SELECTION_RATE = 20.0
DISPLAY_RATE = 20.0


def cores() -> tuple[list[int], list[int]]:
    """Cores of the service and of the load."""
    there = sorted(os.sched_getaffinity(0))
    return there[:1], there[1:2] or there[:1]


def family(service: ServiceProcess) -> list[psutil.Process]:
    """A service's processes: the server, and the worker that answers."""
    server = psutil.Process(service.pid)
    return [server, *server.children(recursive=True)]


def processor_s(service: ServiceProcess) -> float:
    """Seconds that a service has been on a processor."""
    times = [process.cpu_times() for process in family(service)]
    return sum(float(one.user + one.system) for one in times)


def resident_mb(service: ServiceProcess) -> float:
    """Memory of the process that answers, megabytes."""
    return round(max(float(one.memory_info().rss) for one in family(service)) / 1e6, 1)


@contextlib.contextmanager
def serving(
    target: str, world: World, where: list[int], **settings: str
) -> Iterator[ServiceProcess]:
    """Run a service on some cores while the block lasts."""
    log = world.folder / f"{target.partition(':')[0]}.log"
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, where)  # a process that is started inherits it
    try:
        service = ServiceProcess(
            target, log=log, settings={**world.environment, **settings}, start_timeout_s=180.0
        )
        with service:
            os.sched_setaffinity(0, own)
            yield service
    finally:
        os.sched_setaffinity(0, own)


def load(urls: list[str], bodies: Path, where: list[int], **options: float) -> list[dict[str, Any]]:
    """Put load on services at once, from processes of their own; the report of each."""
    given = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    pinned = ["taskset", "-c", ",".join(map(str, where))]
    program = [*pinned, sys.executable, "-m", "benchmarks.load"]
    commands = [[*program, url, str(bodies), *given] for url in urls]
    running = [subprocess.Popen(one, stdout=subprocess.PIPE, text=True) for one in commands]
    reports = []
    for one in running:
        output, _ = one.communicate()
        if one.returncode:
            raise RuntimeError(f"the load ended with {one.returncode}")
        reports.append(json.loads(output))
    for report in reports:
        bad = {status: n for status, n in report["statuses"].items() if status != "200"}
        if bad:
            print(f"answers other than 200: {bad}", file=sys.stderr)
    return reports


def median_of(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each number over runs, and how many answers there were of each status."""
    statuses: dict[str, int] = {}
    for run in runs:
        for status, n in run["statuses"].items():
            statuses[status] = statuses.get(status, 0) + n
    numbers = [name for name, value in runs[0].items() if isinstance(value, int | float)]
    found = {name: ranges([run[name] for run in runs], 3) for name in numbers}
    medians = {name: one["median"] for name, one in found.items()}
    return {**medians, "ranges": found, "runs": len(runs), "statuses": statuses}


def measured(
    service: ServiceProcess, path: str, bodies: Path, runs: int, where: list[int], **options: float
) -> dict[str, Any]:
    """Several runs of one load, with the processor time of an answer."""
    results = []
    for _ in range(runs):
        used_s = processor_s(service)
        (report,) = load([service.url + path], bodies, where, **options)
        used_s = processor_s(service) - used_s
        # Warm-up is part of the load, and takes its share.
        answers = sum(report["statuses"].values())
        share = report["seconds"] / (report["seconds"] + report["warm_up_s"])
        results.append({**report, "processor_ms": round(used_s * share / max(answers, 1) * 1e3, 3)})
    return median_of(results)


def etp(world: World, runs: int, seconds: float) -> dict[str, Any]:
    """The eTP: one order, 60 real-time features."""
    mine, others = cores()
    bodies = world.bodies("etp")
    with serving(ETP, world, mine) as service:
        started_mb = resident_mb(service)
        path = "/predict"
        fixed = measured(service, path, bodies, runs, others, rate=ETP_RATE, seconds=seconds)
        most = measured(
            service, path, bodies, runs, others, connections=CONNECTIONS, seconds=seconds
        )
        return {
            "at_200_per_s": fixed,
            "most": most,
            "resident_mb": {"started": started_mb, "after": resident_mb(service)},
        }


def eta(world: World, runs: int, seconds: float) -> dict[str, Any]:
    """Courier selection and displayed ranges, all parts in the process of the ETA service."""
    mine, others = cores()
    with serving(ETA, world, mine) as service:
        result: dict[str, Any] = {"resident_mb": {"started": resident_mb(service)}}
        for name, path, rate in (
            ("courier_selection", "/courier_selection", SELECTION_RATE),
            ("displayed_eta", "/displayed_eta", DISPLAY_RATE),
        ):
            bodies = world.bodies(name)
            result[name] = {
                "at_a_fixed_rate": measured(
                    service, path, bodies, runs, others, rate=rate, seconds=seconds
                ),
                "most": measured(
                    service, path, bodies, runs, others, connections=4, seconds=seconds
                ),
            }
        result["resident_mb"]["after"] = resident_mb(service)
        return result


def pairs_on_all_cores(world: World, runs: int, seconds: float) -> dict[str, Any]:
    """Pairs a second of one service process per core, all loaded at once, by the same cores."""
    there = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as stack:
        services = [stack.enter_context(serving(ETA, world, [core])) for core in there]
        urls = [service.url + "/courier_selection" for service in services]
        result: dict[str, Any] = {"processes": len(services)}
        for name, orders in (("courier_selection", 1), ("courier_selection_10_orders", 10)):
            rates = []
            for _ in range(runs):
                reports = load(urls, world.bodies(name), there, connections=2, seconds=seconds)
                rates.append(sum(one["requests_per_s"] for one in reports) * orders * COURIERS)
            name_of_rate = f"pairs_per_s_{orders}_x_{COURIERS}"
            result[name_of_rate] = round(statistics.median(rates))
            result[f"range_of_{name_of_rate}"] = ranges(rates, 0)
        return result


def main(arguments: list[str] | None = None) -> None:
    """Measure and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="keeps models and events for the next time")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--only", choices=["etp", "eta", "pairs"], action="append")
    options = parser.parse_args(arguments)
    at_start = machine()
    began_s = time.perf_counter()
    calls: dict[str, Callable[[World, int, float], dict[str, Any]]] = {
        "etp": etp,
        "eta": eta,
        "pairs": pairs_on_all_cores,
    }
    with tempfile.TemporaryDirectory() as temporary:
        world = made(options.folder or Path(temporary))
        result: dict[str, Any] = {
            "at_start": at_start,
            "couriers": COURIERS,
            "stores": STORES,
            "world": json.loads(world.bodies("world").read_text()),
        }
        for name in options.only or calls:
            result[name] = calls[name](world, options.runs, options.seconds)
            print(name, json.dumps(result[name]), file=sys.stderr)
    result["took_s"] = round(time.perf_counter() - began_s)
    if options.only is None:
        save("services", result)


if __name__ == "__main__":
    main()
