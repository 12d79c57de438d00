"""Read the samples of a source from Redis: one of them, some, or all, a bucket at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import compress, islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aggregators.events import Source
from aggregators.stores.memory import MemoryEventStore
from aggregators.stores.reading import Sample
from aggregators.stores.records import CheckedEvent, DeclaredColumns, Record
from aggregators.stores.redis.connections import Nodes
from aggregators.stores.redis.format import (
    bucket_of,
    decode_id,
    decode_record,
    encode_id,
    moments_in,
)
from aggregators.stores.redis.link import Command, pack
from aggregators.stores.redis.logs import Bucket, Keyspace, pairs
from aggregators.typing import SampleId

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Samples", "events_of", "latest_of"]

SAMPLES_PER_ROUND_TRIP = 2_000

Records = list[tuple[bytes, bytes]]
"""Names of a sample's events, and their records."""


class Samples:
    """Reads the samples of one source.

    Args:
        source: the source.
        keyspace: the store's keys.
        nodes: connections that nobody else uses at the same time.
        integers: the columns that hold integers: the id, dimensions.
        fact_kinds: of which kinds the values of each fact are.
    """

    def __init__(
        self,
        source: Source,
        keyspace: Keyspace,
        nodes: Nodes,
        integers: Iterable[str] = (),
        fact_kinds: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> None:
        self._source = source
        self._integers = tuple(integers)
        self._fact_kinds = fact_kinds
        self.buckets = keyspace.buckets(source.name)
        self._nodes = nodes

    def one(self, sample_id: SampleId) -> Sample | None:
        """Return one sample, or None where there is no event of it."""
        encoded_id = encode_id(sample_id)
        bucket = self.buckets[bucket_of(encoded_id)]
        memory = MemoryEventStore([self._source])
        self.fill(memory, self.load(bucket, [encoded_id]))
        return memory.sample(self._source, sample_id)

    def some(self, sample_ids: Sequence[SampleId]) -> list[Sample | None]:
        """Return the samples of these ids, None for those of which there is no event."""
        commands = self.commands(sample_ids)
        answers: list[Any] = []
        for first in range(0, len(commands), SAMPLES_PER_ROUND_TRIP):
            answers += self._nodes.run(commands[first : first + SAMPLES_PER_ROUND_TRIP])
        return self.decode(sample_ids, answers)

    def commands(self, sample_ids: Iterable[SampleId]) -> list[Command]:
        """Return the commands that ask for the samples of these ids, one for each distinct id."""
        result = []
        for sample_id in dict.fromkeys(sample_ids):
            encoded_id = encode_id(sample_id)
            bucket = self.buckets[bucket_of(encoded_id)]
            result.append(Command(bucket.slot, pack(b"HGETALL", bucket.sample(encoded_id))))
        return result

    def decode(self, sample_ids: Sequence[SampleId], answers: Iterable[Any]) -> list[Sample | None]:
        """Return the samples of these ids from the answers to :meth:`commands`."""
        memory = MemoryEventStore([self._source])
        pairs_of = zip(map(encode_id, dict.fromkeys(sample_ids)), answers, strict=True)
        self.fill(memory, ((one, list(pairs(flat))) for one, flat in pairs_of if flat))
        return memory.samples(self._source, sample_ids)

    def count(self) -> int:
        """Return how many samples there are."""
        commands = [Command(b.slot, pack(b"SCARD", b.ids)) for b in self.buckets]
        return sum(self._nodes.run(commands))

    def table(self) -> pd.DataFrame:
        """Return all samples as a table in the order of their ids."""
        memory = MemoryEventStore([self._source])
        everything: Iterable[tuple[bytes, Records]] = (
            sample for bucket in self.buckets for sample in self.of_bucket(bucket)
        )
        self.fill(memory, sorted(everything, key=lambda sample: decode_id(sample[0])))
        return self._typed(memory)

    def tables(self, chunk_rows: int) -> Iterator[pd.DataFrame]:
        """Yield all samples as tables of at most so many rows; one at least, which may be empty."""
        memory, yielded = MemoryEventStore([self._source]), False
        for bucket in self.buckets:
            samples = self.of_bucket(bucket)
            while part := list(islice(samples, chunk_rows - len(memory))):
                self.fill(memory, part)
                if len(memory) == chunk_rows:
                    yield self._typed(memory)
                    memory, yielded = MemoryEventStore([self._source]), True
        if len(memory) or not yielded:
            yield self._typed(memory)

    def _typed(self, memory: MemoryEventStore) -> pd.DataFrame:
        """Return a table with integer columns: a part of the samples may show no type."""
        table = memory.table(self._source, self._fact_kinds)
        for column in self._integers:
            if table[column].dtype != "Int64":
                table[column] = table[column].astype("Int64")
        return table

    def of_bucket(self, bucket: Bucket) -> Iterator[tuple[bytes, Records]]:
        """Yield the samples of a bucket: ids and records."""
        (ids,) = self._nodes.run([Command(bucket.slot, pack(b"SMEMBERS", bucket.ids))])
        for first in range(0, len(ids), SAMPLES_PER_ROUND_TRIP):
            yield from self.load(bucket, ids[first : first + SAMPLES_PER_ROUND_TRIP])

    def moments(self) -> Iterator[int]:
        """Yield the latest moment (microseconds) in the samples of each bucket."""
        for bucket in self.buckets:
            found = [
                moment
                for _, records in self.of_bucket(bucket)
                for _, record in records
                for moment in moments_in(record)
            ]
            if found:
                yield max(found)

    def those_of(self, encoded_ids: Iterable[bytes]) -> Iterator[tuple[bytes, Records]]:
        """Yield the samples of these ids that exist; quick where most of them do not."""
        by_bucket: dict[int, list[bytes]] = {}
        for encoded_id in encoded_ids:
            by_bucket.setdefault(bucket_of(encoded_id), []).append(encoded_id)
        buckets = [self.buckets[number] for number in by_bucket]
        commands = [
            Command(bucket.slot, pack(b"SMISMEMBER", bucket.ids, *ids))
            for bucket, ids in zip(buckets, by_bucket.values(), strict=True)
        ]
        answers = self._nodes.run(commands)
        for bucket, ids, found in zip(buckets, by_bucket.values(), answers, strict=True):
            if there := list(compress(ids, found)):
                yield from self.load(bucket, there)

    def fill(self, memory: MemoryEventStore, samples: Iterable[tuple[bytes, Records]]) -> None:
        """Copy samples into a store in memory."""
        memory.apply(
            events_of(
                self._source,
                (
                    (encoded_id, b"%b\0%b" % record)
                    for encoded_id, records in samples
                    for record in records
                ),
            )
        )

    def load(self, bucket: Bucket, ids: Sequence[bytes]) -> Iterator[tuple[bytes, Records]]:
        """Yield the samples of a bucket that exist: ids and records."""
        commands = [Command(bucket.slot, pack(b"HGETALL", bucket.sample(i))) for i in ids]
        for encoded_id, flat in zip(ids, self._nodes.run(commands), strict=True):
            if flat:
                yield encoded_id, list(pairs(flat))


def latest_of(sources: Iterable[Samples], enough_us: int | None) -> int | None:
    """Return the latest moment (microseconds) in any sample, None without samples.

    Args:
        sources: the samples of each source.
        enough_us: the search ends at a moment as late as this one.
    """
    latest_us: int | None = None
    for found_us in (moment for samples in sources for moment in samples.moments()):
        latest_us = found_us if latest_us is None else max(latest_us, found_us)
        if enough_us is not None and latest_us >= enough_us:
            break
    return latest_us


def events_of(source: Source, records: Iterable[tuple[bytes, bytes]]) -> Iterator[CheckedEvent]:
    """Yield the events of records, as far as the source declares them.

    Other events and columns belong to another version of the source. Every event that a process
    reads for the first time comes through here.

    Args:
        source: the source.
        records: samples, and events with their records as logs have them.
    """
    numbers = {name.encode(): number for number, name in enumerate(source.events)}
    declared, name = DeclaredColumns(source), source.name
    for encoded_id, value in records:
        end = value.index(b"\0")
        number = numbers.get(value[:end])
        if number is None:
            continue
        record = decode_record(value, end + 1)
        if record.data and not declared.fits(record.data):
            known = declared.data(record.data)
            record = Record(record.time_us, record.recorded_us, record.retracted, known)
        yield CheckedEvent(name, decode_id(encoded_id), number, record)
