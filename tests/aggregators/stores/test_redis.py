"""What is Redis's own: logs and marks, cluster topology, versions, settings, lost connections."""

from __future__ import annotations

import doctest
import itertools
import logging
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aggregators import Event, MemoryEventStore, RedisEventStore, Source, StoreError
from aggregators.stores import redis as redis_store
from aggregators.stores import redis_append, redis_connections
from aggregators.stores.records import Record
from aggregators.stores.redis_connections import Nodes, Unavailable
from aggregators.stores.redis_format import decode_record, encode_record
from aggregators.stores.redis_link import Batch, Command, pack
from tests.aggregators.stores.places import Place
from tests.aggregators.stores.servers import RedisCluster, RedisServer, free_port, needs_redis
from tests.aggregators.stores.streams import (
    ORDERS,
    START_US,
    answers,
    batches,
    random_stream,
    table_of,
)

ROOT = Path(__file__).parent.parent.parent.parent


def random_record(rng: random.Random) -> Record:
    data = {
        column: value
        for column, value in {
            "a": rng.choice(("x", "é", "\x00", "~")),
            "b": rng.choice((1, -1, 10)),
            "c": rng.choice((0.1, 2.0, 1e22)),
        }.items()
        if rng.random() < 0.7
    }
    extremes = (-(2**63), -1, 0, 1, 2**63 - 1)
    return Record(rng.choice(extremes), rng.choice(extremes), rng.random() < 0.5, data)


def test_the_order_of_encoded_records_is_their_precedence() -> None:
    rng = random.Random(1)
    records = [random_record(rng) for _ in range(400)]
    by_bytes = sorted(records, key=encode_record)
    assert [r.precedence() for r in by_bytes] == sorted(r.precedence() for r in records)
    assert [decode_record(encode_record(record)) for record in records] == records


def test_zero_has_no_sign_in_redis() -> None:
    plain, negative = (Record(0, 0, False, {"a": value, "b": "-0.0"}) for value in (0.0, -0.0))
    assert encode_record(negative) == encode_record(plain)


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
    stream = random_stream(random.Random(8), "str")
    memory = MemoryEventStore([ORDERS])
    memory.append(stream)
    dead, alive = redis_place.open([ORDERS]), redis_place.open([ORDERS])
    tell = redis_append.Writer._tell_groups
    with monkeypatch.context() as patch:

        def dying(*_: Any) -> Any:
            raise KeyboardInterrupt

        patch.setattr(redis_append.Writer, "_tell_groups", dying)
        with pytest.raises(KeyboardInterrupt):
            dead.append(stream)
    assert tell is redis_append.Writer._tell_groups
    dead.close()
    assert alive.append(stream).applied == 0
    assert answers(alive) == answers(memory)
    assert alive.repair() == 0  # not old enough to be taken for dead
    assert alive.repair(older_than_s=0) > 0
    assert answers(alive) == answers(memory)


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


def test_a_small_cache_gives_the_same_answers(
    redis_place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    store = redis_place.open([ORDERS], max_cached_samples=10)
    stream = random_stream(random.Random(2), "int")
    memory = MemoryEventStore([ORDERS])
    for event in stream:
        assert store.append([event]) == memory.append([event])
        if event.time_us % 5 == 0:
            assert answers(store) == answers(memory)
    assert answers(store) == answers(memory)
    assert "max_cached_samples is 10" in caplog.text


def test_logs_that_are_longer_than_an_answer_are_read_whole(
    redis_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aggregators.stores.redis_read.ENTRIES_PER_ANSWER", 3)
    monkeypatch.setattr("aggregators.stores.redis_read._MOST", b"3")
    monkeypatch.setattr("aggregators.stores.redis_logs.RECORDS_PER_ENTRY", 2)
    monkeypatch.setattr("aggregators.stores.redis_append.EVENTS_PER_ROUND", 50)
    stream = random_stream(random.Random(3), "str", n_samples=80)
    memory, store = MemoryEventStore([ORDERS]), redis_place.open([ORDERS])
    assert store.append(stream) == memory.append(stream)
    assert answers(store) == answers(memory)


def test_another_schema_version_is_refused_with_instructions(redis_place: Place) -> None:
    redis_place.open([ORDERS])
    nodes = Nodes(redis_place.where)
    meta = redis_place.prefix.encode() + b":meta"
    nodes.run([Command(nodes.slot_of(meta), pack(b"HSET", meta, b"schema", b"9"))])
    nodes.close()
    with pytest.raises(StoreError, match=r"schema version 9.*open it with the version"):
        redis_place.open([ORDERS])


def test_a_server_that_may_lose_events_is_warned_of_once(
    tmp_path: Path, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    RedisEventStore(redis_server.url, [ORDERS], prefix="warned").close()
    assert not caplog.records
    careless = RedisServer(
        tmp_path / "careless", "--maxmemory-policy", "allkeys-lru", durable=False
    )
    try:
        RedisEventStore(careless.url, [ORDERS]).close()
    finally:
        careless.stop()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    for word in ("appendonly is 'no'", "appendfsync is 'everysec'", "allkeys-lru", "docs/redis.md"):
        assert word in record.getMessage()


def test_nobody_there_says_that_nothing_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_redis()
    monkeypatch.setattr(redis_connections, "FIRST_PAUSE_S", 0.001)
    with pytest.raises(Unavailable, match="no answer from Redis"):
        RedisEventStore(f"redis://127.0.0.1:{free_port()}", [ORDERS])
    server = RedisServer(tmp_path / "leaving")
    store = RedisEventStore(server.url, [ORDERS])
    event = Event("orders", "o-1", "activated", START_US)
    store.append([event])
    server.kill()
    with pytest.raises(Unavailable, match=r"nothing of these 1 events .* append them again"):
        store.append([event])
    with pytest.raises(Unavailable):
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
        assert RedisEventStore(secret, [ORDERS]).count(ORDERS) == 1
    finally:
        server.stop()


def test_missing_replicas_are_told(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_connections, "REPLICAS_TIMEOUT_S", 0.01)
    store = RedisEventStore(redis_server.url, [ORDERS], prefix="alone", replicas=1)
    with pytest.raises(Unavailable, match=r"only 0 of 1 replicas .* append them again"):
        store.append([Event("orders", "o-1", "activated", START_US)])
    store.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "http://localhost"}, "no URL of a Redis server"),
        ({"prefix": "a{b}"}, "prefix"),
        ({"prefix": ""}, "prefix"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, str], message: str) -> None:
    given = {"url": "redis://127.0.0.1:1", **arguments}
    with pytest.raises(StoreError, match=message):
        RedisEventStore(given.pop("url"), [ORDERS], **given)  # type: ignore[arg-type]


def test_sources_that_are_not_declared_stay_in_redis(redis_place: Place) -> None:
    weather = Source("weather", sample_id="id", events=("observed",), dimensions=("city",))
    both = redis_place.open([ORDERS, weather])
    both.append(
        [
            Event("weather", "w-1", "observed", START_US, {"city": "BCN"}),
            Event("orders", "o-1", "activated", START_US),
        ]
    )
    assert len(both) == 2
    assert len(redis_place.open([ORDERS])) == 1
    assert redis_place.open([weather]).table(weather)["city"].tolist() == ["BCN"]


def test_threads_share_a_store(redis_place: Place) -> None:
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    stream = random_stream(rng, "str", n_samples=100)
    pieces = batches(stream, rng)
    store, memory = redis_place.open([ORDERS]), MemoryEventStore([ORDERS])
    memory.append(stream)
    failed = []

    def work(own: list[list[Event]]) -> None:
        try:
            for piece in own:
                store.append(piece)
                answers(store)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(pieces[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert answers(store) == answers(memory), f"seed {seed}"


def test_without_the_extra_the_error_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['redis'] = None\n"
        "from aggregators import RedisEventStore, Source, StoreError\n"
        "source = Source('orders', sample_id='id', events=('ready',))\n"
        "try: RedisEventStore('redis://127.0.0.1', [source])\n"
        "except StoreError as error: sys.stdout.write(str(error))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "pip install doorstep[redis]" in done.stdout


def test_importing_aggregators_does_not_import_redis() -> None:
    program = "import aggregators, aggregators.stores, sys; sys.exit('redis' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_the_example_in_the_docstring_is_true(redis_server: RedisServer) -> None:
    text = redis_store.RedisEventStore.__doc__ or ""
    text = text.replace("redis://localhost:6379", redis_server.url).replace("# doctest: +SKIP", "")
    example = doctest.DocTestParser().get_doctest(text, {}, "RedisEventStore", None, None)
    assert len(example.examples) == 7
    results = doctest.DocTestRunner(verbose=False).run(example)
    assert results.failed == 0
