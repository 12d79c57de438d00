"""Run uvicorn's server with the connections of this package: start, checks and shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from services.core.errors import SettingError
from services.core.settings.transport import TransportSettings
from services.transport.acceptor import Acceptor
from services.transport.connection import Connection
from services.transport.cycle import Phase
from services.transport.process_limits import RESERVED, ProcessLimits

__all__ = ["Server", "install"]

logger = logging.getLogger("doorstep.services")

_LOOK_S = 0.05
_LAST_S = 1.0
_OTHER_FILES = 128


class Server(uvicorn.Server):
    """Serves sockets that are already open, as the workers of BentoML do.

    Args:
        config: uvicorn's configuration.
        settings: limits of the connections; those of the environment by default.
    """

    def __init__(self, config: uvicorn.Config, settings: TransportSettings | None = None) -> None:
        super().__init__(config)
        try:
            self._settings = settings or TransportSettings.from_environment()
        except SettingError:  # the guard says it, and lets nobody in
            self._settings = TransportSettings()
        self._shared: ProcessLimits | None = None

    @staticmethod
    def front(app: Any) -> Any:
        """Return what answers before the application; :func:`install` replaces it."""
        return app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then accept connections."""
        if sockets is None:
            await super().startup()
            return
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        loop, config = asyncio.get_running_loop(), self.config
        config.loaded_app = self.front(config.loaded_app)
        allow_files(self._settings.max_connections + RESERVED + _OTHER_FILES)
        self._shared = ProcessLimits(loop, self._settings)
        acceptors: list[Any] = [
            Acceptor(
                loop,
                listening,
                self._connection,
                backlog=config.backlog,
                tls=config.ssl,
                handshake_s=self._settings.header_timeout_s,
            )
            for listening in sockets
        ]
        self.servers = acceptors
        self.started = True

    def _connection(self, address: str) -> Connection | None:
        shared = self._shared
        assert shared is not None
        if not shared.takes(address):
            return None
        connection = Connection(
            self.config,
            self.server_state,
            self.lifespan.state,
            shared=shared,
            only_health=shared.is_full,
        )
        shared.joined(connection, address)
        return connection

    async def on_tick(self, counter: int) -> bool:
        """Check all connections, ten times a second; return whether to end."""
        if self._shared is not None:
            self._shared.check()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer the received requests within the grace period, then stop the application."""
        shared = self._shared
        if shared is None:
            await super().shutdown(sockets)
            return
        logger.info("ending: %d connections are open", len(shared.connections))
        for server in self.servers:
            server.close()
            await server.wait_closed()
        for connection in shared.connections:
            connection.shutdown()
        ends_s = time.monotonic() + self._settings.grace_s
        while self._is_busy(shared) and time.monotonic() < ends_s and not self.force_exit:
            await asyncio.sleep(_LOOK_S)
            shared.check()
        if self.server_state.tasks:
            logger.error("%d requests are not answered in time", len(self.server_state.tasks))
            for task in self.server_state.tasks:
                task.cancel()
        for connection in shared.connections:
            if connection.is_made:
                connection.transport.close()
        with contextlib.suppress(asyncio.TimeoutError):
            await self.lifespan.shutdown()

    def _is_busy(self, shared: ProcessLimits) -> bool:
        if self.server_state.tasks:
            return True
        # Whoever has an answer on its way is given a moment to read it.
        since_s = time.monotonic() - _LAST_S
        return any(
            one.phase is not Phase.END or one.since_s > since_s for one in shared.connections
        )


def allow_files(n: int) -> None:
    """Raise the limit of open files of this process, as far as the system allows.

    >>> allow_files(64)
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = n if hard == resource.RLIM_INFINITY else min(n, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft != resource.RLIM_INFINITY and soft < n:
        logger.warning("the system allows %d open files; %d would be needed", soft, n)


def install(front: Callable[[Any], Any]) -> None:
    """Replace uvicorn's server for the workers of BentoML, which look it up by name.

    Args:
        front: is given a worker's application, and returns the one that answers instead of it.
    """
    Server.front = staticmethod(front)  # type: ignore[assignment,method-assign]
    uvicorn.Server = Server  # type: ignore[misc]
