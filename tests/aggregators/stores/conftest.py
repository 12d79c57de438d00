"""Redis servers, and places for stores of every kind."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aggregators.stores.children import Child
from tests.aggregators.stores.places import Place
from tests.aggregators.stores.servers import RedisCluster, RedisServer, needs_redis


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server that all tests share; their stores have prefixes of their own."""
    needs_redis()
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A cluster that all tests share."""
    needs_redis()
    cluster = RedisCluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.stop()


@pytest.fixture
def start_child() -> Iterator[Callable[..., Child]]:
    """Starts processes that append; those that are left at the end are killed."""
    children: list[Child] = []

    def start(*arguments: Any, **options: Any) -> Child:
        children.append(Child(*arguments, **options))
        return children[-1]

    yield start
    for child in children:
        child.kill()


def place_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> Place:
    """A new place of a kind."""
    if kind == "memory":
        return Place("memory")
    if kind == "sqlite":
        return Place("sqlite", str(folder / "events.db"))
    server = request.getfixturevalue("redis_server" if kind == "redis" else "redis_cluster")
    return Place("redis", server.url, f"test-{uuid.uuid4().hex}")


@pytest.fixture(params=["memory", "sqlite", "redis", "redis-cluster"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place of each kind."""
    place = place_of(request.param, request, tmp_path)
    yield place
    place.close()


@pytest.fixture(params=["sqlite", "redis", "redis-cluster"])
def shared_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place of each kind that several processes can share."""
    place = place_of(request.param, request, tmp_path)
    yield place
    place.close()


@pytest.fixture(params=["redis", "redis-cluster"])
def redis_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place in a single Redis, and one in a cluster."""
    place = place_of(request.param, request, tmp_path)
    yield place
    place.close()
