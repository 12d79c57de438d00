"""From bytes to typed requests, with the field and the reason where that fails."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from services.errors import InvalidRequest

__all__ = ["decode", "decode_or_none", "unknown_field"]

T = TypeVar("T")

_WHERE = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_NAMED = re.compile(r"(unknown|required) field `(?P<name>[^`]*)`")


def decode(body: bytes | msgspec.Raw, kind: type[T]) -> T:
    """Decode JSON into a type of :mod:`services.schemas`.

    NaN, infinite numbers, unknown fields and times without an offset are refused.

    Raises:
        InvalidRequest: the body is not JSON or not of this type; names the field.

    >>> from services.schemas import PredictRequest
    >>> decode(b'{"order": {}, "sample_id": null, "asof": 3}', PredictRequest)
    Traceback (most recent call last):
    ...
    services.errors.InvalidRequest: asof: unknown field; did you mean 'as_of'?
    """
    try:
        key: Any = kind  # types are hashable, which mypy cannot see of a type variable
        decoder: msgspec.json.Decoder[T] = _decoder(key)
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _explained(str(error), kind) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise InvalidRequest("the body is nested too deeply") from None


def decode_or_none(body: bytes | msgspec.Raw, kind: type[T]) -> T | None:
    """Decode JSON into a type, or return None without looking for the reason."""
    try:
        key: Any = kind
        decoder: msgspec.json.Decoder[T] = _decoder(key)
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def unknown_field(path: str, name: str, known: Iterable[str]) -> InvalidRequest:
    """Return the error for a field that nobody knows, with the closest one that exists."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names) or 'none'}"
    return InvalidRequest(f"unknown field; {hint}", field=f"{path}.{name}" if path else name)


@lru_cache(maxsize=32)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _explained(message: str, kind: Any) -> InvalidRequest:
    where = _WHERE.search(message)
    path = where["path"] if where else ""
    reason = message[: where.start()] if where else message
    named = _NAMED.search(reason)
    if named is None:
        return InvalidRequest(reason[:1].lower() + reason[1:], field=path)
    name = named["name"]
    if "unknown" in reason:
        return unknown_field(path, name, getattr(kind, "__struct_fields__", ()))
    return InvalidRequest("missing; it is required", field=f"{path}.{name}" if path else name)
