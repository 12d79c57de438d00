"""Decode bytes to typed requests; errors name the field and the reason."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
import msgspec.inspect

from services.core.errors import InvalidRequest
from services.schemas.json_times import with_exact_times

__all__ = ["decode", "decode_or_none", "is_utf_8", "unknown_field"]

T = TypeVar("T")

_UTF_8 = ("utf-8", "utf8", "us-ascii")
_WHERE = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_NAMED = re.compile(r"(unknown|required) field `(?P<name>[^`]*)`")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_STEP = re.compile(r"[^.\[\]]+|\[[^\]]*\]")


def decode(body: bytes | msgspec.Raw, kind: type[T]) -> T:
    """Decode JSON into a type of :mod:`services.schemas.common`.

    NaN, infinite numbers, unknown fields and times without an offset are refused. Times are cut to
    microseconds (towards the past).

    Raises:
        InvalidRequest: the body is not JSON or not of this type; names the field.

    >>> from services.schemas.common import PredictRequest
    >>> decode(b'{"order": {}, "sample_id": null, "asof": 3}', PredictRequest)
    Traceback (most recent call last):
    ...
    services.core.errors.InvalidRequest: asof: unknown field; did you mean 'as_of'?
    """
    try:
        key: Any = kind  # types are hashable, which mypy cannot see of a type variable
        decoder: msgspec.json.Decoder[T] = _decoder(key)
        return decoder.decode(with_exact_times(body, kind))
    except msgspec.ValidationError as error:
        raise _explained(str(error), kind) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the body is not JSON: {_why_none(body, error)}") from None
    except RecursionError:
        raise InvalidRequest("the body is nested too deeply") from None


def decode_or_none(body: bytes | msgspec.Raw, kind: type[T]) -> T | None:
    """Decode JSON into a type, or return None if it is invalid."""
    try:
        key: Any = kind
        decoder: msgspec.json.Decoder[T] = _decoder(key)
        return decoder.decode(with_exact_times(body, kind))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def is_utf_8(content_type: str) -> bool:
    """Return whether a content type has no other charset than UTF-8.

    >>> is_utf_8("application/json"), is_utf_8('application/json; Charset="UTF-8"; v=1')
    (True, True)
    >>> is_utf_8("application/json; charset=latin-1")
    False
    """
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        is_charset = name.strip().lower() == "charset"
        if is_charset and value.strip().strip('"').lower() not in _UTF_8:
            return False
    return True


def unknown_field(path: str, name: str, known: Iterable[str]) -> InvalidRequest:
    """Return the error for an unknown field, with the closest known one."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names) or 'none'}"
    return InvalidRequest(f"unknown field; {hint}", field=f"{path}.{name}" if path else name)


@lru_cache(maxsize=32)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _why_none(body: bytes | msgspec.Raw, error: Exception) -> str:
    r"""Return why a body is not JSON.

    The decoder's message about half a surrogate pair is misleading, so it is replaced.
    """
    if _SURROGATE.search(body) is None:
        return str(error)
    try:
        json.loads(bytes(body))
    except (ValueError, RecursionError):
        return str(error)
    return f"half of a surrogate pair (such as \\ud800) is no character ({error})"


def _explained(message: str, kind: Any) -> InvalidRequest:
    where = _WHERE.search(message)
    path = where["path"] if where else ""
    reason = message[: where.start()] if where else message
    named = _NAMED.search(reason)
    if named is None:
        return InvalidRequest(reason[:1].lower() + reason[1:], field=path)
    name = named["name"]
    if "unknown" in reason:
        return unknown_field(path, name, _fields_at(kind, path))
    return InvalidRequest("missing; it is required", field=f"{path}.{name}" if path else name)


def _fields_at(kind: Any, path: str) -> list[str]:
    """Return the fields at a path within a type, such as ``rows[0]``."""
    found = _without_options(msgspec.inspect.type_info(kind))
    for step in _STEP.findall(path):
        if isinstance(found, msgspec.inspect.StructType):
            inner = {item.encode_name: item.type for item in found.fields}.get(step)
        else:
            inner = getattr(found, "item_type", getattr(found, "value_type", None))
        if inner is None:
            return []
        found = _without_options(inner)
    if not isinstance(found, msgspec.inspect.StructType):
        return []
    return [item.encode_name for item in found.fields]


def _without_options(kind: msgspec.inspect.Type) -> msgspec.inspect.Type:
    """Return a type without its metadata; of a union, the member that has fields."""
    if isinstance(kind, msgspec.inspect.Metadata):
        return _without_options(kind.type)
    if isinstance(kind, msgspec.inspect.UnionType):
        parts = [_without_options(one) for one in kind.types]
        return next((one for one in parts if hasattr(one, "fields")), parts[0])
    return kind
