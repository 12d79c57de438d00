"""Drop samples from Redis that no feature can need any more, and remove them from the logs.

A sample is dropped only if it has not changed since that was decided. Its bucket remembers its id
until no log has it. Each log that had it then gets a tombstone: a process that has read the log, or
is reading it, learns that the sample was dropped, and looks up what has happened to it since.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from aggregators.events import Source
from aggregators.stores.memory import MemoryEventStore
from aggregators.stores.redis.connections import Nodes
from aggregators.stores.redis.format import bucket_of, encode_id
from aggregators.stores.redis.link import Command, pack
from aggregators.stores.redis.logs import (
    TOMBSTONE,
    Bucket,
    Keyspace,
    Log,
    Outbox,
    mark_of_ids,
    pack_record,
    pack_tombstone,
    split_pair,
)
from aggregators.stores.redis.samples import Records, Samples
from aggregators.stores.redis.scripts import CLOSE_LOG, DROP, digest
from aggregators.typing import Duration, Moment

if TYPE_CHECKING:
    from aggregators.feature import Feature

__all__ = ["Compaction", "drop_command"]

SAMPLES_PER_CALL = 200
"""So many samples of a bucket are dropped at a time."""
LOGS_PER_ROUND_TRIP = 200
ENTRIES_PER_ANSWER = 500
ENTRIES_PER_DELETION = 1_000
TOMBSTONES_KEPT_S = 86_400
"""A process that reads a log less often keeps dropped samples of it in memory for longer."""

_T = TypeVar("_T")


class Compaction:
    """Drops samples of one source.

    Args:
        source: the source.
        keyspace: the store's keys.
        nodes: connections that nobody else uses at the same time.
    """

    def __init__(self, source: Source, keyspace: Keyspace, nodes: Nodes) -> None:
        self._source = source
        self._keyspace = keyspace
        self._nodes = nodes
        self._samples = Samples(source, keyspace, nodes)

    def run(
        self, features: Sequence[Feature], as_of: Moment, settled_after: Duration
    ) -> tuple[int, int]:
        """Drop the samples that are not needed; return how many were kept, and how many dropped."""
        memory = MemoryEventStore([self._source])
        seen: dict[bytes, int] = {}
        for bucket in self._samples.buckets:
            samples = list(self._samples.of_bucket(bucket))
            seen.update((encoded_id, hash(frozenset(records))) for encoded_id, records in samples)
            self._samples.fill(memory, samples)
        not_needed = memory.not_needed(features, as_of, settled_after)[self._source.name]
        by_bucket: dict[int, list[bytes]] = {}
        for encoded_id in map(encode_id, not_needed):
            by_bucket.setdefault(bucket_of(encoded_id), []).append(encoded_id)
        dropped = sum(
            self._drop(self._samples.buckets[number], ids, seen)
            for number, ids in by_bucket.items()
        )
        self.clean_logs()
        return len(seen) - dropped, dropped

    def _drop(self, bucket: Bucket, ids: Sequence[bytes], seen: Mapping[bytes, int]) -> int:
        dropped = 0
        for part in _parts(ids, SAMPLES_PER_CALL):
            samples = [
                (encoded_id, records)
                for encoded_id, records in self._samples.load(bucket, part)
                if hash(frozenset(records)) == seen[encoded_id]
            ]
            (letters,) = self._nodes.run([drop_command(bucket, samples)])
            dropped += letters.count(b"x")
        return dropped

    def clean_logs(self, again: Callable[[Iterable[bytes]], None] | None = None) -> None:
        """Remove all dropped samples from all logs, also those that an earlier compaction left.

        Args:
            again: writes samples that have come back to the logs again; without it, their records
                stay in the logs.
        """
        buckets = self._samples.buckets
        commands = [Command(b.slot, pack(b"SMEMBERS", b.dropped)) for b in buckets]
        dropped = dict(zip(buckets, self._nodes.run(commands), strict=True))
        removed = {encoded_id for ids in dropped.values() for encoded_id in ids}
        # Samples that came back have records that must stay; a tombstone says to look them up.
        if not removed:
            return
        commands = [Command(b.slot, pack(b"SMEMBERS", b.ids)) for b in buckets]
        returned = {i for ids in self._nodes.run(commands) for i in removed.intersection(ids)}
        for logs in _parts(self._logs(), LOGS_PER_ROUND_TRIP):
            self._clean(logs, removed, set() if again else returned)
        if again:
            again(sorted(returned))
        self._nodes.run(
            [
                Command(bucket.slot, pack(b"SREM", bucket.dropped, *part))
                for bucket, ids in dropped.items()
                for part in _parts(ids, SAMPLES_PER_CALL)
            ]
        )

    def _logs(self) -> Iterator[Log]:
        pattern = self._keyspace.logs_pattern(self._source.name)
        for address in self._nodes.primaries:
            cursor = b"0"
            while True:
                scan = pack(b"SCAN", cursor, b"MATCH", pattern, b"COUNT", b"1000")
                cursor, keys = self._nodes.run_on(address, scan)
                yield from map(self._keyspace.log_named, keys)
                if cursor == b"0":
                    break

    def _clean(self, logs: Sequence[Log], removed: set[bytes], returned: set[bytes]) -> None:
        rest, tombstones = Outbox(), Outbox()
        deletions = []
        for log, pages in self._pages(logs):
            entries, met = _rewritten(pages, removed, returned, rest, log)
            if met:
                tombstones.put([log], [pack_tombstone(encoded_id) for encoded_id in sorted(met)])
            deletions += [
                Command(log.slot, pack(b"XDEL", log.key, *part))
                for part in _parts(entries, ENTRIES_PER_DELETION)
            ]
        # Tombstones are written before anything is deleted, so that concurrent readers see them.
        self._nodes.run([*rest.commands(), *tombstones.commands()])
        self._nodes.run(deletions)
        idle_ms = b"%d" % (1000 * TOMBSTONES_KEPT_S)
        close = [b"EVALSHA", digest(CLOSE_LOG), b"1"]
        self._nodes.run([Command(log.slot, pack(*close, log.key, idle_ms)) for log in logs])

    def _pages(self, logs: Sequence[Log]) -> Iterator[tuple[Log, list[Any]]]:
        """Yield all entries of logs: some at a time, of one log after the other."""
        first = [Command(log.slot, _page(log, b"-")) for log in logs]
        for log, page in zip(logs, self._nodes.run(first), strict=True):
            entries = page
            while len(page) == ENTRIES_PER_ANSWER:
                (page,) = self._nodes.run([Command(log.slot, _page(log, b"(" + page[-1][0]))])
                entries += page
            yield log, entries


def _page(log: Log, first: bytes) -> bytes:
    return pack(b"XRANGE", log.key, first, b"+", b"COUNT", b"%d" % ENTRIES_PER_ANSWER)


def _rewritten(
    entries: list[Any], removed: set[bytes], returned: set[bytes], rest: Outbox, log: Log
) -> tuple[list[bytes], set[bytes]]:
    """Write entries anew without the samples that are gone.

    Returns:
        The entries that can then be deleted, and which samples were met that are gone.
    """
    oldest_ms = 1000 * (time.time() - TOMBSTONES_KEPT_S)
    done: list[bytes] = []
    met: set[bytes] = set()
    for entry, fields in entries:
        ids, values = fields[::2], fields[1::2]
        if values[0] == TOMBSTONE:
            if int(entry.partition(b"-")[0]) < oldest_ms:
                done.append(entry)
            continue
        here = removed.intersection(ids)
        if not here:
            continue
        met |= here
        if here <= returned:
            continue
        done.append(entry)
        staying = [
            pack_record(*split_pair(pair))
            for pair in zip(ids, values, strict=True)
            if pair[0] not in removed or pair[0] in returned
        ]
        if staying:
            rest.put([log], staying)
    return done, met


def drop_command(bucket: Bucket, samples: Sequence[tuple[bytes, Records]]) -> Command:
    """Return the command that drops samples of a bucket, if they have not changed since."""
    keys = [bucket.pending, bucket.ids, bucket.dropped]
    arguments = []
    for encoded_id, records in samples:
        keys.append(bucket.sample(encoded_id))
        arguments += [mark_of_ids([encoded_id])[1:-1], b"%d" % len(records)]
        for record in records:
            arguments += record
    return Command(
        bucket.slot, pack(b"EVALSHA", digest(DROP), b"%d" % len(keys), *keys, *arguments)
    )


def _parts(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    remaining = iter(items)
    while part := list(islice(remaining, size)):
        yield part
