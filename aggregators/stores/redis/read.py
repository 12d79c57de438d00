"""Read from Redis what was added to the groups' logs since the last read, in one round trip."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any

from aggregators.events import Source
from aggregators.stores.memory import MemoryEventStore
from aggregators.stores.reading import (
    FoundSamples,
    GroupKeys,
    ReadRequest,
    SampleRequest,
    SourceReading,
)
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
    """Remembers how far a group's log was read, as the command that reads on."""

    __slots__ = ("command", "key", "slot")

    def __init__(self, key: bytes, slot: int) -> None:
        self.key = key
        self.slot = slot
        self.advance(b"0-0")

    def advance(self, last: bytes) -> None:
        """Read on after this entry."""
        packed = pack(b"XRANGE", self.key, b"(" + last, b"+", b"COUNT", _MOST)
        self.command = Command(self.slot, packed)


_MOST = b"%d" % ENTRIES_PER_ANSWER


class Reader:
    """Keeps this process's copy of the groups that were asked for. For one thread at a time.

    Args:
        sources: the sources as this process declares them.
        keyspace: the store's keys.
        nodes: connections that nobody else uses at the same time.
        max_samples: beyond so many samples the copy is dropped and read again as needed.
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
        """Drop the copy: the next read fetches what it needs then."""
        self.memory = MemoryEventStore(self.sources.values())
        self._cursors: dict[tuple[str, str], dict[Key, _Cursor]] = {}

    def catch_up_with_samples(
        self,
        requests: Sequence[ReadRequest],
        samples: Sequence[SampleRequest],
        groups_of: Callable[[FoundSamples], GroupKeys],
        last: Command,
    ) -> tuple[FoundSamples, GroupKeys]:
        """Read samples and the groups that follow from them; if possible, in one round trip.

        The samples' groups are known only from the answer. So the commands for the samples are sent
        together with those for the groups that the samples were in when this process last read
        them. An order seldom changes its store. For a sample in another group, or new to this
        process, a second round trip follows.

        Args:
            requests: what is read of each source.
            samples: the samples that are returned.
            groups_of: returns for the samples which groups to read.
            last: as of :meth:`catch_up`.
        """
        parts = [
            Samples(self.sources[one.source.name], self._keyspace, self._nodes) for one in samples
        ]
        asked = [part.commands(one.sample_ids) for part, one in zip(parts, samples, strict=True)]
        guess = self._guess(requests, samples, groups_of)
        answers = iter(self.catch_up(requests, guess, last, list(chain.from_iterable(asked))))
        found = {
            one.source.name: part.decode(one.sample_ids, islice(answers, len(commands)))
            for part, one, commands in zip(parts, samples, asked, strict=True)
        }
        groups = groups_of(found)
        if not _covers(guess, groups.keys, requests):
            self.catch_up(requests, groups.keys, last)
        return found, groups

    def _guess(
        self,
        requests: Sequence[ReadRequest],
        samples: Sequence[SampleRequest],
        groups_of: Callable[[FoundSamples], GroupKeys],
    ) -> Mapping[str, Sequence[Key]]:
        """Return the keys that follow from the samples as this process last saw them."""
        known = {
            one.source.name: self.memory.samples(self.sources[one.source.name], one.sample_ids)
            for one in samples
        }
        try:
            return groups_of(known).keys
        except Exception:
            # The samples may be outdated. A real error is raised again by the call for the answer.
            return dict.fromkeys(_dimensions(requests), ())

    def catch_up(
        self,
        requests: Sequence[ReadRequest],
        keys: Mapping[str, Sequence[Key]],
        last: Command,
        extra: Sequence[Command] = (),
    ) -> list[Any]:
        """Take over all acknowledged events of the groups asked for, and the store's types.

        Args:
            requests: what is read of each source.
            keys: the values of each dimension.
            last: what asks for what is settled; travels with the others, behind them.
            extra: other commands that travel with the first of them.

        Returns:
            The answers to the extra commands.
        """
        extra_answers: list[Any] = []
        n_cursors = sum(map(len, self._cursors.values()))
        if max(len(self.memory), n_cursors) > self._limit:
            self.forget()
        fresh = not self._cursors
        unread = self._asked(requests, keys)
        dropped: dict[str, set[bytes]] = {}
        while True:
            commands = [*extra, *(cursor.command for _, cursor in unread), last]
            *answers, meta = self._nodes.run(commands)
            self._settled.learn(meta)
            if self._settled.mends != self._mends:  # what was read before is of other types
                self._mends = self._settled.mends
                self.forget()
                unread = self._asked(requests, keys)
                dropped.clear()
                continue
            if extra:
                extra_answers, answers, extra = answers[: len(extra)], answers[len(extra) :], ()
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
        return extra_answers

    @contextmanager
    def copied(
        self, requests: Sequence[ReadRequest], groups: GroupKeys, earliest_us: int
    ) -> Iterator[Sequence[SourceReading]]:
        """Give what the requests need from the copy, after it has caught up."""
        self._settled.check(requests, groups.keys, groups.own_samples)
        for name, as_of_us in self._settled.compacted.items():
            self.memory.set_compaction(name, as_of_us)
        with self.memory.read(requests, groups.keys, groups.own_samples, earliest_us) as readings:
            yield readings

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
        """Apply entries; add the samples that they report as dropped."""
        given = {(f[i], f[i + 1]): None for _, f in entries for i in range(0, len(f), 2)}
        if tombstones := {encoded_id for encoded_id, value in given if value == TOMBSTONE}:
            dropped.setdefault(source, set()).update(tombstones)
        self.memory.apply(events_of(self.sources[source], given))

    def _bury(self, source: Source, encoded_ids: set[bytes]) -> None:
        """Drop samples from the copy; keep what has happened to them since."""
        self.memory.drop(source.name, map(decode_id, encoded_ids))
        samples = Samples(source, self._keyspace, self._nodes)
        samples.fill(self.memory, samples.those_of(encoded_ids))

    def _raise_limit(self) -> None:
        """Raise the limit to the size of one request, or each request would drop the copy."""
        if 2 * len(self.memory) > self._limit:
            self._limit = 2 * len(self.memory)
            _LOGGER.warning(
                "one request reads groups of %s samples, and max_cached_samples is %s: the store"
                " keeps up to %s in memory",
                len(self.memory),
                self._max_samples,
                self._limit,
            )


def _dimensions(requests: Sequence[ReadRequest]) -> set[str]:
    return {index.dimension for request in requests for index in request.indexes}


def _covers(
    guess: Mapping[str, Sequence[Key]],
    keys: Mapping[str, Sequence[Key]],
    requests: Sequence[ReadRequest],
) -> bool:
    """Return whether all groups that are read were guessed; a missing key has none."""
    return all(
        set(keys[dimension]) <= {None, *guess[dimension]} for dimension in _dimensions(requests)
    )
