"""Reading from Redis: what was added to the groups' logs since the last look, in one round trip."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from aggregators.events import Source
from aggregators.stores.base import ReadRequest
from aggregators.stores.memory import MemoryEventStore
from aggregators.stores.redis.connections import Nodes
from aggregators.stores.redis.format import decode_id
from aggregators.stores.redis.link import Command, pack
from aggregators.stores.redis.logs import TOMBSTONE, Keyspace
from aggregators.stores.redis.samples import Samples, events_of
from aggregators.stores.redis.types import TypeCache
from aggregators.typing import Key

__all__ = ["Reader"]

ENTRIES_PER_ANSWER = 2_000
"""The most entries of one log in one answer; a longer log takes several round trips, once."""

_LOGGER = logging.getLogger(__name__)


class _Cursor:
    """Up to where a group's log has been read, as the command that reads on."""

    __slots__ = ("command", "key", "slot")

    def __init__(self, key: bytes, slot: int) -> None:
        self.key = key
        self.slot = slot
        self.advance(b"0-0")

    def advance(self, last: bytes) -> None:
        """Go on after this entry."""
        packed = pack(b"XRANGE", self.key, b"(" + last, b"+", b"COUNT", _MOST)
        self.command = Command(self.slot, packed)


_MOST = b"%d" % ENTRIES_PER_ANSWER


class Reader:
    """This process's copy of the groups that were asked for. For one thread at a time.

    Args:
        sources: the sources as this process declares them.
        keyspace: the store's keys.
        nodes: connections that nobody else uses at the same time.
        max_samples: beyond so many samples the copy starts anew, with what is asked for then.
        settled: learns what all processes have settled.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        keyspace: Keyspace,
        nodes: Nodes,
        max_samples: int,
        settled: TypeCache,
    ) -> None:
        self.sources = {source.name: source for source in sources}
        self._keyspace = keyspace
        self._nodes = nodes
        self._max_samples = max_samples
        self._limit = max_samples
        self._settled = settled
        self._mends = settled.mends
        self.forget()

    def forget(self) -> None:
        """Start anew: the next reading takes over what is asked for then."""
        self.memory = MemoryEventStore(self.sources.values())
        self._cursors: dict[tuple[str, str], dict[Key, _Cursor]] = {}

    def catch_up(
        self, requests: Sequence[ReadRequest], keys: Mapping[str, Sequence[Key]], last: Command
    ) -> None:
        """Take over all that was acknowledged of the groups asked for, and what is settled.

        Args:
            requests: what is read of each source.
            keys: the values of each dimension.
            last: what asks for what is settled; travels with the others, behind them.
        """
        n_cursors = sum(map(len, self._cursors.values()))
        if max(len(self.memory), n_cursors) > self._limit:
            self.forget()
        fresh = not self._cursors
        unread = self._asked(requests, keys)
        dropped: dict[str, set[bytes]] = {}
        while True:
            *answers, meta = self._nodes.run([*(cursor.command for _, cursor in unread), last])
            self._settled.learn(meta)
            if self._settled.mends != self._mends:  # what was read before is of other types
                self._mends = self._settled.mends
                self.forget()
                unread = self._asked(requests, keys)
                dropped.clear()
                continue
            long = []
            for (source, cursor), entries in zip(unread, answers, strict=True):
                if entries:
                    self._take(source, entries, dropped)
                    cursor.advance(entries[-1][0])
                    if len(entries) == ENTRIES_PER_ANSWER:
                        long.append((source, cursor))
            unread = long
            if not unread:
                break
        for source, encoded_ids in dropped.items():
            self._bury(self.sources[source], encoded_ids)
        if fresh:
            self._raise_limit()

    def _asked(
        self, requests: Sequence[ReadRequest], keys: Mapping[str, Sequence[Key]]
    ) -> list[tuple[str, _Cursor]]:
        result = []
        for request in requests:
            source = request.source.name
            for dimension in {index.dimension for index in request.indexes}:
                known = self._cursors.setdefault((source, dimension), {})
                for key in keys[dimension]:
                    if key is None:
                        continue
                    cursor = known.get(key)
                    if cursor is None:
                        log = self._keyspace.log(source, dimension, key)
                        cursor = known[key] = _Cursor(log.key, log.slot)
                    result.append((source, cursor))
        return result

    def _take(
        self,
        source: str,
        entries: list[tuple[bytes, list[bytes]]],
        dropped: dict[str, set[bytes]],
    ) -> None:
        """Apply entries; add the samples that they tell to be dropped."""
        given = {(f[i], f[i + 1]): None for _, f in entries for i in range(0, len(f), 2)}
        if tombstones := {encoded_id for encoded_id, value in given if value == TOMBSTONE}:
            dropped.setdefault(source, set()).update(tombstones)
        self.memory.apply(events_of(self.sources[source], given))

    def _bury(self, source: Source, encoded_ids: set[bytes]) -> None:
        """Forget dropped samples, all but what has happened to them since."""
        self.memory.drop(source.name, map(decode_id, encoded_ids))
        samples = Samples(source, self._keyspace, self._nodes)
        samples.fill(self.memory, samples.those_of(encoded_ids))

    def _raise_limit(self) -> None:
        """One request's groups may be more than the limit: starting anew each time helps nobody."""
        if 2 * len(self.memory) > self._limit:
            self._limit = 2 * len(self.memory)
            _LOGGER.warning(
                "one request reads groups of %s samples, and max_cached_samples is %s: the store"
                " keeps up to %s in memory",
                len(self.memory),
                self._max_samples,
                self._limit,
            )
