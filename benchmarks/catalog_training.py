"""100 features of the catalog in training: time, memory, and what makes memory grow.

    python -m benchmarks.catalog_training [--large 10000000] [--runs 3]

Every measurement runs in a fresh process with two cores. Warm-up, not counted, is the same call on
20,000 orders: it loads the compiled kernels. `transform` gives a DataFrame; `write_parquet` writes
the same values in chunks, so that they are never in memory at once.

Memory is the peak of resident memory during the call (the kernel's own high-water mark, reset
before) minus what the process held before it: the orders themselves, the libraries and the warm-up.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.measuring import (
    Timing,
    forget_peak,
    peak_resident_bytes,
    resident_bytes,
    save,
    summary,
    timed,
)
from benchmarks.workload import Shape, orders_table

CORES = 2
WARM_UP_ORDERS = 20_000
SMALL = 1_000_000
TSFRESH_ORDERS = 100_000
MIB = 2**20


def measure_here(task: dict[str, Any]) -> dict[str, Any]:
    """One task in this process: `how`, `orders`, `features`, `runs` and `windows_times`."""
    from aggregators import FeatureSet
    from benchmarks.catalog_features import moments

    features = FeatureSet(_features(task))
    warm_up = orders_table(Shape(orders=WARM_UP_ORDERS))
    orders = orders_table(Shape(orders=task["orders"]))
    as_of = moments(orders)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "features.parquet"

        def call(table: Any, moment: Any) -> None:
            if task["how"] == "transform":
                features.transform(table, "training", as_of=moment)
            else:
                features.write_parquet(table, path, as_of=moment)

        call(warm_up, moments(warm_up))
        gc.collect()
        before = resident_bytes()
        forget_peak()
        runs = [timed(lambda: call(orders, as_of)) for _ in range(task["runs"])]
        written = path.stat().st_size if path.exists() else 0
    return {
        "features_measured": len(features),
        "runs": [[run.wall_s, run.processor_s] for run in runs],
        "orders_mib": round(orders.memory_usage(deep=True).sum() / MIB),
        "resident_before_mib": round(before / MIB),
        "peak_beside_mib": round((peak_resident_bytes() - before) / MIB),
        "written_mib": round(written / MIB),
    }


def measure(**task: Any) -> dict[str, Any]:
    """The same in a fresh process, which is the only way to measure its memory."""
    task = {"features": 100, "runs": 1, "windows_times": 1, "tsfresh": False, **task}
    command = [sys.executable, "-m", "benchmarks.catalog_training", "--task", json.dumps(task)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    runs = [Timing(wall_s=wall, processor_s=processor) for wall, processor in found.pop("runs")]
    result = {**task, **summary(runs), **found}
    print(json.dumps(result), file=sys.stderr)
    return result


def _features(task: dict[str, Any]) -> list[Any]:
    from aggregators import StatsAfterEvent
    from benchmarks.catalog_features import native_features, tsfresh_features

    if task["tsfresh"]:
        return tsfresh_features()
    features = native_features(task["features"])
    if task["windows_times"] == 1:
        return features
    return [
        replace(f, window=f"{f.window_us // 1_000_000 * task['windows_times']}s")
        if isinstance(f, StatsAfterEvent)
        else f
        for f in features
    ]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", type=int, default=10_000_000, help="orders of the large table")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--task", help="measure one task in this process and print the result")
    options = parser.parse_args(arguments)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    if options.task:
        print(json.dumps(measure_here(json.loads(options.task))))
        return
    save(
        "catalog_training",
        {
            "features": 100,
            "transform_1m": measure(how="transform", orders=SMALL, runs=max(options.runs, 3)),
            "write_parquet_large": measure(
                how="write_parquet", orders=options.large, runs=options.runs
            ),
            "tsfresh": measure(how="transform", orders=TSFRESH_ORDERS, tsfresh=True, runs=1),
            "memory_growth": {
                "25 features": measure(how="write_parquet", orders=SMALL, features=25),
                "50 features": measure(how="write_parquet", orders=SMALL, features=50),
                "100 features": measure(how="write_parquet", orders=SMALL),
                "100 features, windows 4 times as long": measure(
                    how="write_parquet", orders=SMALL, windows_times=4
                ),
                "100 features, twice the orders": measure(how="write_parquet", orders=2 * SMALL),
            },
        },
    )


if __name__ == "__main__":
    main()
