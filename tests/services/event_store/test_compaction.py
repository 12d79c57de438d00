"""Background work on a store: it goes on whatever fails, and ends when told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from prometheus_client import CollectorRegistry

from aggregators import Event, MemoryEventStore, QueryError, SqliteEventStore
from aggregators.features.base import Aggregator
from aggregators.stores import EventStore
from aggregators.stores.reading import CompactionResult
from services.event_store import compaction
from services.event_store.compaction import Compactor
from services.event_store.metrics import EventStoreMetrics
from tests.services.building import FEATURES, NOON, ORDERS
from tests.waiting import PATIENCE_S


class Recorder:
    """A store that notes what it is told, and fails the first time."""

    sources: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        self.compacted: list[tuple[tuple[Aggregator, ...], Any]] = []
        self.repairs = 0
        self.enough = threading.Event()

    def latest_moment_us(self, enough_us: int) -> int:
        return enough_us + 60_000_000

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


def make(
    event_store: Any,
    registry: CollectorRegistry,
    every_s: float,
    *,
    clock: Callable[[], datetime] = lambda: NOON,
    seconds: Callable[[], float] = lambda: 0.0,
) -> Compactor:
    return Compactor(
        cast(EventStore, event_store),
        FEATURES,
        every_s=every_s,
        keep="6h",
        metrics=EventStoreMetrics(registry),
        clock=clock,
        seconds=seconds,
    )


def test_a_compaction_leaves_room_for_what_is_late_and_is_measured() -> None:
    registry = CollectorRegistry()
    event_store = Recorder()
    compactor = make(event_store, registry, 0.0)
    compactor.compact()  # fails
    assert registry.get_sample_value("doorstep_store_maintenance_failures_total") == 1.0
    assert registry.get_sample_value("doorstep_compaction_timestamp_seconds") == 0.0
    compactor.compact()
    assert event_store.compacted[1] == (FEATURES.features, NOON - timedelta(hours=6))
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
    event_store = Recorder()
    compactor = make(event_store, registry, 0.001 if what == "compaction" else 0.0)
    compactor.start()
    assert event_store.enough.wait(PATIENCE_S)
    compactor.close()
    done = (len(event_store.compacted), event_store.repairs)
    assert registry.get_sample_value("doorstep_store_maintenance_failures_total") == 1.0
    assert done[what == "compaction"] == 0
    compactor.close()
    assert (len(event_store.compacted), event_store.repairs) == done


def test_a_store_that_needs_no_repair_and_no_compaction_has_no_thread() -> None:
    class Plain:
        sources: ClassVar[dict[str, Any]] = {}

    before = threading.active_count()
    compactor = make(Plain(), CollectorRegistry(), 0.0)
    compactor.start()
    assert threading.active_count() == before
    compactor.close()


DAY = timedelta(days=1)
KEYS = {"store_id": "s", "city": "c"}


class Life:
    """A store with an event a day, a clock that can be set, and a compactor."""

    def __init__(self, event_store: EventStore) -> None:
        self.event_store = event_store
        self.passed = timedelta(0)
        self.ahead = timedelta(0)
        self.compactor = self.start()

    def start(self) -> Compactor:
        """The compactor of a service that starts now."""
        self.registry = CollectorRegistry()
        return make(
            self.event_store,
            self.registry,
            0.0,
            clock=lambda: NOON + self.passed + self.ahead,
            seconds=lambda: self.passed.total_seconds(),
        )

    def order(self, number: int) -> None:
        """An order of the right moment, of a store that closes none."""
        data = {"store_id": "s", "city": "c"}
        for event in ("dispatched", "ready"):
            self.event_store.append([Event("orders", number, event, NOON + self.passed, data)])

    def ask(self, event_store: EventStore | None = None) -> float:
        """How long the city's last orders took, asked about now, by the right clock."""
        now = NOON + self.passed + timedelta(seconds=1)
        values = FEATURES.transform(
            event_store or self.event_store, "inference", as_of=now, keys=KEYS, sample_id=None
        )
        return float(values["city_last_3_mean_s"])


@pytest.fixture(params=["memory", "sqlite"])
def life(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    is_file = request.param == "sqlite"
    with (
        SqliteEventStore(tmp_path / "e.db", [ORDERS])
        if is_file
        else MemoryEventStore([ORDERS]) as event_store
    ):
        yield Life(event_store)


def test_a_clock_ten_days_ahead_for_four_seconds_changes_nothing(life: Life) -> None:
    for number in range(5):
        life.order(number)
        life.passed += DAY
    life.ahead = 10 * DAY
    for _ in range(4):
        life.passed += timedelta(seconds=1)
        life.compactor.compact()
    life.ahead = timedelta(0)
    life.compactor.compact()
    assert life.event_store.count(ORDERS) == 5
    assert life.event_store.compacted_until(ORDERS) is None
    assert life.ask() == 0.0
    assert life.registry.get_sample_value("doorstep_store_maintenance_failures_total") == 5.0
    life.passed += timedelta(hours=1)
    life.compactor.compact()  # the clock has run evenly for an hour
    assert life.event_store.compacted_until(ORDERS) is not None
    assert life.ask() == 0.0


def test_a_service_that_starts_with_a_clock_ahead_keeps_what_events_say_is_young(
    life: Life,
) -> None:
    for number in range(9):
        life.order(number)
        life.passed += timedelta(hours=1)
    life.ahead = 10 * DAY
    life.start().compact()
    life.ahead = timedelta(0)
    until = life.event_store.compacted_until(ORDERS)
    latest = NOON + timedelta(hours=8)
    assert until == round((latest - timedelta(hours=6)).timestamp() * 1e6)
    assert life.event_store.count(ORDERS) == 9  # settled after a day
    assert life.ask() == 0.0


def test_a_store_that_was_closed_for_the_future_is_opened_at_the_start(life: Life) -> None:
    life.order(1)
    life.passed = timedelta(minutes=1)
    life.event_store.compact(FEATURES, NOON + 9 * DAY)  # by a version that trusted the clock
    with pytest.raises(QueryError, match="was compacted"):
        life.ask()
    compactor = life.start()
    compactor.start()
    compactor.close()
    assert life.ask() == 0.0
    if isinstance(life.event_store, SqliteEventStore):
        with SqliteEventStore(life.event_store.path, [ORDERS]) as other:
            assert life.ask(other) == 0.0


def test_an_empty_store_is_not_compacted(life: Life) -> None:
    life.compactor.compact()
    assert life.event_store.compacted_until(ORDERS) is None


def test_events_of_the_future_do_not_lead_the_compaction(life: Life) -> None:
    life.passed = 3 * DAY
    life.order(1)
    life.passed = DAY
    life.start().compact()
    until = life.event_store.compacted_until(ORDERS)
    assert until == round((NOON + DAY - timedelta(hours=6)).timestamp() * 1e6)
