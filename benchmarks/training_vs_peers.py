"""Three features in training, beside temporian, DuckDB and pandas, on one core.

Every library runs in a process of its own, pinned to the same core with one thread, and they take
turns: each round times every library once, so that whatever else the machine does meets all alike.
The first round of each is warm-up and not counted. Values are compared with Doorstep's.

    python -m benchmarks.training_vs_peers [--orders 200000 1000000] [--rounds 5]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.measuring import ONE_THREAD, Timing, save, summary
from benchmarks.peers.worker import ALL, FEATURES
from benchmarks.workload import Shape, columns

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / ".data"
TEMPORIAN_ENV = Path(__file__).parent / ".venv-temporian"
TEMPORIAN_NEEDS = ("temporian==0.9.0", "numpy<2", "pandas<3")
RELATIVE_TOLERANCE = 1e-9
"""Peers add up in another order, or update a running sum: the last digits may differ."""


class Worker:
    """A library's process, which answers one JSON line per command."""

    def __init__(self, interpreter: str, module: str, core: int) -> None:
        self.process = subprocess.Popen(
            [interpreter, "-m", f"benchmarks.peers.{module}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD},
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )

    def ask(self, **command: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker ended on {command}; its error stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)


def temporian_interpreter() -> str:
    """The interpreter of temporian's own environment, made at the first call."""
    python = TEMPORIAN_ENV / "bin" / "python"
    complete = TEMPORIAN_ENV / "complete"
    if not complete.exists():
        print("making an environment for temporian (once)", file=sys.stderr)
        venv.create(TEMPORIAN_ENV, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *TEMPORIAN_NEEDS], check=True)
        complete.touch()
    return str(python)


def compare(orders: int, rounds: int, *, text_ids: bool) -> dict[str, Any]:
    """Time and compare all libraries on one table; the result as it is saved."""
    DATA.mkdir(exist_ok=True)
    path = DATA / f"orders_{orders}.npz"
    np.savez(path, **columns(Shape(orders=orders, text_ids=text_ids)))  # type: ignore[arg-type]
    core = max(os.sched_getaffinity(0))
    workers = {
        "doorstep": Worker(sys.executable, "doorstep_peer", core),
        "temporian": Worker(temporian_interpreter(), "temporian_peer", core),
        "duckdb": Worker(sys.executable, "duckdb_peer", core),
        "pandas": Worker(sys.executable, "pandas_peer", core),
    }
    try:
        facts = {name: worker.ask(do="load", path=str(path)) for name, worker in workers.items()}
        timings = _rounds(workers, facts, rounds)
        values = _values(workers)
    finally:
        for worker in workers.values():
            worker.close()
        path.unlink()
    return {
        "orders": orders,
        "ids": "text" if text_ids else "integers",
        "versions": {name: fact["version"] for name, fact in facts.items()},
        "seconds": {
            name: {key: summary(runs) for key, runs in of.items()} for name, of in timings.items()
        },
        "times_slower_than_doorstep": _ratios(timings),
        "values_unlike_doorstep": _differences(values),
    }


def _rounds(
    workers: dict[str, Worker], facts: dict[str, dict[str, Any]], rounds: int
) -> dict[str, dict[str, list[Timing]]]:
    timings: dict[str, dict[str, list[Timing]]] = {}
    for round_number in range(rounds + 1):
        for feature in (*FEATURES, ALL):
            for name, worker in workers.items():
                answers = {f"{name}": worker.ask(do="whole", feature=feature)}
                if facts[name]["indexed"]:
                    worker.ask(do="index")
                    answers[f"{name}_core"] = worker.ask(do="core", feature=feature)
                if round_number == 0:
                    continue
                for key, answer in answers.items():
                    timings.setdefault(key, {}).setdefault(feature, []).append(Timing(**answer))
    return timings


def _values(workers: dict[str, Worker]) -> dict[str, dict[str, npt.NDArray[np.float64]]]:
    values: dict[str, dict[str, npt.NDArray[np.float64]]] = {}
    path = DATA / "values.npy"
    for name, worker in workers.items():
        for feature in FEATURES:
            worker.ask(do="save", feature=feature, path=str(path))
            values.setdefault(name, {})[feature] = np.load(path)
    path.unlink()
    return values


def _ratios(timings: dict[str, dict[str, list[Timing]]]) -> dict[str, dict[str, dict[str, float]]]:
    ratios: dict[str, dict[str, dict[str, float]]] = {}
    for name, of in timings.items():
        for feature, runs in of.items():
            own = timings["doorstep"][feature]
            ratios.setdefault(name, {})[feature] = {
                "wall": round(_median(runs, "wall_s") / _median(own, "wall_s"), 2),
                "processor": round(_median(runs, "processor_s") / _median(own, "processor_s"), 2),
            }
    return ratios


def _median(runs: list[Timing], what: str) -> float:
    return float(statistics.median(getattr(run, what) for run in runs))


def _differences(
    values: dict[str, dict[str, npt.NDArray[np.float64]]],
) -> dict[str, dict[str, int]]:
    own = values["doorstep"]
    return {
        name: {
            feature: int(
                np.sum(
                    ~np.isclose(
                        found[feature],
                        own[feature],
                        rtol=RELATIVE_TOLERANCE,
                        atol=0.0,
                        equal_nan=True,
                    )
                )
            )
            for feature in FEATURES
        }
        for name, found in values.items()
        if name != "doorstep"
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, nargs="+", default=[200_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    results = [
        compare(orders, options.rounds, text_ids=text_ids)
        for orders in options.orders
        for text_ids in (False, True)
    ]
    for result in results:
        print(f"{result['orders']:,} orders, {result['ids']} as ids")
        print(json.dumps(result["times_slower_than_doorstep"], indent=2))
        print(json.dumps(result["values_unlike_doorstep"], indent=2))
    save("training_vs_peers", {"rounds": options.rounds, "tables": results})


if __name__ == "__main__":
    main()
