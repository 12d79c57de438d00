"""Count and time estimates, in addition to BentoML's metrics of requests.

Labels are few and fixed: names of services, of dimensions, of statuses; nothing that a caller sends
becomes one. Several services may run in one process.
"""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry

from services.core.instruments import Instruments

__all__ = ["EstimateMetrics"]

# Features take tenths of milliseconds, a batch of a thousand rows tenths of seconds.
_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)
_AGES_S = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0)
_STATUSES = ("ok", "input_clipped", "degraded", "fallback", "refused")


class _Instruments(Instruments):
    """The counters and histograms of a process, for all its services."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        super().__init__(registry)
        self.estimates = self.counter(
            "doorstep_estimates",
            "Estimates given, by status; refused rows count as refused",
            "service",
            "status",
        )
        self.features_s = self.histogram(
            "doorstep_features_seconds",
            "Time to read the store and compute the features of one request or batch",
            "service",
            buckets=_BUCKETS_S,
        )
        self.model_s = self.histogram(
            "doorstep_model_seconds",
            "Time of the model for one request or batch",
            "service",
            buckets=_BUCKETS_S,
        )
        self.ages_s = self.histogram(
            "doorstep_feature_age_seconds",
            "Time from the latest event that features rest on to the moment that was asked for",
            "service",
            "dimension",
            buckets=_AGES_S,
        )


class EstimateMetrics:
    """The counters and timers of one service of a process.

    Args:
        service: its name, a label of everything.
        registry: where it is registered; by default, what ``/metrics`` shows.

    >>> registry = CollectorRegistry()
    >>> EstimateMetrics("etp", registry).count_answer("ok")
    >>> labels = {"service": "etp", "status": "ok"}
    >>> registry.get_sample_value("doorstep_estimates_total", labels)
    1.0
    """

    def __init__(self, service: str, registry: CollectorRegistry | None = None) -> None:
        instruments = _Instruments.of_process() if registry is None else _Instruments(registry)
        self._service = service
        self._answer_of = {
            status: instruments.estimates.labels(service, status) for status in _STATUSES
        }
        self._features_s = instruments.features_s.labels(service)
        self._model_s = instruments.model_s.labels(service)
        self._ages_s = instruments.ages_s

    def count_answer(self, status: str) -> None:
        """Count one estimate, or one refused request or row."""
        self._answer_of[status].inc()

    def count_answers(self, status: str, count: int) -> None:
        """Count several estimates at once."""
        self._answer_of[status].inc(count)

    def time_features(self, seconds: float) -> None:
        """Record the time that the features of one request or batch took."""
        self._features_s.observe(seconds)

    def time_model(self, seconds: float) -> None:
        """Record the time that the model took for one request or batch."""
        self._model_s.observe(seconds)

    def observe_age(self, dimension: str, seconds: float) -> None:
        """Record the age of the latest event behind the features of a dimension."""
        self._ages_s.labels(self._service, dimension).observe(seconds)
