"""Requests that wait go together into the next write, and each gets its own outcome."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator

import pytest
from prometheus_client import CollectorRegistry

from aggregators import Event, MemoryEventStore, StoreError
from aggregators.stores import AppendResult
from services.core.errors import InvalidRequest, ServiceError, Unavailable
from services.intake.append import WriteOutcome
from services.intake.group_commit import GroupCommitWriter
from services.intake.metrics import IntakeMetrics
from tests.services.building import ORDERS, at
from tests.waiting import PATIENCE_S


class GatedStore(MemoryEventStore):
    """Writes when the gate is open, and remembers the sizes of the writes."""

    def __init__(self) -> None:
        super().__init__(sources=[ORDERS])
        self.gate = threading.Event()
        self.began = threading.Event()
        self.sizes: list[int] = []
        self.failure: Exception | None = None

    def append(self, events: Iterable[Event]) -> AppendResult:
        given = list(events)
        self.sizes.append(len(given))
        self.began.set()
        assert self.gate.wait(PATIENCE_S)
        if self.failure is not None:
            raise self.failure
        return super().append(given)


@pytest.fixture
def event_store() -> Iterator[GatedStore]:
    event_store = GatedStore()
    yield event_store
    event_store.gate.set()


def event(number: int, **data: object) -> Event:
    return Event("orders", f"o-{number}", "dispatched", at(number), data or {"store_id": "s-1"})


def write_while_busy(
    event_store: GatedStore, requests: list[list[Event]], *, max_waiting: int = 1_000
) -> tuple[list[WriteOutcome | BaseException], CollectorRegistry]:
    """Write one event; while the store is busy with it, the requests; then let all of them in."""
    registry = CollectorRegistry()
    writer = GroupCommitWriter(event_store, IntakeMetrics(registry), max_waiting=max_waiting)

    async def run() -> list[WriteOutcome | BaseException]:
        first = asyncio.create_task(writer.write([event(999)]))
        await asyncio.to_thread(event_store.began.wait, 30.0)
        waiting = [asyncio.create_task(writer.write(events)) for events in requests]
        await asyncio.sleep(0)  # each has queued, or was refused
        event_store.gate.set()
        outcomes = await asyncio.gather(first, *waiting, return_exceptions=True)
        return outcomes[1:]

    try:
        return asyncio.run(run()), registry
    finally:
        writer.close()


def test_those_who_wait_go_together(event_store: GatedStore) -> None:
    requests = [[event(i)] for i in range(20)] + [[event(100), event(101)]]
    outcomes, registry = write_while_busy(event_store, requests)
    assert event_store.sizes == [1, 22]
    assert outcomes == [*[WriteOutcome(applied=1)] * 20, WriteOutcome(applied=2)]
    assert len(event_store) == 23
    assert registry.get_sample_value("doorstep_event_write_seconds_count") == 2.0
    assert registry.get_sample_value("doorstep_event_write_requests_total") == 22.0
    assert registry.get_sample_value("doorstep_event_write_events_total") == 23.0


def test_a_bad_event_refuses_itself_alone_among_all_who_wait(event_store: GatedStore) -> None:
    requests = [[event(1)], [event(2), event(3, stor_id="s"), event(4, store_id=5)], [event(6)]]
    outcomes, _registry = write_while_busy(event_store, requests)
    assert outcomes[0] == outcomes[2] == WriteOutcome(applied=1)
    mixed = outcomes[1]
    assert isinstance(mixed, WriteOutcome)
    assert mixed.applied == 1
    fields = {i: error.field for i, error in mixed.refusals.items()}
    assert fields == {1: "data.stor_id", 2: "data"}
    assert all(isinstance(error, InvalidRequest) for error in mixed.refusals.values())
    assert {event_store.table(ORDERS)["order_id"].tolist()[i] for i in range(4)} == {
        "o-999", "o-1", "o-2", "o-6"
    }  # fmt: skip


def test_bad_events_cost_few_writes_however_many_wait(event_store: GatedStore) -> None:
    """What is seen without the store costs one write more; what only it can see, a few."""
    requests = [[event(i)] for i in range(64)]
    requests[7] = [event(7, stor_id="s")]
    outcomes, _registry = write_while_busy(event_store, requests)
    assert event_store.sizes == [1, 64, 63]
    assert sum(outcome == WriteOutcome(applied=1) for outcome in outcomes) == 63

    event_store.sizes.clear()
    event_store.began.clear()
    event_store.gate.clear()
    requests = [[event(100 + i)] for i in range(64)]
    requests[7] = [event(107, store_id=7)]
    outcomes, _registry = write_while_busy(event_store, requests)
    assert len(event_store.sizes) == 2 + 1 + 2 * 6
    assert sum(outcome == WriteOutcome(applied=1) for outcome in outcomes) == 63
    refused = outcomes[7]
    assert isinstance(refused, WriteOutcome)
    assert list(refused.refusals) == [0]


class FailsInTheMiddle(GatedStore):
    """Cannot take what begins with the fourth order."""

    def append(self, events: Iterable[Event]) -> AppendResult:
        given = list(events)
        if given[0].sample_id == "o-4":
            raise StoreError("the disk is full")
        return super().append(given)


def test_a_store_that_fails_in_the_middle_fails_the_requests_that_it_did_not_take() -> None:
    event_store = FailsInTheMiddle()
    requests = [[event(1)], [event(2, store_id=7)], [event(4), event(5)], [event(6)]]
    outcomes, _registry = write_while_busy(event_store, requests)
    assert outcomes[0] == WriteOutcome(applied=1)
    assert isinstance(outcomes[1], WriteOutcome)
    assert list(outcomes[1].refusals) == [0]
    assert [type(outcome) for outcome in outcomes[2:]] == [Unavailable, Unavailable]
    assert set(event_store.table(ORDERS)["order_id"]) == {"o-999", "o-1"}


def test_a_store_that_fails_acknowledges_nobody(event_store: GatedStore) -> None:
    event_store.failure = StoreError("the disk is full")
    outcomes, _registry = write_while_busy(event_store, [[event(1)], [event(2)]])
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    assert outcomes[0] is not outcomes[1]
    assert len(event_store) == 0


def test_a_mistake_of_ours_fails_the_write_and_not_the_writer(event_store: GatedStore) -> None:
    event_store.failure = RuntimeError("a bug")
    outcomes, registry = write_while_busy(event_store, [[event(1)]])
    assert type(outcomes[0]) is ServiceError
    event_store.failure = None
    writer = GroupCommitWriter(event_store, IntakeMetrics(CollectorRegistry()))
    assert asyncio.run(writer.write([event(1)])).applied == 1
    writer.close()
    assert registry.get_sample_value("doorstep_event_write_requests_total") == 2.0


def test_a_full_queue_sends_requests_away_and_keeps_those_it_has(event_store: GatedStore) -> None:
    requests = [[event(1), event(2)], [event(3)], [event(4)], [event(5)]]
    outcomes, _registry = write_while_busy(event_store, requests, max_waiting=3)
    assert outcomes[:2] == [WriteOutcome(applied=2), WriteOutcome(applied=1)]
    assert [type(outcome) for outcome in outcomes[2:]] == [Unavailable, Unavailable]
    assert event_store.sizes == [1, 3]


def test_a_batch_larger_than_the_queue_is_taken_when_nobody_waits(event_store: GatedStore) -> None:
    outcomes, _registry = write_while_busy(
        event_store, [[event(i) for i in range(9)]], max_waiting=3
    )
    assert outcomes == [WriteOutcome(applied=9)]


def test_each_request_learns_what_its_own_events_changed(event_store: GatedStore) -> None:
    requests = [[event(1)], [event(1), event(2)], [event(999)]]
    outcomes, _registry = write_while_busy(event_store, requests)
    assert event_store.sizes == [1, 4]
    assert outcomes == [WriteOutcome(1, 0), WriteOutcome(1, 1), WriteOutcome(0, 1)]


def test_closing_writes_what_waits_and_takes_no_more(event_store: GatedStore) -> None:
    writer = GroupCommitWriter(event_store, IntakeMetrics(CollectorRegistry()))

    async def run() -> list[WriteOutcome | BaseException]:
        first = asyncio.create_task(writer.write([event(1)]))
        await asyncio.to_thread(event_store.began.wait, 30.0)
        second = asyncio.create_task(writer.write([event(2)]))
        await asyncio.sleep(0)
        event_store.gate.set()
        await asyncio.to_thread(writer.close)
        late = asyncio.create_task(writer.write([event(3)]))
        return list(await asyncio.gather(first, second, late, return_exceptions=True))

    outcomes = asyncio.run(run())
    assert outcomes[:2] == [WriteOutcome(applied=1), WriteOutcome(applied=1)]
    assert isinstance(outcomes[2], Unavailable)
    writer.close()
    assert len(event_store) == 2


def test_who_no_longer_waits_harms_nobody(event_store: GatedStore) -> None:
    writer = GroupCommitWriter(event_store, IntakeMetrics(CollectorRegistry()))

    async def run() -> WriteOutcome:
        gone = asyncio.create_task(writer.write([event(1)]))
        await asyncio.to_thread(event_store.began.wait, 30.0)
        gone.cancel()
        stays = asyncio.create_task(writer.write([event(2)]))
        await asyncio.sleep(0)
        event_store.gate.set()
        return await stays

    assert asyncio.run(run()) == WriteOutcome(applied=1)
    writer.close()
