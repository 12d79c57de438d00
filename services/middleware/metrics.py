"""Count what the guard and the connections do. All labels are fixed."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry

from services.core.instruments import Instruments

__all__ = ["GuardMetrics"]


class GuardMetrics(Instruments):
    """Measures one service process.

    Args:
        registry: registers the instruments; the default is the registry of ``/metrics``.

    >>> registry = CollectorRegistry()
    >>> GuardMetrics(registry).count_refused("unauthorized")
    >>> registry.get_sample_value("doorstep_refused_total", {"reason": "unauthorized"})
    1.0
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        super().__init__(registry)
        self._refused = self.counter(
            "doorstep_refused",
            "Requests that were refused before or instead of an answer, by reason",
            "reason",
        )
        self._in_flight = self.gauge(
            "doorstep_requests_under_way", "Requests that are being answered", together="livesum"
        )

        self._connections = self.gauge(
            "doorstep_connections", "Connections that are open", together="livesum"
        )

    def set_connections(self, connections: int) -> None:
        """Set the number of open connections."""
        self._connections.set(connections)

    def count_refused(self, reason: str) -> None:
        """Count one refused request; the reason is the name of an error."""
        self._refused.labels(reason).inc()

    def set_in_flight(self, requests: int) -> None:
        """Set the number of requests in flight."""
        self._in_flight.set(requests)
