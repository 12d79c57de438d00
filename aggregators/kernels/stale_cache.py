"""Delete kernels from numba's cache that were compiled from other sources.

Numba notices a change in a function's own file. It does not notice a change of a function in
another file that is compiled into it: after an update, the old one would be used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

__all__ = ["drop_stale_cache"]


def drop_stale_cache(sources: Sequence[Path], stamp: Path, folders: Sequence[Path]) -> None:
    """Delete the cached kernels of some folders if the sources are others than at the last call.

    Call it before numba loads anything from the cache.

    Args:
        sources: all files whose functions are compiled into the kernels, in a fixed order.
        stamp: the file that holds the digest of the sources.
        folders: the folders of the modules with kernels; numba caches them in ``__pycache__``.
    """
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    try:
        if stamp.exists() and stamp.read_text() == digest:
            return
        for folder in folders:
            for file in (folder / "__pycache__").glob("*.nb[ic]"):
                file.unlink(missing_ok=True)
        # The stamp comes last: a process that dies before it leaves the work to the next one.
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(digest)
    except OSError:
        return  # a read-only installation: numba keeps its cache elsewhere, keyed by the sources
