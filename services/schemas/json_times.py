"""Truncate times in JSON to microseconds, as tables truncate them.

The JSON decoder rounds further digits, so that an event could lie after a moment that it preceded.
Only the fields that hold times are truncated: an id that looks like a time stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeAlias

import msgspec
import msgspec.inspect

__all__ = ["with_exact_times"]

# Nearly all bodies have no number of so many digits and no escapes: both are looked for first, as
# that is three times as fast as looking for what they may be.
_MANY_DIGITS = re.compile(rb"\.\d{7}")
_ESCAPE = b"\\u00"
# A second with more than six digits; or an escape of a digit, a full stop or a colon, behind which
# one may hide.
_SUSPICIOUS = re.compile(rb":\d\d\.\d{7}|\\u00(?:2[eE]|3[0-9aA])")
_FINE = re.compile(r"(:\d\d\.\d{6})\d+")

Shape: TypeAlias = "bool | list[Shape] | Mapping[str, Shape]"
"""Where a type holds times: True for one, a list or an object with what its items hold, or False.

An object whose every value may be one has the empty name.
"""

_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def with_exact_times(body: bytes | msgspec.Raw, kind: Any) -> bytes | msgspec.Raw:
    """Return JSON of a type in which no time has more than six digits of a second.

    Invalid JSON, or JSON of another type, is returned as it is: decoding reports the error.

    >>> with_exact_times(b'["12:00:00.0000009"]', list[str])
    b'["12:00:00.0000009"]'
    >>> from datetime import datetime
    >>> with_exact_times(b'["2026-03-02T12:00:00.000000900Z"]', list[datetime])
    b'["2026-03-02T12:00:00.000000Z"]'
    """
    if not _is_suspicious(bytes(body)):
        return body
    shape = _shape_of(kind)
    if shape is False:
        return body
    try:
        return _cut(body, shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return body


def _is_suspicious(body: bytes) -> bool:
    if _MANY_DIGITS.search(body) is None and _ESCAPE not in body:
        return False
    return _SUSPICIOUS.search(body) is not None


def _cut(body: bytes | msgspec.Raw, shape: Shape) -> bytes:
    """Return JSON with truncated times; all other bytes stay as they are."""
    if isinstance(shape, bool):
        return _cut_time(bytes(body)) if shape else bytes(body)
    first = bytes(body).lstrip()[:1]
    if isinstance(shape, list) and first == b"[":
        items = [msgspec.Raw(_cut(item, shape[0])) for item in _decode_list(body)]
        return msgspec.json.encode(items)
    if isinstance(shape, Mapping) and first == b"{":
        everywhere = shape.get("", False)
        fields = {
            name: msgspec.Raw(_cut(value, shape.get(name, everywhere)))
            for name, value in _decode_object(body).items()
        }
        return msgspec.json.encode(fields)
    return bytes(body)


def _cut_time(body: bytes) -> bytes:
    if body.lstrip()[:1] != b'"':
        return body
    text = msgspec.json.decode(body, type=str)
    return msgspec.json.encode(_FINE.sub(r"\1", text))


@lru_cache(maxsize=64)
def _shape_of(kind: Any) -> Shape:
    return _shape(msgspec.inspect.type_info(kind))


def _shape(kind: msgspec.inspect.Type) -> Shape:
    inspect = msgspec.inspect
    if isinstance(kind, inspect.DateTimeType):
        return True
    if isinstance(kind, inspect.Metadata):
        return _shape(kind.type)
    if isinstance(kind, inspect.UnionType):
        shapes = [shape for shape in map(_shape, kind.types) if shape is not False]
        assert len(shapes) <= 1, "no field holds times in two ways"
        return shapes[0] if shapes else False
    if isinstance(kind, inspect.StructType):
        fields = {field.encode_name: _shape(field.type) for field in kind.fields}
        return {name: shape for name, shape in fields.items() if shape is not False} or False
    if isinstance(kind, inspect.DictType):
        inner = _shape(kind.value_type)
        return False if inner is False else {"": inner}
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        inner = _shape(kind.item_type)
        return False if inner is False else [inner]
    return False
