"""Decode text of HTTP headers and addresses strictly, so that two values never become one.

The HTTP binding of CloudEvents 1.0.2 (section 3.1.3.2) puts attributes in ``ce-`` headers: a quoted
value is unquoted first, then percent-decoded once, as UTF-8.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from starlette.datastructures import QueryParams

from services.core.errors import InvalidRequest

__all__ = ["attribute_of", "query_of"]

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def attribute_of(header: str, text: str) -> str:
    r"""Return the CloudEvents attribute in a header.

    Args:
        header: the header's name, for the message.
        text: its value, as received.

    Raises:
        InvalidRequest: unencoded characters, an invalid escape, an open quote, or bytes that are
            not UTF-8; names the header.

    >>> attribute_of("ce-subject", "caf%C3%A9"), attribute_of("ce-subject", r'"a \"b\""')
    ('café', 'a "b"')
    """
    if not text.isascii():
        raise InvalidRequest(
            "holds characters beyond ASCII; expected them percent-encoded as UTF-8", field=header
        )
    if text.startswith('"'):
        quoted = _QUOTED.fullmatch(text)
        if quoted is None:
            raise InvalidRequest(
                f"{text!r} begins with a quotation mark that is not closed at its end", field=header
            )
        text = _ESCAPED.sub(r"\1", quoted[1])
    return _decoded(text, header)


def query_of(query_string: bytes) -> QueryParams:
    """Return the query parameters of an address.

    Raises:
        InvalidRequest: a name or a value that is not UTF-8, or an invalid escape; names the
            parameter.

    >>> query_of(b"store_id=caf%C3%A9+1")["store_id"]
    'café 1'
    """
    pairs = []
    for part in query_string.split(b"&"):
        if not part:
            continue
        text = part.replace(b"+", b" ").decode("latin-1")
        name, _, value = text.partition("=")
        label = unquote_to_bytes(name).decode(errors="backslashreplace")
        pairs.append((_decoded(name, label), _decoded(value, label)))
    return QueryParams(pairs)


def _decoded(text: str, field: str) -> str:
    """Return percent-decoded UTF-8 text."""
    broken = _NO_ESCAPE.search(text)
    if broken is not None:
        raise InvalidRequest(
            f"{text[broken.start() : broken.start() + 3]!r} is no percent-encoding; a percent sign"
            " is %25",
            field=field,
        )
    value = unquote_to_bytes(text.encode("latin-1"))
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        found = "".join(f"%{byte:02X}" for byte in value[error.start : error.end])
        raise InvalidRequest(
            f"{found} is not UTF-8; expected text in UTF-8, percent-encoded", field=field
        ) from None
