"""Accept all waiting connections of a listening socket at once.

asyncio accepts one connection per iteration of the event loop. With long iterations, clients would
wait in the queue of the system, where the service cannot see them.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Acceptor"]

logger = logging.getLogger("doorstep.services")

AT_ONCE = 64
"""Connections that are accepted in one iteration of the loop."""

_WITHOUT_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE_S = 0.1
_GONE = (BlockingIOError, InterruptedError, ConnectionAbortedError)

Make: TypeAlias = Callable[[str], "asyncio.Protocol | None"]


class Acceptor:
    """Accepts connections.

    Args:
        loop: runs the connections.
        listening: the listening socket.
        make: returns the protocol of a connection from an address; None refuses it.
        backlog: connections that can wait in the queue of the system.
        tls: the TLS context; None: no TLS.
        handshake_s: longest time for the TLS handshake.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listening: socket.socket,
        make: Make,
        *,
        backlog: int,
        tls: ssl.SSLContext | None = None,
        handshake_s: float = 10.0,
    ) -> None:
        self._loop = loop
        self._listening = listening
        self._make = make
        self._tls = tls
        self._handshake_s = handshake_s
        self._opening: set[asyncio.Task[None]] = set()
        listening.setblocking(False)
        listening.listen(backlog)
        self._resume()

    def close(self) -> None:
        """Accept the waiting connections, then stop listening; as asyncio's servers do."""
        if self._listening.fileno() < 0:
            return
        self._loop.remove_reader(self._listening)
        while self._take_some() == AT_ONCE:
            pass
        # Other processes hold the socket, too: a new caller would wait forever.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    async def wait_closed(self) -> None:
        """Wait until all accepted connections are open; as asyncio's servers do."""
        if self._opening:
            await asyncio.wait(self._opening, timeout=self._handshake_s)

    def _resume(self) -> None:
        if self._listening.fileno() >= 0:
            self._loop.add_reader(self._listening, self._take_some)

    def _take_some(self) -> int:
        """Accept connections and return their number."""
        for n in range(AT_ONCE):
            try:
                connected, _ = self._listening.accept()
            except _GONE:
                return n
            except OSError as error:
                if error.errno in _WITHOUT_FILES:
                    logger.error("no connection can be opened: %s", error)
                    self._loop.remove_reader(self._listening)
                    self._loop.call_later(_PAUSE_S, self._resume)
                return n
            self._open(connected)
        return AT_ONCE

    def _open(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        try:
            address = connected.getpeername()
            if connected.family in (socket.AF_INET, socket.AF_INET6):
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:  # gone already
            connected.close()
            return
        protocol = self._make(str(address[0]) if isinstance(address, tuple) else "")
        if protocol is None:
            connected.close()
            return
        task = self._loop.create_task(self._attach(connected, protocol))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _attach(self, connected: socket.socket, protocol: asyncio.Protocol) -> None:
        handshake_s = None if self._tls is None else self._handshake_s
        try:
            await self._loop.connect_accepted_socket(
                lambda: protocol, connected, ssl=self._tls, ssl_handshake_timeout=handshake_s
            )
        except (TimeoutError, OSError) as error:
            logger.debug("a connection was not opened: %s", error)
            connected.close()
            protocol.connection_lost(error)
