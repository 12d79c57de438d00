"""From HTTP to an endpoint: the fast path, a mounted Starlette application, BentoML's router.

    python -m benchmarks.endpoint_routes [--runs 5] [--seconds 4]

One tiny endpoint behind the same guard (``benchmarks/tiny_services.py``), each route in a server of
its own, all servers pinned to one core and the load to another. They take turns, so that whatever
else the machine does meets all alike. Latency is that of one caller who asks again at once; the
processor time of an answer is that of the server under 16 callers. Three minutes.
"""

import argparse
import contextlib
import json
import os
import statistics
import tempfile
from collections import deque
from pathlib import Path
from typing import Any

from benchmarks.measuring import machine, save
from benchmarks.services import CONNECTIONS, cores, load, processor_s
from services.bento.process import ServiceProcess

ROUTES = {"fast path": "Found", "mounted application": "Mounted", "BentoML's router": "Routed"}
PATH = "/double"


def started(stack: contextlib.ExitStack, folder: Path, where: list[int]) -> dict[str, Any]:
    """Start a server for each route, all on the same core."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, where)  # a process that is started inherits it
    try:
        return {
            route: stack.enter_context(
                ServiceProcess(
                    f"benchmarks.tiny_services:{name}",
                    log=folder / f"{name}.log",
                    start_timeout_s=180.0,
                )
            )
            for route, name in ROUTES.items()
        }
    finally:
        os.sched_setaffinity(0, own)


def once(service: ServiceProcess, bodies: Path, where: list[int], seconds: float) -> dict[str, Any]:
    """Measure one route once."""
    url = [service.url + PATH]
    (alone,) = load(url, bodies, where, connections=1, seconds=seconds)
    before_s = processor_s(service)
    (most,) = load(url, bodies, where, connections=CONNECTIONS, seconds=seconds)
    used_s = processor_s(service) - before_s
    # Warm-up is part of the load, and takes its share.
    answers = most["requests_per_s"] * (most["seconds"] + most["warm_up_s"])
    return {
        "p50_ms": alone["p50_ms"],
        "p99_ms": alone["p99_ms"],
        "processor_us": round(used_s / answers * 1e6, 1),
        "requests_per_s": most["requests_per_s"],
    }


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The median, the least and the greatest of each figure over the runs."""
    return {
        name: {
            "median": round(statistics.median(run[name] for run in runs), 3),
            "least": min(run[name] for run in runs),
            "greatest": max(run[name] for run in runs),
        }
        for name in runs[0]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    options = parser.parse_args()
    mine, others = cores()
    runs: dict[str, list[dict[str, Any]]] = {route: [] for route in ROUTES}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        bodies = folder / "bodies.json"
        bodies.write_text(json.dumps([{"number": n} for n in range(100)]))
        services = started(stack, folder, mine)
        for run in range(options.runs):
            names = deque(ROUTES)
            names.rotate(run)  # none is always the first of a round
            for route in names:
                runs[route].append(once(services[route], bodies, others, options.seconds))
    result = {
        "machine": machine(),
        "runs": options.runs,
        "seconds": options.seconds,
        "load_average": round(os.getloadavg()[0], 1),
        "routes": {route: summary(of) for route, of in runs.items()},
    }
    save("endpoint_routes", result)
    for route, figures in result["routes"].items():
        print(route, {name: one["median"] for name, one in figures.items()})


if __name__ == "__main__":
    main()
