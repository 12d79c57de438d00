"""Clients of the services: typed requests and answers over httpx, without a model library.

A client sends a request again after 429 and 503, when the seconds that the service names are over,
and at once after a connection that broke, while the time of the call and the retry budget last. It
is safe to send a request twice: an event that is stored already changes nothing. A client that is
used while a request is answered hands on the id, the trace and the deadline of that request.

Each client exists as a blocking one and, with the same methods, as one for asyncio. The blocking
one is generated from the other.
"""

from __future__ import annotations

from services.client.async_connection import AsyncServiceClient
from services.client.asynchronous import (
    AsyncCourierTravelClient,
    AsyncEtaClient,
    AsyncEtpClient,
    AsyncEventClient,
    AsyncWallEtaClient,
)
from services.client.blocking import (
    CourierTravelClient,
    EtaClient,
    EtpClient,
    EventClient,
    WallEtaClient,
)
from services.client.blocking_connection import ServiceClient
from services.client.errors import (
    ClientError,
    NoAnswerInTime,
    RequestRefused,
    ServiceUnreachable,
    UnreadableAnswer,
)
from services.client.retry_budget import RetryBudget
from services.core.settings.access import API_KEY_VARIABLE

__all__ = [
    "API_KEY_VARIABLE",
    "AsyncCourierTravelClient",
    "AsyncEtaClient",
    "AsyncEtpClient",
    "AsyncEventClient",
    "AsyncServiceClient",
    "AsyncWallEtaClient",
    "ClientError",
    "CourierTravelClient",
    "EtaClient",
    "EtpClient",
    "EventClient",
    "NoAnswerInTime",
    "RequestRefused",
    "RetryBudget",
    "ServiceClient",
    "ServiceUnreachable",
    "UnreadableAnswer",
    "WallEtaClient",
]
