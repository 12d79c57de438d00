"""What the tests of the services are made of: a source, features, and a model that needs no fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, cast

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
from estimators.core.distribution import Distribution
from estimators.model.base import Estimator
from services.estimation.metrics import EstimateMetrics
from services.estimation.prediction import Estimation
from services.estimation.row_model import RowModel
from services.estimation.served_model import PartModel

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
    numbers: tuple[str, ...] = ("products",)
    categories: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def encode_one(self, facts: Mapping[str, Any], as_of_us: int) -> npt.NDArray[np.float64]:
        value = facts.get("products")
        return np.array([np.nan if value is None else float(value)])

    def encode_columns(
        self, columns: Mapping[str, Any], as_of_us: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        rows = [{name: column[i] for name, column in columns.items()} for i in range(len(as_of_us))]
        return np.array([self.encode_one(row, 0) for row in rows])


class FakeEstimator:
    """100 s per product, and 60 s per open order; unknown counts as one."""

    name = "fake"
    as_of = "dispatched"
    target = Duration("dispatched", "ready")
    features = FEATURES

    def __init__(self, facts: Any = None) -> None:
        self.facts = FakeFacts() if facts is None else facts
        self.calls = 0
        self.incomplete: list[bool] = []

    def assemble(
        self, facts: npt.NDArray[np.float64], realtime: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        return np.concatenate([facts, realtime], axis=-1)

    def predict(
        self, inputs: npt.NDArray[np.float64], incomplete: npt.NDArray[np.bool_] | None = None
    ) -> Distribution:
        """Even between nothing and twice the mean; twice as wide where it is blind."""
        self.calls += 1
        known = np.where(np.isnan(inputs), 1.0, inputs)
        mean_s = 100.0 * known[:, 0] + 60.0 * known[:, 1]
        self.incomplete = [False] * len(inputs) if incomplete is None else incomplete.tolist()
        wide = np.where(self.incomplete, 2.0, 1.0)
        levels = np.array([0.125, 0.875])
        return Distribution(levels, mean_s[:, None] * (1.0 + np.outer(wide, levels - 0.5)))


def make_store() -> MemoryEventStore:
    return MemoryEventStore(sources=[ORDERS])


def make_model(event_store: Any, estimator: Any = None, **options: Any) -> PartModel:
    return PartModel(
        cast(Estimator, FakeEstimator() if estimator is None else estimator),
        tag="etp:test",
        event_store=event_store,
        metrics=EstimateMetrics("etp", CollectorRegistry()),
        **options,
    )


def make_estimation(event_store: Any, model: RowModel | None = None) -> Estimation:
    """An estimation whose clock stands at noon."""
    return Estimation(
        make_model(event_store) if model is None else model,
        metrics=EstimateMetrics("etp", CollectorRegistry()),
        service="etp",
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
