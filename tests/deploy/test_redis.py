"""Redis, started as the files here start it, keeps what it has acknowledged."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path

import pytest
import yaml

from aggregators import RedisEventStore
from aggregators.catalog import ORDERS
from tests.aggregators.stores.servers import RedisServer, needs_redis
from tests.deploy.kustomized import DEPLOY, containers, documents, of_kind

PASSWORD = "long-and-random"


def of_compose() -> list[str]:
    compose = yaml.safe_load((DEPLOY.parent / "docker-compose.yaml").read_text(encoding="utf-8"))
    name, *options = compose["services"]["redis"]["command"]
    assert name == "redis-server"
    return [str(option) for option in options]


def of_kubernetes(folder: Path) -> list[str]:
    (redis,) = of_kind(documents(DEPLOY / "base" / "store" / "redis.yaml"), "StatefulSet")
    (container,) = containers(redis)
    shell, flag, command = container["command"]
    assert (shell, flag) == ("sh", "-c")
    execute, name, *options = shlex.split(command.replace("$REDIS_PASSWORD", PASSWORD))
    assert (execute, name) == ("exec", "redis-server")
    assert options[:2] == ["--dir", "/data"]
    return ["--dir", str(folder), *options[2:]]


def shortcomings(url: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What a store that is opened says of the settings of its server."""
    with caplog.at_level(logging.WARNING):
        RedisEventStore(url, sources=[ORDERS]).close()
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_redis_is_durable_and_forgets_nothing(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    needs_redis()
    options = of_compose() if where == "compose" else of_kubernetes(tmp_path)
    credentials = f"default:{PASSWORD}@" if where == "kubernetes" else ""
    if credentials:
        monkeypatch.setenv("REDISCLI_AUTH", PASSWORD)
    server = RedisServer(tmp_path / "redis", *options, durable=False)
    try:
        assert server.answer("CONFIG", "GET", "maxmemory").splitlines()[1] != "0"
        assert server.answer("CONFIG", "GET", "save").splitlines()[1:] in ([], [""])
        assert not shortcomings(server.url.replace("://", f"://{credentials}"), caplog)
    finally:
        server.stop()


def test_a_store_says_where_a_server_falls_short(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    needs_redis()
    server = RedisServer(tmp_path / "redis", durable=False)
    try:
        assert "append" in " ".join(shortcomings(server.url, caplog))
    finally:
        server.stop()
