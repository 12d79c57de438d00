"""What is Redis's own: its format and logs, versions, settings, several sources and threads.

Tests `aggregators.stores.redis.samples` and `aggregators.stores.redis.durability`.
"""

from __future__ import annotations

import doctest
import gc
import logging
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from aggregators import Event, MemoryEventStore, RedisEventStore, Source, StoreError
from aggregators.stores.records import Record
from aggregators.stores.redis import store as redis_store
from aggregators.stores.redis.connections import Nodes
from aggregators.stores.redis.format import decode_record, encode_record
from aggregators.stores.redis.link import Command, pack
from tests.aggregators.stores.places import Place
from tests.aggregators.stores.servers import RedisServer
from tests.aggregators.stores.streams import (
    ORDERS,
    START_US,
    answers,
    batches,
    random_stream,
)

ROOT = Path(__file__).parent.parent.parent.parent.parent


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
    monkeypatch.setattr("aggregators.stores.redis.read.ENTRIES_PER_ANSWER", 3)
    monkeypatch.setattr("aggregators.stores.redis.read._MOST", b"3")
    monkeypatch.setattr("aggregators.stores.redis.logs.RECORDS_PER_ENTRY", 2)
    monkeypatch.setattr("aggregators.stores.redis.append.EVENTS_PER_ROUND", 50)
    stream = random_stream(random.Random(3), "str", n_samples=80)
    memory, store = MemoryEventStore([ORDERS]), redis_place.open([ORDERS])
    assert store.append(stream) == memory.append(stream)
    assert answers(store) == answers(memory)


def test_a_store_that_is_dropped_closes_its_connections(redis_place: Place) -> None:
    store = RedisEventStore(redis_place.where, [ORDERS], prefix=redis_place.prefix)
    store.append(random_stream(random.Random(4), "str", n_samples=5))
    answers(store)
    links = [*store._read_nodes._links.values(), *store._write_nodes._links.values()]
    sockets = [link._socket for link in links if link._socket is not None]
    assert len(sockets) >= 2
    del links, store
    gc.collect()
    assert [one.fileno() for one in sockets] == [-1] * len(sockets)


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "http://:secret@localhost"}, "none of a Redis server"),
        ({"prefix": "a:b"}, "prefix"),
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
