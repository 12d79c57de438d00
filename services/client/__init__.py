"""Clients of the services: typed requests and answers over httpx, no model library.

A service that says 429 or 503 is asked again after the seconds that it names, and one whose
connection broke at once, as long as there is time left and the budget for that lasts: every request
can be sent twice, because an event that is known already changes nothing. A client that is used
while a request is answered hands on that request's id, trace and deadline.

Each client is there twice: blocking, and for asyncio with the same methods.
"""

from __future__ import annotations

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
from services.client.connections import API_KEY_VARIABLE, AsyncServiceClient, ServiceClient
from services.client.errors import (
    ClientError,
    NoAnswerInTime,
    RequestRefused,
    ServiceUnreachable,
    UnreadableAnswer,
)
from services.client.retry_budget import RetryBudget

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
