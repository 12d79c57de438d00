"""Find the logs that must record a change: those of the groups that a sample is in.

An append has three steps. It changes the samples, which marks the append as pending. It writes to
the logs of all groups concerned. It removes the mark. A writer that dies in between leaves the
mark, and with it all that the second step needs: the samples, and the records that were replaced,
whose groups the samples may have left.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from aggregators.stores.redis.connections import Nodes
from aggregators.stores.redis.format import BARE_BYTES, BUCKETS, encode_id, keys_in
from aggregators.stores.redis.link import Command
from aggregators.typing import Key

__all__ = ["Bucket", "Keyspace", "Outbox", "PendingAppend", "pack_record"]

RECORDS_PER_ENTRY = 500
"""The most records in one entry of a log."""
TOMBSTONE = b"\0"
"""Instead of event and record: the sample was dropped."""
MAX_CACHED_LOGS = 200_000
"""So many groups' keys are kept; beyond, all are dropped and made again as needed."""
MAX_CACHED_RECORDS = 50_000
"""So many records' groups are remembered."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Holds the keys of one bucket of a source's samples."""

    source: str
    slot: int
    tag: bytes

    @property
    def pending(self) -> bytes:
        """The hash of pending appends."""
        return self.tag + b":pending"

    @property
    def ids(self) -> bytes:
        """The set of the samples' ids."""
        return self.tag + b":ids"

    @property
    def dropped(self) -> bytes:
        """The set of ids that were dropped and that logs may still hold."""
        return self.tag + b":dropped"

    def sample(self, encoded_id: bytes) -> bytes:
        """The hash of a sample."""
        return self.tag + b":s:" + encoded_id


class Log:
    """Holds the log of one group, as the beginning of the command that adds an entry."""

    __slots__ = ("head", "key", "slot")

    def __init__(self, key: bytes, slot: int) -> None:
        self.key = key
        self.slot = slot
        self.head = b"\r\n$4\r\nXADD\r\n$%d\r\n%b\r\n$1\r\n*\r\n" % (len(key), key)


class Keyspace:
    """Makes the keys of one store."""

    def __init__(self, prefix: bytes, nodes: Nodes) -> None:
        self.prefix = prefix
        self.meta = prefix + b":meta"
        self.facts = prefix + b":facts"
        self._nodes = nodes
        self._buckets: dict[str, list[Bucket]] = {}
        self._logs: dict[tuple[str, str, Key], Log] = {}
        self._of_records: dict[tuple[str, bytes], list[Log]] = {}

    def buckets(self, source: str) -> list[Bucket]:
        """Return the buckets of a source, in their order."""
        buckets = self._buckets.get(source)
        if buckets is None:
            tags = [b"{%b:%b:%d}" % (self.prefix, source.encode(), n) for n in range(BUCKETS)]
            buckets = [Bucket(source, self._nodes.slot_of(tag), tag) for tag in tags]
            self._buckets[source] = buckets
        return buckets

    def log_named(self, key: bytes) -> Log:
        """Return the log that has this key."""
        return Log(key, self._nodes.slot_of(key))

    def log(self, source: str, dimension: str, key: Key) -> Log:
        """Return the log of one value of a dimension."""
        log = self._logs.get((source, dimension, key))
        if log is None:
            if len(self._logs) >= MAX_CACHED_LOGS:
                self._logs.clear()
            assert key is not None
            name = b"{%b:%b}:log" % (self._dimension(source, dimension), encode_id(key))
            log = self._logs[source, dimension, key] = Log(name, self._nodes.slot_of(name))
        return log

    def logs_pattern(self, source: str) -> bytes:
        """Return the pattern of all logs of a source."""
        return b"{%b:%b:*:[is]:*}:log" % (self.prefix, source.encode())

    def _dimension(self, source: str, dimension: str) -> bytes:
        return b"%b:%b:%b" % (self.prefix, source.encode(), dimension.encode())

    def logs_of(self, source: str, records: Iterable[bytes]) -> set[Log]:
        """Return the logs of all groups that a sample with these records may be in."""
        logs: set[Log] = set()
        for record in records:
            if len(record) > BARE_BYTES:
                logs.update(self._logs_of_record(source, record))
        return logs

    def _logs_of_record(self, source: str, record: bytes) -> list[Log]:
        """Return the logs of a record's groups; kept, as later events of the sample ask again."""
        logs = self._of_records.get((source, record))
        if logs is None:
            if len(self._of_records) >= MAX_CACHED_RECORDS:
                self._of_records.clear()
            logs = [self.log(source, dimension, key) for dimension, key in keys_in(record)]
            self._of_records[source, record] = logs
        return logs


def pack_record(encoded_id: bytes, event: bytes, record: bytes) -> bytes:
    """Return one record as two arguments of a command: the sample, then event and record."""
    return b"$%d\r\n%b\r\n$%d\r\n%b\0%b\r\n" % (
        len(encoded_id),
        encoded_id,
        len(event) + 1 + len(record),
        event,
        record,
    )


def split_pair(pair: tuple[bytes, bytes]) -> tuple[bytes, bytes, bytes]:
    """Return sample, event and record from the result of :func:`pack_record`."""
    event, _, record = pair[1].partition(b"\0")
    return pair[0], event, record


def pack_tombstone(encoded_id: bytes) -> bytes:
    """Return a packed record that tells the readers of a log that a sample was dropped."""
    return b"$%d\r\n%b\r\n$%d\r\n%b\r\n" % (
        len(encoded_id),
        encoded_id,
        len(TOMBSTONE),
        TOMBSTONE,
    )


class Outbox:
    """Collects the records that are to be added to logs."""

    def __init__(self) -> None:
        self._records: dict[Log, list[bytes]] = {}

    def put(self, logs: Iterable[Log], packed: list[bytes]) -> None:
        """Add packed records to logs."""
        records = self._records
        for log in logs:
            if log in records:
                records[log] += packed
            else:
                records[log] = packed[:]

    def commands(self) -> list[Command]:
        """Return the commands that add all records, in as few entries per log as possible."""
        commands = []
        for log, records in self._records.items():
            if len(records) <= RECORDS_PER_ENTRY:  # nearly always
                commands.append(_entry(log, records))
            else:
                starts = range(0, len(records), RECORDS_PER_ENTRY)
                commands += [_entry(log, records[i : i + RECORDS_PER_ENTRY]) for i in starts]
        return commands


def _entry(log: Log, records: list[bytes]) -> Command:
    return Command(log.slot, b"".join([b"*%d" % (3 + 2 * len(records)), log.head, *records]))


@dataclass(frozen=True, slots=True)
class PendingAppend:
    """Describes a pending append: the samples that it changed, and the records that it replaced."""

    call: bytes
    set_us: int
    samples: Mapping[bytes, list[bytes]]

    @classmethod
    def read(cls, call: bytes, text: bytes) -> PendingAppend:
        """Return a mark from the text of the script."""
        set_us, ids, rest = text.split(b"\n", 2)
        encoded = ids_of_mark(ids)
        samples: dict[bytes, list[bytes]] = {encoded_id: [] for encoded_id in encoded}
        while rest:
            number, length, rest = rest.split(b" ", 2)
            samples[encoded[int(number) - 1]].append(rest[: int(length)])
            rest = rest[int(length) :]
        return cls(call, int(set_us), samples)


def mark_of_ids(encoded_ids: Iterable[bytes]) -> bytes:
    """Return ids in the form that marks hold."""
    return json.dumps([encoded.decode() for encoded in encoded_ids]).encode()


def ids_of_mark(text: bytes) -> list[bytes]:
    """Return the ids from the result of :func:`mark_of_ids`."""
    return [encoded.encode() for encoded in json.loads(text)]


def pairs(flat: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the names and values of an answer in which they alternate."""
    return zip(flat[::2], flat[1::2], strict=True)
