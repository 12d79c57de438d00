"""Compile the engine once per installation, never from stale parts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

__all__ = ["compiled", "inner", "numbers"]

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

_FOLDER = Path(__file__).parent


def _drop_stale_cache() -> None:
    """Delete cached code that was compiled from other sources.

    Numba notices when a function's own file has changed, but not when one that is compiled into it
    has: a changed parameter would have no effect.
    """
    engine = sorted(_FOLDER.glob("*.py"))
    text = b"".join(path.read_bytes() for path in engine)
    digest = hashlib.sha256(text).hexdigest()
    cache = _FOLDER / "__pycache__"
    stamp = cache / "engine.sha256"
    try:
        if stamp.exists() and stamp.read_text() == digest:
            return
        cache.mkdir(exist_ok=True)
        for file in cache.glob("*.nb[ic]"):
            file.unlink(missing_ok=True)
        stamp.write_text(digest)
    except OSError:
        return  # a read-only installation: numba keeps its cache elsewhere, keyed by the sources


_drop_stale_cache()


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
    return cast(Kernel, make(cache=True, nogil=True, error_model="numpy", _nrt=False)(kernel))
