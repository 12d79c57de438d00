"""End a worker with the server that started it, even if the server is killed.

A killed server cannot stop its workers. They would continue to answer on its port, together with
the workers of the next server.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

__all__ = ["tie_to_parent"]

_PR_SET_PDEATHSIG = 1
_POLL_EVERY_S = 0.5
_PATIENCE_S = 60.0
_tied: list[threading.Thread] = []


def tie_to_parent(
    parent: int | None = None,
    *,
    end: Callable[[int], object] | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """End this process when its parent ends. A second call does nothing.

    The process gets SIGTERM, so that requests in flight are finished; after a minute it is killed.
    On Linux the kernel sends the signal; elsewhere, and if that fails, a thread polls the parent.

    Args:
        parent: process id of the parent; that of this process by default.
        end: sends a signal to this process; injected in tests.
        sleep: waits for some seconds; injected in tests.
    """
    if _tied:
        return
    expected = os.getppid() if parent is None else parent
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    watch = threading.Thread(
        target=_watch,
        args=(expected, end or (lambda number: os.kill(os.getpid(), number)), sleep),
        name="parent",
        daemon=True,
    )
    _tied.append(watch)
    watch.start()


def _watch(expected: int, end: Callable[[int], object], sleep: Callable[[float], object]) -> None:
    while os.getppid() == expected:
        sleep(_POLL_EVERY_S)
    end(signal.SIGTERM)
    sleep(_PATIENCE_S)
    end(signal.SIGKILL)
