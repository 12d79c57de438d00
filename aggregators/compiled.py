"""How kernels are compiled: once per installation, without the GIL, never from stale parts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

__all__ = ["compiled", "inlined", "inner"]

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

_KERNEL_FILES = (
    "compiled.py",
    "function_kernels.py",
    "kernels.py",
    "plan_kernels.py",
    "selection.py",
)
_FOLDER = Path(__file__).parent


def _drop_stale_cache() -> None:
    """Delete cached kernels that were compiled from other sources than these.

    Numba notices when a function's own file has changed, but not when a function of another file,
    which is compiled into it, has: an update would go on computing with the old one.
    """
    text = b"".join((_FOLDER / name).read_bytes() for name in _KERNEL_FILES)
    digest = hashlib.sha256(text).hexdigest()
    cache = _FOLDER / "__pycache__"
    stamp = cache / "kernels.sha256"
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


def compiled(kernel: Kernel) -> Kernel:
    """Compile a kernel when it is first called, and keep the result for the next process."""
    dispatcher: Any = njit(cache=True, nogil=True)(kernel)
    return cast(Kernel, dispatcher)


def inner(kernel: Kernel) -> Kernel:
    """Compile a kernel that other kernels call in their loops; it must not allocate.

    Without numba's reference counts: each call would count its arrays up and down again with
    atomic instructions, which costs ten times what most of these kernels do.
    """
    return _compile_inner(kernel)


def inlined(kernel: Kernel) -> Kernel:
    """Compile an inner kernel into those that call it: passing a dozen arrays is not free."""
    return _compile_inner(kernel, forceinline=True)


def _compile_inner(kernel: Kernel, **options: bool) -> Kernel:
    make: Any = njit  # numba's own annotations do not know _nrt
    return cast(Kernel, make(cache=True, nogil=True, _nrt=False, **options)(kernel))
