"""Start a service in the background: it is live at once, and ready when nothing is missing.

A thread compiles the kernels first, so that no request waits for a compiler, then loads models and
opens the event store. Failed steps are retried: a running process that reports its error is easier
to repair than one that restarts again and again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from aggregators.kernels.compilation import FEATURE_KERNELS, compile_kernels
from services.bento.kernel_metrics import KernelMetrics

__all__ = ["ESTIMATE_KERNELS", "EXPLANATION_KERNELS", "RETRY_S", "Startup"]

ESTIMATE_KERNELS = (
    *FEATURE_KERNELS,
    "estimators.quantiles.calibration_kernels",
    "estimators.eta.composition_kernels",
    "estimators.features.shrinkage",
    "estimators.quantiles.tree_kernels",
)
"""The modules with the kernels of an estimate."""

EXPLANATION_KERNELS = (*ESTIMATE_KERNELS, "estimators.quantiles.contribution_kernels")
"""The same, and those that explain it."""

logger = logging.getLogger("doorstep.services")

RETRY_S = 2.0
"""Seconds between two attempts."""

JOIN_TIMEOUT_S = 10.0
"""Longest wait for the running attempt when the service ends."""


class Startup:
    """Retries an attempt to start a service in the background until it is complete.

    Args:
        attempt: gets missing resources; returns whether none is missing.
        kernels: the modules whose kernels are compiled before the first attempt.

    >>> start = Startup(lambda: True, kernels=())
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
        """What the first attempt is doing; empty when it is over."""
        return "" if self._tried.is_set() else self._what

    def begin(self) -> None:
        """Start the thread and return at once. A second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="starting", daemon=True)
            self._thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end of the first attempt; return whether it has ended."""
        return self._tried.wait(timeout_s)

    def end(self) -> None:
        """Stop after the running attempt."""
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
