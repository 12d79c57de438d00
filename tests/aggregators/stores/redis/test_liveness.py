"""Whether a store in Redis says that its server is gone, hangs or refuses."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from aggregators import RedisEventStore, StoreError
from aggregators.stores.redis import liveness as redis_check
from tests.aggregators.stores.places import Place
from tests.aggregators.stores.servers import RedisCluster, RedisServer, free_port, needs_redis
from tests.aggregators.stores.streams import ORDERS


def check(store: RedisEventStore) -> str:
    """What is the matter with a store, asked anew; empty where nothing is."""
    store._liveness._done_s = -1e9
    try:
        store.check()
    except StoreError as error:
        return str(error)
    return ""


def test_a_server_that_hangs_or_is_gone_is_said_by_a_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_redis()
    server = RedisServer(tmp_path / "checked")
    try:
        with RedisEventStore(server.url, [ORDERS]) as store:
            assert check(store) == ""
            with monkeypatch.context() as patch, server.paused():
                patch.setattr(redis_check, "TIMEOUT_S", 0.05)
                store._liveness.close()
                assert check(store) == "the event store in Redis does not answer in time"
            assert check(store) == ""
            server.kill()
            assert check(store) == "the event store in Redis does not answer: connection refused"
            server.start()
            assert check(store) == ""
            server.answer("CONFIG", "SET", "requirepass", "secret")
            store._liveness.close()
            assert check(store) == "the event store in Redis refuses the user name or password"
    finally:
        server.stop()


def test_a_failed_check_is_the_answer_of_all_who_ask_at_that_time(tmp_path: Path) -> None:
    """So that no threads pile up behind a server that hangs."""
    needs_redis()
    server = RedisServer(tmp_path / "asked")
    try:
        with RedisEventStore(server.url, [ORDERS]) as store:
            now_s, asked = [0.0], itertools.count()
            liveness = store._liveness
            ask, liveness._clock = liveness._ask, lambda: now_s[0]
            liveness._ask = lambda: (next(asked), ask())[1]  # type: ignore[method-assign]
            server.kill()
            for _ in range(3):
                with pytest.raises(StoreError, match="connection refused"):
                    store.check()
            assert next(asked) == 1
            server.start()
            now_s[0] += redis_check.AGAIN_S
            store.check()
            now_s[0] += 0.001
            store.check()
            assert next(asked) == 4  # the one above counts, too
    finally:
        server.stop()


def test_a_cluster_is_checked_through_any_of_its_nodes(redis_cluster: RedisCluster) -> None:
    place = Place("redis", redis_cluster.url, "checked")
    store = place.open([ORDERS])
    assert check(store) == ""
    liveness = store._liveness
    liveness.close()
    liveness._pool.connection_kwargs["port"] = free_port()  # the node of the URL is gone
    assert check(store) == ""
