"""How events lie in Redis: keys, and values that order themselves.

::

    PREFIX:meta                              hash: schema version, types of ids and keys
    PREFIX:facts                             hash: of which kinds the values of facts are
    {PREFIX:SOURCE:BUCKET}:s:ID              hash: a sample's events, name -> record
    {PREFIX:SOURCE:BUCKET}:ids               set: the ids of the bucket's samples
    {PREFIX:SOURCE:BUCKET}:pending           hash: appends that are not in all logs yet
    {PREFIX:SOURCE:BUCKET}:dropped           set: ids that were dropped, and are not from all logs
    {PREFIX:SOURCE:DIMENSION:KEY}:log        stream: ID, event and record, in the order of arrival

A record is 17 bytes (recorded at, retracted, time) and the data as JSON with sorted columns:
comparing two records as bytes is comparing :meth:`Record.precedence`. In the data, integers and
strings are dimensions' values and numbers with a fraction attributes, unless the mark of facts
stands before their names: so a sample's groups follow from its records alone, whatever the reader's
version of the source declares.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec

from aggregators.errors import StoreError
from aggregators.events import FACT_MARK
from aggregators.stores.records import Record
from aggregators.typing import Key, SampleId

__all__ = [
    "BARE_BYTES",
    "BUCKETS",
    "SCHEMA_VERSION",
    "bucket_of",
    "checked_prefix",
    "decode_id",
    "decode_record",
    "encode_id",
    "encode_record",
    "keys_in",
    "moments_in",
]

SCHEMA_VERSION = 1
BUCKETS = 64
"""The samples of a source are spread over so many hash slots."""

_HEAD = struct.Struct(">QBQ")
HEAD_BYTES = _HEAD.size
BARE_BYTES = HEAD_BYTES + 2
"""The length of a record without data."""
_OFFSET = 1 << 63
_unpack_head = _HEAD.unpack_from
_PREFIX = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_encode_json = json.JSONEncoder(sort_keys=True).encode
decode_json = msgspec.json.Decoder().decode


def checked_prefix(prefix: object) -> bytes:
    """Return a prefix of keys, or raise for one with which keys could be taken for others."""
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise StoreError(f"prefix is {prefix!r}; expected 1 to 64 letters, digits and any of _ . -")
    return prefix.encode()


def encode_id(value: SampleId) -> bytes:
    """Return a sample id, or a dimension's value, as bytes that tell 7 from "7".

    >>> encode_id(7), encode_id("7")
    (b'i:7', b's:7')
    """
    if isinstance(value, str):
        return b"s:" + value.encode()
    return b"i:%d" % value


def decode_id(encoded: bytes) -> SampleId:
    """Return what :func:`encode_id` was given.

    >>> decode_id(b"i:7"), decode_id(b"s:7")
    (7, '7')
    """
    return int(encoded[2:]) if encoded[0] == 0x69 else encoded[2:].decode()


def bucket_of(encoded_id: bytes) -> int:
    """Return the bucket of a sample, by a checksum of its id."""
    return zlib.crc32(encoded_id) % BUCKETS


def encode_record(record: Record) -> bytes:
    """Return a record as bytes whose order is that of :meth:`Record.precedence`."""
    head = _HEAD.pack(record.recorded_us + _OFFSET, record.retracted, record.time_us + _OFFSET)
    if not record.data:
        return head + b"{}"
    text = _encode_json(record.data)
    if "-0.0" in text:  # zero has no sign; a text that only looks so is encoded twice
        text = _encode_json(
            {k: v + 0.0 if isinstance(v, float) else v for k, v in record.data.items()}
        )
    return head + text.encode()


def decode_record(encoded: bytes, start: int = 0) -> Record:
    """Return what :func:`encode_record` was given, where it starts in some bytes.

    >>> record = Record(5, -7, False, {"store_id": "a", "amount": 2.5})
    >>> decode_record(encode_record(record)) == record
    True
    """
    recorded_us, retracted, time_us = _unpack_head(encoded, start)
    start += HEAD_BYTES
    data = {} if len(encoded) == start + 2 else decode_json(encoded[start:])
    return Record(time_us - _OFFSET, recorded_us - _OFFSET, retracted == 1, data)


def moments_in(encoded: bytes) -> tuple[int, ...]:
    """Return when an event was recorded and, unless it was taken back, when it happened.

    >>> moments_in(encode_record(Record(5, 7, False, {})))
    (7, 5)
    """
    recorded_us, retracted, time_us = _unpack_head(encoded, 0)
    return (recorded_us - _OFFSET,) if retracted else (recorded_us - _OFFSET, time_us - _OFFSET)


def keys_in(encoded: bytes) -> Iterator[tuple[str, Key]]:
    """Yield the dimensions' values that a record carries; a retracted one carries none."""
    if len(encoded) > BARE_BYTES and not encoded[8]:
        data: dict[str, Any] = decode_json(encoded[HEAD_BYTES:])
        for column, value in data.items():
            if type(value) is not float and column[0] != FACT_MARK:
                yield column, value
