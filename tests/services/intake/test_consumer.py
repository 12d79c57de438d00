"""From a stream into a store: all of it, at least once, whoever dies in between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
import pytest
import redis
from prometheus_client import CollectorRegistry

from aggregators import Event, MemoryEventStore, StoreError
from aggregators.stores import AppendResult, EventStore
from services.bento.process import free_port
from services.intake import consumer as consumer_module
from services.intake.consumer import Consumer, Progress
from services.intake.consumer_metrics import ConsumerMetrics
from services.intake.intake import IntakeRules
from services.intake.metrics import IntakeMetrics
from services.intake.redis_stream import EventStream, Message
from tests.aggregators.stores.servers import RedisServer, needs_redis
from tests.services.building import ORDERS, at, cloud_event, make_store
from tests.waiting import PATIENCE_S

STREAM = "happened"
HOURS_S = 3_600.0


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    needs_redis()
    server = RedisServer(tmp_path_factory.mktemp("redis"), durable=False)
    yield server.url
    server.stop()


@pytest.fixture
def client(url: str) -> Iterator[Any]:
    with redis.Redis.from_url(url, protocol=2) as client:
        client.flushall()
        yield client


@pytest.fixture(autouse=True)
def _quickly_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting between attempts is not what is tested here."""
    monkeypatch.setattr(consumer_module, "_BACKOFF_MIN_S", 0.001)


def add(client: Any, *events: object) -> list[bytes]:
    """Add a message per event; returns their ids."""
    return [client.xadd(STREAM, {"event": msgspec.json.encode(event)}) for event in events]


def happened(n: int, first: int = 0) -> list[dict[str, Any]]:
    return [cloud_event(id=f"e-{i}", subject=f"o-{i}") for i in range(first, first + n)]


def stream_of(url: str, name: str = "a", kind: type[EventStream] = EventStream) -> EventStream:
    return kind(url, stream=STREAM, group="g", consumer=name)


def make_consumer(
    stream: EventStream,
    event_store: EventStore,
    *,
    batch: int = 10,
    idle_s: float = HOURS_S,
    forget_s: float = 0.0,
    ending: threading.Event | None = None,
    registry: CollectorRegistry | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Consumer:
    """A consumer that ends when there is nothing left, whose clock says one in the afternoon."""
    registry = registry or CollectorRegistry()
    return Consumer(
        stream,
        event_store,
        rules=IntakeRules(sources=event_store.sources, max_clock_skew_s=60.0, clock=lambda: at(60)),
        intake=IntakeMetrics(registry),
        metrics=ConsumerMetrics(registry),
        batch=batch,
        idle_s=idle_s,
        forget_s=forget_s,
        ending=ending or threading.Event(),
        once=True,
        on_progress=on_progress,
    )


def consume(url: str, event_store: EventStore, name: str = "a", **options: Any) -> Progress:
    stream = stream_of(url, name)
    try:
        return make_consumer(stream, event_store, **options).run()
    finally:
        stream.close()


def unfinished(client: Any) -> int:
    """How many messages the group was given and has not acknowledged, plus those not given."""
    (group,) = client.xinfo_groups(STREAM)
    return int(group["pending"]) + int(group["lag"])


def ids_of(event_store: MemoryEventStore) -> set[str]:
    return set(event_store.table(ORDERS)["order_id"])


def test_every_message_is_stored_and_then_acknowledged(url: str, client: Any) -> None:
    add(client, *happened(25))
    event_store = make_store()
    registry = CollectorRegistry()
    progress = consume(url, event_store, registry=registry)
    assert (progress.messages, progress.events, progress.applied) == (25, 25, 25)
    assert (progress.dead, progress.retries, progress.lag, progress.pending) == (0, 0, 0, 0)
    assert ids_of(event_store) == {f"o-{i}" for i in range(25)}
    assert unfinished(client) == 0
    for name, labels, value in (
        ("doorstep_stream_messages_total", {"outcome": "stored"}, 25.0),
        ("doorstep_stream_lag_messages", {}, 0.0),
        ("doorstep_stream_pending_messages", {}, 0.0),
        ("doorstep_stream_batch_seconds_count", {}, 3.0),
        ("doorstep_event_write_events_total", {}, 25.0),
        (
            "doorstep_event_lateness_seconds_count",
            {"source": "orders", "event": "dispatched"},
            25.0,
        ),
    ):
        assert registry.get_sample_value(name, labels) == value, name


def test_what_came_before_the_group_and_what_comes_later_is_read(url: str, client: Any) -> None:
    event_store = make_store()
    add(client, *happened(3))
    consume(url, event_store)
    add(client, *happened(3, first=3))
    assert consume(url, event_store).messages == 3
    assert len(event_store) == 6


def test_a_message_may_hold_a_list(url: str, client: Any) -> None:
    add(client, happened(7), *happened(2, first=7))
    event_store = make_store()
    progress = consume(url, event_store)
    assert (progress.messages, progress.events, len(event_store)) == (3, 9, 9)


class UnwillingStore(MemoryEventStore):
    """Refuses so many times, then takes; calls what it is given at each refusal."""

    def __init__(self, refusals: int, on_refusal: Callable[[], None] = lambda: None) -> None:
        super().__init__(sources=[ORDERS])
        self.refusals = refusals
        self._on_refusal = on_refusal

    def append(self, events: Iterable[Event]) -> AppendResult:
        if self.refusals:
            self.refusals -= 1
            self._on_refusal()
            raise StoreError("the disk is full")
        return super().append(events)


def test_what_the_store_cannot_take_now_is_tried_again_and_never_dead(
    url: str, client: Any
) -> None:
    add(client, *happened(15))
    registry = CollectorRegistry()
    event_store = UnwillingStore(5)
    progress = consume(url, event_store, registry=registry)
    assert (progress.applied, progress.dead, progress.retries) == (15, 0, 5)
    assert len(event_store) == 15
    assert not client.exists(f"{STREAM}:dead")
    assert registry.get_sample_value("doorstep_stream_retries_total") == 5.0


def test_a_consumer_that_is_ended_before_the_store_takes_leaves_messages_to_others(
    url: str, client: Any
) -> None:
    add(client, *happened(15))
    ending = threading.Event()
    progress = consume(url, UnwillingStore(10**9, ending.set), "a", ending=ending)
    assert progress.messages == 0
    assert unfinished(client) == 15
    assert [entry["name"] for entry in client.xinfo_consumers(STREAM, "g")] == [b"a"]
    event_store = make_store()
    assert consume(url, event_store, "b", idle_s=0.0).applied == 15
    assert unfinished(client) == 0


class Dies(BaseException):
    """Stands for the death of the process: nothing catches it."""


class ForgetfulStream(EventStream):
    """Its consumer dies when the store has the messages, before they are acknowledged."""

    def acknowledge(self, messages: Sequence[Message]) -> None:
        raise Dies


def test_who_dies_between_store_and_acknowledgement_has_its_messages_taken_over(
    url: str, client: Any
) -> None:
    add(client, *happened(25))
    event_store = make_store()
    stream = stream_of(url, "dead", ForgetfulStream)
    with pytest.raises(Dies):
        make_consumer(stream, event_store).run()
    stream.close()
    assert (len(event_store), unfinished(client)) == (10, 25)

    waiting = consume(url, event_store, "b", idle_s=HOURS_S)
    assert (waiting.messages, unfinished(client)) == (15, 10)

    registry = CollectorRegistry()
    taken = consume(url, event_store, "c", idle_s=0.0, registry=registry)
    assert (taken.messages, taken.applied, unfinished(client)) == (10, 0, 0)
    assert registry.get_sample_value("doorstep_stream_taken_over_total") == 10.0
    assert len(event_store) == 25


def test_who_comes_back_begins_with_what_it_left(url: str, client: Any) -> None:
    ids = add(client, *happened(5))
    stream = stream_of(url)
    stream.prepare()
    assert [message.id for message in stream.read_new(3, wait_s=0.0)] == ids[:3]
    stream.close()
    event_store = make_store()
    progress = consume(url, event_store, batch=2)
    assert (progress.messages, progress.applied, unfinished(client)) == (5, 5, 0)


def test_what_was_trimmed_before_it_was_stored_is_reported(url: str, client: Any) -> None:
    ids = add(client, *happened(4))
    stream = stream_of(url)
    stream.prepare()
    stream.read_new(2, wait_s=0.0)
    stream.close()
    client.xdel(STREAM, ids[0])
    event_store = make_store()
    progress = consume(url, event_store)
    assert (progress.messages, progress.dead) == (4, 1)
    ((_id, letter),) = client.xrange(f"{STREAM}:dead")
    assert letter[b"id"] == ids[0]
    assert b"trimmed" in letter[b"reason"]
    assert ids_of(event_store) == {"o-1", "o-2", "o-3"}


def test_several_consumers_share_a_stream(url: str, client: Any) -> None:
    add(client, *happened(100))
    busy, resume = threading.Event(), threading.Event()

    class SlowStore(MemoryEventStore):
        def append(self, events: Iterable[Event]) -> AppendResult:
            busy.set()
            assert resume.wait(PATIENCE_S)
            return super().append(events)

    slow = SlowStore(sources=[ORDERS])
    quick = make_store()
    done: list[Progress] = []
    thread = threading.Thread(target=lambda: done.append(consume(url, slow, "slow")))
    thread.start()
    assert busy.wait(PATIENCE_S)
    rest = consume(url, quick, "quick")
    resume.set()
    thread.join(PATIENCE_S)
    assert rest.messages == 90
    assert done[0].messages == 10
    assert ids_of(slow) | ids_of(quick) == {f"o-{i}" for i in range(100)}
    assert not ids_of(slow) & ids_of(quick)
    assert unfinished(client) == 0


def test_a_group_that_is_gone_is_made_again(url: str, client: Any) -> None:
    add(client, *happened(12))

    class LosesGroup(EventStream):
        lost = False

        def read_new(self, count: int, *, wait_s: float) -> list[Message]:
            if not LosesGroup.lost:
                LosesGroup.lost = True
                client.xgroup_destroy(STREAM, "g")
            return super().read_new(count, wait_s=wait_s)

    event_store = make_store()
    stream = stream_of(url, kind=LosesGroup)
    progress = make_consumer(stream, event_store).run()
    stream.close()
    assert (progress.applied, progress.retries, unfinished(client)) == (12, 1, 0)


def test_a_clean_end_leaves_the_group(url: str, client: Any) -> None:
    add(client, *happened(1))
    consume(url, make_store())
    assert client.xinfo_consumers(STREAM, "g") == []


def nobody() -> str:
    """The URL of a server that does not run."""
    return f"redis://127.0.0.1:{free_port()}"


def consumers(client: Any) -> set[str]:
    return {one["name"].decode() for one in client.xinfo_consumers(STREAM, "g")}


def test_those_who_are_gone_and_have_nothing_left_are_taken_out_of_the_group(
    url: str, client: Any
) -> None:
    add(client, *happened(4))
    dead, idle, busy = (stream_of(url, name) for name in ("dead", "idle", "busy"))
    dead.prepare()
    dead.acknowledge(dead.read_new(2, wait_s=0.0))
    idle.read_own(1, after=b"0")
    kept = busy.read_new(1, wait_s=0.0)
    assert consumers(client) == {"dead", "idle", "busy"}
    new = make_consumer(stream_of(url, "new"), make_store(), forget_s=HOURS_S)
    assert new.run().messages == 1  # nobody has been gone for an hour
    assert consumers(client) == {"dead", "idle", "busy"}
    new = make_consumer(stream_of(url, "new"), make_store(), forget_s=0.001)
    assert new.run().messages == 0
    assert consumers(client) == {"busy"}  # it has a message that is not acknowledged
    assert make_consumer(stream_of(url, "late"), make_store(), idle_s=0.0).run().messages == 1
    busy.acknowledge(kept)
    new = make_consumer(stream_of(url, "new"), make_store(), idle_s=0.0, forget_s=0.001)
    assert new.run().messages == 0
    assert consumers(client) == set()
    for stream in (dead, idle, busy):
        stream.close()


def test_a_server_without_scripts_keeps_who_is_gone(
    url: str, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client.execute_command(
        "ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@all", "-eval", "-evalsha"
    )
    add(client, *happened(1))
    limited = stream_of(url.replace("redis://", "redis://reader:pw@"), "new")
    gone = stream_of(url, "gone")
    gone.prepare()
    gone.read_own(1, after=b"0")
    assert make_consumer(limited, make_store(), forget_s=0.001).run().messages == 1
    assert consumers(client) == {"gone"}
    assert "stay in the group" in caplog.text
    gone.close()


def test_a_consumer_that_fails_leaves_the_group(url: str, client: Any) -> None:
    def fail(_progress: Progress) -> None:
        raise RuntimeError("a mistake")

    add(client, *happened(1))
    with pytest.raises(RuntimeError, match="a mistake"):
        make_consumer(stream_of(url), make_store(), on_progress=fail).run()
    assert consumers(client) == set()


def test_progress_is_told_after_each_batch(url: str, client: Any) -> None:
    add(client, *happened(25))
    told: list[int] = []
    consume(url, make_store(), on_progress=lambda progress: told.append(progress.messages))
    assert told[-1] == 25
    assert {10, 20, 25} <= set(told)
