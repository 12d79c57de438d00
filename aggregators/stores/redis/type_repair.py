"""Mend the types of ids and keys in Redis, one sample at a time, while the store is used.

A sample that keeps its id is replaced in one step, if it has not changed since it was read. The
logs of its new groups get it before; the logs of its old groups get tombstones, as after a
compaction. A sample whose id changes is appended under the new id before the old one is dropped. If
the mend dies in the middle, nothing is lost: run it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

from aggregators.errors import StoreError
from aggregators.events import Source
from aggregators.stores.records import CheckedEvent, Record
from aggregators.stores.redis.append import Writer
from aggregators.stores.redis.compaction import Compaction, drop_command
from aggregators.stores.redis.connections import Nodes
from aggregators.stores.redis.format import (
    checked_prefix,
    decode_id,
    decode_record,
    encode_record,
)
from aggregators.stores.redis.link import Command, pack
from aggregators.stores.redis.logs import Bucket, Keyspace, Outbox, mark_of_ids, pack_record, pairs
from aggregators.stores.redis.samples import Records, Samples
from aggregators.stores.redis.scripts import REPLACE, SCRIPTS, digest
from aggregators.stores.type_repair import MendPlan, MendResult, QuarantineFile, check_source
from aggregators.typing import SampleId

__all__ = ["mend_redis"]

ATTEMPTS = 100
"""How often a sample is tried again to which events happen meanwhile."""


class _Event(NamedTuple):
    sample_id: SampleId
    event: str
    record: Record


@dataclass(frozen=True, slots=True)
class _CorrectedSample:
    """Holds a corrected sample: its id, its events, and what cannot be converted."""

    sample_id: SampleId
    records: list[tuple[bytes, Record]]
    refused: list[tuple[_Event, str]]
    n_converted: int


def mend_redis(
    url: str,
    plan: MendPlan,
    quarantine: QuarantineFile,
    *,
    prefix: str = "doorstep",
    dry_run: bool = False,
) -> MendResult:
    """Bring ids and keys of a source to their right types; processes that use the store follow.

    Args:
        url: of the server, or of any node of the cluster.
        plan: what the types shall be.
        quarantine: takes what cannot be converted, before it is taken out of the store.
        prefix: what the store's keys begin with.
        dry_run: change nothing, say what would be done.

    Raises:
        StoreError: Redis cannot be reached, the store has no such source, or a sample changes
            faster than it can be mended.
    """
    with closing(Nodes(url, SCRIPTS)) as nodes:
        return _Mending(nodes, plan, quarantine, Keyspace(checked_prefix(prefix), nodes)).run(
            dry_run=dry_run
        )


class _Mending:
    def __init__(
        self, nodes: Nodes, plan: MendPlan, quarantine: QuarantineFile, keyspace: Keyspace
    ) -> None:
        self._nodes = nodes
        self._plan = plan
        self._quarantine = quarantine
        self._keyspace = keyspace
        # The source declares nothing here: records show by themselves what they hold.
        self._source = Source(plan.source, sample_id="id", events=("any",))
        self._samples = Samples(self._source, keyspace, nodes)
        self._writer = Writer(keyspace, nodes, replicas=0)

    def run(self, *, dry_run: bool) -> MendResult:
        unchanged = converted = refused = 0
        if next(self._all(), None) is None:
            check_source(self._plan, self._typed_sources())
        if not dry_run:
            self._writer.repair([self._plan.source], 0.0)
            self._set_types()  # from now on right events are taken, and wrong ones refused
        for bucket, encoded_id, records in list(self._all()):
            right = self._right(encoded_id, records)
            if not dry_run and (right.n_converted or right.refused):
                right = self._mend(bucket, encoded_id, records)
            converted += right.n_converted
            refused += len(right.refused)
            unchanged += len(right.records) - right.n_converted
        if not dry_run:
            # Also samples of a mend that died in the middle: they still count as dropped.
            Compaction(self._source, self._keyspace, self._nodes).clean_logs(
                again=self._notify_groups
            )
        return MendResult(unchanged, converted, refused)

    def _notify_groups(self, encoded_ids: Iterable[bytes]) -> None:
        self._writer.notify_groups(self._plan.source, encoded_ids)

    def _set_types(self) -> None:
        meta = self._keyspace.meta
        for column, kind in self._plan.types.items():
            label = f"{self._plan.source}.{column}" if column else self._plan.source
            arguments = (f"type:{label}".encode(), kind.__name__.encode())
            packed = pack(b"HSET", meta, *arguments)
            self._nodes.run([Command(self._nodes.slot_of(meta), packed)])

    def _typed_sources(self) -> Iterator[str]:
        """Return the sources with known types: the first event of a source sets the type of ids."""
        meta = self._keyspace.meta
        (found,) = self._nodes.run([Command(self._nodes.slot_of(meta), pack(b"HGETALL", meta))])
        for name, _ in pairs(found):
            label, _, place = name.decode().partition(":")
            if label == "type":
                yield place.partition(".")[0]

    def _all(self) -> Iterator[tuple[Bucket, bytes, Records]]:
        for bucket in self._samples.buckets:
            for encoded_id, records in self._samples.of_bucket(bucket):
                yield bucket, encoded_id, records

    def _right(self, encoded_id: bytes, records: Records) -> _CorrectedSample:
        sample_id = right_id = decode_id(encoded_id)
        kept, refused, n_converted = [], [], 0
        for name, encoded in records:
            record = decode_record(encoded)
            right = self._plan.apply(sample_id, record)
            if isinstance(right, str):
                refused.append((_Event(sample_id, name.decode(), record), right))
                continue
            right_id = right[0]
            kept.append((name, right[1]))
            n_converted += right != (sample_id, record)
        return _CorrectedSample(right_id, kept, refused, n_converted)

    def _mend(self, bucket: Bucket, encoded_id: bytes, records: Records) -> _CorrectedSample:
        """Mend one sample; again where it has changed meanwhile."""
        total = 0
        refused: list[tuple[_Event, str]] = []
        for _ in range(ATTEMPTS):
            right = self._right(encoded_id, records)
            new = [one for one in right.refused if one not in refused]
            self._quarantine.write(self._plan.source, new)
            refused += new
            if self._put(bucket, encoded_id, records, right):
                total += right.n_converted
                return _CorrectedSample(right.sample_id, right.records, refused, total)
            found = dict(self._samples.load(bucket, [encoded_id]))
            if encoded_id not in found:
                return _CorrectedSample(right.sample_id, [], refused, total)
            records = found[encoded_id]
        raise StoreError(
            f"sample {decode_id(encoded_id)!r} of {self._plan.source!r} changes faster than it can"
            " be mended; stop what writes to it, and mend again"
        )

    def _put(
        self, bucket: Bucket, encoded_id: bytes, records: Records, right: _CorrectedSample
    ) -> bool:
        """Replace a sample by its corrected form; return False if it has changed."""
        if not right.records or right.sample_id != decode_id(encoded_id):
            self._append(right)
            (letters,) = self._nodes.run([drop_command(bucket, [(encoded_id, records)])])
            return bool(letters == b"x")
        encoded = [(name, encode_record(record)) for name, record in right.records]
        outbox = Outbox()
        logs = self._keyspace.logs_of(self._plan.source, [record for _, record in encoded])
        outbox.put(logs, [pack_record(encoded_id, *one) for one in encoded])
        self._nodes.run(outbox.commands())
        arguments = [b"%d" % len(records), *(part for one in records for part in one)]
        arguments += [part for one in encoded for part in one]
        keys = (bucket.pending, bucket.dropped, bucket.sample(encoded_id))
        ids = (encoded_id, mark_of_ids([encoded_id])[1:-1])
        script = pack(b"EVALSHA", digest(REPLACE), b"3", *keys, *ids, *arguments)
        (answer,) = self._nodes.run([Command(bucket.slot, script)])
        return bool(answer == 1)

    def _append(self, right: _CorrectedSample) -> None:
        if not right.records:
            return
        names = [name for name, _ in right.records]
        events = [
            CheckedEvent(self._plan.source, right.sample_id, number, record)
            for number, (_, record) in enumerate(right.records)
        ]
        self._writer.append(events, {self._plan.source: names})
        self._writer.settle()  # the next sample of this bucket may not meet its mark
