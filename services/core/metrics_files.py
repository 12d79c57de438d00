"""Reserve the files of Prometheus' metrics, so that a full disk costs no answer.

Where several processes serve, `prometheus_client` keeps each metric in a file that is mapped into
memory. It makes the file longer, hole by hole, when a new label appears. On a full disk that raises
an error in the middle of an answer, or ends the process when the hole is written to.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from prometheus_client import mmap_dict, values

__all__ = ["METRICS_FILE_BYTES", "reserve_metrics_files"]

METRICS_FILE_BYTES = 1 << 20
"""Of each file: several times what the metrics of the ETA service need."""


class _ReservedFile(mmap_dict.MmapedDict):
    """A file of metrics whose blocks are allocated when it is opened."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]
        file: Any = self._f
        # Not every file system can; then the file has holes, as without this class.
        with contextlib.suppress(OSError, AttributeError):
            os.posix_fallocate(file.fileno(), 0, self._capacity)


def reserve_metrics_files() -> None:
    """Let files of metrics that are opened from now on have their full size at once."""
    mmap_dict._INITIAL_MMAP_SIZE = METRICS_FILE_BYTES
    values.MmapedDict = _ReservedFile  # type: ignore[attr-defined]
