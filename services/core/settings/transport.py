"""Limits of the connections of a service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from msgspec import Meta

from services.core.settings.variable import Settings, Variable

__all__ = ["TransportSettings"]

_DAY = Meta(ge=0.0, le=86_400.0)
_MAX_CONNECTIONS = 1_000_000

_Time: TypeAlias = Annotated[float, _DAY]


@dataclass(frozen=True, kw_only=True)
class TransportSettings(Settings):
    """Limits the connections of a process.

    >>> TransportSettings.from_environment({"DOORSTEP_MAX_CONNECTIONS": "50"}).max_connections
    50
    >>> TransportSettings.from_environment({"DOORSTEP_GRACE_S": "long"})
    Traceback (most recent call last):
    ...
    services.core.errors.SettingError: DOORSTEP_GRACE_S is 'long'; expected seconds, 0 to 86400
    """

    max_wait_ms: Annotated[
        _Time,
        Variable(
            "DOORSTEP_MAX_WAIT_MS",
            "longest wait of a request for its turn; then it is refused",
            unit="ms",
        ),
    ] = 50.0
    max_connections: Annotated[
        int,
        Meta(ge=1, le=_MAX_CONNECTIONS),
        Variable("DOORSTEP_MAX_CONNECTIONS", "open connections of a process"),
    ] = 1_000
    # Behind an ingress or a load balancer all callers have one address.
    per_address: Annotated[
        int,
        Meta(ge=0, le=_MAX_CONNECTIONS),
        Variable(
            "DOORSTEP_MAX_CONNECTIONS_PER_ADDRESS",
            "open connections from one address; `0`: no limit of its own",
        ),
    ] = 0
    header_timeout_s: Annotated[
        _Time,
        Variable(
            "DOORSTEP_HEADER_TIMEOUT_S",
            "time for the headers of a request, and for the first byte on a new connection",
            unit="s",
        ),
    ] = 10.0
    body_timeout_s: Annotated[
        _Time,
        Variable("DOORSTEP_BODY_TIMEOUT_S", "time for the body of a request", unit="s"),
    ] = 10.0
    idle_timeout_s: Annotated[
        _Time,
        Variable("DOORSTEP_IDLE_TIMEOUT_S", "time between two requests of a connection", unit="s"),
    ] = 5.0
    write_timeout_s: Annotated[
        _Time,
        Variable(
            "DOORSTEP_WRITE_TIMEOUT_S",
            "time for which a caller may read nothing of its answer",
            unit="s",
        ),
    ] = 10.0
    grace_s: Annotated[
        _Time,
        Variable(
            "DOORSTEP_GRACE_S", "time for running requests when the service is stopped", unit="s"
        ),
    ] = 20.0
