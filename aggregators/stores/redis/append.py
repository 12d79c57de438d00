"""Append to Redis: change the samples, write to the groups' logs, and only then acknowledge."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aggregators.stores.records import APPLIED, DUPLICATE, SUPERSEDED, CheckedEvent
from aggregators.stores.redis.connections import Nodes
from aggregators.stores.redis.format import BARE_BYTES, bucket_of, encode_id, encode_record
from aggregators.stores.redis.link import Batch, Command, pack
from aggregators.stores.redis.logs import (
    Bucket,
    Keyspace,
    Outbox,
    PendingAppend,
    mark_of_ids,
    pack_record,
    pairs,
)
from aggregators.stores.redis.scripts import APPEND, STALE, digest

__all__ = ["Writer"]

EVENTS_PER_ROUND = 5_000
"""The most events whose samples are changed before the logs are written."""
PARTS_PER_ROUND = 2
EVENTS_PER_PART = 100
"""A round is split into parts where it has more events than this."""
STALE_AFTER_S = 5.0
"""An append that is pending for longer was given up by its writer; others then finish it."""

_APPLIED_LETTER = ord("a")
_OUTCOMES = bytes.maketrans(b"ads", bytes([APPLIED, DUPLICATE, SUPERSEDED]))
_EVALSHA_APPEND = b"$7\r\nEVALSHA\r\n$40\r\n%b\r\n" % digest(APPEND)


@dataclass(slots=True)
class _Call:
    """Holds the events of one bucket in one round."""

    bucket: Bucket
    numbers: dict[bytes, int] = field(default_factory=dict)
    samples: list[bytes] = field(default_factory=list)
    events: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    letters: bytes = b""

    def add(self, place: int, encoded_id: bytes, event: bytes, record: bytes) -> None:
        number = self.numbers.get(encoded_id)
        if number is None:
            self.samples.append(encoded_id)
            number = self.numbers[encoded_id] = len(self.samples)
        self.events.append((number, event, record))
        self.places.append(place)

    def command(self, call: bytes) -> Command:
        bucket = self.bucket
        arguments = [b"%d" % (2 + len(self.samples)), bucket.pending, bucket.ids]
        arguments += [bucket.sample(encoded_id) for encoded_id in self.samples]
        arguments += [call, mark_of_ids(self.samples)]
        for number, event, record in self.events:
            arguments += (b"%d" % number, event, record)
        bulks = b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in arguments])
        head = b"*%d\r\n%b" % (2 + len(arguments), _EVALSHA_APPEND)
        return Command(bucket.slot, head + bulks)


@dataclass(slots=True)
class _Part:
    """Holds some of a round's calls, and their results."""

    calls: list[_Call]
    name: bytes
    batch: Batch = field(init=False)
    marked: list[Bucket] = field(default_factory=list)
    unfinished: list[_Unfinished] = field(default_factory=list)
    stale: list[Bucket] = field(default_factory=list)


class Writer:
    """Appends checked events. For one thread at a time.

    Args:
        keyspace: the store's keys.
        nodes: connections that nobody else uses at the same time.
        replicas: how many replicas must have taken over each step before the next one begins.
    """

    def __init__(self, keyspace: Keyspace, nodes: Nodes, replicas: int) -> None:
        self._keyspace = keyspace
        self._nodes = nodes
        self._replicas = replicas
        # Each call has a name of its own: a call that is repeated recognises its own mark.
        self._name = os.urandom(9).hex().encode()
        self._calls = itertools.count()
        self._clearing: Batch | None = None
        self._last_call = b""  # the last call: its mark may still be seen

    def append(self, events: Sequence[CheckedEvent], names: Mapping[str, list[bytes]]) -> bytes:
        """Keep events; return what became of each: APPLIED, DUPLICATE or SUPERSEDED.

        Args:
            events: the events, checked.
            names: for each source the names of its events.
        """
        rounds = range(0, len(events), EVENTS_PER_ROUND)
        return b"".join(
            [self._round(events[first : first + EVENTS_PER_ROUND], names) for first in rounds]
        )

    def _round(self, events: Sequence[CheckedEvent], names: Mapping[str, list[bytes]]) -> bytes:
        calls: dict[tuple[str, int], _Call] = {}
        for place, event in enumerate(events):
            encoded_id = encode_id(event.sample_id)
            where = event.source, bucket_of(encoded_id)
            call = calls.get(where)
            if call is None:
                call = calls[where] = _Call(self._keyspace.buckets(where[0])[where[1]])
            name = names[event.source][event.event]
            call.add(place, encoded_id, name, encode_record(event.record))
        name = b"%b.%d.%d" % (self._name, os.getpid(), next(self._calls))
        # While the server works on one part, the next one is prepared.
        n_parts = min(PARTS_PER_ROUND, 1 + len(events) // EVENTS_PER_PART)
        everything = list(calls.values())
        parts = [_Part(everything[first::n_parts], name) for first in range(n_parts)]
        for part in parts:
            part.batch = self._begin([call.command(name) for call in part.calls])
        self.settle()
        # The samples come first: if this process dies now, the marks say which logs lack them.
        for part in parts:
            answers = self._nodes.finish(part.batch)
            part.batch = self._begin(self._tell_groups(part, answers))
        for part in parts:
            self._nodes.finish(part.batch)
        # Another writer may have changed the same samples, but not the logs yet. Its records are in
        # these samples: the logs must have them before this call is acknowledged.
        if unfinished := [sample for part in parts for sample in part.unfinished]:
            self._tell_all(unfinished)
        # The logs have everything, so nobody needs to wait until the marks are gone: the servers
        # remove them while the caller goes on, together with what comes next.
        marked = [_clear(bucket, name) for part in parts for bucket in part.marked]
        self._clearing, self._last_call = self._nodes.begin(marked), name
        if stale := [bucket for part in parts for bucket in part.stale]:
            self._repair(stale, STALE_AFTER_S)
        outcomes = bytearray(len(events))
        for call in everything:
            for place, letter in zip(call.places, call.letters, strict=True):
                outcomes[place] = letter
        return bytes(outcomes.translate(_OUTCOMES))

    def _tell_groups(self, part: _Part, answers: list[Any]) -> list[Command]:
        """Return the commands that write a part's changes to the logs of all groups concerned."""
        outbox = Outbox()
        for call, (letters, marks, now_us, replaced, samples) in zip(
            part.calls, answers, strict=True
        ):
            call.letters = letters
            if samples:
                part.marked.append(call.bucket)
                self._notify_groups(outbox, call, replaced, samples)
            for mark in itertools.starmap(PendingAppend.read, pairs(marks)):
                if mark.call == self._last_call:
                    continue  # it is being removed
                shared = mark.samples.keys() & call.numbers.keys()
                part.unfinished += [_Unfinished(call.bucket, s, mark.samples[s]) for s in shared]
                if mark.call == part.name:  # a second attempt: the first one's answer is lost
                    part.marked.append(call.bucket)
                elif int(now_us) - mark.set_us > STALE_AFTER_S * 1e6:
                    part.stale.append(call.bucket)
        return outbox.commands()

    def settle(self) -> None:
        """Wait until the marks of the last call are gone.

        Raises:
            Unavailable: a node could not be reached. Its marks are left to the next append that
                meets them, as those of a writer that has died.
        """
        clearing, self._clearing = self._clearing, None
        if clearing is not None:
            self._nodes.finish(clearing)

    def repair(self, sources: Iterable[str], older_than_s: float = STALE_AFTER_S) -> int:
        """Finish appends whose writer has died; return how many there were.

        Args:
            sources: names of the sources.
            older_than_s: leave alone what began less than so many seconds ago.
        """
        buckets = [bucket for source in sources for bucket in self._keyspace.buckets(source)]
        return self._repair(buckets, older_than_s)

    def rebuild(self, sources: Iterable[str]) -> int:
        """Write all samples to the logs of their groups; return how many samples there are."""
        n_samples = 0
        for bucket in [b for source in sources for b in self._keyspace.buckets(source)]:
            (ids,) = self._nodes.run([Command(bucket.slot, pack(b"SMEMBERS", bucket.ids))])
            for first in range(0, len(ids), EVENTS_PER_ROUND // 10):
                part = ids[first : first + EVENTS_PER_ROUND // 10]
                self._tell_all([_Unfinished(bucket, encoded_id, []) for encoded_id in part])
            n_samples += len(ids)
        return n_samples

    def notify_groups(self, source: str, encoded_ids: Iterable[bytes]) -> None:
        """Write samples to the logs of all groups that they are in."""
        buckets = self._keyspace.buckets(source)
        ids = list(encoded_ids)
        for first in range(0, len(ids), EVENTS_PER_ROUND // 10):
            part = ids[first : first + EVENTS_PER_ROUND // 10]
            self._tell_all([_Unfinished(buckets[bucket_of(one)], one, []) for one in part])

    def _repair(self, buckets: Sequence[Bucket], older_than_s: float) -> int:
        self.settle()
        age_us = b"%d" % int(older_than_s * 1e6)
        look = [
            Command(b.slot, pack(b"EVALSHA", digest(STALE), b"1", b.pending, age_us))
            for b in buckets
        ]
        found = [
            (bucket, mark)
            for bucket, marks in zip(buckets, self._nodes.run(look), strict=True)
            for mark in itertools.starmap(PendingAppend.read, pairs(marks))
        ]
        self._tell_all(
            [_Unfinished(b, s, left) for b, mark in found for s, left in mark.samples.items()]
        )
        self._run([_clear(bucket, mark.call) for bucket, mark in found])
        return len({mark.call for _, mark in found})

    def _begin(self, commands: list[Command]) -> Batch:
        return self._nodes.begin(commands, self._replicas)

    def _run(self, commands: list[Command]) -> None:
        self._nodes.run(commands, self._replicas)

    def _notify_groups(
        self,
        outbox: Outbox,
        call: _Call,
        replaced: list[bytes],
        samples: list[Any],
    ) -> None:
        """Add applied records to their groups' logs, and whole samples to the logs they join."""
        source, logs_of = call.bucket.source, self._keyspace.logs_of
        applied: dict[int, dict[bytes, bytes]] = {}
        for letter, (number, event, record) in zip(call.letters, call.events, strict=True):
            if letter == _APPLIED_LETTER:
                applied.setdefault(number, {})[event] = record
        before: dict[int, list[bytes]] = {}
        for changed, record in pairs(replaced):
            before.setdefault(int(changed), []).append(record)
        for number, flat in zip(samples[::2], samples[1::2], strict=True):
            new = applied[number]
            encoded_id = call.samples[number - 1]
            packed = [pack_record(encoded_id, event, record) for event, record in new.items()]
            if number not in before and max(map(len, new.values())) <= BARE_BYTES:
                outbox.put(logs_of(source, flat[1::2]), packed)  # the groups stay the same
                continue
            # A group that the sample joins gets all its records; other groups get the new ones.
            kept = [(event, record) for event, record in pairs(flat) if event not in new]
            were = logs_of(source, [record for _, record in kept])
            are = were | logs_of(source, new.values())
            if number in before:  # a replaced record may have put it into a group that it leaves
                were |= logs_of(source, before[number])
            outbox.put(were, packed)
            if joined := are - were:
                rest = [pack_record(encoded_id, event, record) for event, record in kept]
                outbox.put(joined, packed + rest)

    def _tell_all(self, samples: Sequence[_Unfinished]) -> None:
        """Write samples whole to the logs of all groups that they are in, or were in."""
        outbox = Outbox()
        load = [
            Command(s.bucket.slot, pack(b"HGETALL", s.bucket.sample(s.encoded_id))) for s in samples
        ]
        for sample, flat in zip(samples, self._nodes.run(load), strict=True):
            records = list(pairs(flat))
            packed = [pack_record(sample.encoded_id, *record) for record in records]
            carried = [*(record for _, record in records), *sample.replaced]
            outbox.put(self._keyspace.logs_of(sample.bucket.source, carried), packed)
        self._run(outbox.commands())


@dataclass(frozen=True, slots=True)
class _Unfinished:
    """Holds a sample that some writer has not written to all logs yet."""

    bucket: Bucket
    encoded_id: bytes
    replaced: list[bytes]


def _clear(bucket: Bucket, call: bytes) -> Command:
    return Command(bucket.slot, pack(b"HDEL", bucket.pending, call))
