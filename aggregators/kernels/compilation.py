"""Compile kernels before they are needed: ``compile_kernels(FEATURE_KERNELS)``.

Kernels that are missing from numba's cache are compiled by separate processes, side by side, and
then loaded from the cache: a process that serves requests has no time and no memory for a compiler.

``python -m aggregators.kernels.compilation`` runs such a process. It compiles the kernels that its
standard input names, one per line, and repeats each name when that kernel is in the cache.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from aggregators.kernels.numba_cache import Kernel, known_kernels

__all__ = ["FEATURE_KERNELS", "compile_kernels"]

FEATURE_KERNELS = (
    "aggregators.kernels.selection",
    "aggregators.kernels.ordering_kernels",
    "aggregators.kernels.attribute_kernels",
    "aggregators.kernels.query_kernels",
    "aggregators.kernels.plan_kernels",
    "aggregators.kernels.sliding.walk",
    "aggregators.kernels.kept.answering",
)
"""The modules whose kernels compute features."""

MAX_PROCESSES = 2
"""Compilers at a time: the largest kernel takes half of the time of all."""

Progress = Callable[[int, int], None]


def compile_kernels(
    modules: Sequence[str], progress: Progress | None = None, *, training: bool = False
) -> None:
    """Compile the kernels of some modules, or load them from numba's cache.

    Args:
        modules: their names.
        progress: called with how many kernels are compiled, and of how many.
        training: whether those are compiled, too, that only training needs.

    >>> compile_kernels(FEATURE_KERNELS)
    """
    for module in modules:
        importlib.import_module(module)
    kernels = [
        one
        for one in known_kernels()
        if one.module in modules and (training or not one.is_for_training)
    ]
    missing = [one for one in kernels if not one.is_cached]
    done = len(kernels) - len(missing)

    def count() -> None:
        nonlocal done
        done += 1
        tell(done)

    def tell(n: int) -> None:
        if progress is not None:
            progress(min(n, len(kernels)), len(kernels))

    tell(done)
    if len(missing) > 1:
        _compile_elsewhere(sorted(missing, key=lambda one: not one.is_large), count)
    for kernel in kernels:
        kernel.compile()
    tell(len(kernels))


def _compile_elsewhere(kernels: Sequence[Kernel[Any, Any]], done: Callable[[], None]) -> None:
    """Let other processes fill numba's cache; this process compiles what they do not finish."""
    names = iter([kernel.name for kernel in kernels])
    counting = threading.Lock()

    def next_name() -> str | None:
        with counting:
            return next(names, None)

    def count() -> None:
        with counting:
            done()

    n = min(_processors(), MAX_PROCESSES, len(kernels))
    lanes = [threading.Thread(target=_feed, args=(next_name, count), daemon=True) for _ in range(n)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()


def _feed(next_name: Callable[[], str | None], done: Callable[[], None]) -> None:
    """Send names to one compiler process, one at a time."""
    # It must find the modules at the same paths as this process: the key of the cache has the path.
    path = os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path)
    with subprocess.Popen(
        [sys.executable, "-m", "aggregators.kernels.compilation"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            while (name := next_name()) is not None:
                process.stdin.write(f"{name}\n")
                process.stdin.flush()
                if process.stdout.readline().strip() != name:
                    return  # it has ended
                done()
        except OSError:
            return


def _processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def compile_named(names: IO[str]) -> Iterator[str]:
    """Compile the kernels of these names, one per line; yield each name when it is done.

    >>> import io
    >>> list(compile_named(io.StringIO("aggregators.kernels.query_kernels:group_rows")))
    ['aggregators.kernels.query_kernels:group_rows']
    """
    for line in names:
        name = line.strip()
        importlib.import_module(name.partition(":")[0])
        kernel = next(one for one in known_kernels() if one.name == name)
        kernel.compile()
        yield name


if __name__ == "__main__":
    for compiled_name in compile_named(sys.stdin):
        sys.stdout.write(f"{compiled_name}\n")
        sys.stdout.flush()
