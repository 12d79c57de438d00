"""Import, and the first call: after installation (kernels to compile) and in a later process.

    python -m benchmarks.import_time [--runs 5]

Every run is a fresh process; what an empty Python needs is stated beside it. "First call" is
`warm_up()`, then one small training and one inference, with numba's cache folder empty the first
time and kept for the later processes.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.measuring import ranges, save

HEAVY = ("pandas", "numba", "pyarrow", "scipy", "tsfresh", "sklearn")

FIRST_CALL = """
import json, os, time
start = time.perf_counter()
import aggregators
imported = time.perf_counter()
from aggregators import FeatureSet, MemoryEventStore, warm_up
warm_up()
warm = time.perf_counter()
from benchmarks.catalog_features import WORKLOAD, native_features
from benchmarks.workload import Shape, orders_table
orders = orders_table(Shape(orders=1_000, stores=10, cities=1))
features = FeatureSet(native_features(100))
made = time.perf_counter()
features.transform(orders, "training", as_of="activated")
trained = time.perf_counter()
store = MemoryEventStore(sources=[WORKLOAD])
store.append_table(WORKLOAD, orders)
keys = {"store_id": 1, "courier_id": 1, "city": "city-00", "zone": 1}
answering = time.perf_counter()
features.transform_array(store, as_of=orders["activated"].iloc[-1], keys=keys, sample_id=None)
answered = time.perf_counter()
print(json.dumps({
    "import_s": imported - start,
    "warm_up_s": warm - imported,
    "first_training_s": trained - made,
    "first_inference_s": answered - answering,
    "processor_time_of_all_s": sum(os.times()[:4]),  # kernels compile in processes of their own
}))
"""


def import_seconds(statement: str, runs: int) -> dict[str, Any]:
    """Wall time of a fresh process that runs one statement, and the heavy modules it loaded."""
    probe = f"{statement}\nimport sys\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    times, used, loaded = [], [], ""
    for _ in range(runs + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", probe], capture_output=True, text=True, check=True
        )
        times.append(time.perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        loaded = done.stdout.strip()
    # The first run reads the files from the disk.
    return {
        "process_s": ranges(times[1:], 3),
        "processor_s": ranges(used[1:], 3),
        "heavy_modules_loaded": loaded,
    }


def first_calls(runs: int) -> dict[str, Any]:
    """Seconds of import, warm-up and first calls: kernels to compile, and kernels in the cache."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}

        def process() -> dict[str, float]:
            done = subprocess.run(
                [sys.executable, "-c", FIRST_CALL],
                capture_output=True,
                text=True,
                check=True,
                env=environment,
            )
            found: dict[str, float] = json.loads(done.stdout)
            return found

        compiled = process()
        cached = [process() for _ in range(runs)]
    return {
        "after_installation": {name: round(value, 3) for name, value in compiled.items()},
        "later_process": {name: ranges([run[name] for run in cached], 3) for name in compiled},
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args(arguments)
    result = {
        "runs": options.runs,
        "python_alone": import_seconds("pass", options.runs),
        "import_numpy": import_seconds("import numpy", options.runs),
        "import_aggregators": import_seconds("import aggregators", options.runs),
        "import_catalog": import_seconds("import aggregators.catalog", options.runs),
        "first_calls": first_calls(max(3, options.runs // 2)),
    }
    print(json.dumps(result, indent=2), file=sys.stderr)
    save("import_time", result)


if __name__ == "__main__":
    main()
