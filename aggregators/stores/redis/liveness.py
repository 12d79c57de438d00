"""Ask a Redis server, or a cluster, whether it answers now, beside all requests that wait."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from aggregators.errors import StoreError
from aggregators.stores.redis.link import Address

__all__ = ["LivenessCheck", "cause_of", "words_of"]

TIMEOUT_S = 0.8
"""How long one node may take to be connected to, and then to say nothing."""
BUDGET_S = 0.5
"""Once so much time has gone by, no further node of a cluster is asked."""
AGAIN_S = 0.5
"""A failure is the answer to all checks within that time."""


class LivenessCheck:
    """Asks Redis whether it answers, over a connection of its own. Thread-safe.

    A caller who asks during another check gets the result of that check. So a server that hangs
    delays nobody for longer than one check takes.

    Args:
        library: the module ``redis``.
        pool: makes connections to the server that the URL names.
        primaries: gives the nodes of a cluster, as far as they are known.
        key: one that the store always has.
        clock: seconds that never run back; injected in tests.
    """

    def __init__(
        self,
        library: Any,
        pool: Any,
        primaries: Callable[[], Sequence[Address]],
        key: bytes,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = library
        self._pool = pool
        self._primaries = primaries
        self._key = key
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: Any = None
        self._pid = os.getpid()
        self._why = ""
        self._done_s = -1e9

    def check(self) -> None:
        """Raise :class:`StoreError` where no node answers; the message names none of them."""
        came_s = self._clock()
        with self._lock:
            known_until_s = self._done_s + (AGAIN_S if self._why else 0.0)
            if came_s >= known_until_s:
                self._why = self._ask()
                self._done_s = self._clock()
            if self._why:
                raise StoreError(self._why)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _ask(self) -> str:
        """Return what is wrong; empty where nothing is."""
        if self._pid != os.getpid():  # the connection is the parent's
            self._connection, self._pid = None, os.getpid()
        began_s, why = self._clock(), ""
        if self._connection is not None:
            why = self._problem_of(self._connection)
            if not why:
                return ""
            self._drop()
            if self._clock() - began_s >= BUDGET_S:
                return why
        for address in dict.fromkeys((None, *self._primaries())):
            connection = self._connect(address)
            why = self._problem_of(connection)
            if not why:
                self._connection = connection
                return ""
            connection.disconnect()
            if self._clock() - began_s >= BUDGET_S:
                break
        return why

    def _connect(self, address: Address) -> Any:
        given = {**self._pool.connection_kwargs}
        if address is not None:
            given.pop("db", None)
            given |= {"host": address[0], "port": address[1]}
        given |= {"socket_connect_timeout": TIMEOUT_S, "socket_timeout": TIMEOUT_S}
        return self._pool.connection_class(**given)

    def _problem_of(self, connection: Any) -> str:
        """Return why a node cannot be used; one command tests writing, one reading.

        ``PING`` fails where the disk takes no more data, the other one where the cluster is down.
        """
        try:
            for command in (("PING",), ("HGET", self._key, b"schema")):
                connection.send_command(*command, check_health=False)
                try:
                    connection.read_response()
                except self._redis.ResponseError as error:
                    if not isinstance(error, _alive(self._redis)):
                        raise
        except (OSError, self._redis.RedisError) as error:
            return f"the event store in Redis {words_of(error, self._redis)}"
        return ""

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None


def words_of(error: Exception, redis: Any) -> str:
    """Return what a server does that failed, without its address: "does not answer: ..."."""
    known = redis.exceptions
    if isinstance(error, TimeoutError | known.TimeoutError):
        return "does not answer in time"
    if isinstance(error, known.AuthenticationError | known.AuthorizationError):
        return "refuses the user name or password"
    if isinstance(error, known.ResponseError | known.BusyLoadingError):
        return f"refuses commands: {error}"
    return f"does not answer: {cause_of(error)}"


def cause_of(error: Exception) -> str:
    """Return why a connection failed; the library's own texts name the server's address."""
    for one in _causes(error):
        if isinstance(one, OSError):
            return (one.strerror or str(one)).lower() or type(one).__name__
    return str(error) or type(error).__name__


def _causes(error: BaseException | None) -> Sequence[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _alive(redis: Any) -> tuple[type[Exception], ...]:
    """Return the answers of a server that works: not the one of that key, or not for this user."""
    known = redis.exceptions
    return known.MovedError, known.AskError, known.NoPermissionError
