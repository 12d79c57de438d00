"""A worker ends with the server that started it, however that one ends.

A server that is killed cannot tell its workers. They would go on answering on its port, beside
those of the server that takes its place.
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
    """Let this process end when its parent has; a second call does nothing.

    It is told to end as by SIGTERM, so what is under way is finished; after a minute it is ended
    whatever it does. On Linux the system tells it; elsewhere, and where that fails, a thread looks.

    Args:
        parent: process id of the parent; that of the present one by default.
        end: sends a signal to this process; injected in tests.
        sleep: waits for seconds; injected in tests.
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
