"""Writers that die, connections that break, slots that move, servers that hang or are gone."""

from __future__ import annotations

import itertools
import random
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aggregators import Event, MemoryEventStore, RedisEventStore, StoreError
from aggregators.stores.redis import append as redis_append
from aggregators.stores.redis import connections as redis_connections
from aggregators.stores.redis.connections import Nodes, NodesUnavailable
from aggregators.stores.redis.link import Batch, Command, Exchange, Link, pack
from aggregators.stores.redis.logs import Bucket
from tests.aggregators.stores.places import Place
from tests.aggregators.stores.servers import RedisCluster, RedisServer, free_port, needs_redis
from tests.aggregators.stores.streams import (
    ORDERS,
    START_US,
    STORES,
    answers,
    batches,
    random_stream,
    table_of,
)


@pytest.fixture(autouse=True)
def many_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches go in several parts over several connections at once, as only large ones do."""
    monkeypatch.setattr(redis_append, "PARTS_PER_ROUND", 3)
    monkeypatch.setattr(redis_append, "EVENTS_PER_PART", 2)
    monkeypatch.setattr(redis_append, "EVENTS_PER_ROUND", 25)
    monkeypatch.setattr(redis_connections, "LANE_BYTES", 200)


def dying_finish(dies_at: int) -> Callable[[Nodes, Batch], list[Any]]:
    """Lose the connection at that exchange with the servers, before its answers are read."""
    exchanges, finish = itertools.count(1), Nodes.finish

    def finish_or_die(nodes: Nodes, batch: Batch) -> list[Any]:
        if next(exchanges) == dies_at:
            nodes.close()
            raise KeyboardInterrupt
        return finish(nodes, batch)

    return finish_or_die


def test_a_writer_that_dies_after_any_step_is_finished_by_a_repair(
    redis_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection breaks after the first, the second, ... exchange with the servers."""
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    memory = MemoryEventStore([ORDERS])
    reader = redis_place.open([ORDERS])
    for piece in batches(random_stream(rng, "str"), rng):
        writer = redis_place.open([ORDERS])
        with monkeypatch.context() as patch:
            patch.setattr(Nodes, "finish", dying_finish(rng.randrange(1, 6)))
            died = False
            try:
                writer.append(piece)
            except KeyboardInterrupt:
                died = True
        writer.close()
        repaired = reader.repair(older_than_s=0)
        assert died or not repaired
        memory.append(piece)
        if died:
            reader.append(piece)
        assert answers(reader) == answers(memory), f"seed {seed}"
    assert reader.repair(older_than_s=0) == 0


def test_what_a_dead_writer_left_is_finished_by_an_append_that_meets_it(
    redis_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is told that an event is there already can be sure that all readers see it."""
    monkeypatch.setattr(redis_append, "STALE_AFTER_S", 3600.0)
    monkeypatch.setattr(redis_append, "EVENTS_PER_ROUND", 1000)
    stream = random_stream(random.Random(8), "str")
    memory = MemoryEventStore([ORDERS])
    memory.append(stream)
    dead, alive = redis_place.open([ORDERS]), redis_place.open([ORDERS])
    with monkeypatch.context() as patch:
        patch.setattr(redis_append.Writer, "_tell_groups", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            dead.append(stream)
    dead.close()
    assert alive.append(stream).applied == 0
    assert answers(alive) == answers(memory)
    assert alive.repair(older_than_s=3600) == 0
    assert alive.repair(older_than_s=0) > 0
    assert answers(alive) == answers(memory)


def test_an_event_of_a_sample_that_a_dead_writer_moved_is_seen_in_both_groups(
    redis_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old group has not heard of the move, and the new one not of what was before it."""
    monkeypatch.setattr(redis_append, "STALE_AFTER_S", 3600.0)
    identity, before = ("orders", "o-1", "activated"), {"store_id": STORES[0], "amount": 1.0}
    history = [
        Event(*identity, START_US, before),
        Event("orders", "o-1", "courier_assigned", START_US, {"courier_id": 0}),
        Event(*identity, START_US, {**before, "store_id": STORES[1]}, START_US + 1),
        Event("orders", "o-1", "delivered", START_US + 2, {"distance_m": 5.0}),
    ]
    alive, dead = redis_place.open([ORDERS]), redis_place.open([ORDERS])
    alive.append(history[:2])
    answers(alive)
    with monkeypatch.context() as patch:
        patch.setattr(redis_append.Writer, "_tell_groups", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            dead.append(history[2:3])
    alive.append(history[3:])
    memory = MemoryEventStore([ORDERS])
    memory.append(history)
    assert answers(alive) == answers(memory)
    assert answers(redis_place.open([ORDERS])) == answers(memory)


def test_marks_that_are_old_are_finished_by_the_next_append_nearby(
    redis_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_append, "STALE_AFTER_S", -1.0)
    first = Event("orders", "o-1", "activated", START_US, {"store_id": "store-1", "amount": 1.0})
    dead, alive = redis_place.open([ORDERS]), redis_place.open([ORDERS])
    with monkeypatch.context() as patch:
        patch.setattr(redis_append.Writer, "_tell_groups", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            dead.append([first])
    alive.append([Event("orders", "o-1", "delivered", START_US + 1)])
    assert alive.repair(older_than_s=-1) == 0
    memory = MemoryEventStore([ORDERS])
    memory.append([first, Event("orders", "o-1", "delivered", START_US + 1)])
    assert answers(alive) == answers(memory)


def test_marks_that_outlive_an_acknowledged_append_change_nothing(
    redis_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server can die after the logs have everything, and before it has removed the mark."""
    monkeypatch.setattr(redis_append, "STALE_AFTER_S", 3600.0)
    stream = random_stream(random.Random(9), "str")
    half = len(stream) // 2
    memory = MemoryEventStore([ORDERS])
    memory.append(stream[:half])
    writer, other = redis_place.open([ORDERS]), redis_place.open([ORDERS])
    with monkeypatch.context() as patch:
        clear = redis_append._clear
        patch.setattr(redis_append, "_clear", lambda bucket, _call: clear(bucket, b"another"))
        writer.append(stream[:half])
        assert answers(other) == answers(memory)
        writer.close()
    assert other.append(stream[:half]).applied == 0
    other.append(stream[half:])
    memory.append(stream[half:])
    assert other.repair(older_than_s=0) > 0
    assert other.repair(older_than_s=0) == 0
    assert answers(other) == answers(memory)
    assert answers(redis_place.open([ORDERS])) == answers(memory)


def test_a_writer_does_not_finish_its_own_last_append_again(
    redis_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its mark may still be there: the next append does not wait for its removal."""
    writer = redis_place.open([ORDERS])
    monkeypatch.setattr(redis_append.Writer, "_tell_all", lambda *_: 1 / 0)
    clear, names = redis_append._clear, [b"another"]

    def clear_one_late(bucket: Bucket, call: bytes) -> Command:
        names.append(call)
        return clear(bucket, names[-2])

    monkeypatch.setattr(redis_append, "_clear", clear_one_late)
    history = [Event("orders", "o-1", "activated", START_US, {"store_id": STORES[0]}, START_US + n)
               for n in range(5)]  # fmt: skip
    for event in history:
        assert writer.append([event]).applied == 1
    memory = MemoryEventStore([ORDERS])
    memory.append(history)
    assert answers(writer) == answers(memory)


def test_logs_that_were_lost_are_rebuilt_from_the_samples(redis_place: Place) -> None:
    stream = random_stream(random.Random(6), "str")
    store, memory = redis_place.open([ORDERS]), MemoryEventStore([ORDERS])
    store.append(stream)
    memory.append(stream)
    nodes = Nodes(redis_place.where)
    for address in nodes.primaries:
        for key in nodes.run_on(address, pack(b"KEYS", b"*:log")):
            if redis_place.prefix.encode() in key:
                nodes.run([Command(nodes.slot_of(key), pack(b"DEL", key))])
    nodes.close()
    assert answers(redis_place.open([ORDERS])) != answers(memory)
    assert store.rebuild() == len(memory)
    assert answers(redis_place.open([ORDERS])) == answers(memory)
    assert answers(store) == answers(memory)


def test_lost_connections_and_forgotten_scripts_are_not_noticed(redis_place: Place) -> None:
    store = redis_place.open([ORDERS])
    memory = MemoryEventStore([ORDERS])
    rng = random.Random(4)
    for piece in batches(random_stream(rng, "str"), rng):
        nodes = Nodes(redis_place.where)
        for address in nodes.primaries:
            nodes.run_on(address, pack(b"SCRIPT", b"FLUSH"))
            nodes.run_on(address, pack(b"CLIENT", b"KILL", b"TYPE", b"normal", b"SKIPME", b"yes"))
        nodes.close()
        assert store.append(piece) == memory.append(piece)
        assert answers(store) == answers(memory)


def test_what_was_done_before_the_answer_was_lost_is_done_once(
    redis_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    store, memory = redis_place.open([ORDERS]), MemoryEventStore([ORDERS])
    receive = Link.receive

    def receive_in_vain(link: Link, exchange: Exchange) -> list[Any]:
        answers = receive(link, exchange)
        if rng.random() < 0.1:
            raise ConnectionError("the answers are lost")
        return answers

    monkeypatch.setattr(Link, "receive", receive_in_vain)
    monkeypatch.setattr(redis_connections, "FIRST_PAUSE_S", 0.001)
    for piece in batches(random_stream(rng, "str"), rng):
        while True:
            try:
                store.append(piece)
            except NodesUnavailable:
                continue
            break
        memory.append(piece)
    monkeypatch.setattr(Link, "receive", receive)
    assert answers(store) == answers(memory), f"seed {seed}"
    assert answers(redis_place.open([ORDERS])) == answers(memory), f"seed {seed}"
    assert store.repair(older_than_s=0) == 0


def test_a_server_that_hangs_does_not_hold_up_its_callers_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_redis()
    monkeypatch.setattr(redis_connections, "ANSWER_TIMEOUT_S", 0.2)
    server = RedisServer(tmp_path / "hanging")
    try:
        store = RedisEventStore(server.url, [ORDERS])
        event = Event("orders", "o-1", "activated", START_US, {"store_id": STORES[0]})
        store.append([event])
        with server.paused():
            for ask in (lambda: store.append([event]), lambda: answers(store)):
                with pytest.raises(NodesUnavailable, match="in time"):
                    ask()
        assert store.append([event]).duplicates == 1
        assert store.count(ORDERS) == 1
        store.close()
    finally:
        server.stop()


def test_slots_that_move_to_another_node_are_followed(
    redis_cluster: RedisCluster, tmp_path: Path
) -> None:
    """Slots migrate key by key while events are appended and read: MOVED, ASK and TRYAGAIN."""
    place = Place("redis", redis_cluster.url, "moving")
    store, memory = place.open([ORDERS]), MemoryEventStore([ORDERS])
    rng = random.Random(9)
    stream = batches(random_stream(rng, "str", n_samples=60), rng)
    for piece in stream[: len(stream) // 2]:
        assert store.append(piece) == memory.append(piece)
    receiver = redis_cluster.nodes[0].answer("CLUSTER", "MYID")
    giver = redis_cluster.nodes[1].answer("CLUSTER", "MYID")
    for source, target in ((giver, receiver), (receiver, giver)):
        command = ["redis-cli", "--cluster", "reshard", redis_cluster.url.removeprefix("redis://")]
        options = ["--cluster-from", source, "--cluster-to", target, "--cluster-slots", "2000"]
        moving = subprocess.Popen([*command, *options, "--cluster-yes"], stdout=subprocess.DEVNULL)
        while moving.poll() is None:
            piece = rng.choice(stream)
            assert store.append(piece) == memory.append(piece)
            assert answers(store) == answers(memory)
        assert moving.returncode == 0
    for piece in stream:
        assert store.append(piece) == memory.append(piece)
    assert answers(store) == answers(memory)
    assert table_of(store).equals(table_of(memory))
    place.close()


def test_what_moves_at_this_moment_is_asked_for_where_it_goes(
    redis_cluster: RedisCluster,
) -> None:
    """The giver has none of the keys any more and says ASK, until the receiver owns the slot."""
    place = Place("redis", redis_cluster.url, f"asked-{uuid.uuid4().hex}")
    store, memory = place.open([ORDERS]), MemoryEventStore([ORDERS])
    log = f"{{{place.prefix}:orders:zone:s:north}}:log"
    slot = redis_cluster.nodes[0].answer("CLUSTER", "KEYSLOT", log)
    giver = next(
        node for node in redis_cluster.nodes if not node.answer("XLEN", log).startswith("MOVED")
    )
    receiver = next(node for node in redis_cluster.nodes if node is not giver)
    ids = {node: node.answer("CLUSTER", "MYID") for node in redis_cluster.nodes}
    giver.answer("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[receiver])
    receiver.answer("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[giver])
    for number in range(3):
        event = Event("orders", number, "activated", START_US, {"zone": "north", "amount": 1.0})
        assert store.append([event]) == memory.append([event])
        assert answers(store) == answers(memory)
    for node in (receiver, giver, *redis_cluster.nodes):
        node.answer("CLUSTER", "SETSLOT", slot, "NODE", ids[receiver])
    assert receiver.answer("XLEN", log) == "3"
    assert answers(store) == answers(memory)
    place.close()


def test_nobody_there_says_that_nothing_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_redis()
    monkeypatch.setattr(redis_connections, "FIRST_PAUSE_S", 0.001)
    with pytest.raises(NodesUnavailable, match="no answer from Redis"):
        RedisEventStore(f"redis://127.0.0.1:{free_port()}", [ORDERS])
    server = RedisServer(tmp_path / "leaving")
    store = RedisEventStore(server.url, [ORDERS])
    event = Event("orders", "o-1", "activated", START_US)
    store.append([event])
    server.kill()
    with pytest.raises(NodesUnavailable, match=r"nothing of these 1 events .* append them again"):
        store.append([event])
    with pytest.raises(NodesUnavailable):
        answers(store)
    server.start()
    assert store.append([event]).duplicates == 1
    store.close()
    server.stop()


def test_refusals_of_the_server_are_told(tmp_path: Path) -> None:
    needs_redis()
    server = RedisServer(tmp_path / "locked")
    try:
        store = RedisEventStore(server.url, [ORDERS])
        server.answer("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(StoreError, match="OOM"):
            store.append([Event("orders", "o-1", "activated", START_US)])
        server.answer("CONFIG", "SET", "maxmemory", "0")
        assert store.append([Event("orders", "o-1", "activated", START_US)]).applied == 1
        store.close()
        server.answer("CONFIG", "SET", "requirepass", "secret")
        with pytest.raises(StoreError, match=r"(?i)auth"):
            RedisEventStore(server.url, [ORDERS])
        secret = server.url.replace("//", "//:secret@")
        with RedisEventStore(secret, [ORDERS]) as store:
            assert store.count(ORDERS) == 1
    finally:
        server.stop()


def test_what_a_failure_says_names_no_address(tmp_path: Path) -> None:
    """It is in answers, which go to others than those who may know the machines."""
    needs_redis()
    server = RedisServer(tmp_path / "named")
    try:
        with RedisEventStore(server.url, [ORDERS]) as store:
            server.kill()
            with pytest.raises(NodesUnavailable) as caught:
                store.count(ORDERS)
        assert str(caught.value) == "no answer from Redis after 6 attempts: connection refused"
    finally:
        server.stop()


def test_missing_replicas_are_told(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_connections, "REPLICAS_TIMEOUT_S", 0.01)
    store = RedisEventStore(redis_server.url, [ORDERS], prefix="alone", replicas=1)
    with pytest.raises(NodesUnavailable, match=r"only 0 of 1 replicas .* append them again"):
        store.append([Event("orders", "o-1", "activated", START_US)])
    store.close()
