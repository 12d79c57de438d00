"""Send answers with the common headers, and every error as a problem.

BentoML and Starlette have error formats of their own: plain text for an unknown path, JSON without
a reason for a failure. These become a :class:`~services.schemas.common.Problem`, so that a caller
reads one format.
"""

from __future__ import annotations

from typing import Any

import msgspec

from services.core.context import RequestContext
from services.core.errors import (
    DeadlineExceeded,
    Forbidden,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    ServiceError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from services.core.secret_masking import masked, without_paths
from services.schemas.common import Problem

__all__ = ["UNEXPECTED", "ResponseSender", "answer_problem", "problem_headers", "problem_of"]

UNEXPECTED = "unexpected; the log has it under this request id"
"""The reason of an internal error; the log has the details."""

RETRY_AFTER_S = 1
_SHOWN = 200
_LEAST_ERROR = 400
_MEDIA_TYPE = 415
_SERVER_ERROR = 500
_SEND_JSON = "this content type is not taken; send application/json"
_ID = b"x-request-id"
_ALLOW = b"allow"
_NAMES = {
    one.http_status: one.error
    for one in (Unauthorized, Forbidden, TooManyRequests, DeadlineExceeded)
}


class ResponseSender:
    """Sends one answer with the common headers, and keeps its status.

    An error without a request id comes from a library: it is replaced by a problem.

    Args:
        send: of ASGI.
        request: the context of the request.
        method: the HTTP method.
        path: the requested path.
        allow: the methods of the path; empty: those that a router names, which can be incomplete.
    """

    __slots__ = ("_allow", "_foreign", "_method", "_path", "_request", "_send", "status")

    def __init__(
        self, send: Any, request: RequestContext, *, method: str, path: str, allow: str = ""
    ) -> None:
        self._send = send
        self._request = request
        self._method = method
        self._path = path
        self._foreign = 0
        self._allow = allow
        self.status = 0
        """Of what was sent; 0 where nothing has been yet."""

    async def __call__(self, message: Any) -> None:
        """Send one ASGI message."""
        if message["type"] == "http.response.start":
            await self._start(message)
        elif not self._foreign:
            await self._send(message)
        elif not message.get("more_body", False):
            foreign, self._foreign = self._foreign, 0
            await answer_problem(self, self._error_of(foreign), self._request.request_id)

    async def _start(self, message: Any) -> None:
        headers = list(message.get("headers", ()))
        if all(name != _ID for name, _ in headers):
            if message["status"] >= _LEAST_ERROR:
                self._foreign = message["status"]
                named = next((text for name, text in headers if name == _ALLOW), b"")
                self._allow = self._allow or named.decode("latin-1")
                return
            headers.append((_ID, self._request.request_id.encode()))
        headers.append((b"traceresponse", self._request.trace.traceparent.encode()))
        self.status = message["status"]
        await self._send({**message, "headers": headers})

    def _error_of(self, status: int) -> ServiceError:
        """Return the error that stands for a status of BentoML or Starlette."""
        if status == NotFound.http_status:
            return NotFound(f"there is no {self._path[:_SHOWN]!r}; /docs.json has what there is")
        if status == MethodNotAllowed.http_status:
            return MethodNotAllowed(
                f"{self._path[:_SHOWN]} does not take {self._method}; expected"
                f" {self._allow or 'another method: /docs.json has it'}",
                allow=self._allow,
            )
        if status == Unavailable.http_status:
            return Unavailable("not ready; the log says what is missing")
        if status == _MEDIA_TYPE:  # BentoML itself refuses what would have to be unpickled
            return InvalidRequest(_SEND_JSON, http_status=status)
        if status >= _SERVER_ERROR:
            error = ServiceError(UNEXPECTED)
        else:
            error = InvalidRequest("the request cannot be answered as it is", http_status=status)
        error.http_status = status
        error.error = _NAMES.get(status, error.error)
        return error


def problem_headers(error: ServiceError) -> dict[str, str]:
    """Return the additional headers of an error's answer.

    >>> problem_headers(Unauthorized("no API key"))
    {'www-authenticate': 'Bearer'}
    """
    if error.http_status == Unauthorized.http_status:
        return {"www-authenticate": "Bearer"}
    if error.http_status in (TooManyRequests.http_status, Unavailable.http_status):
        return {"retry-after": str(RETRY_AFTER_S)}
    if isinstance(error, MethodNotAllowed) and error.allow:
        return {"allow": error.allow}
    return {}


def problem_of(error: ServiceError, request_id: str) -> Problem:
    """Return the problem of an error, without passwords and without local folders.

    >>> problem_of(Unavailable("no store: cannot open /srv/data/events.db"), "r-7").reason
    'no store: cannot open events.db'
    """
    reason = masked(error.reason)
    if error.http_status >= _SERVER_ERROR:
        reason = without_paths(reason)
    return Problem(error=error.error, field=error.field, reason=reason, request_id=request_id)


async def answer_problem(send: Any, error: ServiceError, request_id: str) -> None:
    """Send an error over ASGI."""
    body = msgspec.json.encode(problem_of(error, request_id))
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "x-request-id": request_id,
        **problem_headers(error),
    }
    raw = [(name.encode(), text.encode("latin-1")) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": error.http_status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
