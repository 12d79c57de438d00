"""What a service refuses, and with which HTTP status.

::

    ServiceError
    ├── InvalidRequest      400, 413 to 431 what was sent: the field and the reason
    │   └── UnknownOrder    404             an order that nobody knows and of which nothing is said
    ├── Unauthorized        401             no API key, or none that is known
    ├── Forbidden           403             an API key that may ask for something else
    ├── NotFound            404             a path that there is not
    ├── MethodNotAllowed    405             a path that is asked for in another way
    ├── RequestTimeout      408             a request that did not arrive as a whole in time
    ├── TooManyRequests     429             more at once than one API key may ask
    ├── Unavailable         503             what the service lacks at the moment; try again
    ├── DeadlineExceeded    504             the time that the caller gave is over
    └── SettingError        (at the start)  a setting that cannot be
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
    """Base of the errors that a service answers with.

    Args:
        reason: what arrived, what was expected and what to do.
        field: path of the offending field, empty where the whole request is meant.
    """

    http_status = 500
    error = "internal"

    def __init__(self, reason: str, *, field: str = "") -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.reason = reason
        self.field = field


class InvalidRequest(ServiceError):
    """The request cannot be answered as it is."""

    error = "invalid_request"

    def __init__(self, reason: str, *, field: str = "", http_status: int = 400) -> None:
        super().__init__(reason, field=field)
        self.http_status = http_status


class UnknownOrder(InvalidRequest):
    """Nobody knows an order of this id, and the request says nothing else of it."""

    error = "not_found"

    def __init__(self, order_id: str | int, *, field: str = "order_id") -> None:
        super().__init__(
            f"{order_id!r} is unknown to the event store, and nothing is said of it; expected the"
            " id of an order that has happened, or its facts",
            field=field,
            http_status=404,
        )


class Unauthorized(ServiceError):
    """Nobody knows who asks."""

    http_status = 401
    error = "unauthorized"


class Forbidden(ServiceError):
    """Who asks may not ask this."""

    http_status = 403
    error = "forbidden"


class NotFound(ServiceError):
    """There is nothing at this path."""

    http_status = 404
    error = "not_found"


class MethodNotAllowed(ServiceError):
    """What is at this path takes another method; ``allow`` has those that it takes, if known."""

    http_status = 405
    error = "method_not_allowed"

    def __init__(self, reason: str, *, field: str = "", allow: str = "") -> None:
        super().__init__(reason, field=field)
        self.allow = allow


class RequestTimeout(ServiceError):
    """The request did not arrive as a whole in time."""

    http_status = 408
    error = "request_timeout"


class TooManyRequests(ServiceError):
    """Who asks has as many requests under way as one may have."""

    http_status = 429
    error = "too_many_requests"


class DeadlineExceeded(ServiceError):
    """The time that was given for the answer is over."""

    http_status = 504
    error = "too_late"


class Unavailable(ServiceError):
    """The service cannot answer at the moment, but may later."""

    http_status = 503
    error = "unavailable"


class SettingError(ServiceError):
    """A setting cannot be what it is; the reason names it, and what was expected."""

    error = "setting"
