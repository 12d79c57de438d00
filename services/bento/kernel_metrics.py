"""Count the kernels that a service process compiles; after its start, a request waits for each."""

from __future__ import annotations

from typing import Any, Literal

from numba.core import event
from prometheus_client import REGISTRY, CollectorRegistry

from services.core.instruments import Instruments

__all__ = ["KernelMetrics"]

Phase = Literal["starting", "serving"]


class KernelMetrics(Instruments, event.Listener):
    """Listens to numba's compiler.

    Kernels that are loaded from numba's cache, or compiled by another process, do not count.

    Args:
        registry: where the counter is registered; the default is what ``/metrics`` shows.

    >>> registry = CollectorRegistry()
    >>> metrics = KernelMetrics(registry)
    >>> metrics.serve()
    >>> event.broadcast(event.Event("numba:compile", event.EventStatus.END))
    >>> labels = {"phase": "serving"}
    >>> registry.get_sample_value("doorstep_kernel_compilations_total", labels)
    1.0
    >>> metrics.close()
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        super().__init__(registry)
        counter = self.counter(
            "doorstep_kernel_compilations",
            "Kernels that were compiled in this process, before and since it answers requests",
            "phase",
        )
        phases: tuple[Phase, ...] = ("starting", "serving")
        self._compilations = {phase: counter.labels(phase) for phase in phases}
        self._phase: Phase = "starting"
        register: Any = event.register  # numba has no annotations for it
        register("numba:compile", self)

    def serve(self) -> None:
        """Mark the start of serving: from now on a request waits for each compilation."""
        self._phase = "serving"

    def close(self) -> None:
        """Stop listening."""
        unregister: Any = event.unregister
        unregister("numba:compile", self)

    def on_start(self, event: Any) -> None:
        """Do nothing; the end is counted."""

    def on_end(self, event: Any) -> None:
        """Count a compiled function."""
        self._compilations[self._phase].inc()
