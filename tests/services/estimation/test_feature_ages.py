"""How old the events are that features rest on."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from aggregators import Event
from aggregators.times import moment_to_us
from services.estimation.feature_ages import FeatureAges
from services.estimation.metrics import EstimateMetrics
from tests.services.building import FEATURES, at, make_store


def us(minutes: float) -> int:
    return moment_to_us(at(minutes), "at")


def test_the_age_is_that_of_the_latest_event_of_each_dimension() -> None:
    event_store = make_store()
    data = {"store_id": "s-1", "city": "BCN"}
    event_store.append(
        [
            Event("orders", "o-1", "dispatched", at(0), data),
            Event("orders", "o-1", "ready", at(5), {}),
            Event("orders", "o-2", "dispatched", at(7), data),
        ]
    )
    registry = CollectorRegistry()
    ages = FeatureAges(FEATURES, event_store, every_s=1e6, metrics=EstimateMetrics("etp", registry))
    try:
        for minutes in (99, 10):  # the latest question of a second counts
            ages.latest = us(minutes), {"store_id": "s-1", "city": "BCN"}, None
        ages.look()
        ages.look()
    finally:
        ages.close()

    def seen(part: str, dimension: str) -> float | None:
        labels = {"service": "etp", "dimension": dimension}
        return registry.get_sample_value(f"doorstep_feature_age_seconds_{part}", labels)

    assert seen("count", "store_id") == seen("count", "city") == 1.0
    assert seen("sum", "store_id") == 3 * 60.0
    assert seen("sum", "city") == 5 * 60.0


def test_nothing_that_happened_has_no_age() -> None:
    registry = CollectorRegistry()
    ages = FeatureAges(
        FEATURES, make_store(), every_s=1e6, metrics=EstimateMetrics("etp", registry)
    )
    ages.latest = us(10), {"store_id": "s-1", "city": "BCN"}, None
    ages.look()
    ages.close()
    assert not [
        sample
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "doorstep_feature_age_seconds_count"
    ]
