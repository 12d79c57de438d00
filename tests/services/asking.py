"""The blocking and the asynchronous clients behind one face, so that a test holds for both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, Literal

import httpx

from services import client as clients

Kind = Literal["blocking", "async"]
KINDS: tuple[Kind, ...] = ("blocking", "async")

Handler = Callable[[httpx.Request], httpx.Response]


class Awaited:
    """An asynchronous client whose calls are waited for, on a loop of its own."""

    def __init__(self, client: Any, runner: asyncio.Runner) -> None:
        self._client = client
        self._runner = runner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*arguments: Any, **named: Any) -> Any:
            return self._runner.run(method(*arguments, **named), context=copy_context())

        return call


@contextmanager
def opened(
    name: str,
    kind: Kind,
    url: str = "http://service",
    *,
    handler: Handler | None = None,
    sleep: Callable[[float], object] = lambda _seconds: None,
    **options: Any,
) -> Iterator[Any]:
    """A client by the name of its blocking kind; it waits for nothing unless told otherwise."""
    if handler is not None:
        options["transport"] = httpx.MockTransport(handler)
    if kind == "blocking":
        with getattr(clients, name)(url, sleep=sleep, **options) as client:
            yield client
        return

    async def wait(seconds: float) -> None:
        sleep(seconds)

    with asyncio.Runner() as runner:

        async def make() -> Any:
            return getattr(clients, f"Async{name}")(url, sleep=wait, **options)

        client = runner.run(make())
        try:
            yield Awaited(client, runner)
        finally:
            runner.run(client.close())
