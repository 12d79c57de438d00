"""What the connections of a service can be told; all of it has a default."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass

from services.core.errors import SettingError

__all__ = ["TransportSettings"]

MAX_CONNECTIONS_VARIABLE = "DOORSTEP_MAX_CONNECTIONS"
PER_ADDRESS_VARIABLE = "DOORSTEP_MAX_CONNECTIONS_PER_ADDRESS"
HEADER_VARIABLE = "DOORSTEP_HEADER_TIMEOUT_S"
BODY_VARIABLE = "DOORSTEP_BODY_TIMEOUT_S"
IDLE_VARIABLE = "DOORSTEP_IDLE_TIMEOUT_S"
WRITE_VARIABLE = "DOORSTEP_WRITE_TIMEOUT_S"
GRACE_VARIABLE = "DOORSTEP_GRACE_S"
WAIT_VARIABLE = "DOORSTEP_MAX_WAIT_MS"


@dataclass(frozen=True, kw_only=True)
class TransportSettings:
    """Limits of connections.

    Args:
        max_connections: open at once in one process (``DOORSTEP_MAX_CONNECTIONS``).
        per_address: open at once from one address; 0: as many as there are
            (``DOORSTEP_MAX_CONNECTIONS_PER_ADDRESS``). Behind an ingress or a load balancer all
            callers have one address.
        header_timeout_s: until the headers of a request are complete, from its first byte, and
            until that first byte on a new connection (``DOORSTEP_HEADER_TIMEOUT_S``).
        body_timeout_s: from there until its body is complete (``DOORSTEP_BODY_TIMEOUT_S``).
        idle_timeout_s: between two requests of a connection (``DOORSTEP_IDLE_TIMEOUT_S``).
        write_timeout_s: for which a caller may take nothing of its answer
            (``DOORSTEP_WRITE_TIMEOUT_S``).
        grace_s: for what is under way when the service is told to end (``DOORSTEP_GRACE_S``).
        max_wait_ms: for which a request waits for its turn before it is refused, while more is
            asked than can be answered (``DOORSTEP_MAX_WAIT_MS``).

    >>> TransportSettings.from_environment({"DOORSTEP_MAX_CONNECTIONS": "50"}).max_connections
    50
    >>> TransportSettings.from_environment({"DOORSTEP_GRACE_S": "long"})
    Traceback (most recent call last):
    ...
    services.core.errors.SettingError: DOORSTEP_GRACE_S is 'long'; expected a number, 0 to 86400
    """

    max_connections: int = 1_000
    per_address: int = 0
    header_timeout_s: float = 10.0
    body_timeout_s: float = 10.0
    idle_timeout_s: float = 5.0
    write_timeout_s: float = 10.0
    grace_s: float = 20.0
    max_wait_ms: float = 50.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> TransportSettings:
        """Read the settings; what is not set, or empty, keeps its default.

        Raises:
            SettingError: a value that cannot be.
        """
        given = os.environ if environment is None else environment
        return cls(
            max_connections=_whole(given, MAX_CONNECTIONS_VARIABLE, cls.max_connections, least=1),
            per_address=_whole(given, PER_ADDRESS_VARIABLE, cls.per_address, least=0),
            header_timeout_s=_number(given, HEADER_VARIABLE, cls.header_timeout_s),
            body_timeout_s=_number(given, BODY_VARIABLE, cls.body_timeout_s),
            idle_timeout_s=_number(given, IDLE_VARIABLE, cls.idle_timeout_s),
            write_timeout_s=_number(given, WRITE_VARIABLE, cls.write_timeout_s),
            grace_s=_number(given, GRACE_VARIABLE, cls.grace_s),
            max_wait_ms=_number(given, WAIT_VARIABLE, cls.max_wait_ms),
        )


_MOST = 86_400.0
_MOST_CONNECTIONS = 1_000_000


def _number(given: Mapping[str, str], name: str, default: float) -> float:
    text = given.get(name) or ""
    try:
        number = float(text) if text else default
    except ValueError:
        number = math.nan
    if not 0.0 <= number <= _MOST:
        raise SettingError(f"{name} is {text!r}; expected a number, 0 to {_MOST:.0f}")
    return number


def _whole(given: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    text = given.get(name) or ""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    if not text:
        number = default
    if not least <= number <= _MOST_CONNECTIONS:
        raise SettingError(
            f"{name} is {text!r}; expected a whole number, {least} to {_MOST_CONNECTIONS}"
        )
    return number
