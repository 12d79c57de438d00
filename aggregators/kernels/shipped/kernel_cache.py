"""Put the wheel's kernels behind numba's cache: what the cache lacks is looked up in the wheel."""

from __future__ import annotations

import pickle
from typing import Any

from numba.core.compiler import CompileResult
from numba.core.runtime.nrt import rtsys
from numba.core.serialize import dumps

from aggregators.kernels.shipped.kernel_archive import read_kernel

__all__ = ["ShippedKernelCache", "serialised"]


class ShippedKernelCache:
    """Behaves as numba's cache of one function, and finds the kernel of the wheel as well.

    The cache comes first: it holds code for exactly the processor that runs.

    Args:
        cache: numba's.
        name: of the kernel.
    """

    def __init__(self, cache: Any, name: str) -> None:
        self._cache = cache
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        """Leave everything else to numba's cache."""
        return getattr(self._cache, attribute)

    @property
    def is_shipped(self) -> bool:
        """Whether the wheel has the kernel for this processor."""
        return read_kernel(self._name) is not None

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Return the compiled kernel, or None if it must be compiled."""
        # Numba's own cache first loads all that a compiler needs: 30 MB, and 0.3 s. A compiled
        # kernel needs the functions for reference counts alone; a compiler still loads the rest.
        rtsys.initialize(target_context)
        found = self._cache._load_overload(signature, target_context)
        if found is not None:
            return found
        data = read_kernel(self._name)
        if data is None:
            return None
        rebuild: Any = CompileResult._rebuild
        return rebuild(target_context, *pickle.loads(data))


def serialised(result: Any) -> bytes:
    """Return a compiled kernel as bytes, with its machine code.

    Args:
        result: what numba has compiled in this process; a loaded kernel has no machine code left.
    """
    data: bytes = dumps(result._reduce())  # type: ignore[no-untyped-call]
    return data
