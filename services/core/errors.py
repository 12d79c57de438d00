"""Define the errors that a service answers, each with its HTTP status.

::

    ServiceError
    ├── InvalidRequest      400, 413 to 431 an invalid request: the field and the reason
    │   └── UnknownOrder    404             an unknown order without facts
    ├── Unauthorized        401             no API key, or an unknown one
    ├── Forbidden           403             an API key without the scope
    ├── NotFound            404             a path that does not exist
    ├── MethodNotAllowed    405             a method that the path does not take
    ├── RequestTimeout      408             a request that arrived too slowly
    ├── TooManyRequests     429             too many concurrent requests of one API key
    ├── Unavailable         503             something that is temporarily missing; try again
    ├── DeadlineExceeded    504             the deadline has passed
    └── SettingError        (at the start)  an invalid setting
"""

from __future__ import annotations

__all__ = [
    "DeadlineExceeded",
    "Forbidden",
    "InvalidRequest",
    "MethodNotAllowed",
    "NotFound",
    "RequestTimeout",
    "ServiceError",
    "SettingError",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "UnknownOrder",
]


class ServiceError(Exception):
    """Base class of the errors that a service answers.

    Args:
        reason: what arrived, what was expected and what to do.
        field: path of the invalid field; empty if the error is about the whole request.
    """

    http_status = 500
    error = "internal"

    def __init__(self, reason: str, *, field: str = "") -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.reason = reason
        self.field = field


class InvalidRequest(ServiceError):
    """Raised when a request is invalid."""

    error = "invalid_request"

    def __init__(self, reason: str, *, field: str = "", http_status: int = 400) -> None:
        super().__init__(reason, field=field)
        self.http_status = http_status


class UnknownOrder(InvalidRequest):
    """Raised when the order id is unknown and the request has no facts of the order."""

    error = "not_found"

    def __init__(self, order_id: str | int, *, field: str = "order_id") -> None:
        super().__init__(
            f"{order_id!r} is unknown to the event store, and nothing is said of it; expected the"
            " id of an order that has happened, or its facts",
            field=field,
            http_status=404,
        )


class Unauthorized(ServiceError):
    """Raised when the caller has no valid API key."""

    http_status = 401
    error = "unauthorized"


class Forbidden(ServiceError):
    """Raised when the API key lacks the scope of the endpoint."""

    http_status = 403
    error = "forbidden"


class NotFound(ServiceError):
    """Raised when the path does not exist."""

    http_status = 404
    error = "not_found"


class MethodNotAllowed(ServiceError):
    """Raised when the path does not take the method; ``allow`` lists its methods, if known."""

    http_status = 405
    error = "method_not_allowed"

    def __init__(self, reason: str, *, field: str = "", allow: str = "") -> None:
        super().__init__(reason, field=field)
        self.allow = allow


class RequestTimeout(ServiceError):
    """Raised when the whole request did not arrive in time."""

    http_status = 408
    error = "request_timeout"


class TooManyRequests(ServiceError):
    """Raised when the API key has the maximum number of requests in flight."""

    http_status = 429
    error = "too_many_requests"


class DeadlineExceeded(ServiceError):
    """Raised when the deadline of the request has passed."""

    http_status = 504
    error = "too_late"


class Unavailable(ServiceError):
    """Raised when the service cannot answer now but may later."""

    http_status = 503
    error = "unavailable"


class SettingError(ServiceError):
    """Raised when a setting is invalid; the reason names it and says what was expected."""

    error = "setting"
