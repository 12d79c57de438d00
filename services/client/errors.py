"""What the clients raise.

::

    ClientError
    ├── ServiceUnreachable      no answer: the service is down, unknown, or there is no way to it
    │   └── NoAnswerInTime      the time for the call is over
    ├── RequestRefused          the service said no; `problem` has the field and the reason
    └── UnreadableAnswer        an answer that is not what the service answers
"""

from __future__ import annotations

from services.schemas.common import Problem

__all__ = [
    "ClientError",
    "NoAnswerInTime",
    "RequestRefused",
    "ServiceUnreachable",
    "UnreadableAnswer",
]


class ClientError(Exception):
    """Base of the clients' errors."""


class ServiceUnreachable(ClientError):
    """No answer arrived: the service is down, unknown or too slow."""


class NoAnswerInTime(ServiceUnreachable):
    """The time for the call was over before its answer was there, or before it could be asked."""


class RequestRefused(ClientError):
    """The service refused the request; ``problem`` has the field and the reason.

    ``http_status`` is 4xx for what was sent, 503 where sending it again later is worthwhile.
    """

    def __init__(self, http_status: int, problem: Problem) -> None:
        where = f"{problem.field}: " if problem.field else ""
        super().__init__(f"{http_status}, {where}{problem.reason} (request {problem.request_id})")
        self.http_status = http_status
        self.problem = problem


class UnreadableAnswer(ClientError):
    """Something answered, but not as this service does: another program, version or a proxy."""
