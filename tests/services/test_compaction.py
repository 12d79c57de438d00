"""Background work on a store: it goes on whatever fails, and ends when told."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from aggregators.base import Aggregator
from aggregators.stores import EventStore
from aggregators.stores.base import CompactionResult
from services import compaction
from services.compaction import Compactor
from services.store_metrics import StoreMetrics
from tests.services.building import FEATURES, NOON


class Recorder:
    """A store that notes what it is told, and fails the first time."""

    def __init__(self) -> None:
        self.compacted: list[tuple[tuple[Aggregator, ...], Any]] = []
        self.repairs = 0
        self.enough = threading.Event()

    def compact(self, features: Iterable[Aggregator], as_of: Any) -> CompactionResult:
        self.compacted.append((tuple(features), as_of))
        if len(self.compacted) == 1:
            raise OSError("the disk is away")
        if len(self.compacted) > 2:
            self.enough.set()
        return CompactionResult(samples_kept=7, samples_dropped=2)

    def repair(self) -> int:
        self.repairs += 1
        if self.repairs == 1:
            raise OSError("the network is away")
        if self.repairs > 2:
            self.enough.set()
        return 3


def make(store: Any, registry: CollectorRegistry, every_s: float) -> Compactor:
    return Compactor(
        cast(EventStore, store),
        FEATURES,
        every_s=every_s,
        keep="6h",
        metrics=StoreMetrics(registry),
        clock=lambda: NOON,
    )


def test_a_compaction_leaves_room_for_what_is_late_and_is_measured() -> None:
    registry = CollectorRegistry()
    store = Recorder()
    compactor = make(store, registry, 0.0)
    compactor.compact()  # fails
    assert registry.get_sample_value("doorstep_store_maintenance_failures_total") == 1.0
    assert registry.get_sample_value("doorstep_compaction_timestamp_seconds") == 0.0
    compactor.compact()
    assert store.compacted[1] == (FEATURES.features, NOON - timedelta(hours=6))
    for name, value in (
        ("doorstep_compaction_timestamp_seconds", NOON.timestamp()),
        ("doorstep_compaction_samples_kept", 7.0),
        ("doorstep_compaction_samples_dropped_total", 2.0),
        ("doorstep_store_maintenance_failures_total", 1.0),
    ):
        assert registry.get_sample_value(name) == value


@pytest.mark.parametrize("what", ["compaction", "repair"])
def test_the_work_goes_on_after_a_failure_until_it_is_ended(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "REPAIR_EVERY_S", 0.001 if what == "repair" else 3_600.0)
    registry = CollectorRegistry()
    store = Recorder()
    compactor = make(store, registry, 0.001 if what == "compaction" else 0.0)
    compactor.start()
    assert store.enough.wait(30.0)
    compactor.close()
    done = (len(store.compacted), store.repairs)
    assert registry.get_sample_value("doorstep_store_maintenance_failures_total") == 1.0
    assert done[what == "compaction"] == 0
    compactor.close()
    assert (len(store.compacted), store.repairs) == done


def test_a_store_that_needs_no_repair_and_no_compaction_has_no_thread() -> None:
    class Plain:
        pass

    before = threading.active_count()
    compactor = make(Plain(), CollectorRegistry(), 0.0)
    compactor.start()
    assert threading.active_count() == before
    compactor.close()
