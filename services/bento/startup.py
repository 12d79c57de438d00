"""How services start: the process answers at once that it lives, and gets ready beside that.

What a service needs is got in a thread of its own: kernels first, so that no request waits for a
compiler, then models and store. What cannot be had is tried again: a process that stays up and says
why is easier to mend than one that is started again and again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from aggregators.kernels.compilation import FEATURE_KERNELS, compile_kernels
from services.bento.kernel_metrics import KernelMetrics

__all__ = ["ESTIMATE_KERNELS", "RETRY_S", "Start"]

ESTIMATE_KERNELS = (
    *FEATURE_KERNELS,
    "estimators.quantiles.calibration_kernels",
    "estimators.eta.composition_kernels",
    "estimators.features.shrinkage",
    "estimators.quantiles.tree_kernels",
)
"""The modules whose kernels estimate."""

logger = logging.getLogger("doorstep.services")

RETRY_S = 2.0
"""Seconds between two attempts to get what is missing."""

JOIN_TIMEOUT_S = 10.0
"""Longest wait for an attempt under way when the service ends."""


class Start:
    """Attempts to get what a service needs, in the background, until it has everything.

    Args:
        attempt: gets what is missing; returns whether nothing is any more.
        kernels: the modules whose kernels are compiled before the first attempt.

    >>> start = Start(lambda: True, kernels=())
    >>> start.unready_reason
    'the service is starting'
    >>> start.begin()
    >>> start.wait()
    True
    >>> start.unready_reason
    ''
    """

    def __init__(self, attempt: Callable[[], bool], *, kernels: Sequence[str]) -> None:
        self._attempt = attempt
        self._kernels = kernels
        self._tried = threading.Event()
        self._ends = threading.Event()
        self._thread: threading.Thread | None = None
        self._what = "the service is starting"
        KernelMetrics.of_process()  # listens from now on

    @property
    def unready_reason(self) -> str:
        """What requests wait for until the first attempt is over, empty from then on."""
        return "" if self._tried.is_set() else self._what

    def begin(self) -> None:
        """Begin with the attempts, and return at once; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="starting", daemon=True)
            self._thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the first attempt is over, with what it could get; return whether it is."""
        return self._tried.wait(timeout_s)

    def end(self) -> None:
        """Make no further attempt."""
        self._ends.set()
        if self._thread is not None:
            self._thread.join(JOIN_TIMEOUT_S)

    def _run(self) -> None:
        while not self._ends.is_set():
            is_complete = self._try()
            KernelMetrics.of_process().serve()
            self._tried.set()
            if is_complete:
                return
            self._ends.wait(RETRY_S)

    def _try(self) -> bool:
        try:
            compile_kernels(self._kernels, self._tell)
            return self._attempt()
        except Exception:  # a mistake of ours must not end the attempts
            logger.exception("the service is not complete")
            return False

    def _tell(self, done: int, kernels: int) -> None:
        self._what = f"the service is starting: {done} of {kernels} kernels are compiled"
