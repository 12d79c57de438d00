"""Refuse web pages at a service without keys on a loopback address.

A web page that is open on this machine can reach loopback addresses: by a request from its own
origin, or by a domain that it points here (DNS rebinding). Browsers send both, in ``Origin`` and in
``Host``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from services.core.errors import Forbidden, InvalidRequest, SettingError
from services.core.settings.access import HOSTS_VARIABLE, AccessSettings
from services.middleware.key_ring import is_loopback

__all__ = ["allowed_hosts", "check_page"]

MISDIRECTED = 421

_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?")
_ORIGIN = re.compile(r"https?://(?P<authority>[^/?#]+)", re.IGNORECASE)
_SHOWN_CHARACTERS = 100


def allowed_hosts(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the hosts in ``DOORSTEP_ALLOWED_HOSTS``, with or without ports.

    Raises:
        SettingError: one is no host.

    >>> sorted(allowed_hosts({"DOORSTEP_ALLOWED_HOSTS": "eta.internal, eta.example.com:8443"}))
    ['eta.example.com:8443', 'eta.internal']
    """
    given = AccessSettings.from_environment(environment).allowed_hosts
    hosts = [one.strip().lower() for one in given.split(",") if one.strip()]
    for host in hosts:
        if not _AUTHORITY.fullmatch(host):
            raise SettingError(
                f"{HOSTS_VARIABLE} has {host!r}; expected hosts, such as eta.internal,10.0.0.7:3000"
            )
    return frozenset(hosts)


def check_page(host: str, origin: str, allowed: Iterable[str]) -> None:
    """Raise unless a request to a loopback address comes from a local program.

    Args:
        host: the request's ``Host``; empty if there is none (browsers always send one).
        origin: its ``Origin``; empty if there is none.
        allowed: further hosts, in lower case.

    Raises:
        InvalidRequest: the request is for another host (421).
        Forbidden: the request comes from a page of another origin.

    >>> check_page("localhost:3000", "http://localhost:3000", ())
    >>> check_page("rebound.example.com:3000", "", ())
    Traceback (most recent call last):
    ...
    services.core.errors.InvalidRequest: Host: 'rebound.example.com:3000' is not this machine; ...
    """
    if host and not _is_own(host, allowed):
        raise InvalidRequest(
            f"{host[:_SHOWN_CHARACTERS]!r} is not this machine; a service without API keys is"
            f" asked as 127.0.0.1 or localhost, or as a host of {HOSTS_VARIABLE}",
            field="Host",
            http_status=MISDIRECTED,
        )
    if not origin:
        return
    found = _ORIGIN.fullmatch(origin)
    authority = "" if found is None else found["authority"].lower()
    # Another page of this machine is another origin; one under the service's own host is not.
    if authority != host.lower() and not _is_named(authority, allowed):
        raise Forbidden(
            f"a page of {origin[:_SHOWN_CHARACTERS]!r} may not ask a service without API keys;"
            f" name its host in {HOSTS_VARIABLE}, or give the service keys",
            field="Origin",
        )


def _is_own(authority: str, allowed: Iterable[str]) -> bool:
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        return False
    host = found["host"].lower().rstrip(".")
    # Browsers and resolvers take names below localhost for this machine, whatever DNS says.
    own = is_loopback(host) or host.endswith(".localhost")
    return own or _is_named(authority.lower(), allowed)


def _is_named(authority: str, allowed: Iterable[str]) -> bool:
    found = _AUTHORITY.fullmatch(authority)
    return found is not None and not {authority, found["host"].lower()}.isdisjoint(allowed)
