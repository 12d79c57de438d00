"""A Redis server of its own for a test: on a free port, empty, gone with the block."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from services.process import free_port

START_TIMEOUT_S = 20.0


def redis_command() -> str:
    """The server's program; without it, tests are skipped, but not where everything must run."""
    found = shutil.which("redis-server")
    if found is None:
        hint = "redis-server is missing: install it (Debian: apt install redis-server)"
        if os.environ.get("CI"):
            pytest.fail(hint)
        pytest.skip(hint)
    return found


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Serve while the block lasts; gives the URL."""
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen(
            [redis_command(), *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        with redis.Redis(port=port) as client:
            deadline_s = time.monotonic() + START_TIMEOUT_S
            while not answers(client):
                assert process.poll() is None, (folder / "redis.log").read_text()
                assert time.monotonic() < deadline_s, "redis-server does not answer"
                time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(START_TIMEOUT_S)


def answers(client: Any) -> bool:
    with contextlib.suppress(redis.RedisError):
        return bool(client.ping())
    return False
