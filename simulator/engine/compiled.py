"""Compile the engine once per installation, never from stale parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

from aggregators.kernels.parts import PartCompiler, run_from_python_by
from aggregators.kernels.stale_cache import drop_stale_cache

__all__ = ["compiled", "inner", "numbers"]

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

_FOLDER = Path(__file__).parent

# The kernel in dispatch.py calls the engine's functions, too: they are compiled into it.
drop_stale_cache(
    [*sorted(_FOLDER.glob("*.py")), _FOLDER.parent / "dispatch.py"],
    stamp=_FOLDER / "__pycache__" / "engine.sha256",
    folders=[_FOLDER, _FOLDER.parent],
)


def numbers(n: int) -> tuple[int, ...]:
    """Return the numbers below ``n``, for constants that kernels give to each other.

    They are numpy's: numba compiles a kernel again for each of Python's that it is called with.

    >>> [int(number) for number in numbers(3)]
    [0, 1, 2]
    """
    return tuple(np.int64(i) for i in range(n))  # type: ignore[misc]


def compiled(kernel: Kernel) -> Kernel:
    """Compile a kernel when it is first called, and keep the result for the next process."""
    make: Any = njit
    return cast(Kernel, make(cache=True, nogil=True, error_model="numpy")(kernel))


def inner(kernel: Kernel) -> Kernel:
    """Compile a kernel that other kernels call; it must not allocate.

    Without numba's reference counts: every call would count dozens of arrays up and down again.
    """
    make: Any = njit  # numba's own annotations do not know _nrt
    options = {"nogil": True, "error_model": "numpy", "_nrt": False}
    part = make(
        **options, no_cpython_wrapper=True, no_cfunc_wrapper=True, pipeline_class=PartCompiler
    )(kernel)
    if part is not kernel:  # NUMBA_DISABLE_JIT: a plain function
        run_from_python_by(part, lambda: make(cache=True, **options)(kernel))
    return cast(Kernel, part)
