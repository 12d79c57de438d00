"""Redis knows each script by the digest that this package calls it by."""

from __future__ import annotations

import redis

from aggregators.stores.redis import scripts
from tests.aggregators.stores.servers import RedisServer

SCRIPTS = {
    name: text
    for name, text in vars(scripts).items()
    if name.isupper() and isinstance(text, str) and "redis.call" in text
}


def test_every_script_compiles_and_has_its_digest(redis_server: RedisServer) -> None:
    assert SCRIPTS
    with redis.Redis.from_url(redis_server.url, protocol=2) as client:
        for name, text in SCRIPTS.items():
            assert client.script_load(text).encode() == scripts.digest(text), name


def test_scripts_are_known_apart() -> None:
    assert len({scripts.digest(text) for text in SCRIPTS.values()}) == len(SCRIPTS)
