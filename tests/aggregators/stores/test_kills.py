"""Writers and servers die at random moments: what was acknowledged stays, nothing is half done.

More than 50 kills in all: writers to SQLite, writers to a single Redis and to a cluster, and the
Redis server itself.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aggregators import MemoryEventStore
from tests.aggregators.stores.child import ORDERS, batch_of
from tests.aggregators.stores.children import Child, groups_of, memory_of, samples_of
from tests.aggregators.stores.places import Place
from tests.aggregators.stores.servers import RedisServer, needs_redis
from tests.soaking import short_or_long

StartChild = Callable[..., Child]
Recorder = Callable[[str, object], None]

pytestmark = pytest.mark.slow

killed_often = short_or_long("kills", short=3, long=50)


def wait(rng: random.Random) -> None:
    """Let the writer come to any moment of its work."""
    time.sleep(rng.uniform(0, 0.1))


def check_acknowledged(store: Any, seed: int, numbers: Iterable[int]) -> None:
    """Every event of these batches is there, or a later version of it."""
    for number in numbers:
        assert store.append(batch_of(seed, number)).applied == 0, f"seed {seed}, batch {number}"


def check_groups(store: Any, seed: int) -> None:
    """All groups have exactly the samples that there are, and all that happened to them."""
    memory = MemoryEventStore([ORDERS])
    memory.append_table(ORDERS, samples_of(store))
    assert groups_of(store) == groups_of(memory), f"seed {seed}"


def check_whole(store: Any, memory: MemoryEventStore, seed: int) -> None:
    """The store is as if nobody had died."""
    pd.testing.assert_frame_equal(samples_of(store), samples_of(memory), obj=f"seed {seed}")
    assert groups_of(store) == groups_of(memory), f"seed {seed}"


@killed_often
def test_a_killed_writer_to_sqlite_leaves_whole_batches(
    tmp_path: Path, start_child: StartChild, kills: int, record_property: Recorder
) -> None:
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    record_property("kills", kills)
    place = Place("sqlite", str(tmp_path / "events.db"))
    memory = memory_of(seed, ())
    first = 0
    for _ in range(kills):
        child = start_child(place, seed, first=first)
        acknowledged = child.acknowledged()
        wait(rng)
        acknowledged = max([acknowledged, *child.kill()])
        store = place.open([ORDERS])
        check_acknowledged(store, seed, range(first, acknowledged + 1))
        for number in range(first, acknowledged + 1):
            memory.append(batch_of(seed, number))
        # The batch that was under way is there as a whole, or not at all.
        if not samples_of(store).equals(samples_of(memory)):
            memory.append(batch_of(seed, acknowledged + 1))
        check_whole(store, memory, seed)
        place.close()
        first = acknowledged + 1


@killed_often
def test_a_killed_writer_to_redis_is_finished_by_others(
    redis_place: Place, start_child: StartChild, kills: int, record_property: Recorder
) -> None:
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    record_property("kills", kills)
    reader = redis_place.open([ORDERS])
    first = 0
    for _ in range(kills):
        child = start_child(redis_place, seed, first=first)
        acknowledged = child.acknowledged()
        wait(rng)
        acknowledged = max([acknowledged, *child.kill()])
        reader.repair(older_than_s=0)
        check_groups(reader, seed)
        check_groups(redis_place.open([ORDERS]), seed)
        check_acknowledged(reader, seed, range(first, acknowledged + 1))
        first = acknowledged + 1
    reader.append(batch_of(seed, first))
    check_whole(reader, memory_of(seed, range(first + 1)), seed)


@pytest.fixture
def mortal_server(tmp_path: Path) -> Iterator[RedisServer]:
    needs_redis()
    server = RedisServer(tmp_path / "mortal")
    yield server
    server.stop()


@killed_often
def test_a_killed_server_has_kept_what_was_acknowledged(
    mortal_server: RedisServer, start_child: StartChild, kills: int, record_property: Recorder
) -> None:
    """The writer goes on by itself: it tries again until the server is back."""
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    record_property("kills", kills)
    place = Place("redis", mortal_server.url, f"mortal-{uuid.uuid4().hex}")
    child = start_child(place, seed)
    store = place.open([ORDERS])
    first = acknowledged = 0
    for _ in range(kills):
        wait(rng)
        mortal_server.kill()
        mortal_server.start()
        acknowledged = child.acknowledged()
        check_acknowledged(store, seed, range(first, acknowledged + 1))
        first = acknowledged + 1
    last = max([acknowledged, *child.kill()])
    store.repair(older_than_s=0)
    check_groups(store, seed)
    check_acknowledged(store, seed, range(last + 1))
    store.append(batch_of(seed, last + 1))
    check_whole(store, memory_of(seed, range(last + 2)), seed)
    place.close()
