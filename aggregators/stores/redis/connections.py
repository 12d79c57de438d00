"""Connect to a Redis server or to the primaries of a cluster: commands in bulk, packed.

A request of a hot path is hundreds of tiny commands. They are packed once, sent to all nodes before
any answer is read, and parsed in C. The overhead of a client library per command is larger than the
server's work.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from aggregators.errors import StoreError
from aggregators.stores.redis.link import Address, Batch, Command, Link, ReplyError, pack
from aggregators.stores.redis.liveness import cause_of, words_of

__all__ = ["Nodes", "NodesUnavailable"]

CONNECT_TIMEOUT_S = 3.0
ANSWER_TIMEOUT_S = 5.0
"""How long a server may take to answer. After such a wait there is no further attempt."""
REPLICAS_TIMEOUT_S = 5.0
"""How long an append waits for replicas."""
ATTEMPTS = 6
FIRST_PAUSE_S = 0.05
"""A command is tried so many times; the pause before each further one doubles."""
SLOTS = 16_384

LANE_BYTES = 12_000
"""What one connection sends of a large pipeline, if there are several.

Redis reads 16 kB of each connection that has something to say, runs it, and writes the
append-only file to the disk once: several connections share what would be a wait each.
"""

# The answers after which the topology is read again and the command is repeated.
_PASSING = ("MOVED", "TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY")


class NodesUnavailable(StoreError):
    """Says that the server, or a part of the cluster, could not be reached in all attempts."""


class Nodes:
    """Runs commands on a Redis server, or on the primaries of a cluster. For one thread at a time.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``; of a cluster, any of its nodes.
        scripts: the Lua scripts that commands call by digest; loaded where a node lacks them.
        lanes: how many connections to each node share a large pipeline.

    Raises:
        StoreError: redis is not installed, the URL is none, or the server refuses the password.
        Unavailable: nobody answers.

    Attributes:
        library: the module ``redis``.
        pool: makes connections to the server that the URL names.
    """

    def __init__(self, url: str, scripts: Iterable[str] = (), lanes: int = 1) -> None:
        self.library, self._hiredis, self._key_slot = _libraries()
        self._scripts = tuple(scripts)
        try:
            self.pool = self.library.ConnectionPool.from_url(
                url,
                protocol=2,
                socket_connect_timeout=CONNECT_TIMEOUT_S,
                socket_timeout=ANSWER_TIMEOUT_S,
                retry=self.library.retry.Retry(self.library.backoff.NoBackoff(), 0),
            )
        except ValueError:
            # The message of the library quotes parts of the URL, which may belong to a password.
            raise StoreError(
                "the URL is none of a Redis server; expected redis://[user:password@]host:port/db,"
                " where / ? # @ : and % of a password are written as %2F %3F %23 %40 %3A and %25"
            ) from None
        self._lanes = lanes
        self._links: dict[tuple[Address, int], Link] = {}
        # A store that is dropped without being closed must not leave sockets open.
        weakref.finalize(self, _close, self._links)
        self._owners: list[Address] = []
        self._pid = os.getpid()
        self.is_cluster = b"cluster_enabled:1" in self.run_on(None, pack(b"INFO", b"cluster"))
        if self.is_cluster:
            self._read_topology()

    def slot_of(self, key: bytes) -> int:
        """Return the hash slot of a key, by which :class:`Command` finds its node."""
        return int(self._key_slot(key)) if self.is_cluster else 0

    @property
    def primaries(self) -> list[Address]:
        """All nodes that hold keys."""
        return list(dict.fromkeys(self._owners)) if self.is_cluster else [None]

    def run(self, commands: Sequence[Command], replicas: int = 0) -> list[Any]:
        """Return the answers to commands, which may run in any order, and more than once.

        Args:
            commands: what to run; one pipeline goes to each node.
            replicas: how many replicas of each node must have taken over what was written.

        Raises:
            Unavailable: a node could not be reached, or its slots are not served, in all attempts.
            StoreError: a command was refused.
        """
        return self.finish(self.begin(commands, replicas))

    def begin(self, commands: Sequence[Command], replicas: int = 0) -> Batch:
        """Send commands without waiting for the answers. See :meth:`run`."""
        batch = Batch(commands, replicas, [None] * len(commands))
        with self._nothing_left_behind():
            self._send(batch, range(len(commands)))
        return batch

    def finish(self, batch: Batch) -> list[Any]:
        """Return the answers to commands that were sent. See :meth:`run`."""
        with self._nothing_left_behind():
            for attempt in range(ATTEMPTS):
                self._receive(batch)
                if not batch.again:
                    return batch.replies
                if batch.reason is not None:
                    if attempt + 1 == ATTEMPTS:
                        break
                    time.sleep(FIRST_PAUSE_S * 2**attempt)
                    self._refresh_topology()
                self._load_scripts(batch)
                left, batch.again = batch.again, []
                self._send(batch, left)
            raise NodesUnavailable(
                f"no answer from Redis after {ATTEMPTS} attempts: {batch.reason}"
            )

    @contextmanager
    def _nothing_left_behind(self) -> Iterator[None]:
        """Close the connections after an error: they may hold answers that were not read."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _load_scripts(self, batch: Batch) -> None:
        for address in batch.unknown_scripts:
            for script in self._scripts:
                self.run_on(address, pack(b"SCRIPT", b"LOAD", script.encode()))
        batch.unknown_scripts.clear()

    def run_on(self, address: Address, packed: bytes) -> Any:
        """Return the answer of one node to one command that changes nothing."""
        reason = ""
        for attempt in range(ATTEMPTS):
            link = self._link(address)
            try:
                (reply,) = link.receive(link.send(packed, 1))
            except self._failures() as error:
                link.close()
                reason = self._reason(error)
            else:
                if not isinstance(reply, ReplyError):
                    return reply
                if reply.code not in _PASSING:
                    raise StoreError(f"Redis refused a command: {reply}") from reply
                reason = str(reply)
            if attempt + 1 < ATTEMPTS:
                time.sleep(FIRST_PAUSE_S * 2**attempt)
        raise NodesUnavailable(f"no answer from Redis after {ATTEMPTS} attempts: {reason}")

    def close(self) -> None:
        """Close all connections. Dropping the last reference does so, too."""
        _close(self._links)

    def _send(self, batch: Batch, left: Sequence[int]) -> None:
        batch.reason = None
        for address, of_node in self._by_node(batch, left).items():
            for lane, numbers in enumerate(self._by_lane(batch.commands, of_node)):
                link = self._link(address, lane)
                try:
                    # No answer is read before all nodes have their commands: they work in parallel.
                    n_answers = self._count_answers(batch, numbers)
                    exchange = link.send(self._pipeline(batch, numbers), n_answers)
                except self._failures() as error:
                    self._failed(batch, link, numbers, error)
                else:
                    batch.sent.append((address, link, exchange, numbers))

    def _receive(self, batch: Batch) -> None:
        """Read the answers; leave in the batch which commands to send again, and why."""
        asked, batch.asked = batch.asked, {}
        for address, link, exchange, numbers in batch.sent:
            try:
                answers = link.receive(exchange)
            except self._failures() as error:
                self._failed(batch, link, numbers, error)
                continue
            if batch.replicas:
                _check_replicas(answers.pop(), batch.replicas, address)
            if asked:  # the answers to ASKING say nothing
                twice = [n for number in numbers for n in [number] * (1 + (number in asked))]
                last = dict(zip(twice, answers, strict=True))
                answers = [last[number] for number in numbers]
            for number, answer in zip(numbers, answers, strict=True):
                batch.replies[number] = answer
            if exchange.has_errors:
                self._after_errors(batch, numbers, address)
        batch.sent = []

    def _failed(self, batch: Batch, link: Link, numbers: Sequence[int], error: Exception) -> None:
        link.close()
        batch.again += numbers
        batch.reason = self._reason(error)

    def _by_node(self, batch: Batch, left: Sequence[int]) -> Mapping[Address, Sequence[int]]:
        if not self.is_cluster:
            return {None: left}
        owners, commands, asked = self._owners, batch.commands, batch.asked
        by_node: dict[Address, list[int]] = {}
        for number in left:
            address = asked[number] if number in asked else owners[commands[number].slot]
            by_node.setdefault(address, []).append(number)
        return by_node

    def _by_lane(
        self, commands: Sequence[Command], numbers: Sequence[int]
    ) -> Iterator[Sequence[int]]:
        if self._lanes == 1:
            yield numbers
            return
        # In the order of the commands: a lane is full when it has its part of the bytes.
        room = max(LANE_BYTES, sum(len(commands[n].packed) for n in numbers) // self._lanes + 1)
        first = size = 0
        for place, number in enumerate(numbers):
            size += len(commands[number].packed)
            if size >= room:
                yield numbers[first : place + 1]
                first, size = place + 1, 0
        if first < len(numbers):
            yield numbers[first:]

    def _count_answers(self, batch: Batch, numbers: Sequence[int]) -> int:
        asking = sum(number in batch.asked for number in numbers) if batch.asked else 0
        return len(numbers) + asking + bool(batch.replicas)

    def _pipeline(self, batch: Batch, numbers: Sequence[int]) -> bytes:
        commands, asked = batch.commands, batch.asked
        if asked:
            asking = pack(b"ASKING")
            parts = [asking * (number in asked) + commands[number].packed for number in numbers]
        else:
            parts = [commands[number].packed for number in numbers]
        if batch.replicas:  # WAIT counts the replicas of this connection's own writes
            timeout_ms = int(1000 * REPLICAS_TIMEOUT_S)
            parts.append(pack(b"WAIT", b"%d" % batch.replicas, b"%d" % timeout_ms))
        return b"".join(parts)

    def _after_errors(self, batch: Batch, numbers: Sequence[int], address: Address) -> None:
        """Prepare the next attempt of commands whose error is temporary."""
        for number in numbers:
            error = batch.replies[number]
            if not isinstance(error, ReplyError):
                continue
            batch.again.append(number)
            if error.code == "NOSCRIPT":
                batch.unknown_scripts.add(address)
            elif error.code == "ASK":
                host, _, port = str(error).rpartition(" ")[2].rpartition(":")
                batch.asked[number] = (host, int(port))
            elif error.code in _PASSING:
                batch.reason = str(error)
            else:
                raise StoreError(f"Redis refused a command: {error}") from error

    def _link(self, address: Address, lane: int = 0) -> Link:
        if os.getpid() != self._pid:  # connections cannot be shared with the parent process
            self.close()  # this process's ends of them alone
            self._pid = os.getpid()
        link = self._links.get((address, lane))
        if link is None:
            if address is None:
                connection = self.pool.make_connection()
            else:
                given = {k: v for k, v in self.pool.connection_kwargs.items() if k != "db"}
                given |= {"host": address[0], "port": address[1]}
                connection = self.pool.connection_class(**given)
            link = self._links[address, lane] = Link(connection, self._hiredis.Reader)
        return link

    def _refresh_topology(self) -> None:
        if not self.is_cluster:
            return
        try:
            self._read_topology()
        except (NodesUnavailable, ReplyError):
            return  # the next attempt says what is wrong

    def _read_topology(self) -> None:
        """Learn from any node which primary holds which slots."""
        # The known nodes come first: that of the URL may have left the cluster.
        packed = pack(b"CLUSTER", b"SLOTS")
        for address in [*dict.fromkeys(self._owners), None]:
            link = self._link(address)
            try:
                (slots,) = link.receive(link.send(packed, 1))
            except self._failures():
                link.close()
                continue
            if isinstance(slots, ReplyError):
                continue
            known = address or (self.pool.connection_kwargs.get("host", "localhost"), 0)
            owners: list[Address] = [known] * SLOTS
            for first, last, (host, port, *_), *_ in slots:
                owner = (host.decode() if host else known[0], int(port))
                owners[first : last + 1] = [owner] * (last + 1 - first)
            if slots:  # a node that has been reset answers with no slots
                self._owners = owners
                return
        raise NodesUnavailable("no node of the Redis cluster tells its slots")

    def _failures(self) -> tuple[type[Exception], ...]:
        return (OSError, self.library.exceptions.RedisError)

    def _reason(self, error: Exception) -> str:
        """Return why the next attempt is made, without the address; raise where there is none."""
        known = self.library.exceptions
        if isinstance(error, TimeoutError | known.TimeoutError):
            raise NodesUnavailable(
                f"the event store in Redis {words_of(error, self.library)}"
            ) from error
        if isinstance(error, known.AuthenticationError | known.AuthorizationError):
            raise StoreError(f"the event store in Redis {words_of(error, self.library)}") from error
        return cause_of(error)


def _close(links: dict[tuple[Address, int], Link]) -> None:
    for link in links.values():
        link.close()
    links.clear()


def _check_replicas(reached: Any, replicas: int, address: Address) -> None:
    if isinstance(reached, ReplyError) or reached < replicas:
        where = "the server" if address is None else "{}:{}".format(*address)
        raise NodesUnavailable(
            f"only {reached} of {replicas} replicas of {where} have taken over what was written"
        )


def _libraries() -> tuple[Any, Any, Callable[[bytes], int]]:
    try:
        import hiredis
        import redis
        from redis.crc import key_slot
    except ImportError as error:
        raise StoreError(
            f"RedisEventStore needs the extra redis ({error}): pip install doorstep[redis]"
        ) from error
    return redis, hiredis, key_slot
