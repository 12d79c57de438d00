"""What the eTP service counts and times, beside BentoML's own metrics of requests.

Labels are few and fixed; nothing that a caller sends becomes one.
"""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram

__all__ = ["EtpMetrics"]

# Features take tenths of milliseconds, a batch of a thousand rows tenths of seconds.
_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)


class EtpMetrics:
    """Counters and histograms of one service process.

    Args:
        registry: where they are registered; the default is what ``/metrics`` shows.

    >>> metrics = EtpMetrics(CollectorRegistry())
    >>> metrics.count_answer("ok")
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._answers = Counter(
            "doorstep_etp_answers",
            "Estimates given, by status; refused rows count as refused",
            labelnames=("status",),
            registry=registry,
        )
        self._features_s = Histogram(
            "doorstep_etp_features_seconds",
            "Time to read the store and compute the features of one request or batch",
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._model_s = Histogram(
            "doorstep_etp_model_seconds",
            "Time of the model for one request or batch",
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._answer_of = {
            status: self._answers.labels(status=status)
            for status in ("ok", "input_clipped", "degraded", "fallback", "refused")
        }

    def count_answer(self, status: str) -> None:
        """Count one estimate, or one refused request or row."""
        self._answer_of[status].inc()

    def time_features(self, seconds: float) -> None:
        """Record the time that the features of one request or batch took."""
        self._features_s.observe(seconds)

    def time_model(self, seconds: float) -> None:
        """Record the time that the model took for one request or batch."""
        self._model_s.observe(seconds)
