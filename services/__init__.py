"""Serve estimates: a BentoML service per estimator, the event intake, and their clients.

The clients are public here; :mod:`services.client` says what they do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.client import (
        API_KEY_VARIABLE,
        AsyncCourierTravelClient,
        AsyncEtaClient,
        AsyncEtpClient,
        AsyncEventClient,
        AsyncServiceClient,
        AsyncWallEtaClient,
        ClientError,
        CourierTravelClient,
        EtaClient,
        EtpClient,
        EventClient,
        NoAnswerInTime,
        RequestRefused,
        RetryBudget,
        ServiceClient,
        ServiceUnreachable,
        UnreadableAnswer,
        WallEtaClient,
    )

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

if not TYPE_CHECKING:  # for a type checker, a name that is not there is an error

    def __getattr__(name: str) -> Any:
        # A service does not need the clients, and a client no service.
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from services import client

        value = getattr(client, name)
        globals()[name] = value
        return value
