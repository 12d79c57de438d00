"""Define the errors that the clients raise.

::

    ClientError
    ├── ServiceUnreachable      no answer: the service is down, unknown or cannot be reached
    │   └── NoAnswerInTime      the time of the call is over
    ├── RequestRefused          the service refused it; `problem` has the field and the reason
    └── UnreadableAnswer        the answer is not one of this service
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
    """The time of the call was over before the answer arrived, or before the request was sent."""


class RequestRefused(ClientError):
    """The service refused the request; ``problem`` has the field and the reason.

    ``http_status`` is 4xx where the request is wrong, and 503 where it can be sent again later.
    """

    def __init__(self, http_status: int, problem: Problem) -> None:
        where = f"{problem.field}: " if problem.field else ""
        super().__init__(f"{http_status}, {where}{problem.reason} (request {problem.request_id})")
        self.http_status = http_status
        self.problem = problem


class UnreadableAnswer(ClientError):
    """The answer is not one of this service: a proxy or another program or version sent it."""
