"""How long a service takes to start: until it lives, and until it is ready.

Usage: python -m benchmarks.start [--runs 3] [--service eta]

Cold: no kernel is compiled, as in a fresh clone. Warm: all are. Each run is a process of its own
with a store in memory, and the tiny models of the tests: how large a model is matters little here.
The seconds are those of the clock; on a busy machine the processor time of the server with its
worker and the compilers that they start says more.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from benchmarks.measuring import save

TIMEOUT_S = 600.0
STOP_TIMEOUT_S = 20.0
TARGETS = {
    "events": "services.events:EventService",
    "etp": "services.etp:EtpService",
    "courier_travel": "services.courier_travel:CourierTravelService",
    "wall_eta": "services.wall_eta:WallEtaService",
    "eta": "services.eta:EtaService",
}


def make_models(folder: Path) -> None:
    """Train the tiny ETA of the tests into a model store."""
    program = (
        "from commands.data.sources import dataset_of_cities\n"
        "from estimators.registry import models as registry\n"
        "from estimators.eta.training import train_eta\n"
        "from tests.trained_eta import PER_ORDER, tiny_parameters, tiny_scenario\n"
        "registry.save_eta(train_eta(dataset_of_cities(tiny_scenario()), per_order=PER_ORDER,"
        " parameters=tiny_parameters(), baselines=False))\n"
    )
    environment = {**os.environ, "BENTOML_HOME": str(folder), "BENTOML_DO_NOT_TRACK": "True"}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def start(target: str, models: Path, cache: Path, log: Path) -> dict[str, float]:
    """Start a service, wait until it is ready, end it; return seconds."""
    from services.bento.process import free_port, serve_command

    port = free_port()
    environment = {
        **os.environ,
        "BENTOML_HOME": str(models),
        "BENTOML_DO_NOT_TRACK": "True",
        "DOORSTEP_STORE": "memory",
        "DOORSTEP_ETP_MODEL": "eta_ready:latest",
        "DOORSTEP_WALL_ETA_MODEL": "eta_direct:latest",
        "NUMBA_CACHE_DIR": str(cache),
    }
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with log.open("ab") as output:
        process = subprocess.Popen(
            serve_command(target, host="127.0.0.1", port=port),
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    found: dict[str, float] = {}
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=2.0, trust_env=False
        ) as http:
            for path in ("/livez", "/readyz"):
                _wait_for(http, path, began_s)
                found[f"{path[1:]}_s"] = time.monotonic() - began_s
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_TIMEOUT_S)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found["processor_s"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return found


def _wait_for(http: httpx.Client, path: str, began_s: float) -> None:
    while time.monotonic() - began_s < TIMEOUT_S:
        try:
            if http.get(path).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.02)
    raise SystemExit(f"{path} did not answer within {TIMEOUT_S:g} s")


def medians(runs: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Return the median of each figure, and all of its values."""
    return {
        name: {
            "median": round(statistics.median(run[name] for run in runs), 2),
            "all": [round(run[name], 2) for run in runs],
        }
        for name in runs[0]
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--service", choices=list(TARGETS), action="append", help="default: all")
    options = parser.parse_args(arguments)
    result: dict[str, Any] = {"runs": options.runs, "services": {}}
    with tempfile.TemporaryDirectory(prefix="doorstep-start-") as name:
        folder = Path(name)
        make_models(folder / "models")
        for service in options.service or TARGETS:
            cold, warm = [], []
            for run in range(options.runs):
                cache = folder / f"{service}-{run}"
                log = folder / f"{service}.log"
                cold.append(start(TARGETS[service], folder / "models", cache, log))
                warm.append(start(TARGETS[service], folder / "models", cache, log))
            result["services"][service] = {"cold": medians(cold), "warm": medians(warm)}
            sys.stderr.write(json.dumps({service: result["services"][service]}) + "\n")
    save("start", result)


if __name__ == "__main__":
    main()
