"""Declare the ports of `doorstep serve`, and explain in one line why a port cannot be used."""

from __future__ import annotations

import errno
import socket

from commands.console.output import UserError

__all__ = ["DEFAULT_PORTS", "MAX_PORT", "check_port"]

DEFAULT_PORTS = {"eta": 3000, "etp": 3001, "courier-travel": 3002, "wall-eta": 3003, "events": 3004}
"""All services can run on one machine, each where nobody names a port."""

PORTS_TRIED = 100
"""So many ports are looked at for a free one."""
MAX_PORT = 65_535


def check_port(host: str, port: int) -> None:
    """Raise :class:`UserError` unless a service can listen there.

    Args:
        host: address of this machine.
        port: the port; where it is taken the error names the next free one.
    """
    problem = _problem(host, port)
    if problem is None:
        return
    if problem.errno == errno.EADDRINUSE:
        free = next((one for one in _others(port) if _problem(host, one) is None), None)
        advice = f"the next free one: --port {free}" if free else "pass another --port"
        raise UserError(f"port {port} of {host} is in use; {advice}")
    if problem.errno in (errno.EACCES, errno.EPERM):
        raise UserError(
            f"port {port} needs rights of the administrator; pass a --port from 1024 on"
        )
    raise UserError(f"cannot listen on --host {host}: {problem.strerror or problem}")


def _others(port: int) -> range:
    return range(port + 1, min(port + PORTS_TRIED, MAX_PORT) + 1)


def _problem(host: str, port: int) -> OSError | None:
    """Return why no process can listen there; None where one can."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        return error if isinstance(error, OSError) else OSError(errno.EINVAL, "no such address")
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as probe:
        # As a server does: what lingers of connections that are over keeps nobody out.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            return error
    return None
