"""Keep events in Redis, single or Cluster: many processes on many machines share one state.

Samples lie in hashes. Every group has a log (a stream) of the events of its samples. A dimension's
values are spread over the cluster. Every process keeps a copy in memory of the groups that it was
asked for. Before each read it takes over what was added to their logs: one round trip to each node
concerned, whatever the number of features and keys. docs/redis.md says how to run Redis for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from aggregators.errors import DataError, StoreError
from aggregators.events import Event, Source
from aggregators.stores.base import EventStore
from aggregators.stores.checks import EventChecks
from aggregators.stores.reading import (
    AppendResult,
    CompactionResult,
    FoundSamples,
    GroupKeys,
    ReadRequest,
    Sample,
    SampleRequest,
    SourceReading,
)
from aggregators.stores.records import CheckedEvent, check_declared, label_of
from aggregators.stores.redis.append import STALE_AFTER_S, Writer
from aggregators.stores.redis.compaction import Compaction
from aggregators.stores.redis.connections import Nodes, NodesUnavailable
from aggregators.stores.redis.durability import warn_of_loss
from aggregators.stores.redis.facts import FactKinds
from aggregators.stores.redis.format import SCHEMA_VERSION, checked_prefix
from aggregators.stores.redis.link import Command, pack
from aggregators.stores.redis.liveness import LivenessCheck
from aggregators.stores.redis.logs import Keyspace
from aggregators.stores.redis.read import Reader
from aggregators.stores.redis.samples import Samples, latest_of
from aggregators.stores.redis.scripts import SCRIPTS
from aggregators.stores.redis.types import TypeCache
from aggregators.times import moment_to_us
from aggregators.typing import Duration, Key, Moment, Native, SampleId

if TYPE_CHECKING:
    import pandas as pd

    from aggregators.feature import Feature

__all__ = ["RedisEventStore"]

logger = logging.getLogger("doorstep.stores")

WRITING_LANES = 8
"""How many connections to each node an append uses."""


class RedisEventStore(EventStore):
    """Keeps the events of its sources in Redis 7, single or Cluster. Thread-safe.

    When ``append`` returns, the events are in the logs of all groups, so every later read of any
    process sees them. They survive the death of a server that keeps an append-only file
    (``appendonly yes``, ``appendfsync always``). A store warns when it is opened on other settings.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``; of a cluster, any of its nodes.
        sources: the sources whose events are read. Events of other sources stay in Redis.
        prefix: what all keys begin with, so that several stores can share one Redis.
        replicas: how many replicas of each node must have an event before it is acknowledged.
        max_cached_samples: how many samples this process keeps in memory for reading; beyond, it
            forgets them and reads again what it is asked for.

    Raises:
        StoreError: redis is not installed, Redis cannot be reached, or holds a store of another
            schema version.

    >>> from datetime import datetime, UTC
    >>> from aggregators import Event, RedisEventStore, Source
    >>> orders = Source(
    ...     "orders", sample_id="order_id", events=("ready",), dimensions=("store_id",)
    ... )
    >>> store = RedisEventStore("redis://localhost:6379", sources=[orders])  # doctest: +SKIP
    >>> ready = Event("orders", 1, "ready", datetime(2026, 1, 1, tzinfo=UTC), {"store_id": "a"})
    >>> store.append([ready])  # doctest: +SKIP
    AppendResult(applied=1, duplicates=0, superseded=0)
    >>> store.append([ready]).duplicates  # doctest: +SKIP
    1
    """

    def __init__(
        self,
        url: str,
        sources: Iterable[Source],
        *,
        prefix: str = "doorstep",
        replicas: int = 0,
        max_cached_samples: int = 2_000_000,
    ) -> None:
        checked = checked_prefix(prefix)
        self._url = url
        self._read_nodes = Nodes(url, SCRIPTS)
        self._write_nodes = Nodes(url, SCRIPTS, lanes=WRITING_LANES)
        self._keyspace = Keyspace(checked, self._read_nodes)
        declared = list(sources)
        self._settled = TypeCache(source.name for source in declared)
        self._reader = Reader(
            declared, self._keyspace, self._read_nodes, max_cached_samples, self._settled
        )
        self._writer = Writer(self._keyspace, self._write_nodes, replicas)
        self.sources = self._reader.sources
        self._read_lock = threading.RLock()
        self._append_lock = threading.RLock()
        self._names = {
            name: [event.encode() for event in source.events]
            for name, source in self.sources.items()
        }
        self._kinds = self._settled.kinds
        self._checks = EventChecks()
        self._facts = FactKinds(self._keyspace.facts, self.sources)
        meta = self._keyspace.meta
        self._liveness = LivenessCheck(
            self._read_nodes.library,
            self._read_nodes.pool,
            lambda: self._read_nodes.primaries,
            meta,
        )
        self._look_at_meta = Command(self._read_nodes.slot_of(meta), pack(b"HGETALL", meta))
        try:
            self._check_version()
            self._declare_types()
            warn_of_loss(self._read_nodes)
            self.repair()
        except BaseException:
            self.close()
            raise

    def append(self, events: Iterable[Event]) -> AppendResult:
        """Keep events; when this returns they are in Redis. See :meth:`EventStore.append`.

        Raises:
            Unavailable: Redis cannot be reached, or not in part. Nothing is acknowledged, something
                may have been kept: append the same events again.
        """
        given = list(events)
        with self._append_lock:
            try:
                checked = self._checked(given)
                return AppendResult.of(self._writer.append(checked, self._names))
            except NodesUnavailable as error:
                raise NodesUnavailable(
                    f"{error}; nothing of these {len(given)} events is acknowledged: append them"
                    " again"
                ) from error

    def append_table(self, source: Source, table: Native) -> AppendResult:
        """Keep all events of a table of samples, in batches."""
        self.check_source(source)
        return super().append_table(source, table)

    def repair(self, older_than_s: float = STALE_AFTER_S) -> int:
        """Finish appends of writers or servers that died; return how many there were.

        What was acknowledged among them is complete: to finish it changes nothing. A store that
        is opened does this, and every append does it for what it touches. A service calls it from
        time to time.

        Args:
            older_than_s: leave alone what began less than so many seconds ago, as it goes on.
        """
        with self._append_lock:
            return self._writer.repair(self.sources, older_than_s)

    def rebuild(self) -> int:
        """Write all samples to the logs of their groups again; return how many samples there are.

        Use it when a node has lost what it had acknowledged, and others have not: after a failover
        without ``replicas``, or with a server that does not write each event to the disk. Append
        again what was lost, then rebuild. Reads and appends may go on meanwhile.
        """
        with self._append_lock:
            return self._writer.rebuild(self.sources)

    @contextmanager
    def read(
        self,
        requests: Sequence[ReadRequest],
        keys: Mapping[str, Sequence[Key]],
        own_samples: Mapping[str, Sequence[SampleId | None]],
        earliest_us: int,
    ) -> Iterator[Sequence[SourceReading]]:
        """Give what the requests need, including all events that were acknowledged until now."""
        for request in requests:
            self.check_source(request.source)
        with self._read_lock:
            self._reader.catch_up(requests, keys, self._look_at_meta)
            groups = GroupKeys(keys, own_samples)
            with self._reader.copied(requests, groups, earliest_us) as readings:
                yield readings

    @contextmanager
    def read_with_samples(
        self,
        requests: Sequence[ReadRequest],
        samples: Sequence[SampleRequest],
        groups_of: Callable[[FoundSamples], GroupKeys],
        earliest_us: int,
    ) -> Iterator[tuple[FoundSamples, Sequence[SourceReading]]]:
        """Give samples and groups in one round trip; see :meth:`EventStore.read_with_samples`.

        A sample that this process sees for the first time, or in another group than before, costs
        a second round trip for the groups that follow from this sample alone.
        """
        for source in [one.source for one in requests] + [one.source for one in samples]:
            self.check_source(source)
        with self._read_lock:
            found, groups = self._reader.catch_up_with_samples(
                requests, samples, groups_of, self._look_at_meta
            )
            with self._reader.copied(requests, groups, earliest_us) as readings:
                yield found, readings

    def sample(self, source: Source, sample_id: SampleId) -> Sample | None:
        """Return one sample, or None where the store has no event of it."""
        self.check_source(source)
        with self._read_lock:
            return self._samples(source).one(sample_id)

    def samples(self, source: Source, sample_ids: Sequence[SampleId]) -> list[Sample | None]:
        """Return what :meth:`sample` returns for each id, in their order, in one round trip."""
        self.check_source(source)
        with self._read_lock:
            # The types of ids and keys, which a table needs, are not asked for.
            own_source = self.sources[source.name]
            return Samples(own_source, self._keyspace, self._read_nodes).some(sample_ids)

    def table(self, source: Source) -> pd.DataFrame:
        """Return the source's samples as a table in the order of their ids, ready for training."""
        self.check_source(source)
        with self._read_lock:
            return self._samples(source).table()

    def table_chunks(self, source: Source, chunk_rows: int) -> Iterator[pd.DataFrame]:
        """Yield the source's samples in tables of at most so many rows, in no particular order."""
        self.check_source(source)
        chunks = self._samples(source).tables(chunk_rows)
        while True:
            with self._read_lock:  # not while the caller has the chunk
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    def reopen(self, source: Source, as_of: Moment) -> None:
        """Let a source be asked from an earlier moment on, here and in other processes."""
        wanted_us = moment_to_us(as_of, "as_of")
        compacted_us = self.compacted_until(source)
        if compacted_us is not None and compacted_us > wanted_us:
            name = f"compacted:{source.name}".encode()
            with self._append_lock:
                self._run_meta(self._write_nodes, b"HSET", name, b"%d" % wanted_us)

    def latest_moment_us(self, enough_us: int | None = None) -> int | None:
        """Return the latest moment (microseconds) that any event says, None where there is none."""
        with closing(Nodes(self._url, SCRIPTS)) as nodes:
            parts = (Samples(one, self._keyspace, nodes) for one in self.sources.values())
            return latest_of(parts, enough_us)

    def compacted_until(self, source: Source) -> int | None:
        """Return the moment (microseconds) before which the source can no longer be asked."""
        self.check_source(source)
        with self._read_lock:
            self._settled.learn(self._run_meta(self._read_nodes, b"HGETALL"))
            return self._settled.compacted.get(source.name)

    def count(self, source: Source) -> int:
        """Return how many samples of a source there are."""
        self.check_source(source)
        with self._read_lock:
            return self._samples(source).count()

    def compact(
        self, features: Iterable[Feature], as_of: Moment, settled_after: Duration = "1d"
    ) -> CompactionResult:
        """Drop the samples that none of the features can need any more, also from the logs.

        Reads and appends go on meanwhile, in this process and in others. If the process ends in the
        middle, the next compaction does the rest.
        """
        by_source = self.by_source(features)
        kept = dropped = 0
        with self._append_lock:
            self._writer.settle()  # a sample with a mark stays
        nodes = Nodes(self._url, SCRIPTS)
        try:
            for name, own in by_source.items():
                self._note_compaction(nodes, name, moment_to_us(as_of, "as_of"))
                compaction = Compaction(self.sources[name], self._keyspace, nodes)
                n_kept, n_dropped = compaction.run(own, as_of, settled_after)
                kept, dropped = kept + n_kept, dropped + n_dropped
        finally:
            nodes.close()
        return CompactionResult(kept, dropped)

    def check(self) -> None:
        """Raise :class:`StoreError` where Redis does not answer, within about a second.

        In a cluster, one node that answers and says that the cluster works is enough.
        """
        self._liveness.check()

    def close(self) -> None:
        """Close the connections; the store cannot be used afterwards."""
        self._liveness.close()
        with self._append_lock, self._read_lock:
            with suppress(StoreError):  # others finish what it has left
                self._writer.settle()
            self._read_nodes.close()
            self._write_nodes.close()

    def __len__(self) -> int:
        """Return how many samples the store has, over all sources."""
        return sum(self.count(source) for source in self.sources.values())

    def __repr__(self) -> str:
        kind = "cluster" if self._read_nodes.is_cluster else "single"
        return f"<RedisEventStore {self._keyspace.prefix.decode()}, {kind}>"

    def _samples(self, source: Source) -> Samples:
        self._settled.learn(self._run_meta(self._read_nodes, b"HGETALL"))
        source, kinds = self.sources[source.name], self._kinds[source.name]
        facts = self._facts.of(self._read_nodes, source)
        integers = [d for d in source.dimensions if kinds.key_kinds.get(d) is int]
        if kinds.id_kind is int:
            integers.append(source.sample_id)
        return Samples(source, self._keyspace, self._read_nodes, integers, facts)

    def _checked(self, given: Sequence[Event]) -> list[CheckedEvent]:
        while True:
            kinds: dict[str, type] = {}
            try:
                checked = self._checks.checked(given, self.sources, self._kinds, kinds)
            except DataError:
                mends = self._settled.mends
                self._settled.learn(self._run_meta(self._write_nodes, b"HGETALL"))
                if mends == self._settled.mends:
                    raise
                continue  # the store was mended since this process looked at its types
            if self._settle(kinds):
                self._facts.note(self._write_nodes, checked)
                return checked

    def _settle(self, kinds: Mapping[str, type]) -> bool:
        """Set types that are not set yet; return whether the store now has exactly these."""
        new = {name: kind for name, kind in kinds.items() if self._settled.kind(name) is None}
        if not new:
            return True
        for name, kind in new.items():
            self._run_meta(
                self._write_nodes, b"HSETNX", f"type:{name}".encode(), kind.__name__.encode()
            )
        self._settled.learn(self._run_meta(self._write_nodes, b"HGETALL"))
        return all(self._settled.kind(name) is kind for name, kind in new.items())

    def _declare_types(self) -> None:
        """Set the declared types that are not set yet; refuse others than the store's."""
        for source in self.sources.values():
            for column, kind in source.types.items():
                label = f"type:{label_of(source, column)}".encode()
                self._run_meta(self._write_nodes, b"HSETNX", label, kind.__name__.encode())
        self._settled.learn(self._run_meta(self._write_nodes, b"HGETALL"))
        for source in self.sources.values():
            check_declared(source, self._kinds[source.name], "redis://...")

    def _note_compaction(self, nodes: Nodes, source: str, as_of_us: int) -> None:
        """Publish the moment of a compaction to all processes before anything is dropped."""
        name = f"compacted:{source}".encode()
        known = self._run_meta(nodes, b"HGET", name)
        if known is None or int(known) < as_of_us:
            self._run_meta(nodes, b"HSET", name, b"%d" % as_of_us)

    def _run_meta(self, nodes: Nodes, command: bytes, *arguments: bytes) -> Any:
        packed = pack(command, self._keyspace.meta, *arguments)
        return nodes.run([Command(self._look_at_meta.slot, packed)])[0]

    def _check_version(self) -> None:
        current = b"%d" % SCHEMA_VERSION
        self._run_meta(self._write_nodes, b"HSETNX", b"schema", current)
        stored = self._run_meta(self._write_nodes, b"HGET", b"schema")
        if stored != current:
            raise StoreError(
                f"the store {self._keyspace.prefix.decode()!r} in Redis has schema version"
                f" {stored.decode()}; this version of the package reads {SCHEMA_VERSION}: open it"
                " with the version of the package that wrote it, or give another prefix"
            )
