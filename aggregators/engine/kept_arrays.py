"""Keep arrays that the next run over a prepared table needs again, up to a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeAlias

from numpy.typing import NDArray

__all__ = ["KEPT_BYTES_MAX", "KeptArrays"]

KEPT_BYTES_MAX = 2**30
"""How many bytes a prepared table keeps of what it could make again."""

Arrays: TypeAlias = tuple[NDArray[Any], ...]


class KeptArrays:
    """Keeps what was made last, by keys; what was not used for longest goes first.

    Several threads may use it.

    Args:
        bytes_max: how many bytes the arrays may have together; with 0 nothing is kept.

    >>> import numpy as np
    >>> kept = KeptArrays(100)
    >>> kept.get("a", lambda: (np.arange(3),))
    (array([0, 1, 2]),)
    >>> kept.get("a", lambda: (np.arange(5),))
    (array([0, 1, 2]),)
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[Hashable, Arrays] = OrderedDict()
        self._changing = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Arrays]) -> Arrays:
        """Return the arrays of a key; make them if they are not kept."""
        with self._changing:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._changing:
            if key not in self._kept and _n_bytes(made) <= self._bytes_max:
                self._kept[key] = made
                self._bytes += _n_bytes(made)
            while self._bytes > self._bytes_max:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= _n_bytes(oldest)
        return made


def _n_bytes(arrays: Arrays) -> int:
    return sum(array.nbytes for array in arrays)
