"""Measure the age of the events behind features, which shows a stream that stands still.

Finding out costs as much as computing the features, so it is done for one request a second, beside
the requests.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aggregators import FeatureSet
from aggregators.stores import EventStore
from aggregators.times import from_us
from services.estimation.metrics import EstimateMetrics

__all__ = ["FeatureAges"]

logger = logging.getLogger("doorstep.services")

_EVERY_S = 1.0

AgeQuery = tuple[int, Mapping[str, Any], Any]
"""The moment in microseconds UTC, a key per dimension, and the samples that are left out."""


class FeatureAges:
    """Observes the age at ``as_of`` of the latest event of each dimension.

    Args:
        features: those of the estimates.
        event_store: where their events are.
        metrics: take the ages.
        every_s: seconds between two looks.
    """

    def __init__(
        self,
        features: FeatureSet,
        event_store: EventStore,
        *,
        metrics: EstimateMetrics,
        every_s: float = _EVERY_S,
    ) -> None:
        self._features = features
        self._event_store = event_store
        self._every_s = every_s
        self._dimension_of = {feature.name: feature.dimension for feature in features}
        self._metrics = metrics
        self.latest: AgeQuery | None = None
        """What was asked last. Who answers writes it: an assignment costs a request nothing."""
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feature-ages", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread. A second call does nothing."""
        self._ends.set()
        self._thread.join()

    def look(self) -> None:
        """Observe the latest request, if there was a new one."""
        question, self.latest = self.latest, None
        if question is None:
            return
        as_of_us, keys, sample_id = question
        as_of = from_us(as_of_us)
        latest: dict[str, datetime] = {}
        for one in self._features.observe(
            self._event_store,
            as_of=as_of,
            keys=keys,
            sample_id=sample_id,
        ):
            moment, dimension = one.last_event_time, self._dimension_of[one.name]
            if moment is not None:
                latest[dimension] = max(moment, latest.get(dimension, moment))
        for dimension, moment in latest.items():
            self._metrics.observe_age(dimension, (as_of - moment).total_seconds())

    def _run(self) -> None:
        while not self._ends.wait(self._every_s):
            try:
                self.look()
            except Exception as error:  # the request was answered, with a note
                logger.warning("the age of features is not known: %s", error)
