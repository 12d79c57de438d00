"""How things are measured here: medians of repeated runs, wall and processor time, memory, machine.

Nothing in this module imports Doorstep or a peer, so that every worker can use it.
"""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "ARROW_NUM_THREADS",
)
ONE_THREAD = dict.fromkeys(THREAD_LIMITS, "1")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One run: seconds on the clock, and seconds the process was on a processor."""

    wall_s: float
    processor_s: float


def timed(call: Callable[[], object]) -> Timing:
    """Run `call` once."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return Timing(wall_s=time.perf_counter() - wall, processor_s=time.process_time() - processor)


def summary(runs: Sequence[Timing]) -> dict[str, Any]:
    """Median, best and every run, of wall and processor time, in seconds."""
    walls = [run.wall_s for run in runs]
    processors = [run.processor_s for run in runs]
    return {
        "runs": len(runs),
        "wall_s_median": round(statistics.median(walls), 4),
        "wall_s_min": round(min(walls), 4),
        "wall_s_all": [round(value, 4) for value in walls],
        "processor_s_median": round(statistics.median(processors), 4),
        "processor_s_all": [round(value, 4) for value in processors],
    }


def ranges(values: Sequence[Any], digits: int = 4) -> dict[str, float]:
    """The median, the least and the greatest of a figure over runs.

    >>> ranges([3.0, 1.0, 2.0])
    {'median': 2.0, 'least': 1.0, 'greatest': 3.0}
    """
    found = {"median": statistics.median(values), "least": min(values), "greatest": max(values)}
    return {name: round(float(value), digits) for name, value in found.items()}


def machine() -> dict[str, Any]:
    """What the figures depend on, without naming the machine."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_1min_at_start": round(os.getloadavg()[0], 2),
        "packages": versions("numpy", "numba", "pandas", "pyarrow", "tsfresh", "duckdb"),
    }


def versions(*names: str) -> dict[str, str]:
    """Installed versions of packages, without importing them."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def save(name: str, result: dict[str, Any]) -> Path:
    """Write one benchmark's result as JSON, with the machine it was measured on and its origin."""
    from benchmarks.provenance import provenance  # a peer's process has no Doorstep

    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    made = {"made": provenance(), "machine": machine()}
    text = json.dumps({**made, **result}, indent=2, default=_jsonable)
    path.write_text(text + "\n")
    print(f"written: benchmarks/results/{path.name}", file=sys.stderr)
    return path


def resident_bytes() -> int:
    """Memory this process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak_resident_bytes() -> int:
    """The most memory this process has held since `forget_peak`, or since it began."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell a process its peak memory (VmHWM)")


def forget_peak() -> None:
    """Let `peak_resident_bytes` count from now on (Linux: 5 written to clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def _jsonable(value: object) -> object:
    if isinstance(value, Timing):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} is not part of a result")
