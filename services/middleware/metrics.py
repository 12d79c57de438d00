"""What stands before the endpoints of every service counts this. All labels are fixed."""

from __future__ import annotations

from functools import lru_cache

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge

__all__ = ["GuardMetrics", "guard_metrics"]


class GuardMetrics:
    """Counters of one service process.

    Args:
        registry: where they are registered; the default is what ``/metrics`` shows.

    >>> registry = CollectorRegistry()
    >>> GuardMetrics(registry).count_refused("unauthorized")
    >>> registry.get_sample_value("doorstep_refused_total", {"reason": "unauthorized"})
    1.0
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._refused = Counter(
            "doorstep_refused",
            "Requests that were refused before or instead of an answer, by reason",
            labelnames=("reason",),
            registry=registry,
        )
        self._in_flight = Gauge(
            "doorstep_requests_under_way",
            "Requests that are being answered",
            registry=registry,
            multiprocess_mode="livesum",
        )

        self._connections = Gauge(
            "doorstep_connections",
            "Connections that are open",
            registry=registry,
            multiprocess_mode="livesum",
        )

    def set_connections(self, connections: int) -> None:
        """Say how many connections are open."""
        self._connections.set(connections)

    def count_refused(self, reason: str) -> None:
        """Count one request that was refused; the reason is the name of an error."""
        self._refused.labels(reason).inc()

    def set_in_flight(self, requests: int) -> None:
        """Say how many requests are being answered."""
        self._in_flight.set(requests)


@lru_cache(maxsize=1)
def guard_metrics() -> GuardMetrics:
    """Return the metrics of this process, made once: the registry refuses a name twice."""
    return GuardMetrics()
