"""What the tests of the services are made of: a source, features, and a model that needs no fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from prometheus_client import CollectorRegistry

from aggregators import (
    Duration,
    FeatureSet,
    MemoryEventStore,
    Source,
    StatsBetweenEvents,
    StatsLastNSamples,
)
from aggregators.catalog import Catalog
from estimators.training import TrainedEstimator
from services.estimation import Estimation
from services.metrics import EstimateMetrics

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("dispatched", "ready", "cancelled"),
    dimensions=("store_id", "city", "courier_id"),
    attributes=("products", "amount"),
)
FEATURES = FeatureSet(
    [
        StatsBetweenEvents(
            ORDERS,
            name="open_orders",
            dimension="store_id",
            function="count",
            first_event="dispatched",
            second_event=("ready", "cancelled"),
        ),
        StatsLastNSamples(
            ORDERS,
            name="city_last_3_mean_s",
            dimension="city",
            function="mean",
            event="ready",
            n=3,
            attribute=Duration("dispatched", "ready"),
        ),
    ],
    name="test",
    version="1.2.3",
)
WEATHER = Source(
    "weather",
    sample_id="observation_id",
    events=("observed",),
    dimensions=("city",),
    attributes=("rain_mm",),
)
CITY_RAIN = StatsLastNSamples(
    WEATHER,
    name="city_rain_mm",
    dimension="city",
    function="last",
    event="observed",
    n=1,
    attribute="rain_mm",
)


def described(feature: Any, topic: str) -> Any:
    """A feature that says about itself what a catalog wants to know."""
    return replace(feature, unit="1", owner="tests", description="For a test.", topic=topic)


CATALOG = Catalog(
    (
        described(FEATURES["open_orders"], "queue"),
        described(FEATURES["city_last_3_mean_s"], "duration"),
        described(CITY_RAIN, "weather"),
    ),
    name="small",
    version="4.5.6",
)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """A moment so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


class FakeFacts:
    """The number of products, as it is."""

    names = ("products",)
    inputs = ("store_id", "products")
    numbers = ("products",)

    def encode_one(self, facts: Mapping[str, Any], as_of_us: int) -> npt.NDArray[np.float64]:
        value = facts.get("products")
        return np.array([np.nan if value is None else float(value)])


class FakeDistribution:
    """Seconds that are ten times the level, times the mean."""

    def __init__(self, mean_s: npt.NDArray[np.float64]) -> None:
        self._mean_s = mean_s

    def mean(self) -> npt.NDArray[np.float64]:
        return self._mean_s

    def quantile(self, q: float) -> npt.NDArray[np.float64]:
        return self._mean_s * 2.0 * q


class FakeEstimator:
    """100 s per product, and 60 s per open order; unknown counts as one."""

    facts = FakeFacts()
    features = FEATURES

    def __init__(self) -> None:
        self.calls = 0

    def assemble(
        self, facts: npt.NDArray[np.float64], realtime: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        return np.concatenate([facts, realtime], axis=-1)

    def predict(self, inputs: npt.NDArray[np.float64]) -> FakeDistribution:
        self.calls += 1
        known = np.where(np.isnan(inputs), 1.0, inputs)
        return FakeDistribution(100.0 * known[:, 0] + 60.0 * known[:, 1])


def make_store() -> MemoryEventStore:
    return MemoryEventStore(sources=[ORDERS])


def make_estimation(store: Any) -> Estimation:
    """An estimation whose clock stands at noon."""
    return Estimation(
        cast(TrainedEstimator, SimpleNamespace(estimator=FakeEstimator())),
        tag="etp:test",
        store=store,
        metrics=EstimateMetrics("etp", CollectorRegistry()),
        clock=lambda: NOON,
    )


def cloud_event(**changes: Any) -> dict[str, Any]:
    """A good event as a JSON object, with some fields changed; None removes a field."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "orders",
        "type": "dispatched",
        "subject": "o-1",
        "time": "2026-03-02T12:00:00Z",
        "data": {"store_id": "s-1", "city": "BCN", "products": 2},
    }
    return {name: value for name, value in {**event, **changes}.items() if value is not None}
