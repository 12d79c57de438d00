"""Count and time the work of a consumer; events have metrics of their own."""

from __future__ import annotations

import math

from prometheus_client import CollectorRegistry

from services.core.instruments import Instruments

__all__ = ["ConsumerMetrics"]

_BATCH_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)


class ConsumerMetrics(Instruments):
    """Measures one consumer process.

    Args:
        registry: registers and serves the instruments.

    >>> registry = CollectorRegistry()
    >>> ConsumerMetrics(registry).set_backlog(12, 3)
    >>> registry.get_sample_value("doorstep_stream_lag_messages")
    12.0
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self._messages = self.counter(
            "doorstep_stream_messages",
            "Messages that were acknowledged, stored or as dead letters",
            "outcome",
        )
        self._taken_over = self.counter(
            "doorstep_stream_taken_over",
            "Messages that were taken over from consumers that seemed dead",
        )
        self._retries = self.counter(
            "doorstep_stream_retries",
            "Times that the stream or the store did not answer and was tried again",
        )
        self._lag = self.gauge(
            "doorstep_stream_lag_messages",
            "Messages that no consumer of the group was given yet; NaN where Redis cannot tell",
        )
        self._pending = self.gauge(
            "doorstep_stream_pending_messages",
            "Messages that were given to a consumer of the group and not acknowledged yet",
        )
        self._batch_s = self.histogram(
            "doorstep_stream_batch_seconds",
            "Time from a batch's arrival to its acknowledgement",
            buckets=_BATCH_S,
        )
        self._stored = self._messages.labels("stored")
        self._dead = self._messages.labels("dead")

    def count_messages(self, stored: int, dead: int) -> None:
        """Count acknowledged messages."""
        self._stored.inc(stored)
        self._dead.inc(dead)

    def count_taken_over(self, messages: int) -> None:
        """Count messages taken over from dead consumers."""
        self._taken_over.inc(messages)

    def count_retry(self) -> None:
        """Count one failed attempt."""
        self._retries.inc()

    def set_backlog(self, lag: int | None, pending: int) -> None:
        """Set the backlog of the group."""
        self._lag.set(math.nan if lag is None else lag)
        self._pending.set(pending)

    def time_batch(self, seconds: float) -> None:
        """Record how long a batch took."""
        self._batch_s.observe(seconds)
