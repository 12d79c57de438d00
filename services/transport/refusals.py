"""Define the answers of a connection to requests that never reach the service."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from services.core.errors import (
    InvalidRequest,
    RequestTimeout,
    ServiceError,
    Unavailable,
)
from services.core.limits import MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_HEADER_LINES, MAX_PIPELINED
from services.middleware.responses import problem_headers, problem_of

__all__ = [
    "BAD_REQUEST",
    "BODY_LATE",
    "BODY_TOO_LARGE",
    "FRAMING_TOO_LONG",
    "FULL",
    "HEADERS_LATE",
    "HEADERS_TOO_LONG",
    "HOST_MISSING",
    "HOST_REPEATED",
    "OVERLOADED",
    "TARGET_TOO_LONG",
    "TOO_MANY_BODIES",
    "TOO_MANY_PIPELINED",
    "Refusal",
    "invalid_host",
]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Holds one kind of refusal.

    Args:
        error: the error that is answered.
        closes: whether the connection is closed after it.
    """

    error: ServiceError
    closes: bool = True

    def to_bytes(self, request_id: str, *, closes: bool = False) -> bytes:
        r"""Return the whole answer.

        >>> OVERLOADED.to_bytes("r-7").partition(b"\r\n")[0]
        b'HTTP/1.1 503 Service Unavailable'
        """
        error = self.error
        body = msgspec.json.encode(problem_of(error, request_id))
        headers = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "x-request-id": request_id,
            **problem_headers(error),
        }
        if self.closes or closes:
            headers["connection"] = "close"
        lines = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
        phrase = HTTPStatus(error.http_status).phrase
        return f"HTTP/1.1 {error.http_status} {phrase}\r\n{lines}\r\n".encode("latin-1") + body


_KB = MAX_HEADER_BYTES // 1024

BAD_REQUEST = Refusal(InvalidRequest("this is no request of HTTP/1.1"))
HOST_MISSING = Refusal(
    InvalidRequest("is missing; a request of HTTP/1.1 says which host it asks", field="Host")
)
HOST_REPEATED = Refusal(
    InvalidRequest("stands more than once; expected one, nobody knows which is meant", field="Host")
)
TARGET_TOO_LONG = Refusal(
    InvalidRequest(f"the path and query have more than {_KB} KiB", http_status=414)
)
HEADERS_TOO_LONG = Refusal(
    InvalidRequest(
        f"the headers have more than {_KB} KiB or {MAX_HEADER_LINES} lines", http_status=431
    )
)
FRAMING_TOO_LONG = Refusal(
    InvalidRequest(
        f"what frames the body's chunks, or follows them, has more than {_KB} KiB", http_status=431
    )
)
HEADERS_LATE = Refusal(RequestTimeout("the headers of the request did not arrive in time"))
BODY_LATE = Refusal(RequestTimeout("the body of the request did not arrive in time"))
BODY_TOO_LARGE = Refusal(
    InvalidRequest(
        f"the body has more than {MAX_BODY_BYTES} bytes, which is what is taken; send less at once",
        http_status=413,
    )
)
TOO_MANY_PIPELINED = Refusal(
    InvalidRequest(f"more than {MAX_PIPELINED} requests were sent before an answer")
)
FULL = Refusal(Unavailable("the service has as many connections as it may; try again later"))
TOO_MANY_BODIES = Refusal(
    Unavailable("the service is receiving as many bodies as it may; send this one later")
)
OVERLOADED = Refusal(
    Unavailable("the service is asked for more than it can answer; send this one later"),
    closes=False,
)


def invalid_host(headers: Iterable[tuple[bytes, bytes]], version: str) -> Refusal | None:
    """Return the error of an invalid ``Host`` (RFC 9112, 3.2); None if it is valid.

    Two values are refused, because a proxy may have read the other one.

    Args:
        headers: names in lower case, and values.
        version: the HTTP version; 1.0 needs no ``Host``.

    >>> invalid_host([(b"host", b"a"), (b"host", b"a")], "1.0").error.field
    'Host'
    >>> invalid_host([(b"host", b"a")], "1.1")
    """
    n_hosts = sum(name == b"host" for name, _ in headers)
    if n_hosts > 1:
        return HOST_REPEATED
    return HOST_MISSING if n_hosts == 0 and version == "1.1" else None
