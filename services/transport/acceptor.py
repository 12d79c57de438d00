"""Takes connections from a listening socket, all that wait at once.

An event loop takes one connection in each of its turns. When turns are long, those who connect wait
in the system's queue, and nobody knows for how long.
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
"""Connections that are taken in one turn of the loop."""

_WITHOUT_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE_S = 0.1
_GONE = (BlockingIOError, InterruptedError, ConnectionAbortedError)

Make: TypeAlias = Callable[[str], "asyncio.Protocol | None"]


class Acceptor:
    """Opens connections.

    Args:
        loop: takes them.
        listening: the socket.
        make: returns what answers a connection from an address, None where it may not be.
        backlog: connections that may wait in the system's queue.
        tls: of the connections, None where they have none.
        handshake_s: longest time for the handshake of TLS.
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
        """Take those who wait, and refuse all others from now on; of asyncio's servers."""
        if self._listening.fileno() < 0:
            return
        self._loop.remove_reader(self._listening)
        while self._take_some() == AT_ONCE:
            pass
        # Other processes hold the socket, too: who connects would wait for an answer in vain.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    async def wait_closed(self) -> None:
        """Return when no connection is being opened any more; of asyncio's servers."""
        if self._opening:
            await asyncio.wait(self._opening, timeout=self._handshake_s)

    def _resume(self) -> None:
        if self._listening.fileno() >= 0:
            self._loop.add_reader(self._listening, self._take_some)

    def _take_some(self) -> int:
        """Take connections, and return how many there were."""
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
